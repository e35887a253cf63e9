"""What Hypothesis makes up calls from: few names, so that they meet again and again, and awkward values."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from ithaca import ChatMessage, Conversation, LibraryDocument, LibraryVersion
from tests.stateful.keep import At
from tests.support.files import data_url, made

OWNERS = ["", "ann", "bob"]
#: So that calls mostly find something, though any id may come to belong to anybody.
USUAL_OWNERS = {"s1": "ann", "s2": "", "s3": "bob"}
USUAL_SECRETS = {"h1": "ann", "h2": ""}
USUAL_OWNERS_OF_DOCUMENTS = {"d1": "ann", "d2": ""}
ONCE = datetime(2026, 2, 1, tzinfo=UTC)

_numbers = st.sampled_from([0, 1])
_scopes = st.sampled_from([None, *OWNERS])


def _about(usual: dict[str, str]) -> st.SearchStrategy[At]:
    """Mostly as the owner or as trusted code; else as somebody."""
    aimed = [(scope, id) for id, owner in usual.items() for scope in (None, owner, owner)]
    likely = st.builds(lambda number, place: At(number, *place), _numbers, st.sampled_from(aimed))
    return st.one_of(likely, likely, likely, st.builds(At, _numbers, _scopes, st.sampled_from(list(usual))))


managers = st.builds(At, _numbers, _scopes)
sessions = _about(USUAL_OWNERS)
documents = _about(USUAL_OWNERS_OF_DOCUMENTS)
secrets = _about(USUAL_SECRETS)
owners = st.sampled_from([None, *OWNERS])
session_ids = st.sampled_from(list(USUAL_OWNERS))
document_ids = st.sampled_from(list(USUAL_OWNERS_OF_DOCUMENTS))
owners_of_documents = st.sampled_from([None, None, *OWNERS])
message_ids = st.sampled_from([f"m{number}" for number in range(8)])
#: Which revision a caller expects: any, the one that is stored, or another.
expectations = st.sampled_from(["any", "any", "right", "wrong"])

texts = st.sampled_from(
    ["", "hello", "Ægir's Ωmega", "a\0b\ufdd00", '[{"type": "text", "text": "no block"}]', "null", "e\u0301", "🙂🙂"]
)
names = st.sampled_from(["", "Trip to Pylos", "trip to PYLOS", "Éowyn", "eowyn 100%", "a_b", "a!b", "Ω", "zz"])
some_names = st.sampled_from([None, "", "trip", "PYLOS", "eo", "%", "_", "!", "ω"])
labels = st.sampled_from([None, "", "one", "two"])
words = st.sampled_from([None, "one", "two"])
models = st.sampled_from(["", "qwen3", "gpt-oss"])
endpoints = st.sampled_from(["", "http://one/v1", "http://two/v1"])
headers = st.sampled_from([{}, {"Authorization": "Bearer one"}, {"x-key": "ключ", "x-other": ""}])
objects: st.SearchStrategy[Any] = st.sampled_from(
    [{}, {"a": 1, "b": [True, None]}, {"b": [True, None], "a": 1}, {"a": 1.0, "b": [1, None]}, {"source": "slash"}]
)
contents: st.SearchStrategy[Any] = st.one_of(
    texts,
    st.sampled_from([None, [], ["plain", {"type": "unheard of", "deep": [[{}]]}], [{"type": "text", "text": "a\0"}]]),
    st.sampled_from(
        [
            [
                {"type": "text", "text": "hello"},
                {"type": "image_url", "image_url": {"url": data_url(made(size=6_000))}},
            ],
            [{"type": "image", "media_type": "image/png", "data": made(size=6_000)}],
            [b"", {"deep": [b"a few bytes"]}],
        ]
    ),
)
calls: st.SearchStrategy[Any] = st.sampled_from(
    [None, [], [{"id": "c1", "function": {"name": "f", "arguments": "{}"}}]]
)
few = st.integers(0, 6)
places = st.integers(0, 12)

messages = st.builds(
    ChatMessage,
    role=st.sampled_from(["user", "assistant", "tool", "whoever"]),
    content=contents,
    metadata=objects,
    tool_calls=calls,
    tool_call_id=st.sampled_from([None, "c1"]),
    name=st.sampled_from([None, "Mentor"]),
    id=st.one_of(st.none(), message_ids),
    created_at=st.sampled_from([None, None, None, ONCE]),
)
named_messages = st.builds(
    ChatMessage, role=st.just("user"), content=texts, id=message_ids, created_at=st.sampled_from([None, ONCE])
)

#: Some under ids that are in use, or come to be.
versions = st.builds(
    ChatMessage,
    role=st.just("assistant"),
    content=contents,
    id=st.sampled_from([*(f"v{number}" for number in range(12)), "m0", "m3"]),
    created_at=st.sampled_from([None, None, ONCE]),
)

FIRST_WORDS = [
    ChatMessage("user", "hello", {"a": 1, "b": [True, None]}, id="m0"),
    ChatMessage("assistant", ["Hello!"], id="m1"),
]
retry_changes = st.one_of(st.just({}), st.just({}), st.fixed_dictionaries({"metadata": objects}))
message_changes = st.one_of(
    st.fixed_dictionaries({"content": contents}, optional={"tool_calls": calls, "metadata": objects}),
    st.fixed_dictionaries({}, optional={"tool_calls": calls, "metadata": objects}),
)

#: How far the clock moves; it may be set back, and stay behind.
leaps = st.sampled_from(
    [
        timedelta(),
        timedelta(microseconds=1),
        timedelta(minutes=20),
        timedelta(hours=1),
        timedelta(days=40),
        -timedelta(minutes=5),
    ]
)

session_changes = st.fixed_dictionaries(
    {},
    optional={
        "name": names, "endpoint_url": endpoints, "model": models, "headers": headers, "folder": words,
        "mode": words, "rag": st.booleans(), "archived": st.booleans(), "is_important": st.booleans(),
        "extra": st.one_of(st.none(), objects),
    },
)  # fmt: skip
_session_filters: dict[str, st.SearchStrategy[Any]] = {
    "owner": owners, "archived": st.booleans(), "important": st.booleans(), "folder": labels, "model": models,
    "mode": st.sampled_from([None, "one"]), "name": some_names,
    "active_since": st.sampled_from([ONCE, ONCE + timedelta(days=40)]),
}  # fmt: skip
#: Mostly one or none: what passes all of many is nothing.
session_filters = st.one_of(
    st.just({}),
    *(st.fixed_dictionaries({field: values}) for field, values in _session_filters.items()),
    st.fixed_dictionaries({}, optional=_session_filters),
)
document_changes = st.fixed_dictionaries({}, optional={"content": texts, "title": names, "language": words})
document_filters = st.fixed_dictionaries(
    {},
    optional={"owner": owners, "archived": st.booleans(), "session_id": st.one_of(st.none(), st.just(""), session_ids)},
)

conversations = st.builds(
    Conversation,
    id=session_ids,
    name=names,
    messages=st.lists(named_messages, max_size=3, unique_by=lambda message: message.id),
    owner=owners,
    archived=st.booleans(),
    is_important=st.booleans(),
    headers=headers,
    extra=objects,
    created_at=st.sampled_from([None, ONCE]),
)
library_documents = st.builds(
    LibraryDocument,
    id=document_ids,
    title=names,
    versions=st.lists(st.builds(LibraryVersion, texts, summary=words), min_size=1, max_size=2),
    session_id=st.one_of(st.none(), session_ids),
    owner=owners,
    archived=st.booleans(),
)
