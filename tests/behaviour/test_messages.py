"""Messages: what goes in comes out, in order, whole or not at all."""

import base64
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from functools import reduce
from typing import Any

import pytest
from openai.types.chat.chat_completion_message_function_tool_call import (
    ChatCompletionMessageFunctionToolCall,
    Function,
)

from ithaca import (
    ChatMessage,
    InvalidArgument,
    InvalidInput,
    InvalidMessage,
    MessageConflict,
    MessageNotFound,
    SessionManager,
    SessionNotFound,
)
from tests.support.factories import history, make_session, numbers, said, texts
from tests.support.managers import FakeClock, LoopThread, Opener


def nested(depth: int, innermost: Any = 1) -> Any:
    """Lists in lists; `depth` of them."""
    return reduce(lambda inner, _: [inner], range(depth), innermost)


TEXTS = [
    "",
    " ",
    "hello",
    "null",
    "[]",
    "{}",
    '"quoted"',
    '[{"type":["string","null"]}]',
    '[{"type": "text", "text": "pasted"}]',
    "[" * 10_000 + "]" * 10_000,
    "Ἰθάκη 伊萨卡 إيثاكا 👩‍👩‍👧 e\u0301 \u00e9",
    "nul \0 within, \0\0",
    "\0",
    "\ufdd0",
    "\ufdd00\ufdd0\ufdd0\0\ufdd0\0000",
    "\ufeffmark \uffff \U0010ffff \u2028 \u200d \u202e",
    "\x01\x1b[31m\x7f\x80\r\n\t\v\f",
    "'; DROP TABLE messages; -- %s :id {0} \\0 \\u0000",
    "trailing newline\n",
    "é" * 100_000,
]

BLOCKS: list[list[Any]] = [
    [],
    [{}],
    [[]],
    [None],
    ["plain", "strings"],
    [{"type": "text", "text": "x"}, "mixed", None, 5, True],
    [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(bytes(99)).decode()}}],
    [{"type": "never_heard_of", "payload": {"a": [{"b": None}]}}],
    [{"type": ["string", "null"]}],
    [{"no": "type"}],
    [1, 1.0, True, 0, 0.0, -0.0, False, "1", None],
    [10**200, -(10**200), 2**63, 2**64, 0.1, 1e308, 5e-324, 1e22],
    [{"": "", "\0": "\0", "\ufdd0": "\ufdd0", "é": "e\u0301"}],
    nested(101),
]

METADATA: list[dict[str, Any]] = [
    {},
    {"timestamp": "2020-01-01T00:00:00", "source": "slash"},
    {"deep": nested(100), "big": 10**200, "one": [1, 1.0, True], "none": None, "nul": "\0", "": {}},
    {"b": 1, "a": 2, "Ἰθάκη": "🏛️"},
]


def test_content_comes_back_character_for_character_and_type_for_type(
    manager: SessionManager, other: SessionManager
) -> None:
    contents = [*TEXTS, *BLOCKS, None]
    returned = manager.add_messages(manager.create_session("s").id, [ChatMessage("user", c) for c in contents])
    for stored in (returned, other.get_session("s").history, list(other.iter_messages("s"))):
        assert list(map(repr, contents)) == list(map(repr, said(stored)))


def test_metadata_comes_back_as_it_was(manager: SessionManager) -> None:
    id = make_session(manager, [ChatMessage("user", "x", metadata) for metadata in METADATA]).id
    stored = [message.metadata for message in manager.get_session(id).history]
    assert list(map(repr, METADATA)) == list(map(repr, stored))


def test_every_field_and_any_role_come_back(manager: SessionManager) -> None:
    calls = [{"id": "call-1", "type": "function", "function": {"name": "row", "arguments": '{"oars": 20}'}}]
    given = [
        ChatMessage("assistant", None, {"a": 1}, tool_calls=calls, name="helmsman", id="m-1"),
        ChatMessage("tool", "done", tool_call_id="call-1", created_at=datetime(2020, 1, 1, tzinfo=UTC)),
        ChatMessage("assistant", None, tool_calls=[]),
        *(ChatMessage(role) for role in ("system", "developer", "user", "function", "ипостась", "x" * 2_000)),
    ]
    id = make_session(manager, given).id
    stored = manager.get_session(id).history
    fields = ("role", "content", "metadata", "tool_calls", "tool_call_id", "name")
    assert [[getattr(m, f) for f in fields] for m in given] == [[getattr(m, f) for f in fields] for m in stored]
    assert (stored[0].id, stored[1].created_at) == ("m-1", given[1].created_at)
    assert numbers(stored) == list(range(1, len(given) + 1))
    assert [manager.get_message(id, message.id) for message in stored] == stored


