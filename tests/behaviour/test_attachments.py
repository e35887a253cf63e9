"""Attachments: binary parts come back exactly, are stored once for their owner, and go when nothing needs them."""

import io
import re
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ithaca import (
    AmbiguousId,
    Attachment,
    AttachmentNotFound,
    AttachmentReference,
    ChatMessage,
    Collected,
    Conversation,
    InvalidArgument,
    InvalidMessage,
    IthacaError,
    Limits,
    MessageConflict,
    MessageNotFound,
    NothingToUndo,
    RevisionConflict,
    SessionManager,
    SessionNotFound,
    Settings,
)
from ithaca.operations import attachments
from ithaca.operations import messages as operations
from tests.behaviour.meters import SQLiteMeter, sqlite_meter
from tests.support.clocks import before_long
from tests.support.factories import history, make_session, said
from tests.support.files import JPEG, PDF, PNG, SHAPES, base64, data_url, image_message, made, stored
from tests.support.managers import FakeClock, Opener, execute

MIB = 1024 * 1024


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def bytes_of(manager: SessionManager, name: str, **span: int) -> bytes:
    return b"".join(manager.read_attachment(name, **span))


def by_reference(manager: SessionManager, session_id: str) -> list[Any]:
    return said(manager.get_session(session_id, attachments="reference").history)


def references_in(value: Any) -> list[AttachmentReference]:
    if isinstance(value, AttachmentReference):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [found for item in inner for found in references_in(item)]


# What goes in comes out


@pytest.mark.parametrize("shape", SHAPES)
def test_a_binary_part_comes_back_exactly_wherever_it_is_read(
    manager: SessionManager, other: SessionManager, shape: str
) -> None:
    block, data = SHAPES[shape]
    content = [{"type": "text", "text": "Look:"}, block(data), {"type": "text", "text": "\0 end"}]
    given = repr(content)
    session = manager.create_session()

    added = manager.add_message(session.id, ChatMessage("user", content))

    read = [
        added,
        other.get_session(session.id).history[0],
        other.get_session(session.id, last=1).history[0],
        other.get_message(session.id, added.id or ""),
        *other.get_messages(session.id),
        *other.iter_messages(session.id),
    ]
    assert [given] * 6 == list(map(repr, said(read)))
    assert given == repr(content)  # the caller's own is left alone


@pytest.mark.parametrize("shape", SHAPES)
def test_a_binary_part_lies_beside_the_message(manager: SessionManager, database_url: str, shape: str) -> None:
    block, data = SHAPES[shape]
    make_session(manager, [ChatMessage("user", [block(data)])])

    assert [(len(data),)] == execute(database_url, f"SELECT size FROM attachments WHERE digest = '{digest(data)}'")
    assert execute(database_url, "SELECT length(blocks) FROM messages")[0][0] < 300


PLAIN = made(PNG, 9_000)
KEPT_INSIDE = {
    "line breaks": "\n".join(base64(PLAIN)[at : at + 76] for at in range(0, 12_000, 76)),
    "a line break at the end": base64(PLAIN) + "\n",
    "the URL-safe alphabet": base64(b"\xfb\xff" * 4_500).replace("+", "-").replace("/", "_"),
    "no padding": base64(PLAIN + b"1").rstrip("="),
    "padding too much": base64(PLAIN) + "====",
    "bits that no byte needs": base64(PLAIN + b"1")[:-3] + "R==",
    "a space": base64(PLAIN)[:5_000] + " " + base64(PLAIN)[5_000:],
    "no base64": "é" * 9_000,
    "small": base64(made(PNG, 4_096)),
}


@pytest.mark.parametrize("kind", KEPT_INSIDE)
def test_what_encoding_would_not_give_back_stays_in_the_message(
    manager: SessionManager, database_url: str, kind: str
) -> None:
    text = KEPT_INSIDE[kind]
    content = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + text}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": text}},
    ]
    id = make_session(manager, [ChatMessage("user", content)]).id

    assert [content] == history(manager, id)
    assert stored(database_url) == (0, 0)


def test_words_are_never_taken_for_an_image(manager: SessionManager, database_url: str) -> None:
    words = [{"type": "text", "text": data_url(made())}]
    reference = "ithaca:sha256:" + digest(b"")
    id = make_session(
        manager,
        [
            ChatMessage("user", words),
            ChatMessage("user", data_url(made())),
            ChatMessage("user", [reference, {"type": "text", "text": reference}]),
            ChatMessage("user", [""], {"attachments": [[[0], digest(b""), 0, "image/png", "bytes", ""]]}),
        ],
    ).id

    assert [words, data_url(made()), [reference, {"type": "text", "text": reference}], [""]] == history(manager, id)
    assert stored(database_url) == (0, 0)


