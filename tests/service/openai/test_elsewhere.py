"""What is made here reads naturally everywhere else, and what is made elsewhere can be read here."""

from typing import Any

import httpx
import openai
import pytest

from ithaca import ChatMessage, SessionManager
from ithaca.service.openai.ordinary import items_of
from tests.service.openai.given import ITEMS
from tests.support.providers import refused_by_anthropic, refused_by_openai

TALK: list[Any] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "When does the ferry leave?"},
    ITEMS["reasoning"],
    {"type": "function_call", "id": "fc_a", "call_id": "call_a", "name": "look", "arguments": '{"day": 1}'},
    {"type": "function_call", "id": "fc_b", "call_id": "call_b", "name": "look", "arguments": '{"day": 2}'},
    {"type": "function_call_output", "call_id": "call_a", "output": "07:00"},
    {"type": "function_call_output", "call_id": "call_b", "output": [{"type": "input_text", "text": "08:00"}]},
    ITEMS["web_search_call"],
    {"role": "assistant", "content": [{"type": "output_text", "text": "At seven.", "annotations": [], "logprobs": []}]},
    ITEMS["message with an image"],
    {"type": "custom_tool_call", "call_id": "call_c", "name": "sing", "input": "of the man"},
    {"type": "custom_tool_call_output", "call_id": "call_c", "output": "done"},
]


def test_items_read_naturally_as_messages(client: openai.OpenAI, stored: SessionManager) -> None:
    id = client.conversations.create(items=TALK).id
    said = stored.get_session(id).history
    assert [message.role for message in said] == [
        "system", "user", "assistant", "assistant", "assistant", "tool", "tool", "assistant", "assistant", "user",
        "assistant", "tool",
    ]  # fmt: skip
    assert (said[1].content, said[8].content, said[5].content) == ("When does the ferry leave?", "At seven.", "07:00")
    assert (said[1].metadata, said[8].metadata) == ({}, {})
    assert said[3].tool_calls == [
        {"id": "call_a", "type": "function", "function": {"name": "look", "arguments": '{"day": 1}'}}
    ]
    assert (said[3].content, said[5].tool_call_id, said[6].tool_call_id) == (None, "call_a", "call_b")
    assert said[10].tool_calls == [
        {"id": "call_c", "type": "custom", "custom": {"name": "sing", "input": "of the man"}}
    ]
    assert said[2].metadata == {"hidden": True, "openai_item": {"type": "reasoning"}}
    hits = stored.search("ferry")
    assert [hit.message.id for hit in hits] == [said[1].id]
    assert stored.list_sessions().items[0].message_count == len(TALK)


def test_a_context_is_valid_for_both_providers(client: openai.OpenAI, stored: SessionManager) -> None:
    every: list[Any] = [{name: value for name, value in item.items() if name != "id"} for item in ITEMS.values()]
    id = client.conversations.create(items=TALK).id
    for start in range(0, len(every), 20):
        client.conversations.items.create(id, items=every[start : start + 20])
    context = stored.context(id, max_tokens=100_000)
    sent = context.to_openai()
    assert refused_by_openai(sent) == []
    assert [message["tool_call_id"] for message in sent[:8] if message["role"] == "tool"] == ["call_a", "call_b"]
    assert refused_by_anthropic(*stored.context(id, max_tokens=100_000, provider="anthropic").to_anthropic()) == []
    assert context.left_out["hidden"] > 10


def test_an_edit_made_elsewhere_shows(client: openai.OpenAI, stored: SessionManager) -> None:
    items: list[Any] = [{"role": "user", "content": "one"}, ITEMS["message of an assistant"], ITEMS["function_call"]]
    id = client.conversations.create(items=items).id
    user, assistant, call = stored.get_session(id).history
    stored.edit_message(id, str(user.id), "two")
    stored.edit_message(id, str(assistant.id), "three")
    stored.edit_message(id, str(call.id), "no call", tool_calls=None)
    shown: Any = client.conversations.items.list(id, order="asc").data
    assert [item.content[0].text for item in shown] == ["two", "three", "no call"]
    assert (shown[1].phase, shown[1].status) == ("commentary", "incomplete")
    assert [item.type for item in shown] == ["message"] * 3