def test_what_is_stored_is_a_copy(manager: SessionManager) -> None:
    shared = {"list": [1]}
    blocks = [{"type": "text", "text": "as it was"}]
    id = make_session(manager, [ChatMessage("user", blocks, shared), ChatMessage("user", blocks, shared)]).id
    shared["list"].append(2)
    blocks.append("later")
    one, two = manager.get_session(id).history
    one.metadata["mine"] = True
    assert (one.content, two.content, two.metadata) == (
        [{"type": "text", "text": "as it was"}],
        [{"type": "text", "text": "as it was"}],
        {"list": [1]},
    )
    assert manager.get_session(id).history[0].metadata == {"list": [1]}


def test_adding_gives_an_id_a_number_and_a_time_and_leaves_the_given_one_alone(
    timed: SessionManager, clock: FakeClock
) -> None:
    id = make_session(timed).id
    now = clock.move(minutes=5)
    given = ChatMessage("user", "hello", {"timestamp": "1999-12-31T23:59:59"})
    stored = timed.add_message(id, given)
    assert (stored.seq, stored.created_at, stored.content) == (1, now, "hello")
    assert stored.id
    assert stored.metadata == {"timestamp": "1999-12-31T23:59:59"}
    assert (given.id, given.seq, given.created_at) == (None, None, None)
    session = timed.get_session(id)
    assert session.history == [stored]
    assert (session.message_count, session.last_message_at, session.last_accessed, session.updated_at, 2) == (
        1,
        now,
        now,
        now,
        session.revision,
    )


def test_adding_is_in_order_and_counted(manager: SessionManager) -> None:
    id = make_session(manager).id
    first = manager.add_message(id, ChatMessage("user", "1"))
    batch = manager.add_messages(id, (message for message in texts(3, start=2)))
    last = manager.add_message(id, ChatMessage("user", "5"))
    session = manager.get_session(id)
    assert session.history == [first, *batch, last]
    assert (numbers(session.history), session.message_count) == ([1, 2, 3, 4, 5], 5)


def test_adding_nothing_changes_nothing(manager: SessionManager) -> None:
    before = make_session(manager, 2)
    assert manager.add_messages(before.id, []) == []
    assert manager.get_session(before.id) == before
    with pytest.raises(SessionNotFound):
        manager.add_messages("nope", [])


def test_an_archived_session_stays_archived(manager: SessionManager) -> None:
    id = make_session(manager).id
    manager.archive_session(id)
    manager.add_message(id, ChatMessage("user", "x"))
    assert manager.get_session(id).archived


class Oar:
    """Something that JSON doesn't know."""


CYCLE: list[Any] = []
CYCLE.append(CYCLE)

