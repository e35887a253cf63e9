"""What is long: streamed as it is read, compressed as it is sent, refused where it is too much."""

import gzip
import json
import socket
import time
import tracemalloc
from pathlib import Path
from typing import Any

import httpx
import pytest
from backports import zstd

from ithaca import ChatMessage, SessionManager
from ithaca.service import ServiceSettings
from ithaca.service.compression import preferred
from tests.service.test_attachments import put
from tests.service.test_sessions import make, say
from tests.support.files import made
from tests.support.serving import served

LINES = {"accept": "application/jsonl"}


def test_a_huge_history_is_streamed_in_constant_memory(alice: httpx.Client, stored: SessionManager) -> None:
    make(alice, id="s")
    for _ in range(16):
        stored.add_messages("s", [ChatMessage("user", "x" * 4000) for _ in range(1000)])  # 64 MB together
    tracemalloc.start()
    try:
        size = lines = 0
        headers = {**LINES, "accept-encoding": "identity"}
        with alice.stream("GET", "/api/sessions/s/messages", headers=headers) as response:
            for piece in response.iter_raw():
                size, lines = size + len(piece), lines + piece.count(b"\n")
        peak = tracemalloc.get_traced_memory()[1]  # of the server too, which is in this process
    finally:
        tracemalloc.stop()
    assert (lines, size > 64_000_000) == (16_000, True)
    assert peak < 24_000_000


def test_the_first_lines_come_before_the_last_are_read(alice: httpx.Client, stored: SessionManager) -> None:
    make(alice, id="s")
    stored.add_messages("s", [ChatMessage("user", "x" * 4000) for _ in range(5000)])
    with alice.stream("GET", "/api/sessions/s/messages", headers=LINES) as response:
        lines = response.iter_lines()
        assert json.loads(next(lines))["seq"] == 1
        added = say(alice, "s", "meanwhile")[0]
        assert [json.loads(line)["seq"] for line in lines][-1] == added["seq"]


def test_whoever_leaves_in_the_middle_harms_nobody(alice: httpx.Client, stored: SessionManager) -> None:
    make(alice, id="s")
    stored.add_messages("s", [ChatMessage("user", "x" * 4000) for _ in range(5000)])
    for _ in range(5):
        with alice.stream("GET", "/api/sessions/s/messages", headers=LINES) as response:
            next(response.iter_lines())
    assert alice.get("/api/sessions/s").json()["message_count"] == 5000


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", None), ("gzip", "gzip"), ("gzip, zstd", "zstd"), ("zstd;q=0.5, gzip", "gzip"), ("br", None),
        ("*", "zstd"), ("identity", None), ("gzip;q=0", None), ("*;q=0.1, zstd;q=0", "gzip"), ("gzip;q=x", None),
        ("GZIP", "gzip"), ("gzip;level=9;q=0", None),
    ],
)  # fmt: skip
def test_the_coding_is_the_clients_choice(accepted: str, coding: str | None) -> None:
    assert preferred(accepted) == coding


@pytest.mark.parametrize("coding", ["gzip", "zstd", "identity"])
def test_what_is_long_is_sent_smaller(alice: httpx.Client, coding: str) -> None:
    make(alice, id="s")
    say(alice, "s", *("the same words again and again" for _ in range(100)))
    for headers in ({}, LINES):
        headers = {**headers, "accept-encoding": coding}
        with alice.stream("GET", "/api/sessions/s/messages?limit=100", headers=headers) as response:
            raw = b"".join(response.iter_raw())
        plain = {"gzip": gzip.decompress, "zstd": zstd.decompress, "identity": bytes}[coding](raw)
        assert plain.count(b"the same words again and again") == 100
        assert response.headers["vary"] == "Accept, Accept-Encoding"
        assert response.headers.get("content-encoding", "identity") == coding
        assert (len(raw) < len(plain) / 5) == (coding != "identity")


def test_what_is_short_or_small_already_is_sent_as_it_is(alice: httpx.Client) -> None:
    make(alice, id="s")
    text = put(alice, b"the same words again and again" * 1000, "text/plain")
    accepting = {"accept-encoding": "gzip"}
    image = alice.get(f"/api/attachments/{put(alice, made())}", headers=accepting)
    part = alice.get(f"/api/attachments/{text}", headers={**accepting, "range": "bytes=0-4999"})
    short = alice.get("/api/sessions/s", headers=accepting)
    assert not any("content-encoding" in response.headers for response in (image, part, short))
    assert len(part.content) == 5000
    whole = alice.get(f"/api/attachments/{text}", headers=accepting)
    assert (whole.headers["content-encoding"], len(whole.content)) == ("gzip", 30_000)


def test_a_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    settings = ServiceSettings(port=0, max_body_bytes=10_000)
    with served(f"sqlite:///{tmp_path}/limits.db", service=settings) as server:
        client = server.client()
        make(client, id="s")
        big = json.dumps({"messages": [{"role": "user", "content": "x" * 10_000}]}).encode()

        def pieces() -> Any:
            yield from (big[at : at + 1000] for at in range(0, len(big), 1000))

        for content in (big, pieces()):
            headers = {"content-type": "application/json"}
            refused = client.post("/api/sessions/s/messages", content=content, headers=headers)
            said = refused.json()
            assert (refused.status_code, said["error"], said["field"]) == (413, "BodyTooLarge", "body")
        assert put(client, made())  # attachments have a limit of their own
        assert client.get("/api/sessions/s").json()["message_count"] == 0


def test_whoever_sends_too_much_gets_to_read_that(tmp_path: Path) -> None:
    """A connection that is closed before everything was read is reset, and the answer is lost on its way."""
    settings = ServiceSettings(port=0, max_body_bytes=10_000)
    with served(f"sqlite:///{tmp_path}/limits.db", service=settings) as server:
        host, _, port = server.address.removeprefix("http://").partition(":")
        for _ in range(3):
            with socket.create_connection((host, int(port)), timeout=30) as connection:
                head = "POST /api/sessions HTTP/1.1\r\nhost: x\r\nx-owner: a\r\ncontent-length: 4000000\r\n\r\n"
                connection.sendall(head.encode())
                time.sleep(0.1)  # the refusal is on its way
                connection.sendall(b"x" * 4_000_000)
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert b"BodyTooLarge" in answer