def test_awkward_keys_and_prefixes_come_back(manager: SessionManager) -> None:
    content = [
        {"\0": {"é\ufdd0": [made(), made()]}, "": b"x", "0": [[[b"y"]]]},
        {"url": "DATA:image/PNG;name=\0.png;BASE64," + base64(made())},
        {"url": "data:;base64," + base64(made(b"", 5_000))},
        data_url(made()),
        b"alone",
    ]
    id = make_session(manager, [ChatMessage("user", content)]).id

    assert [content] == history(manager, id)


def test_other_fields_hold_no_bytes(manager: SessionManager) -> None:
    id = manager.create_session().id
    for message in (
        ChatMessage("user", b"bytes"),  # type: ignore[arg-type]
        ChatMessage("user", "x", {"raw": b"bytes"}),
        ChatMessage("assistant", None, tool_calls=[{"raw": b"bytes"}]),
        ChatMessage("user", [bytearray(b"bytes")]),
        ChatMessage("user", [{b"key": "value"}]),
        ChatMessage("user", [{"url": "data:\ud800;base64," + base64(made())}]),
    ):
        with pytest.raises(InvalidMessage):
            manager.add_message(id, message)
    assert history(manager, id) == []


def test_images_are_no_tokens(manager: SessionManager) -> None:
    id = manager.create_session().id
    url = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    pointing = manager.add_message(id, ChatMessage("user", [{"type": "text", "text": "What is it?"}, url]))

    assert pointing.tokens == manager.add_message(id, image_message(made(size=100_000))).tokens


def test_as_json_bytes_are_base64(manager: SessionManager) -> None:
    id = make_session(manager, [ChatMessage("user", [{"raw": [b"bytes"]}])]).id

    assert [{"raw": [base64(b"bytes")]}] == manager.get_messages(id)[0].to_dict()["content"]


# Once for an owner


def test_a_repeat_adds_no_bytes(manager: SessionManager, database_url: str) -> None:
    image = made(size=3 * MIB + 5)
    one, two = manager.create_session(owner="ann").id, manager.create_session(owner="ann").id
    manager.add_message(one, image_message(image))
    before = stored(database_url)

    manager.add_messages(two, [image_message(image), image_message(image), ChatMessage("user", [image, image])])
    manager.fork_session(one)

    assert before == stored(database_url) == (1, len(image))
    assert [image_message(image).content] * 2 + [[image, image]] == history(manager, two)


def test_two_owners_have_their_own(manager: SessionManager, database_url: str) -> None:
    for owner in ("ann", "bob"):
        manager.add_message(manager.create_session(owner=owner).id, image_message(made()))

    assert (2, 2 * len(made())) == stored(database_url)


def test_what_another_owner_has_does_not_exist(manager: SessionManager, database_url: str) -> None:
    image, name = made(), digest(made())
    manager.add_message(manager.create_session(owner="ann").id, image_message(image))
    bob = manager.for_owner("bob")
    session = bob.create_session()
    reference = manager.get_attachment(name).reference

    for call in (bob.get_attachment, lambda d: list(bob.read_attachment(d))):
        with pytest.raises(AttachmentNotFound):
            call(name)
    with pytest.raises(InvalidMessage):
        bob.add_message(session.id, ChatMessage("user", [{"image": reference}]))
    assert list(bob.list_attachments()) == []
    assert Collected() == bob.collect_attachments(min_age_hours=0)
    with pytest.raises(InvalidArgument):
        bob.get_attachment(name, owner="ann")

    bob.add_message(session.id, image_message(image))  # the same bytes, of his own: nothing tells that ann has them
    assert (2, 2 * len(image)) == stored(database_url)


def test_trusted_code_names_the_owner_where_several_have_the_same(manager: SessionManager) -> None:
    for owner in ("ann", "bob"):
        manager.put_attachment(made(), "image/png", owner=owner)
    with pytest.raises(AmbiguousId):
        manager.get_attachment(digest(made()))
    with pytest.raises(AmbiguousId):
        bytes_of(manager, digest(made()))

    assert manager.get_attachment(digest(made()), owner="bob").owner == "bob"
    assert made() == b"".join(manager.read_attachment(digest(made()), owner="ann"))


# References


def test_a_reference_stands_where_the_bytes_did(manager: SessionManager) -> None:
    id = make_session(manager, [image_message(made())]).id
    for message in (
        *manager.get_session(id, attachments="reference").history,
        *manager.get_messages(id, attachments="reference"),
        *manager.iter_messages(id, attachments="reference"),
        manager.get_message(id, manager.get_messages(id)[0].id or "", attachments="reference"),
    ):
        (reference,) = references_in(message.content)
        assert f"ithaca:sha256:{digest(made())}" == reference
        assert (digest(made()), "image/png", 20_000) == (reference.digest, reference.media_type, reference.size)
        assert made() == bytes_of(manager, reference)