BAD: list[tuple[str, ChatMessage]] = [
    ("role", ChatMessage("", "x")),
    ("role", ChatMessage("us\0er", "x")),
    ("role", ChatMessage("\ud800", "x")),
    ("role", ChatMessage("x" * 2_001, "x")),
    ("role", ChatMessage(None, "x")),
    ("content", ChatMessage("user", "half \ud83d")),
    ("content", ChatMessage("user", [{"type": "text", "text": "\udc00"}])),
    ("content", ChatMessage("user", [{"\ud800": 1}])),
    ("content", ChatMessage("user", b"bytes")),
    ("content", ChatMessage("user", 5)),
    ("content", ChatMessage("user", {"type": "text"})),
    ("content", ChatMessage("user", ({"type": "text"},))),
    ("content", ChatMessage("user", [("a", "tuple")])),
    ("content", ChatMessage("user", [float("nan")])),
    ("content", ChatMessage("user", [{"x": float("inf")}])),
    ("content", ChatMessage("user", [Oar()])),
    ("content", ChatMessage("user", [{1: "key"}])),
    ("content", ChatMessage("user", [{"s": {1, 2}}])),
    ("content", ChatMessage("user", nested(102))),
    ("content", ChatMessage("user", nested(10_000))),
    ("content", ChatMessage("user", CYCLE)),
    ("content", ChatMessage("user", [10**5_000])),
    ("tool_calls", ChatMessage("assistant", None, tool_calls={"id": 1})),
    ("tool_calls", ChatMessage("assistant", None, tool_calls=[{"x": b""}])),
    ("tool_call_id", ChatMessage("tool", "x", tool_call_id="")),
    ("tool_call_id", ChatMessage("tool", "x", tool_call_id=5)),
    ("name", ChatMessage("user", "x", name="\0")),
    ("metadata", ChatMessage("user", "x", {"when": datetime(2026, 1, 1, tzinfo=UTC)})),
    ("metadata", ChatMessage("user", "x", {"x": "\ud800"})),
    ("metadata", ChatMessage("user", "x", {"x": float("-inf")})),
    ("metadata", ChatMessage("user", "x", {"x": (1, 2)})),
    ("metadata", ChatMessage("user", "x", {None: 1})),
    ("metadata", ChatMessage("user", "x", ["not", "an", "object"])),
    ("metadata", ChatMessage("user", "x", {"x": nested(101)})),
    ("metadata", ChatMessage("user", "x", {"x": "y" * 1024 * 1024})),
    ("id", ChatMessage("user", "x", id="")),
    ("id", ChatMessage("user", "x", id=7)),
    ("id", ChatMessage("user", "x", id="x" * 201)),
    ("id", ChatMessage("user", "x", id="\ud800")),
    ("created_at", ChatMessage("user", "x", created_at="2026-01-01")),
    ("created_at", ChatMessage("user", "x", created_at=1_700_000_000)),
    ("created_at", ChatMessage("user", "x", created_at=datetime.min.replace(tzinfo=timezone(timedelta(hours=14))))),
    ("created_at", ChatMessage("user", "x", created_at=datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))))),
]


def test_a_bad_message_is_refused_by_field_and_nothing_is_stored(manager: SessionManager) -> None:
    before = make_session(manager, 2)
    for field, bad in BAD:
        with pytest.raises(InvalidMessage) as error:
            manager.add_message(before.id, bad)
        assert field == error.value.field, bad
        assert field in str(error.value)
        assert len(str(error.value)) < 300
        assert isinstance(error.value, ValueError)
    assert manager.get_session(before.id) == before


def test_a_bad_message_anywhere_in_a_batch_stores_none_of_it(manager: SessionManager) -> None:
    before = make_session(manager, 2)
    for field, bad in BAD[::5]:
        for batch in ([*texts(3), bad], [bad, *texts(3)], [*texts(2), bad, *texts(2)]):
            with pytest.raises(InvalidMessage, match=field):
                manager.add_messages(before.id, batch)
            with pytest.raises(InvalidMessage, match=field):
                manager.replace_messages(before.id, batch)
    assert manager.get_session(before.id) == before


def test_what_a_providers_client_gave_is_told_how_to_be_given(manager: SessionManager) -> None:
    call = ChatCompletionMessageFunctionToolCall(
        id="c", type="function", function=Function(name="look", arguments="{}")
    )
    session = make_session(manager)
    for message in (ChatMessage("assistant", [call]), ChatMessage("assistant", tool_calls=[call])):
        with pytest.raises(
            InvalidMessage, match=r"not a ChatCompletionMessageFunctionToolCall, whose model_dump\(\) is"
        ):
            manager.add_message(session.id, message)
    stored = manager.add_message(session.id, ChatMessage("assistant", tool_calls=[call.model_dump()]))
    assert stored.tool_calls == [call.model_dump()]


def test_what_is_not_a_message_is_refused(manager: SessionManager) -> None:
    before = make_session(manager, 1)
    for things in (None, "text", b"", {"role": "user"}, ["text"], [None], ChatMessage("user"), 5, [*texts(1), {}]):
        for call in (manager.add_messages, manager.replace_messages):
            with pytest.raises(InvalidMessage, match=r"^messages? must be a .*ChatMessage, not "):
                call(before.id, things)
    for thing in ("text", None, {"role": "user", "content": "x"}):
        with pytest.raises(InvalidMessage) as error:
            manager.add_message(before.id, thing)
        assert (error.value.field, error.value.allowed) == ("message", "a ChatMessage")
    assert manager.get_session(before.id) == before


