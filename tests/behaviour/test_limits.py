"""Limits: at the limit is fine, over it is refused by name; each is a setting."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from ithaca import (
    ChatMessage,
    ConfigurationError,
    InvalidArgument,
    InvalidInput,
    InvalidMessage,
    Limits,
    SessionManager,
    Settings,
    read_settings,
)
from tests.support.factories import make_session, texts
from tests.support.managers import Opener

SMALL = Limits(
    max_message_bytes=100,
    max_metadata_bytes=60,
    max_depth=3,
    max_batch=4,
    max_document_bytes=50,
    max_name_length=10,
    max_id_bytes=40,
    max_page=5,
)


def nested(depth: int) -> list[Any]:
    """Lists within a list, so many levels deep."""
    return [nested(depth - 1)] if depth else []


Call = Callable[[SessionManager, int], object]

#: What is limited: the limit, the field that an error names, and a call with a value of a size.
LIMITED: dict[str, tuple[int, str, Call]] = {
    "text": (100, "content", lambda m, n: m.add_message("s", ChatMessage("user", "x" * n))),
    "text in bytes": (100, "content", lambda m, n: m.add_message("s", ChatMessage("user", "é" * 49 + "x" * (n - 98)))),
    "blocks": (100, "content", lambda m, n: m.add_message("s", ChatMessage("user", ["x" * (n - 4)]))),
    "content and calls": (
        100,
        "content",
        lambda m, n: m.add_message("s", ChatMessage("assistant", "x" * 50, tool_calls=["x" * (n - 54)])),
    ),
    "an edit": (100, "content", lambda m, n: m.edit_message("s", "m", "x" * n)),
    "metadata": (60, "metadata", lambda m, n: m.add_message("s", ChatMessage("user", "", {"a": "x" * (n - 8)}))),
    "extra": (60, "extra", lambda m, n: m.update_session("s", extra={"a": "x" * (n - 8)})),
    "headers": (60, "headers", lambda m, n: m.update_session("s", headers={"a": "x" * (n - 8)})),
    "depth of blocks": (3, "content", lambda m, n: m.add_message("s", ChatMessage("user", nested(n)))),
    "depth of metadata": (3, "metadata", lambda m, n: m.add_message("s", ChatMessage("u", "", {"a": nested(n - 1)}))),
    "depth of calls": (3, "tool_calls", lambda m, n: m.add_message("s", ChatMessage("u", "", tool_calls=nested(n)))),
    "a batch": (4, "messages", lambda m, n: m.add_messages("s", texts(n))),
    "a replacement": (4, "messages", lambda m, n: m.replace_messages("s", texts(n))),
    "ids of messages": (4, "message_ids", lambda m, n: m.delete_messages("s", ["nope"] * n)),
    "ids of sessions": (4, "session_ids", lambda m, n: m.delete_sessions(["nope"] * n)),
    "a document": (50, "content", lambda m, n: m.edit_document("d", "é" * 20 + "x" * (n - 40))),
    "a name": (10, "name", lambda m, n: m.rename_session("s", "é" * n)),
    "a model": (10, "model", lambda m, n: m.update_session("s", model="x" * n)),
    "a role": (10, "role", lambda m, n: m.add_message("s", ChatMessage("x" * n, ""))),
    "a title": (10, "title", lambda m, n: m.create_document("x" * n)),
    "an id": (40, "id", lambda m, n: m.create_session("é" * 10 + "x" * (n - 20))),
    "a message's id": (40, "id", lambda m, n: m.add_message("s", ChatMessage("user", "", id="x" * n))),
    "an owner": (40, "owner", lambda m, n: m.create_session(owner="x" * n)),
    "a page": (5, "limit", lambda m, n: m.list_sessions(limit=n)),
    "a page of messages": (5, "limit", lambda m, n: m.get_messages("s", limit=n)),
    "a page of documents": (5, "limit", lambda m, n: m.list_documents(limit=n)),
}


def test_at_the_limit_is_fine_and_over_it_is_refused_by_name(open_manager: Opener) -> None:
    manager = open_manager(settings=Settings(open_manager.url, limits=SMALL))
    make_session(manager, [ChatMessage("user", "", id="m")], "s")
    manager.create_document("t", document_id="d")
    for name, (limit, field, call) in LIMITED.items():
        before = manager.get_session("s"), manager.count_sessions()
        with pytest.raises(InvalidInput) as error:
            call(manager, limit + 1)
        assert field == error.value.field, name
        assert str(limit) in error.value.allowed, name
        assert before == (manager.get_session("s"), manager.count_sessions()), name
        call(manager, limit)


def test_too_long_a_batch_is_a_bad_message(open_manager: Opener) -> None:
    manager = open_manager(settings=Settings(open_manager.url, limits=SMALL))
    manager.create_session("s")
    for call in (manager.add_messages, manager.replace_messages):
        with pytest.raises(InvalidMessage, match=r"^messages must be at most 4 in one call, not 5 messages\.$"):
            call("s", texts(5))


def test_a_long_name_of_any_characters_can_be_stored(open_manager: Opener) -> None:
    manager = open_manager()
    long = "".join(map(chr, range(0x4E00, 0x4E00 + 2_000)))
    session = manager.create_session(name="Pylos")
    assert manager.rename_session(session.id, long).name == long
    assert [found.name for found in manager.list_sessions(name=long[100:200], sort="name")] == [long]


def test_what_an_index_holds_is_refused_beyond_what_it_can_hold(open_manager: Opener) -> None:
    manager, long = open_manager(), "".join(map(chr, range(0x4E00, 0x4E00 + 667)))
    id = manager.create_session().id
    for field, call in (
        ("folder", lambda text: manager.update_session(id, folder=text)),
        ("model", lambda text: manager.update_session(id, model=text)),
        ("model", lambda text: manager.record_usage(id, model=text, input_tokens=1, output_tokens=1)),
        ("folder", lambda text: manager.set_retention(folder=text, delete_after=1)),
    ):
        with pytest.raises(InvalidInput, match=f"{field} must be at most 2000 bytes, not 2001 bytes"):
            call(long)
        call(long[1:])


def test_an_id_is_measured_as_its_limit_is(open_manager: Opener) -> None:
    with pytest.raises(InvalidInput, match=r"at most 200 bytes, not 202 bytes\.$"):
        open_manager().create_session("é" * 101)


def test_every_limit_is_a_setting() -> None:
    environ = {f"ITHACA_{limit.name.upper()}": str(n) for n, limit in enumerate(fields(Limits), 7)}
    read = read_settings("chats.db", environ=environ).limits
    assert [getattr(read, limit.name) for limit in fields(Limits)] == list(range(7, 7 + len(fields(Limits))))
    assert read_settings("chats.db", environ={}).limits == Limits()


def test_the_environment_sets_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ITHACA_MAX_NAME_LENGTH", "3")
    with SessionManager(":memory:") as manager, pytest.raises(InvalidInput, match="at most 3 characters"):
        manager.create_session(name="four")


def test_bad_settings_are_named() -> None:
    for variable, text in (
        ("ITHACA_MAX_BATCH", "many"),
        ("ITHACA_MAX_DEPTH", "-1"),
        ("ITHACA_MAX_PAGE", "nan"),
        ("ITHACA_BUSY_TIMEOUT", "inf"),
    ):
        with pytest.raises(ConfigurationError) as error:
            read_settings("chats.db", environ={variable: text})
        assert variable == error.value.setting


@pytest.mark.parametrize("count", [-1, "1", None, 1.0, True])
def test_a_counter_gives_whole_numbers(open_manager: Opener, count: Any) -> None:
    manager = open_manager(count_tokens=lambda _: count)
    session = manager.create_session()
    for call in (
        lambda: manager.add_message(session.id, ChatMessage("user", "hello")),
        lambda: manager.add_messages(session.id, [ChatMessage("user", ["hello"])]),
        lambda: manager.compact(session.id, "so far", keep_last=0),
    ):
        with pytest.raises(InvalidArgument) as refused:
            call()
        assert refused.value.field == "count_tokens"
    assert manager.get_session(session.id).revision == 1
    with pytest.raises(InvalidArgument):
        open_manager(count_tokens="o200k")
