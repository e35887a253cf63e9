"""`/api/attachments`: taken in as they come, given whole or in parts, and never taken for a page."""

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ithaca import Limits, Settings
from ithaca.service import underway
from ithaca.service.ranges import Span, Unsatisfiable, asked_span
from tests.behaviour.replies.given import wait_until
from tests.service.test_sessions import make
from tests.support.files import PDF, data_url, made
from tests.support.serving import served


def put(client: httpx.Client, data: bytes, media_type: str = "image/png") -> str:
    response = client.post("/api/attachments", content=data, headers={"content-type": media_type})
    assert response.status_code == 201, response.text
    return str(response.json()["digest"])


def test_what_is_stored_comes_back(alice: httpx.Client) -> None:
    image = made()
    response = alice.get(f"/api/attachments/{put(alice, image)}")
    assert (response.content, response.headers["content-type"]) == (image, "image/png")
    assert response.headers["content-disposition"] == "inline"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-length"] == str(len(image))
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "text/plain", "application/octet-stream"])
def test_what_could_be_a_page_is_saved_not_shown(alice: httpx.Client, media_type: str) -> None:
    response = alice.get(f"/api/attachments/{put(alice, b'<script>' * 300, media_type)}")
    assert response.headers["content-disposition"] == "attachment"
    assert "sandbox" in response.headers["content-security-policy"]
    assert response.content == b"<script>" * 300


def test_a_large_one_is_taken_in_as_it_comes(alice: httpx.Client) -> None:
    data = made(PDF, 9 * 1024 * 1024 + 17)

    def pieces() -> Iterator[bytes]:
        yield from (data[at : at + 100_000] for at in range(0, len(data), 100_000))

    response = alice.post("/api/attachments", content=pieces(), headers={"content-type": "application/pdf"})
    assert response.json()["size"] == len(data)
    middle = slice(1024 * 1024 - 5, 5 * 1024 * 1024 + 5)
    part = alice.get(
        f"/api/attachments/{response.json()['digest']}", headers={"range": f"bytes={middle.start}-{middle.stop - 1}"}
    )
    assert (part.status_code, part.content) == (206, data[middle])
    assert part.headers["content-range"] == f"bytes {middle.start}-{middle.stop - 1}/{len(data)}"


def test_conditions(alice: httpx.Client) -> None:
    digest = put(alice, made())
    path, etag = f"/api/attachments/{digest}", f'"{digest}"'
    for known in (etag, f'"other", W/{etag}', "*"):
        assert alice.get(path, headers={"if-none-match": known}).status_code == 304
    assert alice.get(path, headers={"if-none-match": f'"x{etag[1:]}'}).status_code == 200
    assert alice.get("/api/attachments/none", headers={"if-none-match": "*"}).status_code == 404
    ranged = {"range": "bytes=0-3"}
    assert alice.get(path, headers={**ranged, "if-range": etag}).status_code == 206
    assert alice.get(path, headers={**ranged, "if-range": '"other"'}).content == made()
    beyond = alice.get(path, headers={"range": "bytes=999999-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */20000")
    head = alice.head(path)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "20000", b"")