def test_the_same_message_again_is_a_safe_retry(manager: SessionManager, other: SessionManager) -> None:
    id = make_session(manager).id
    message = ChatMessage("user", [{"type": "text", "n": 1}], {"a": 1.0}, name="t", id="m-1")
    first = manager.add_message(id, message)
    before = manager.get_session(id)
    assert [manager.add_message(id, message), other.add_message(id, message)] == [first, first]
    assert manager.add_messages(id, [message], expected_revision=before.revision - 1) == [first]
    assert manager.get_session(id) == before


def test_a_retried_batch_stores_what_is_missing(manager: SessionManager) -> None:
    id = make_session(manager).id
    batch = [ChatMessage("user", str(n), id=f"m-{n}") for n in range(4)]
    one, three = manager.add_messages(id, [batch[1], batch[3]])
    stored = manager.add_messages(id, batch)
    assert [one, three] == [stored[1], stored[3]]
    assert numbers(stored) == [3, 1, 4, 2]
    assert history(manager, id) == ["1", "3", "0", "2"]
    assert manager.add_messages(id, batch) == stored


CONFLICTING: list[ChatMessage] = [
    ChatMessage("user", "other text", {"a": 1}, id="m-1"),
    ChatMessage("assistant", "text", {"a": 1}, id="m-1"),
    ChatMessage("user", "text", {"a": 1.0}, id="m-1"),
    ChatMessage("user", "text", {"a": True}, id="m-1"),
    ChatMessage("user", "text", id="m-1"),
    ChatMessage("user", ["text"], {"a": 1}, id="m-1"),
    ChatMessage("user", None, {"a": 1}, id="m-1"),
    ChatMessage("user", "text", {"a": 1}, id="m-1", name="x"),
    ChatMessage("user", "text", {"a": 1}, id="m-1", tool_calls=[]),
    ChatMessage("user", "text", {"a": 1}, id="m-1", tool_call_id="x"),
]


def test_the_same_id_with_another_content_is_a_conflict(manager: SessionManager) -> None:
    before = make_session(manager, [ChatMessage("user", "text", {"a": 1}, id="m-1")])
    for other in CONFLICTING:
        for batch in ([other], [*texts(2), other], [other, *texts(2)]):
            with pytest.raises(MessageConflict) as error:
                manager.add_messages(before.id, batch)
            assert (error.value.session_id, error.value.message_id) == (before.id, "m-1")
    assert manager.get_session(before.id) == before


@pytest.mark.parametrize("count", [2, 15, 16, 17, 100])
def test_a_batch_of_any_size_is_stored_in_its_order(manager: SessionManager, count: int) -> None:
    id = manager.create_session("s").id
    batch = [ChatMessage("user", f"message {n}", {"n": n} if n % 3 else None, name=f"n-{n}") for n in range(count)]
    stored = manager.add_messages(id, batch)
    assert [(m.seq, m.content, m.metadata, m.name) for m in stored] == [
        (n + 1, given.content, given.metadata, given.name) for n, given in enumerate(batch)
    ]
    assert manager.get_session(id).history == stored


def test_an_id_twice_in_a_batch_is_refused(manager: SessionManager) -> None:
    id = make_session(manager).id
    twice = [ChatMessage("user", "x", id="m-1"), ChatMessage("user", "x", id="m-1")]
    for call in (manager.add_messages, manager.replace_messages):
        with pytest.raises(InvalidMessage, match="id"):
            call(id, twice)
    assert history(manager, id) == []


def test_a_message_id_belongs_to_its_session(manager: SessionManager) -> None:
    ids = [make_session(manager, [ChatMessage("user", text, id="m-1")]).id for text in ("one", "two")]
    assert [manager.get_message(id, "m-1").content for id in ids] == ["one", "two"]
    manager.delete_messages(ids[0], ["m-1"])
    assert history(manager, ids[1]) == ["two"]


