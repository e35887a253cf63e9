"""Who is slow, asks too often or opens too many connections takes nothing from the others; who is cut off, neither."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ithaca import ChatMessage, SessionManager
from ithaca.service import ServiceSettings
from ithaca.service.connections import MOST_HEAD
from ithaca.service.problems import Refused
from ithaca.service.rates import BURST, Rates
from tests.service.test_events import wait_until
from tests.support.serving import Served, served

HEAD = b"POST /api/sessions HTTP/1.1\r\nhost: x\r\nx-owner: slow\r\ncontent-type: application/json\r\n"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('limits')}/limits.db"


@pytest.fixture(scope="module")
def strict(database: str) -> Iterator[Served]:
    """A server with little patience."""
    with served(database, service=ServiceSettings(port=0, slow_seconds=1, max_connections=3, rate=0)) as server:
        yield server


def connected(server: Served) -> socket.socket:
    host, _, port = server.address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def rest(connection: socket.socket) -> bytes:
    """What comes until the server closes it."""
    try:
        return b"".join(iter(lambda: connection.recv(65536), b""))
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"GET /healthz HTTP/1.1\r\nhost:", b"HTTP/1.1 408 Request Timeout\r\n"),
        (HEAD + b'content-length: 30\r\n\r\n{"name": ', b"HTTP/1.1 408 Request Timeout\r\n"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\n{", b"HTTP/1.1 408 Request Timeout\r\n"),
    ],
    ids=["nothing", "half a head", "half a body", "half a piece"],
)
def test_who_does_not_say_it_in_time_is_not_waited_for(strict: Served, sent: bytes, answer: bytes) -> None:
    with connected(strict) as connection:
        connection.sendall(sent)
        began = time.monotonic()
        said = rest(connection)
        assert 0.5 < time.monotonic() - began < 10
    assert said.startswith(answer)
    assert not answer or json.loads(said.partition(b"\r\n\r\n")[2])["error"] == "TooSlow"


@pytest.mark.parametrize(
    ("version", "hosts", "status"),
    [("1.1", 2, 400), ("1.1", 0, 400), ("1.0", 2, 400), ("1.1", 1, 200), ("1.0", 0, 200)],
)
def test_a_request_names_one_host(strict: Served, version: str, hosts: int, status: int) -> None:
    head = f"GET /api/me HTTP/{version}\r\nx-owner: a\r\nconnection: close\r\n" + "host: x\r\n" * hosts
    with connected(strict) as connection:
        connection.sendall(f"{head}\r\n".encode())
        said, _, body = rest(connection).partition(b"\r\n\r\n")
    assert said.startswith(f"HTTP/1.1 {status} ".encode())
    assert status == 200 or json.loads(body)["field"] == "Host"


@pytest.mark.parametrize("head", [HEAD[:-2], HEAD + b"content-length: 100000\r\n\r\n"], ids=["head", "body"])
def test_drop_by_drop_is_too_slow_as_well(strict: Served, head: bytes) -> None:
    """As slowloris does it: there is always something coming."""
    with connected(strict) as connection:
        connection.sendall(head)
        connection.settimeout(0.2)
        began = time.monotonic()
        while time.monotonic() - began < 10:
            try:
                connection.sendall(b"x")
                if answer := connection.recv(65536):
                    break
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")


def test_who_does_not_read_is_not_waited_for(strict: Served, database: str) -> None:
    with SessionManager(database) as manager:
        manager.for_owner("reader").create_session("s")
        manager.for_owner("reader").add_messages("s", [ChatMessage("user", "x" * 100_000) for _ in range(200)])
    asked = b"GET /api/sessions/s/messages HTTP/1.1\r\nhost: x\r\nx-owner: reader\r\naccept: application/jsonl\r\n\r\n"
    with connected(strict) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        connection.sendall(asked)
        time.sleep(2)
        assert 0 < len(rest(connection)) < 20_000_000  # what lay in buffers by then


def connections(client: httpx.Client) -> int:
    answer = client.get("/metrics")
    if answer.status_code == 503:
        return 3  # those that were cut off are yet to be noticed
    text = answer.text
    return int(text.partition("\nithaca_http_connections ")[2].partition("\n")[0])


def test_a_head_has_an_end(strict: Served) -> None:
    with connected(strict) as connection:
        connection.sendall(HEAD + b"x-long: " + b"x" * MOST_HEAD)
        assert rest(connection).startswith(b"HTTP/1.1 431 ")


def test_one_connection_too_many_is_told_so(strict: Served) -> None:
    with strict.client() as client:
        wait_until(lambda: connections(client) == 1)
        with connected(strict), connected(strict):
            wait_until(lambda: connections(client) == 3)
            with connected(strict) as one_more:
                assert rest(one_more).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        wait_until(lambda: connections(client) == 1)
        with connected(strict) as another:
            another.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert rest(another).startswith(b"HTTP/1.1 200 ")


def test_who_is_cut_off_has_stored_nothing(strict: Served, database: str) -> None:
    for sent in (HEAD[:40], HEAD + b'content-length: 30\r\n\r\n{"name": "half', HEAD + b"content-length: 9\r\n\r\n"):
        with connected(strict) as connection:
            connection.sendall(sent)
    with strict.client("slow") as client:
        wait_until(lambda: connections(client) == 1)
        assert client.get("/api/sessions").json()["items"] == []
        assert 'status="500"' not in client.get("/metrics").text


def test_who_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    with served(f"sqlite:///{tmp_path}/rates.db", service=ServiceSettings(port=0, rate=1)) as server:
        ann, ben = server.client("ann"), server.client("ben")
        for client, usual in ((ann, 200), (server.client(None), 401)):
            before, refused = asked_too_often(client, "/api/me")
            assert before == [usual] * len(before)
            assert len(before) >= BURST
            assert (refused.headers["retry-after"], refused.json()["error"]) == ("1", "TooManyRequests")
            assert refused.headers["ratelimit-policy"] == '"requests";q=10;w=10'
            assert refused.headers["ratelimit"] == '"requests";r=0;t=1'
        assert (
            len(asked_too_often(server.client(None), "/api/login")[0]) < BURST
        )  # counted with the others of its address
        for path in ("/readyz", "/link/a-guess"):
            assert 429 in [server.client(None).post(path).status_code for _ in range(5)]
        assert ben.get("/api/me").status_code == 200
        root = server.client("root", "read,admin")
        on_behalf = [root.get("/api/me", headers={"ithaca-owner": f"{number}"}) for number in range(3 * BURST)]
        assert 429 in [answer.status_code for answer in on_behalf]  # all of them are his
        _, refused = asked_too_often(ann, "/v1/conversations/x")
        assert (refused.headers["retry-after"], refused.json()["error"]["type"]) == ("1", "rate_limit_error")
        assert ann.get("/healthz").status_code == 200
        time.sleep(1.1)
        assert ann.get("/api/me").status_code == 200


def asked_too_often(client: httpx.Client, path: str) -> tuple[list[int], httpx.Response]:
    """The statuses before a request was one too many, and the answer to that."""
    statuses = list[int]()
    while (answer := client.get(path)).status_code != 429:
        statuses.append(answer.status_code)
    return statuses, answer


def test_requests_are_paid_off_at_the_rate() -> None:
    now = 0.0
    rates = Rates(8, lambda: now)

    def as_many_as_may() -> int:
        for number in range(10_000):
            try:
                rates.spend("x")
            except Refused:
                return number
        raise AssertionError

    assert as_many_as_may() == 8 * BURST
    now = 1.0
    assert as_many_as_may() == 8
    now = 1000.0
    assert as_many_as_may() == 8 * BURST
    for number in range(30_000):
        now += 1
        rates.spend(number)
    assert len(rates._paid_off) < 20_000
