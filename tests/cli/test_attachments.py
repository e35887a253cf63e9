"""`ithaca attachments`, and what a transcript shows of images."""

import hashlib
import subprocess
from pathlib import Path

from ithaca import ChatMessage
from tests.cli.running import PROGRAM, Ithaca, run, run_in_terminal
from tests.support.files import PDF, base64, image_message, made


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_file_is_stored_and_fetched(ithaca: Ithaca, tmp_path: Path) -> None:
    file, copy = tmp_path / "a.png", tmp_path / "copy"
    file.write_bytes(made())

    stored = ithaca.json("attachments", "put", str(file))
    assert (digest(made()), "image/png", 20_000, "") == tuple(
        stored[name] for name in ("digest", "media_type", "size", "owner")
    )
    assert ithaca("attachments", "put", str(file)).out == f"Stored image/png, 20,000 bytes, {digest(made())}\n"

    ran = ithaca("attachments", "get", "ithaca:sha256:" + stored["digest"], "--output", str(copy))
    assert ran.out == f"Wrote {copy}: image/png, 20,000 bytes, {digest(made())}\n"
    assert made() == copy.read_bytes()
    assert ithaca("attachments", "get", stored["digest"], "--output", str(copy)).status == 1  # never over a file
    assert made() == copy.read_bytes()


def test_bytes_go_through_pipes(ithaca: Ithaca) -> None:
    put = run("attachments", "put", "-", "--media-type", "audio/mpeg", "--database", ithaca.database, stdin=b"\xff\0\n")
    assert put.status == 0
    command = [PROGRAM, "attachments", "get", digest(b"\xff\0\n"), "--database", ithaca.database]
    got = subprocess.run(command, capture_output=True, check=True)

    assert got.stdout == b"\xff\0\n"
    shown = run_in_terminal("attachments", "get", digest(b"\xff\0\n"), "--database", ithaca.database)
    assert (2, True) == (shown.status, "--output" in shown.out)


def test_the_type_is_told_by_the_bytes_or_else_the_name(ithaca: Ithaca, tmp_path: Path) -> None:
    for name, data, expected in (
        ("a.txt", made(PDF), "application/pdf"),
        ("b.csv", b"a,b\n", "text/csv"),
        ("c", b"who knows", "application/octet-stream"),
    ):
        (tmp_path / name).write_bytes(data)
        assert expected == ithaca.json("attachments", "put", str(tmp_path / name))["media_type"]
    refused = ithaca("attachments", "put", str(tmp_path / "a.txt"), "--media-type", "image/png")
    assert (2, True) == (refused.status, "media_type" in refused.err)


def test_attachments_are_listed(ithaca: Ithaca) -> None:
    assert ithaca("attachments", "list").out == "No attachments.\n"
    with ithaca.manager() as manager:
        session = manager.create_session(owner="ann")
        manager.add_message(session.id, image_message(made()))
        manager.put_attachment(made(seed=2), "image/png", owner="bob")

    page = ithaca.json("attachments", "list", "--limit", "1")
    assert [digest(made(seed=2))] == [item["digest"] for item in page["items"]]
    rest = ithaca.json("attachments", "list", "--cursor", page["cursor"])
    assert [digest(made())] == [item["digest"] for item in rest["items"]]
    of_session = ithaca("attachments", "list", "--session", session.id, owner="ann").out
    for word in ("image/png", "20,000", "ann", digest(made())):
        assert word in of_session
    assert ithaca("attachments", "get", digest(made()), owner="bob").status == 1


def test_collecting_tells_what_goes(ithaca: Ithaca) -> None:
    with ithaca.manager() as manager:
        manager.put_attachment(made(), "image/png")

    assert ithaca("attachments", "collect").out == "Removed 0 attachments of 0 bytes together.\n"
    planned = ithaca("attachments", "collect", "--min-age-hours", "0", "--dry-run").out
    assert planned == "Would remove 1 attachment of 20,000 bytes together.\n"
    assert {"count": 1, "bytes": 20_000} == ithaca.json("attachments", "collect", "--min-age-hours", "0")


def test_a_transcript_names_the_image_and_json_holds_it(ithaca: Ithaca) -> None:
    message = image_message(made())
    with ithaca.manager() as manager:
        session = manager.create_session()
        manager.add_message(session.id, message)
        manager.add_message(session.id, ChatMessage("user", [{"type": "raw", "data": b"bytes"}]))

    shown = ithaca("sessions", "show", session.id).out
    assert f"[image_url: image/png, 20,000 bytes, ithaca:sha256:{digest(made())}]" in shown
    assert f"[raw: application/octet-stream, 5 bytes, ithaca:sha256:{digest(b'bytes')}]" in shown
    image, raw = ithaca.json("sessions", "show", session.id)["messages"]
    assert message.content == image["content"]
    assert [{"type": "raw", "data": base64(b"bytes")}] == raw["content"]
    referring = ithaca.json("sessions", "show", session.id, "--references")["messages"][0]["content"]
    assert referring[1]["image_url"]["url"] == "ithaca:sha256:" + digest(made())