def test_pages_in_either_direction(manager: SessionManager) -> None:
    id = make_session(manager, 10).id
    manager.delete_messages(id, [manager.get_session(id).history[n].id for n in (3, 4)])
    asked: list[tuple[dict[str, int], list[int]]] = [
        ({"limit": 3}, [8, 9, 10]),
        ({"before": 8, "limit": 3}, [3, 6, 7]),
        ({"before": 3, "limit": 3}, [1, 2]),
        ({"before": 1}, []),
        ({"before": 0}, []),
        ({"after": 0, "limit": 3}, [1, 2, 3]),
        ({"after": 3, "limit": 3}, [6, 7, 8]),
        ({"after": 10}, []),
        ({"after": 2, "before": 8, "limit": 3}, [3, 6, 7]),
        ({"after": 2, "before": 8}, [3, 6, 7]),
        ({"after": 8, "before": 2}, []),
        ({"before": 100, "limit": 1}, [10]),
        ({}, [1, 2, 3, 6, 7, 8, 9, 10]),
    ]
    for bounds, expected in asked:
        assert expected == numbers(manager.get_messages(id, **bounds)), bounds


def test_bad_pages_are_refused_by_name(manager: SessionManager) -> None:
    id = make_session(manager, 1).id
    for field, value in (("before", -1), ("after", "1"), ("after", True), ("limit", 0), ("limit", 1_001)):
        with pytest.raises(InvalidArgument) as error:
            manager.get_messages(id, **{field: value})
        assert field == error.value.field
    with pytest.raises(InvalidArgument, match="after"):
        list(manager.iter_messages(id, after=-1))


def test_iterating_meets_every_message_even_those_that_are_added_meanwhile(
    manager: SessionManager, other: SessionManager
) -> None:
    id = make_session(manager, 1_203).id
    met = []
    for message in manager.iter_messages(id):
        met.append(message.seq)
        if message.seq == 900:
            other.add_messages(id, texts(3))
    assert met == list(range(1, 1_207))
    assert numbers(list(manager.iter_messages(id, after=1_200))) == list(range(1_201, 1_207))
    assert list(manager.iter_messages(id, after=9_999)) == []


def test_iterating_can_be_left_early(manager: SessionManager) -> None:
    id = make_session(manager, 3).id
    messages = manager.iter_messages(id)
    assert next(messages).seq == 1
    messages.close()


def test_reading_messages_of_a_missing_session_or_a_missing_message(manager: SessionManager) -> None:
    id = make_session(manager, 1).id
    reads: list[Callable[[], object]] = [
        lambda: manager.get_messages("nope"),
        lambda: manager.get_messages("nope", before=1),
        lambda: list(manager.iter_messages("nope")),
        lambda: manager.get_message("nope", "m-1"),
    ]
    for read in reads:
        with pytest.raises(SessionNotFound):
            read()
    for missing in ("m-1", "", "\ud800", "x" * 500, "\0"):
        with pytest.raises(MessageNotFound) as error:
            manager.get_message(id, missing)
        assert (error.value.session_id, error.value.message_id) == (id, missing)


def test_an_edit_changes_what_is_said_and_nothing_else(timed: SessionManager, clock: FakeClock) -> None:
    before = make_session(timed, [*texts(2), ChatMessage("user", "old", {"a": 1}, name="n"), *texts(2)])
    target = before.history[2]
    now = clock.move(minutes=1)
    edited = timed.edit_message(before.id, target.id, "new\0")
    assert edited == timed.get_message(before.id, target.id)
    kept = ("id", "seq", "role", "metadata", "name", "created_at")
    assert [getattr(target, f) for f in kept] == [getattr(edited, f) for f in kept]
    assert (edited.content, edited.edited_at) == ("new\0", now)
    after = timed.get_session(before.id)
    assert (after.message_count, after.last_message_at, after.updated_at) == (5, before.last_message_at, now)
    assert numbers(after.history) == numbers(before.history)


def test_each_part_of_a_message_can_be_edited(manager: SessionManager) -> None:
    id = make_session(manager, [ChatMessage("assistant", "x", {"a": 1}, tool_calls=[{"id": "c"}], id="m-1")]).id
    states = [
        (manager.edit_message(id, "m-1", metadata={"b": 2}), ("x", [{"id": "c"}], {"b": 2})),
        (manager.edit_message(id, "m-1", ["blocks"]), (["blocks"], [{"id": "c"}], {"b": 2})),
        (manager.edit_message(id, "m-1", None), (None, [{"id": "c"}], {"b": 2})),
        (manager.edit_message(id, "m-1", "y", tool_calls=[{"id": "d"}]), ("y", [{"id": "d"}], {"b": 2})),
        (manager.edit_message(id, "m-1", "", tool_calls=None, metadata={}), ("", None, {})),
    ]
    for message, expected in states:
        assert expected == (message.content, message.tool_calls, message.metadata)


