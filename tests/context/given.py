"""Conversations that Hypothesis makes up: with few ids for calls, so that they meet, and whatever may go wrong."""

from typing import Any

from hypothesis import strategies as st

from ithaca import ChatMessage

ids = st.sampled_from(["c1", "c2", "c3", "odd.id:1", "a-very-long-id-" * 4])
texts = st.sampled_from(["hello", "", " \n", "the sea was calm ", "说吧，缪斯", "x" * 90])
metadata = st.sampled_from([{}, {}, {}, {}, {"hidden": True}, {"source": "slash"}, {"hidden": False, "source": "web"}])

calls: st.SearchStrategy[Any] = st.one_of(
    st.builds(
        lambda id, name, arguments: {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}},
        ids,
        st.sampled_from(["look", "functions.look at", "λ"]),
        st.sampled_from(["{}", '{"at": "sea"}', "", "[1]", "{broken", '"text"']),
    ),
    st.builds(lambda id: {"id": id, "function": {"name": "look", "arguments": {"at": "sea"}}}, ids),
    st.builds(lambda id: {"id": id, "type": "custom", "custom": {"name": "sing", "input": "muse"}}, ids),
    st.sampled_from([{"function": {"name": "no_id"}}, {"id": "c1"}, "no call", {"id": "", "function": {"name": "f"}}]),
)
images = [
    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
    {"type": "image_url", "image_url": {"url": "https://example.org/sea.png"}},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
    {"type": "image", "source": {"type": "url", "url": "https://example.org/sea.png"}},
]
said: st.SearchStrategy[Any] = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, texts),
    texts,
    st.sampled_from(images),
    st.sampled_from(
        [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "sea"}},
            {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a log"}},
            {"type": "input_text", "text": "look"},
            {"type": "output_text", "text": "seen", "annotations": []},
            {"type": "summary_text", "text": " "},
            {"type": "input_image", "image_url": "https://example.org/sea.png", "detail": "auto"},
            {"type": "input_image", "image_url": None, "file_id": "file-1"},
            {"type": "computer_screenshot", "file_id": "file-1"},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
            {"type": "input_file", "file_url": "https://example.org/a.pdf"},
            {"type": "input_file", "file_id": "file-1"},
            {"type": "refusal", "refusal": "no"},
            {"type": "text"},
            {"no": "type"},
            {},
            None,
            7,
        ]
    ),
)
used = st.builds(lambda id: {"type": "tool_use", "id": id, "name": "look", "input": {"at": "sea"}}, ids)
results = st.builds(
    lambda id, content: {"type": "tool_result", "tool_use_id": id, **content},
    ids,
    st.one_of(
        st.just({}),
        st.builds(lambda text: {"content": text}, texts),
        st.builds(lambda blocks: {"content": blocks}, st.lists(st.one_of(said), max_size=2)),
    ),
)
blocks = st.lists(st.one_of(said, used, results), max_size=4)

messages = st.one_of(
    st.builds(ChatMessage, st.just("user"), texts, metadata, name=st.sampled_from([None, "Ann B.", "λ"])),
    st.builds(ChatMessage, st.just("assistant"), st.one_of(st.none(), texts), metadata),
    st.builds(
        ChatMessage,
        st.just("assistant"),
        st.one_of(st.none(), texts, blocks),
        metadata,
        tool_calls=st.lists(calls, max_size=3),
    ),
    st.builds(ChatMessage, st.just("tool"), st.one_of(st.none(), texts, blocks), metadata, tool_call_id=ids),
    st.builds(ChatMessage, st.just("tool"), texts, metadata, tool_call_id=ids),
    st.builds(ChatMessage, st.just("user"), blocks, metadata),
    st.builds(
        ChatMessage,
        st.sampled_from(["system", "developer", "tool", "function", "whoever"]),
        st.one_of(st.none(), texts, blocks),
        metadata,
    ),
)


@st.composite
def exchanges(draw: st.DrawFn) -> list[ChatMessage]:
    """A call and its results as they should be, in either shape; sometimes with something in between."""
    asked = draw(st.lists(ids, min_size=1, max_size=3, unique=True))
    between = draw(st.lists(messages, max_size=1))
    if draw(st.booleans()):
        made = [{"id": id, "type": "function", "function": {"name": "look", "arguments": "{}"}} for id in asked]
        answers = [ChatMessage("tool", draw(texts), tool_call_id=id) for id in asked]
        return [ChatMessage("assistant", draw(texts), tool_calls=made), *between, *answers]
    blocks = [{"type": "tool_use", "id": id, "name": "look", "input": {}} for id in asked]
    answered: list[Any] = [{"type": "tool_result", "tool_use_id": id, "content": draw(texts)} for id in asked]
    return [
        ChatMessage("assistant", [{"type": "text", "text": draw(texts)}, *blocks]),
        *between,
        ChatMessage("user", answered + draw(st.lists(said, max_size=1))),
    ]


conversations = st.lists(st.one_of(messages.map(lambda message: [message]), exchanges()), max_size=12).map(
    lambda turns: [message for turn in turns for message in turn]
)