def test_references_are_read_without_the_bytes(manager: SessionManager, database_url: str) -> None:
    id = make_session(manager, [image_message(made()), ChatMessage("user", "words")]).id
    chunks = execute(database_url, "SELECT owner, attachment_id, number, data FROM attachment_chunks")
    execute(database_url, "DELETE FROM attachment_chunks")

    assert len(references_in(by_reference(manager, id))) == 1
    lost, words = manager.get_session(id).history
    assert words.content == "words"  # nothing but the message itself suffers
    with pytest.raises(AttachmentNotFound):
        _ = lost.content
    assert [problem.name for problem in manager.verify()] == ["attachment"]

    ((owner, attachment, number, data),) = chunks
    literal = f"X'{data.hex()}'" if database_url.startswith("sqlite") else f"'\\x{data.hex()}'"
    execute(database_url, f"INSERT INTO attachment_chunks VALUES ('{owner}', '{attachment}', {number}, {literal})")


@pytest.mark.parametrize("shape", SHAPES)
def test_a_reference_given_back_stands_for_the_same(manager: SessionManager, database_url: str, shape: str) -> None:
    block, data = SHAPES[shape]
    content = [block(data)]
    id = make_session(manager, [ChatMessage("user", content)]).id
    (given,) = by_reference(manager, id)
    before = stored(database_url)

    added = manager.add_message(id, ChatMessage("user", given))
    edited = manager.edit_message(id, manager.add_message(id, ChatMessage("user", "x")).id or "", given)
    manager.replace_messages(id, [*manager.get_session(id, attachments="reference").history, added.replace(id="n")])

    assert [given, given] == said([added, edited])
    assert [content] * 4 == history(manager, id)
    assert before == stored(database_url)


def test_a_stored_file_is_put_into_a_message_by_reference(manager: SessionManager) -> None:
    pdf = manager.put_attachment(made(PDF), "application/pdf")
    blocks = [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": pdf.reference}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": pdf.reference}},
        {"raw": AttachmentReference(pdf.digest, pdf.media_type, pdf.size, form="bytes")},
    ]
    id = make_session(manager, [ChatMessage("user", blocks)]).id

    file, document, raw = history(manager, id)[0] or ()
    assert data_url(made(PDF), "application/pdf") == file["file"]["file_data"]
    assert base64(made(PDF)) == document["source"]["data"]
    assert {"raw": made(PDF)} == raw


@pytest.mark.parametrize(
    "reference",
    [AttachmentReference("0" * 64, "image/png", 5), AttachmentReference(digest(made()), "image/png", 5)],
    ids=["unknown", "of another size"],
)
def test_a_reference_to_nothing_is_refused(
    manager: SessionManager, database_url: str, reference: AttachmentReference
) -> None:
    session = make_session(manager, [image_message(made())])
    message = ChatMessage("user", [{"new": made(seed=2)}, {"image": reference}])
    before = stored(database_url)

    for call in (
        lambda: manager.add_message(session.id, message),
        lambda: manager.add_messages(session.id, [ChatMessage("user", "x"), message]),
        lambda: manager.edit_message(session.id, session.history[0].id or "", message.content),
        lambda: manager.replace_messages(session.id, [message]),
    ):
        with pytest.raises(InvalidMessage) as refused:
            call()
        assert refused.value.field == "content"
    assert session == manager.get_session(session.id)
    assert before == stored(database_url)


@pytest.mark.parametrize(
    "bad",
    [
        {"digest": "x"}, {"digest": digest(b"").upper()}, {"digest": None}, {"media_type": "png"}, {"size": -1},
        {"size": True}, {"prefix": 5}, {"form": "hex"},
    ],
)  # fmt: skip
def test_a_bad_reference_cannot_be_made(bad: dict[str, Any]) -> None:
    good: dict[str, Any] = {"digest": digest(b""), "media_type": "image/png", "size": 0}
    with pytest.raises(InvalidArgument) as refused:
        AttachmentReference(**(good | bad))
    assert [refused.value.field] == list(bad)


def test_the_way_of_reading_is_checked(manager: SessionManager) -> None:
    id = make_session(manager, 1).id
    for call in (manager.get_session, manager.get_messages, manager.iter_messages):
        with pytest.raises(InvalidArgument) as refused:
            call(id, attachments="none")
        assert refused.value.field == "attachments"


def asked_of_attachments(meter: SQLiteMeter, call: Callable[[], object]) -> int:
    """How many statements of a call read or write the tables of attachments."""
    meter.reset()
    call()
    table = re.compile(r"(FROM|JOIN|INTO|UPDATE) attachment")
    return sum(count for sql, count in meter.statements.items() if table.search(sql))


def test_only_what_needs_them_asks_for_attachments(tmp_path: Path) -> None:
    words = ChatMessage("user", [{"type": "text", "text": "words"}], id="w")
    with sqlite_meter() as meter, SessionManager(tmp_path / "chats.db") as manager:
        id = manager.create_session().id
        asked = partial(asked_of_attachments, meter)

        assert asked(lambda: manager.add_message(id, words)) == 0
        assert asked(lambda: manager.add_message(id, words)) == 0
        assert asked(lambda: manager.edit_message(id, "w", [{"type": "text", "text": "others"}])) == 0
        assert asked(lambda: manager.replace_messages(id, [words])) == 0
        assert asked(lambda: manager.get_session(id)) == 0
        manager.add_messages(id, [image_message(made(seed=n)) for n in range(9)])
        assert asked(lambda: manager.get_session(id, attachments="reference").history[3].content) == 0
        assert asked(lambda: list(manager.iter_messages(id, attachments="reference"))) == 0
        assert asked(lambda: manager.get_session(id)) == 1
        assert asked(lambda: list(manager.iter_messages(id))) == 1
        assert asked(lambda: manager.add_message(id, image_message(made(seed=1)))) == 1