def test_an_edit_counts_tokens_as_adding_does(manager: SessionManager) -> None:
    calls = [{"id": "call-1", "function": {"name": "row"}}]
    id = make_session(manager, [ChatMessage("assistant", "short", tool_calls=calls, id="m-1")]).id
    fresh = manager.add_message(id, ChatMessage("assistant", "rather longer than it was", tool_calls=calls))
    assert manager.edit_message(id, "m-1", "rather longer than it was").tokens == fresh.tokens


def test_a_bad_edit_changes_nothing(manager: SessionManager) -> None:
    before = make_session(manager, [ChatMessage("user", "x", id="m-1")])
    for field, change in (
        ("content", {"content": "\ud800"}),
        ("content", {"content": 5}),
        ("content", {}),
        ("metadata", {"content": "fine", "metadata": {"x": float("nan")}}),
        ("tool_calls", {"content": "fine", "tool_calls": "x"}),
    ):
        with pytest.raises(InvalidInput) as error:
            manager.edit_message(before.id, "m-1", **change)
        assert field == error.value.field
    with pytest.raises(MessageNotFound):
        manager.edit_message(before.id, "nope", "x")
    with pytest.raises(SessionNotFound):
        manager.edit_message("nope", "m-1", "x")
    assert manager.get_session(before.id) == before


def test_deleting_messages_counts_those_that_were_there(manager: SessionManager) -> None:
    before = make_session(manager, 5)
    ids = [message.id for message in before.history]
    removed = manager.delete_messages(before.id, [ids[1], ids[3], ids[1], "nope"])
    assert (removed.messages, removed.sessions) == (2, 0)
    session = manager.get_session(before.id)
    assert (said(session.history), session.message_count) == (["1", "3", "5"], 3)
    assert session.revision == before.revision + 1
    again = manager.delete_messages(before.id, [ids[1]])
    assert (again.messages, again.trash_id) == (0, None)
    assert manager.get_session(before.id) == session
    with pytest.raises(SessionNotFound):
        manager.delete_messages("nope", ids)


def test_a_number_is_never_used_twice(manager: SessionManager) -> None:
    session = make_session(manager, 3)
    manager.delete_messages(session.id, [session.history[-1].id])
    assert manager.add_message(session.id, ChatMessage("user", "x")).seq == 4
    manager.truncate_messages(session.id, 0)
    assert manager.add_message(session.id, ChatMessage("user", "x")).seq == 5
    assert numbers(manager.replace_messages(session.id, texts(2))) == [6, 7]


def test_truncating_keeps_the_first(manager: SessionManager) -> None:
    for count, keep in ((5, 3), (5, 0), (5, 4), (5, 1), (5, 5), (5, 99), (0, 0), (0, 3), (1, 0)):
        before = make_session(manager, count)
        removed = manager.truncate_messages(before.id, keep)
        after = manager.get_session(before.id)
        assert before.history[:keep] == after.history
        assert (max(0, count - keep), min(count, keep)) == (removed.messages, after.message_count)
        assert before.revision + (keep < count) == after.revision
        assert after.last_message_at == before.last_message_at


def test_truncating_counts_messages_not_numbers(manager: SessionManager) -> None:
    before = make_session(manager, 6)
    manager.delete_messages(before.id, [before.history[n].id for n in (0, 2)])
    manager.truncate_messages(before.id, 3)
    assert history(manager, before.id) == ["2", "4", "5"]


def test_a_negative_truncation_changes_nothing(manager: SessionManager) -> None:
    before = make_session(manager, 3)
    for keep in (-1, True, "1", 1.5, None):
        with pytest.raises(ValueError, match="keep_count"):
            manager.truncate_messages(before.id, keep)
    with pytest.raises(SessionNotFound):
        manager.truncate_messages("nope", 1)
    assert manager.get_session(before.id) == before


def replaced(manager: SessionManager, change: Callable[[list[ChatMessage]], Iterable[ChatMessage]]) -> list[Any]:
    """Number, text and whether the id is an old one, of each message after replacing a history of five."""
    before = make_session(manager, 5)
    new = manager.replace_messages(before.id, change(before.history))
    after = manager.get_session(before.id)
    assert (after.history, after.message_count) == (new, len(new))
    old = {message.id: message for message in before.history}
    assert [old[m.id].created_at for m in new if m.id in old] == [m.created_at for m in new if m.id in old]
    return [(message.seq, message.content, message.id in old) for message in new]