def ordinary() -> list[ChatMessage]:
    call = {"id": "call_a", "type": "function", "function": {"name": "look", "arguments": '{"day": 1}'}}
    custom = {"id": "call_b", "type": "custom", "custom": {"name": "sing", "input": "muse"}}
    return [
        ChatMessage("system", "Be brief.", id="m1"),
        ChatMessage(
            "user",
            [{"type": "text", "text": "See."}, {"type": "image_url", "image_url": {"url": "https://a/b"}}],
            id="m2",
        ),
        ChatMessage("assistant", "I look.", id="m3", tool_calls=[call, custom]),
        ChatMessage("tool", "calm", id="m4", tool_call_id="call_a"),
        ChatMessage("tool", None, id="m5", tool_call_id="call_b"),
        ChatMessage("assistant", None, id="m6", tool_calls=[{**call, "id": "call_c"}]),
        ChatMessage("tool", [{"type": "text", "text": "seen"}], id="m7", tool_call_id="call_c"),
        ChatMessage(
            "assistant",
            [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "text", "text": "Once more."},
                {"type": "tool_use", "id": "toolu~1", "name": "look", "input": {"day": 3}},
            ],
            id="m8",
        ),
        ChatMessage(
            "user",
            [
                {"type": "tool_result", "tool_use_id": "toolu~1", "content": [{"type": "text", "text": "waves"}]},
                {"type": "text", "text": "And?"},
                {"type": "dream", "of": "sheep"},
                "plain",
            ],
            id="m9",
        ),
        ChatMessage("narrator", "", id="odd/id ~1"),
        ChatMessage("assistant", None, id="m11"),
    ]


def text(kind: str, text: str) -> dict[str, Any]:
    more = {"annotations": [], "logprobs": []} if kind == "output_text" else {}
    return {"type": kind, "text": text, **more}


def said(id: str, role: str, *content: dict[str, Any]) -> dict[str, Any]:
    return {"id": id, "type": "message", "role": role, "status": "completed", "content": list(content)}


def call(id: str, call_id: str, day: int) -> dict[str, Any]:
    called = {"name": "look", "arguments": f'{{"day": {day}}}' if day == 1 else f'{{"day":{day}}}'}
    return {"id": id, "type": "function_call", "call_id": call_id, "status": "completed", **called}


def output(id: str, call_id: str, output: Any) -> dict[str, Any]:
    return {"id": id, "type": "function_call_output", "call_id": call_id, "status": "completed", "output": output}


IMAGE = {"type": "input_image", "image_url": "https://a/b", "detail": "auto"}

SHOWN: list[dict[str, Any]] = [
    said("m1", "system", text("input_text", "Be brief.")),
    said("m2", "user", text("input_text", "See."), IMAGE),
    said("m3", "assistant", text("output_text", "I look.")),
    call("m3~call_a", "call_a", 1),
    {"id": "m3~call_b", "type": "custom_tool_call", "call_id": "call_b", "name": "sing", "input": "muse"},
    output("m4", "call_a", "calm"),
    output("m5", "call_b", ""),
    call("m6~call_c", "call_c", 1),
    output("m7", "call_c", [text("input_text", "seen")]),
    {
        "id": "m8~thoughts", "type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}],
        "encrypted_content": "s",
    },
    said("m8", "assistant", text("output_text", "Once more.")),
    call("m8~toolu%7E1", "toolu~1", 3),
    output("m9~toolu%7E1", "toolu~1", [text("input_text", "waves")]),
    said("m9", "user", text("input_text", "And?"), {"type": "dream", "of": "sheep"}, text("input_text", "plain")),
    said("odd/id ~1", "narrator"),
    said("m11", "assistant"),
]  # fmt: skip