def test_a_part_never_continues_what_came_compressed(alice: httpx.Client) -> None:
    path = f"/api/attachments/{put(alice, b'text ' * 1_000, 'text/plain')}"
    whole = alice.get(path, headers={"accept-encoding": "gzip"})
    assert (whole.headers["content-encoding"], whole.headers["etag"][:2]) == ("gzip", "W/")
    rest = alice.get(path, headers={"range": "bytes=100-", "if-range": whole.headers["etag"]})
    assert (rest.status_code, rest.content) == (200, whole.content)
    assert alice.get(path, headers={"if-none-match": whole.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None), ("bytes=0-", Span(0, 10)), ("bytes=2-4", Span(2, 5)), ("bytes=-3", Span(7, 10)),
        ("bytes=-99", Span(0, 10)), ("bytes=5-99", Span(5, 10)), ("bytes=4-2", None), ("bytes=-", None),
        ("bytes=0-1,3-4", None), ("items=0-1", None), ("bytes=a-b", None), ("bytes=٣-٤", None),
    ],
)  # fmt: skip
def test_ranges(header: str | None, expected: Span | None) -> None:
    assert asked_span(header, 10) == expected


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_ranges_of_nothing(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        asked_span(header, 10)


def test_what_is_not_what_it_claims_is_refused(alice: httpx.Client) -> None:
    refused = alice.post("/api/attachments", content=made(), headers={"content-type": "image/jpeg"})
    assert (refused.status_code, refused.json()["field"]) == (422, "Content-Type")
    assert alice.get("/api/attachments").json()["items"] == []


def test_lists_and_what_is_known(alice: httpx.Client) -> None:
    make(alice, id="s")
    digest = put(alice, made(seed=1))
    block = {"type": "image_url", "image_url": {"url": data_url(made(seed=2))}}
    alice.post("/api/sessions/s/messages", json={"messages": [{"role": "user", "content": [block]}]})
    assert len(alice.get("/api/attachments").json()["items"]) == 2
    assert len(alice.get("/api/attachments?session_id=s").json()["items"]) == 1
    info = alice.get(f"/api/attachments/ithaca:sha256:{digest}/info").json()
    assert (info["digest"], info["size"], info["media_type"]) == (digest, 20_000, "image/png")


def test_what_is_unused_is_collected(alice: httpx.Client) -> None:
    digest = put(alice, made())
    planned = alice.post("/api/attachments:collect", json={"min_age_hours": 0, "dry_run": True}).json()
    assert planned == {"count": 1, "bytes": 20_000}
    assert alice.post("/api/attachments:collect", json={"min_age_hours": 0}).json() == planned
    assert alice.get(f"/api/attachments/{digest}").json()["error"] == "AttachmentNotFound"


def test_a_cut_off_upload_leaves_nothing(alice: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    def pieces() -> Iterator[bytes]:
        yield from [made(PDF, 6 * 1024 * 1024)]
        raise ConnectionAbortedError

    with caplog.at_level(logging.INFO, logger="ithaca.service.requests"):
        with pytest.raises(ConnectionAbortedError):
            alice.post("/api/attachments", content=pieces(), headers={"content-type": "application/pdf"})
        wait_until(lambda: "/api/attachments 499" in caplog.text)
    assert {record.name for record in caplog.records} == {"ithaca.service.requests"}  # it is no error of the server
    assert alice.get("/api/attachments").json()["items"] == []


def test_a_key_stands_for_the_bytes_too(alice: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(underway, "GOES_ON", 0)  # so each piece says that it goes on
    key, big = {"idempotency-key": "k", "content-type": "application/x-y"}, b"big" * 2_000_000

    def put(data: bytes, **headers: str) -> httpx.Response:
        pieces = (data[at : at + 100_000] for at in range(0, len(data), 100_000))
        return alice.post("/api/attachments", content=pieces, headers=key | headers)

    assert put(b"x").status_code == 201
    first = put(big, **{"idempotency-key": "l"})
    again = put(big, **{"idempotency-key": "l"})
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    for data, more in ((b"y", {}), (b"x", {"content-type": "text/plain"}), (big, {})):
        refused = put(data, **more)
        assert (refused.status_code, refused.json()["error"]) == (422, "KeyReused"), more
    assert alice.post("/api/sessions", json={}, headers={"idempotency-key": "k"}).status_code == 422
    assert len(alice.get("/api/attachments").json()["items"]) == 2  # what was refused was not stored


def test_an_upload_by_a_taken_key_is_not_read_for_ever(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/small.db"
    with served(url, settings=Settings(url, limits=Limits(max_attachment_bytes=1_000))) as server:
        key = {"idempotency-key": "k", "content-type": "text/plain"}
        assert server.client().post("/api/attachments", content=b"x", headers=key).status_code == 201
        host, _, port = server.address.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            head = "POST /api/attachments HTTP/1.1\r\nhost: x\r\nx-owner: alice\r\nidempotency-key: k\r\n"
            connection.sendall(f"{head}content-length: 1000000000\r\n\r\n".encode() + b"x" * 1_001)
            assert connection.recv(65_536).startswith(b"HTTP/1.1 422 ")  # though there is more to come


def test_a_key_of_an_upload_that_failed_may_be_used_again(alice: httpx.Client) -> None:
    key = {"idempotency-key": "k"}
    refused = alice.post("/api/attachments", content=b"no image", headers={**key, "content-type": "image/png"})
    assert refused.status_code == 422
    assert alice.post("/api/attachments", content=b"no image", headers=key).status_code == 201


def test_a_form_is_refused(alice: httpx.Client) -> None:
    refused = alice.post("/api/attachments", files={"file": ("a.txt", b"a")})
    assert (refused.status_code, refused.json()["field"]) == (415, "Content-Type")
    assert alice.get("/api/attachments").json()["items"] == []