def test_replacing_keeps_ids_and_times_and_as_far_as_it_begins_alike_numbers(manager: SessionManager) -> None:
    summary = ChatMessage("system", "summary")
    cases: dict[str, tuple[Callable[[list[ChatMessage]], Iterable[ChatMessage]], list[Any]]] = {
        "the same": (lambda old: old, [(n, str(n), True) for n in range(1, 6)]),
        "compacted": (lambda old: [summary, *old[3:]], [(6, "summary", False), (7, "4", True), (8, "5", True)]),
        "the end off": (lambda old: old[:2], [(1, "1", True), (2, "2", True)]),
        "one more": (
            lambda old: [*old, summary],
            [*((n, str(n), True) for n in range(1, 6)), (6, "summary", False)],
        ),
        "edited": (
            lambda old: [old[0], old[1].replace(content="two"), *old[2:]],
            [(1, "1", True), (6, "two", True), (7, "3", True), (8, "4", True), (9, "5", True)],
        ),
        "reversed": (
            lambda old: old[::-1],
            [(6, "5", True), (7, "4", True), (8, "3", True), (9, "2", True), (10, "1", True)],
        ),
        "new": (lambda _: texts(2), [(6, "1", False), (7, "2", False)]),
        "a generator": (lambda _: (m for m in texts(1)), [(6, "1", False)]),
        "nothing": (lambda _: [], []),
    }
    for name, (change, expected) in cases.items():
        assert expected == replaced(manager, change), name


def test_replacing_with_the_same_is_no_change(manager: SessionManager) -> None:
    before = make_session(manager, 3)
    manager.replace_messages(before.id, before.history)
    assert manager.get_session(before.id) == before
    with pytest.raises(SessionNotFound):
        manager.replace_messages("nope", [])


def test_replacing_keeps_the_time_of_the_last_message_unless_one_is_new(
    timed: SessionManager, clock: FakeClock
) -> None:
    before = make_session(timed, 3)
    clock.move(minutes=1)
    timed.replace_messages(before.id, before.history[1:])
    assert timed.get_session(before.id).last_message_at == before.last_message_at
    timed.replace_messages(before.id, [*before.history[1:], ChatMessage("user", "new")])
    assert timed.get_session(before.id).last_message_at == clock.time


def test_the_time_of_the_last_message_never_goes_back(timed: SessionManager, clock: FakeClock) -> None:
    id = make_session(timed, 1).id
    newest = clock.time
    clock.move(days=-3)
    timed.add_message(id, ChatMessage("user", "the clock went back"))
    timed.replace_messages(id, [ChatMessage("user", "all new")])
    timed.add_messages(id, [ChatMessage("user", "x", created_at=newest + timedelta(1)), ChatMessage("user", "y")])
    assert timed.get_session(id).last_message_at == newest + timedelta(1)


# Large ones, once a database.


@pytest.fixture
def sync_manager(database_url: str, loop_thread: LoopThread) -> Iterable[SessionManager]:
    opener = Opener(database_url, "sync", loop_thread)
    yield opener()
    assert opener.verify() == []
    opener.close()


def test_a_message_of_10_megabytes(sync_manager: SessionManager) -> None:
    text = "Ἰθάκη\0\ufdd0" * (10 * 1024 * 1024 // 14)
    blocks = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoA" + "A" * 10 * 1024 * 1024}}
    ]
    id = make_session(sync_manager, [ChatMessage("user", text), ChatMessage("user", blocks)]).id
    one, two = sync_manager.get_session(id).history
    assert (one.content == text, two.content == blocks) == (True, True)


def test_100_000_messages(sync_manager: SessionManager) -> None:
    stored = make_session(sync_manager, 100_000)
    assert numbers(stored.history) == list(range(1, 100_001))
    assert said(sync_manager.get_session(stored.id, last=2).history) == ["99999", "100000"]
    assert sync_manager.truncate_messages(stored.id, 50_000).messages == 50_000
    ids = [message.id for message in stored.history[:40_000]]
    assert sync_manager.delete_messages(stored.id, ids).messages == 40_000
    assert sync_manager.get_session(stored.id, last=0).message_count == 10_000