@pytest.fixture
def session(stored: SessionManager) -> str:
    """A session that was made elsewhere."""
    id = stored.create_session("a trip/to Pylos").id
    stored.add_messages(id, ordinary())
    return id


def test_an_ordinary_session_as_items(client: openai.OpenAI, session: str) -> None:
    assert client.conversations.retrieve(session).id == session
    shown = client.conversations.items.list(session, order="asc", limit=100)
    assert [item.to_dict(warnings=False) for item in shown.data] == SHOWN
    for limit in (1, 2, 3, 5):
        for order, expected in (("asc", SHOWN), ("desc", SHOWN[::-1])):
            pages: Any = client.conversations.items.list(session, order=order, limit=limit)  # type: ignore[arg-type]
            assert [item.to_dict(warnings=False) for item in pages] == expected
    for item in SHOWN:
        assert client.conversations.items.retrieve(item["id"], conversation_id=session).to_dict(warnings=False) == item


@pytest.mark.parametrize("id", ["m3~", "m3~call_x", "~", "~m3", "m6", "m9~thoughts", "x~call_a", "m3~call_a~"])
def test_items_that_are_none(client: openai.OpenAI, session: str, id: str) -> None:
    with pytest.raises(openai.NotFoundError):
        client.conversations.items.retrieve(id, conversation_id=session)


def test_items_of_a_message_are_deleted_one_by_one(client: openai.OpenAI, stored: SessionManager, session: str) -> None:
    left = list(SHOWN)
    for item in (SHOWN[3], SHOWN[2], SHOWN[9], SHOWN[12], SHOWN[10], SHOWN[13], SHOWN[4], SHOWN[11], SHOWN[7]):
        client.conversations.items.delete(item["id"], conversation_id=session)
        left.remove(item)
        page = client.conversations.items.list(session, order="asc", limit=100)
        assert [item.to_dict(warnings=False) for item in page.data] == left
        with pytest.raises(openai.NotFoundError):
            client.conversations.items.delete(item["id"], conversation_id=session)
    assert {message.id for message in stored.get_session(session).history} == {
        "m1",
        "m2",
        "m4",
        "m5",
        "m7",
        "odd/id ~1",
        "m11",
    }
    assert len(stored.trash(session_id=session).items) == 9


def test_going_on_with_an_ordinary_session(client: openai.OpenAI, stored: SessionManager, session: str) -> None:
    shown = client.conversations.items.list(session, order="asc", limit=100).data
    copy = client.conversations.create()
    added = client.conversations.items.create(copy.id, items=[item.to_dict(warnings=False) for item in shown])  # type: ignore[misc]
    assert added.data == shown
    sent = stored.context(copy.id, max_tokens=10_000).to_openai()
    assert [message["tool_call_id"] for message in sent if message["role"] == "tool"] == [
        "call_a", "call_b", "call_c", "toolu~1",
    ]  # fmt: skip


def test_marks_that_fit_nothing_are_passed_over(client: openai.OpenAI, stored: SessionManager) -> None:
    id = stored.create_session().id
    marks: list[Any] = [
        7,
        None,
        [],
        {},
        {"type": 7},
        *({"type": kind} for kind in ("function_call", "dream", "message")),
    ]
    contents: list[Any] = ["text", None, [], ["plain"], [{"type": "function_call"}], [7]]
    for mark in marks:
        for content in contents:
            stored.add_message(
                id, ChatMessage("assistant", content, {"openai_item": mark}, tool_calls=["x", {"id": 7}])
            )
            stored.add_message(id, ChatMessage("tool", content, {"openai_item": mark}))
    items = client.get(f"/conversations/{id}/items?limit=100", cast_to=httpx.Response).json()["data"]
    assert len(items) == 100
    assert all(isinstance(item["id"], str) and isinstance(item["type"], str) for item in items)
    with pytest.raises(StopIteration):
        next(message for message in stored.get_session(id).history if not items_of(message))