# What is refused


WRONG = {
    "a JPEG as image/png": (made(JPEG), "image/png"),
    "a page as image/png": (b"<!DOCTYPE html>" + bytes(9_000), "image/png"),
    "a page as audio": (b"\n<HTML lang=en>" + bytes(9_000), "audio/mpeg"),
    "a PNG as a PDF": (made(PNG), "application/pdf"),
    "a PDF as text": (made(PDF), "text/plain"),
    "a program as a PDF": (made(b"MZ"), "application/pdf"),
    "zeros as image/png": (bytes(9_000), "image/png"),
    "text as a Word document": (
        b"Dear sir" * 1_000,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    "noise as audio/wav": (made(b"RIFF1234noise"), "audio/wav"),
    "text as a zip file": (b"PK!" * 3_000, "application/zip"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_bytes_that_are_clearly_something_else_are_refused(
    manager: SessionManager, database_url: str, kind: str
) -> None:
    data, claimed = WRONG[kind]
    id = manager.create_session().id
    source = {"type": "base64", "media_type": claimed, "data": base64(data)}
    for block in (
        {"type": "image_url", "image_url": {"url": data_url(data, claimed)}},
        {"type": "image", "source": source},
        {"type": "image", "media_type": claimed, "data": data},
    ):
        with pytest.raises(InvalidMessage) as refused:
            manager.add_message(id, ChatMessage("user", [block]))
        assert refused.value.field == "content"
    with pytest.raises(InvalidArgument) as refused_too:
        manager.put_attachment(data, claimed)
    assert refused_too.value.field == "media_type"
    assert stored(database_url) == (0, 0)


@pytest.mark.parametrize(
    ("start", "claimed"),
    [
        (b"who knows", "audio/mpeg"), (PNG, "image/apng"), (b"junk\n%PDF-1.7", "application/pdf"),
        (b"ID3\x04", "audio/flac"), (b"RF64\xff\xff\xff\xffWAVE", "audio/wav"),
        (b"<office>", "application/vnd.oasis.opendocument.text-flat-xml"),
        (JPEG, "image/jpg"), (PNG, "application/octet-stream"),
        (b"PK\x03\x04", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (b"<html>", "text/plain"), (PNG, "image/never-heard-of"), (PNG, "no media type"), (PNG, ""),
    ],
)  # fmt: skip
def test_bytes_that_may_be_what_they_claim_pass(manager: SessionManager, start: bytes, claimed: str) -> None:
    content = [{"data": base64(made(start)), "media_type": claimed}]

    assert [content] == history(manager, make_session(manager, [ChatMessage("user", content)]).id)


def test_what_is_imported_may_be_mislabelled(manager: SessionManager) -> None:
    content = [{"type": "image_url", "image_url": {"url": data_url(made(JPEG), "image/png")}}]
    conversation = Conversation("c", "C", [ChatMessage("user", content, id="m")], owner="ann")
    manager.import_conversations([conversation])
    manager.import_conversations([replace(conversation, messages=[*conversation.messages, image_message(made())])])
    manager.import_conversations([conversation])

    assert [content, image_message(made()).content] == history(manager, "c")


def limited(open_manager: Opener, **limits: int) -> SessionManager:
    return open_manager(settings=Settings(open_manager.url, limits=Limits(**limits)))


def test_an_attachment_has_a_size_limit_of_its_own(
    manager: SessionManager, open_manager: Opener, database_url: str
) -> None:
    small = limited(open_manager, max_attachment_bytes=20_000, max_message_bytes=1_000)
    id = small.create_session().id
    small.add_message(id, image_message(made(size=20_000)))
    before = stored(database_url)

    for content in ([{"image": made(size=20_001)}], image_message(made(size=20_001)).content):
        with pytest.raises(InvalidMessage, match="20000 bytes in one attachment") as refused:
            small.add_message(id, ChatMessage("user", content))
        assert refused.value.field == "content"
    pieces = (made(size=10_001), made(size=10_000))
    for data in (b"".join(pieces), io.BytesIO(b"".join(pieces)), pieces):
        with pytest.raises(InvalidArgument) as refused_too:
            small.put_attachment(data, "application/octet-stream")
        assert refused_too.value.field == "data"
    assert before == stored(database_url)


def test_a_small_image_stays_inside_and_the_limit_is_a_setting(
    manager: SessionManager, open_manager: Opener, database_url: str
) -> None:
    id = make_session(manager, [image_message(made(size=4_096))]).id
    assert stored(database_url) == (0, 0)
    for limit in (0, 4_095, 4_096):
        limited(open_manager, max_inline_bytes=limit).add_message(id, image_message(made(size=4_096, seed=limit)))
    assert stored(database_url) == (2, 2 * 4_096)


@pytest.mark.parametrize("data", ["text", 5, None, ["text"], [5]])
def test_only_bytes_are_stored(manager: SessionManager, data: Any) -> None:
    with pytest.raises(InvalidArgument) as refused:
        manager.put_attachment(data, "image/png")
    assert refused.value.field == "data"


@pytest.mark.parametrize("media_type", ["", "png", None, 5, "image/png\r\nX: y", "image/\0", "a" * 200 + "/b", "é/é"])
def test_a_media_type_is_checked(manager: SessionManager, media_type: Any) -> None:
    with pytest.raises(InvalidArgument) as refused:
        manager.put_attachment(b"", media_type)
    assert refused.value.field == "media_type"


# Retries and revisions


def test_a_retry_is_known_again(manager: SessionManager, open_manager: Opener, database_url: str) -> None:
    message = image_message(made(), id="m")
    id = make_session(manager, [message]).id
    (reference,) = by_reference(manager, id)
    before = stored(database_url), manager.get_session(id)

    assert message.content == manager.add_message(id, message).content
    assert reference == manager.add_message(id, ChatMessage("user", reference, id="m")).content
    assert message.content == limited(open_manager, max_inline_bytes=MIB).add_message(id, message).content
    reordered = [dict(reversed(block.items())) for block in message.content or ()]  # type: ignore[union-attr]
    assert message.content == manager.add_message(id, ChatMessage("user", reordered, id="m")).content
    assert before == (stored(database_url), manager.get_session(id))


def test_the_same_id_with_another_image_is_a_conflict(manager: SessionManager, database_url: str) -> None:
    id = make_session(manager, [image_message(made(), id="m"), ChatMessage("user", [b"x"], id="b")]).id
    before = stored(database_url)
    for other in (
        image_message(made(seed=2), id="m"),
        ChatMessage("user", "words", id="m"),
        ChatMessage("user", [{"type": "image_url", "image_url": {"url": ""}}], id="m"),
        ChatMessage("user", [""], id="b"),
        ChatMessage("user", [base64(b"x")], id="b"),
    ):
        with pytest.raises(MessageConflict):
            manager.add_message(id, other)
    assert before == stored(database_url)


def test_a_batch_of_which_some_are_stored_adds_the_others(manager: SessionManager) -> None:
    messages = [image_message(made(seed=n), id=f"m{n}") for n in range(3)]
    id = make_session(manager, messages[:1]).id
    added = manager.add_messages(id, [messages[0], ChatMessage("user", "x", id="x"), *messages[1:]])

    assert [(m.id, m.seq) for m in added] == [("m0", 1), ("x", 2), ("m1", 3), ("m2", 4)]
    assert said(added) == history(manager, id)


def test_nothing_is_left_of_what_was_refused(manager: SessionManager, database_url: str) -> None:
    session = make_session(manager, 2)
    with pytest.raises(RevisionConflict):
        manager.add_message(session.id, image_message(made()), expected_revision=99)
    with pytest.raises(RevisionConflict):
        manager.replace_messages(session.id, [image_message(made())], expected_revision=99)
    with pytest.raises(SessionNotFound):
        manager.add_message("missing", image_message(made()))

    assert stored(database_url) == (0, 0)
    manager.add_message(session.id, image_message(made()), expected_revision=session.revision)


# Editing, replacing, versions


def test_an_edit_changes_the_image(manager: SessionManager) -> None:
    session = make_session(manager, [image_message(made())])
    message_id = session.history[0].id or ""
    new = image_message(made(seed=2)).content

    assert new == manager.edit_message(session.id, message_id, new).content
    assert new == manager.edit_message(session.id, message_id, metadata={"seen": True}).content
    assert manager.edit_message(session.id, message_id, "words").content == "words"
    for expected in (new, new, image_message(made()).content):
        manager.undo(session.id)
        assert [expected] == history(manager, session.id)


def test_replacing_keeps_what_is_the_same(manager: SessionManager, database_url: str) -> None:
    session = make_session(manager, [image_message(made(seed=n)) for n in range(3)])
    first, _, third = manager.get_session(session.id, attachments="reference").history
    assert session.history == manager.replace_messages(session.id, session.history)
    assert session.revision == manager.get_session(session.id).revision

    replaced = manager.replace_messages(session.id, [first, image_message(made(seed=9)), third.replace(id="n")])

    assert [message.seq for message in replaced] == [1, 4, 5]
    assert [image_message(made(seed=n)).content for n in (0, 9, 2)] == history(manager, session.id)
    assert [first.content, third.content] == [replaced[0].content, replaced[2].content]
    assert stored(database_url)[0] == 4


def test_versions_keep_their_images(manager: SessionManager) -> None:
    session = make_session(manager, [image_message(made(), id="m")])
    new = image_message(made(seed=2)).content
    edited = manager.edit_message(session.id, "m", new, branch=True)
    again = manager.edit_message(session.id, edited.id or "", metadata={"a": 1}, branch=True)

    old = image_message(made()).content
    assert [new, new] == [edited.content, again.content]
    assert [old, new, new] == said([version.message for version in manager.list_versions(session.id, "m")])
    assert [old] == said(manager.switch_version(session.id, "m"))
    assert Collected() == manager.collect_attachments(min_age_hours=0)


def test_a_context_has_its_images(manager: SessionManager) -> None:
    id = make_session(manager, [image_message(made())]).id

    assert [image_message(made()).content] == said(manager.context(id, max_tokens=10_000).messages)


# Storing and reading streams


def pieces_of(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


WAYS: dict[str, Callable[[bytes], Any]] = {
    "bytes": lambda data: data,
    "a file": io.BytesIO,
    "pieces": lambda data: pieces_of(data, 70_000),
    "large pieces": lambda data: [data],
    "views": lambda data: [memoryview(data), bytearray()],
}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_stored_is_read(manager: SessionManager, database_url: str, way: str) -> None:
    sizes = [0, 1, 5_000, MIB, MIB + 1, 4 * MIB, 4 * MIB + 1, 9 * MIB + 17]
    for size in sizes:
        data = made(b"", size)
        put = manager.put_attachment(WAYS[way](data), "Text/Plain; charset=utf-8")

        known = manager.get_attachment(digest(data))
        assert put == known
        assert (digest(data), "Text/Plain; charset=utf-8", size) == (known.digest, known.media_type, known.size)
        assert data == bytes_of(manager, known.digest)
        again = manager.put_attachment(WAYS[way](data), "text/plain")
        assert (put.digest, put.media_type) == (again.digest, again.media_type)
    assert stored(database_url) == (len(sizes), sum(sizes))


SPANS: list[tuple[int, int | None]] = [
    (0, 0), (0, 1), (0, None), (MIB - 1, MIB + 1), (MIB, 2 * MIB), (1, 3 * MIB - 1), (2 * MIB + 7, None),
    (3 * MIB - 1, 10**30), (3 * MIB, None), (10**30, None),
]  # fmt: skip


def test_a_range_is_read(manager: SessionManager) -> None:
    data = made(b"", 3 * MIB)
    manager.put_attachment(data, "text/plain")
    for start, stop in SPANS:
        pieces = list(manager.read_attachment(digest(data), start=start, stop=stop))

        assert data[start:stop] == b"".join(pieces)
        assert all(0 < len(piece) <= MIB for piece in pieces)


def test_a_bad_range_or_name_is_refused(manager: SessionManager) -> None:
    manager.put_attachment(b"x", "text/plain")
    for span in ({"start": -1}, {"stop": -1}, {"start": 0.5}, {"start": None}, {"start": 5, "stop": 2}):
        with pytest.raises(InvalidArgument):
            manager.read_attachment(digest(b"x"), **span)  # type: ignore[arg-type]
    for name in ("", "x", "0" * 64, digest(b"x").upper(), "\0" * 64):
        with pytest.raises(AttachmentNotFound):
            bytes_of(manager, name)
        with pytest.raises(AttachmentNotFound):
            manager.get_attachment(name)
    with pytest.raises(InvalidArgument):
        manager.get_attachment(5)  # type: ignore[arg-type]


def test_a_stream_that_breaks_off_leaves_nothing(manager: SessionManager, database_url: str) -> None:
    complete = []

    def broken() -> Iterator[bytes]:
        yield from [bytes(MIB)] * 9
        with SessionManager(database_url) as another:
            complete.extend(another.list_attachments())
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        manager.put_attachment(broken(), "text/plain")
    assert complete == []  # nobody finds what is not complete
    assert before_long(lambda: stored(database_url), (0, 0)) == (0, 0)


def test_a_large_file_streams_in_constant_memory(database_url: str, tmp_path: Path) -> None:
    file, size = tmp_path / "large", 50 * MIB
    with file.open("wb") as out:
        for number in range(50):
            out.write(made(b"", MIB, seed=number))
    found = sha256()
    with SessionManager(database_url, durability="relaxed") as manager, file.open("rb") as data:
        manager.put_attachment(b"to be warm", "text/plain")
        tracemalloc.start()
        try:
            put = manager.put_attachment(data, "application/octet-stream")
            for piece in manager.read_attachment(put.digest):
                found.update(piece)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert (size, put.digest) == (put.size, found.hexdigest())
    assert peak < 24 * MIB


def test_a_long_history_of_images_streams_in_pieces(manager: SessionManager, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [image_message(made(seed=n)) if n % 3 else ChatMessage("user", str(n)) for n in range(20)]
    id = make_session(manager, messages).id
    monkeypatch.setattr(operations, "STRETCH_BYTES", 30_000)

    assert said(messages) == said(list(manager.iter_messages(id)))
    assert said(messages)[7:] == said(list(manager.iter_messages(id, after=7)))


READERS: dict[str, Callable[[SessionManager, str], list[ChatMessage]]] = {
    "get_messages": lambda m, id: m.get_messages(id),
    "get_messages, after": lambda m, id: m.get_messages(id, after=0),
    "iter_messages": lambda m, id: list(m.iter_messages(id)),
    "get_message": lambda m, id: [m.get_message(id, "m2")],
}


@pytest.mark.parametrize("way", READERS)
def test_a_reader_never_meets_a_message_without_its_bytes(
    way: str, manager: SessionManager, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a message refers to is purged between the reading of its row and that of its bytes."""
    images = [image_message(made(seed=n), id=f"m{n}") for n in range(3)]
    id = make_session(manager, images).id
    load, purged = attachments.load, list[bool]()

    async def purge_and_load(*args: Any) -> dict[str, bytes]:
        if not purged:
            purged.append(True)
            with SessionManager(database_url) as other:
                other.truncate_messages(id, 1)
                other.purge(older_than=timedelta(0))
        return await load(*args)

    monkeypatch.setattr(attachments, "load", purge_and_load)
    if way == "get_message":
        with pytest.raises(MessageNotFound):
            READERS[way](manager, id)
    else:
        assert said(images[:1]) == said(READERS[way](manager, id))
    assert purged == [True]


def test_nothing_comes_back_while_it_is_purged(postgres_url: str) -> None:
    with SessionManager(postgres_url) as manager, psycopg.connect(postgres_url) as purging:
        id = make_session(manager, [image_message(made())]).id
        manager.truncate_messages(id, 0)
        purging.execute("SELECT 1 FROM trash FOR UPDATE")
        undone: list[Any] = []
        undoing = threading.Thread(target=lambda: undone.append(_error_of(lambda: manager.undo(id))))
        undoing.start()
        while not execute(postgres_url, "SELECT 1 FROM pg_locks WHERE NOT granted"):
            undoing.join(0.01)
        for table in ("trashed_messages", "trash", "attachments"):
            purging.execute(f"DELETE FROM {table}")
        purging.commit()
        undoing.join()
        assert [type(error) for error in undone] == [NothingToUndo]
        assert manager.get_session(id).history == []


def _error_of(call: Callable[[], object]) -> Exception | None:
    try:
        call()
    except IthacaError as error:
        return error
    return None


# Listing


def test_attachments_are_listed_in_pages_the_newest_first(manager: SessionManager) -> None:
    put = [manager.put_attachment(made(seed=n), "image/png", owner="ann") for n in range(7)]
    manager.put_attachment(made(), "image/png", owner="bob")
    pages: list[list[Attachment]] = []
    cursor = None
    while not pages or cursor:
        page = manager.list_attachments(owner="ann", cursor=cursor, limit=3)
        pages.append(page.items)
        cursor = page.cursor

    assert list(map(len, pages)) == [3, 3, 1]
    assert put[::-1] == [attachment for page in pages for attachment in page]
    assert {"ann", "bob"} == {attachment.owner for attachment in manager.list_attachments()}
    assert put[::-1] == list(manager.for_owner("ann").list_attachments())


def test_those_of_a_session_are_listed(manager: SessionManager) -> None:
    id = make_session(manager, [image_message(made(seed=n)) for n in (1, 2, 1)], owner="ann").id
    make_session(manager, [image_message(made(seed=3))], owner="ann")

    assert {digest(made(seed=n)) for n in (1, 2)} == {found.digest for found in manager.list_attachments(id)}
    assert list(manager.list_attachments(make_session(manager, 1).id)) == []
    with pytest.raises(SessionNotFound):
        manager.list_attachments("missing")
    with pytest.raises(SessionNotFound):
        manager.for_owner("nobody else").list_attachments(id)


# Collecting


def test_what_nothing_refers_to_is_collected(timed: SessionManager, clock: FakeClock, database_url: str) -> None:
    kept = make_session(timed, [image_message(made(seed=1))], owner="ann").id
    gone = make_session(timed, [image_message(made(seed=2))], owner="ann").id
    timed.put_attachment(made(seed=3), "image/png", owner="bob")
    clock.move(hours=23)
    assert Collected() == timed.collect_attachments()

    clock.move(hours=2)
    timed.delete_session(gone)
    plan = Collected(1, 20_000)
    assert plan == timed.collect_attachments(dry_run=True)
    assert plan == timed.collect_attachments()  # the trash refers to the other one
    assert stored(database_url) == (2, 40_000)

    timed.purge(older_than=timedelta(0))
    assert stored(database_url) == (1, 20_000)  # what is erased takes its images along
    assert Collected() == timed.collect_attachments()
    assert [image_message(made(seed=1)).content] == history(timed, kept)


def test_many_are_collected_in_batches(
    manager: SessionManager, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ithaca.operations.attachments.FOUND_AT_ONCE", 4)
    monkeypatch.setattr("ithaca.manager.attachments.FOUND_AT_ONCE", 4)
    monkeypatch.setattr("ithaca.manager.attachments.REMOVED_AT_ONCE", 3)
    for number in range(10):
        manager.put_attachment(b"%d" % number, "text/plain", owner=f"owner {number % 3}")
    id = make_session(manager, [ChatMessage("user", [b"kept", b"1"])], owner="owner 1").id

    assert Collected(9, 9) == manager.collect_attachments(min_age_hours=0, dry_run=True)
    assert Collected(9, 9) == manager.collect_attachments(min_age_hours=0)
    assert history(manager, id) == [[b"kept", b"1"]]


def test_what_is_put_again_is_young_again(timed: SessionManager, clock: FakeClock) -> None:
    timed.put_attachment(made(), "image/png")
    clock.move(days=2)
    timed.put_attachment(made(), "image/png")
    assert Collected() == timed.collect_attachments()
    clock.move(days=-1)  # a clock that steps back makes nothing older
    timed.put_attachment(made(), "image/png")
    clock.move(days=2, hours=-1)
    assert Collected() == timed.collect_attachments()


def test_an_upload_that_nobody_ended_is_collected_after_a_day(
    timed: SessionManager, clock: FakeClock, database_url: str
) -> None:
    execute(
        database_url,
        "INSERT INTO attachments (owner, id, digest, media_type, size, used_at)"
        f" VALUES ('', 'upload', NULL, 'text/plain', 0, {clock()})",
    )
    clock.move(hours=23)
    assert Collected() == timed.collect_attachments(min_age_hours=0)
    clock.move(hours=2)
    assert Collected(1, 0) == timed.collect_attachments(min_age_hours=0)


@pytest.mark.parametrize("age", [-1, "x", None, True])
def test_a_bad_age_is_refused(manager: SessionManager, age: Any) -> None:
    with pytest.raises(InvalidArgument) as refused:
        manager.collect_attachments(min_age_hours=age)
    assert refused.value.field == "min_age_hours"


@pytest.mark.on_disk
def test_collecting_never_takes_what_is_added_meanwhile(database_url: str) -> None:
    """Messages come and go for good while others collect: whatever is stored has its image."""
    failures: list[BaseException] = []
    done = threading.Event()

    def guarded(work: Callable[[SessionManager], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                with SessionManager(database_url, durability="relaxed") as manager:
                    work(manager)
            except BaseException as error:  # noqa: BLE001, handed to the test
                failures.append(error)

        return run

    def add(manager: SessionManager) -> None:
        id = manager.create_session(owner="ann").id
        for number in range(8):
            image = image_message(made(seed=number % 3))
            message = manager.add_message(id, image)
            assert image.content == manager.get_message(id, message.id or "").content
            manager.delete_messages(id, [message.id or ""])
            manager.purge(older_than=timedelta(0))

    def collect(manager: SessionManager) -> None:
        while not done.is_set():
            manager.collect_attachments(min_age_hours=0)

    adding = [threading.Thread(target=guarded(add)) for _ in range(3)]
    collecting = threading.Thread(target=guarded(collect))
    for thread in (*adding, collecting):
        thread.start()
    try:
        for thread in adding:
            thread.join()
    finally:
        done.set()
    collecting.join()

    assert failures == []
    with SessionManager(database_url) as manager:
        assert manager.verify() == []


# Checking


BREAKAGES = {
    "a lost chunk": ("DELETE FROM attachment_chunks WHERE number = 1", {"attachment"}),
    "another byte": (
        {
            "sqlite": "UPDATE attachment_chunks SET data = zeroblob(length(data)) WHERE number = 0",
            "postgresql": "UPDATE attachment_chunks SET data = set_byte(data, 0, 0) WHERE number = 0",
        },
        {"attachment"},
    ),
    "another size": ("UPDATE attachments SET size = size - 1", {"attachment", "attachment_reference"}),
    "another name": (f"UPDATE attachments SET digest = '{'0' * 64}'", {"attachment", "attachment_reference"}),
    "no attachment": (
        "DELETE FROM attachment_chunks; DELETE FROM attachments",
        {"attachment_reference"},
    ),
    "a full place": ("UPDATE messages SET blocks = '[1, 2]'", {"attachment_reference"}),
    "a bad column": ("UPDATE messages SET attachments = '[1]'", {"attachment_reference"}),
}


@pytest.mark.parametrize("kind", BREAKAGES)
def test_verify_finds_what_is_broken(database_url: str, kind: str) -> None:
    sql, expected = BREAKAGES[kind]
    with SessionManager(database_url) as manager:
        make_session(manager, [image_message(made(size=2 * MIB))])
        assert manager.verify() == []
        execute(database_url, sql if isinstance(sql, str) else sql[database_url.partition(":")[0]])

        assert expected == {problem.name for problem in manager.verify()}
