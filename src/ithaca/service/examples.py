"""Examples for the OpenAPI document: of every body, and of every answer that says something.

They tell of one person, Ann, and her trip to Pylos. Each stands under the name of its schema; pages and lists are made
of what is in them. A test holds each against its schema.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ithaca.service.answers import JSON, JSON_LINES, written
from ithaca.service.streams import EVENTS

_SESSION = "01957c0a-6b00-7c51-9f2e-3b1f0a6d2c41"
_ASKED = "01957c0a-71c4-7d0e-8a53-5f0c2b9e6a10"
_ANSWERED = "01957c0a-7f3e-7a92-b7d1-90ce41f6d2b8"
_PLAN = "01957c0b-0a5d-7e47-9c1a-6d2f8b3a4e90"
_ENTRY = "01957c0c-2f60-7b13-8e6c-1a9d5f7c3b22"
_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_MORNING, _LATER = "2026-03-01T05:00:00.000000Z", "2026-03-01T05:00:04.250000Z"
_ENDPOINT = "http://localhost:11434/v1"

_SAID: dict[str, Any] = {"role": "user", "content": "When does the ferry to Pylos leave?"}
_NOTHING_MORE: dict[str, Any] = {
    "tool_calls": None, "tool_call_id": None, "name": None, "edited_at": None, "version_group": None, "attachments": [],
}  # fmt: skip
_QUESTION: dict[str, Any] = {
    **_SAID, **_NOTHING_MORE, "seq": 1, "id": _ASKED, "metadata": {}, "tokens": 9, "created_at": _MORNING,
}  # fmt: skip
_ANSWER: dict[str, Any] = {
    **_NOTHING_MORE, "seq": 2, "id": _ANSWERED, "role": "assistant", "content": "At *noon*, from the old harbour.",
    "metadata": {"model": "qwen3"}, "tokens": 11, "created_at": _LATER,
}  # fmt: skip

_TRIP: dict[str, Any] = {
    "owner": "ann", "id": _SESSION, "name": "Trip to Pylos", "endpoint_url": _ENDPOINT, "model": "qwen3", "rag": False,
    "archived": False, "is_important": True, "folder": "Travel", "mode": "chat", "extra": {}, "message_count": 2,
    "total_input_tokens": 900, "total_output_tokens": 80, "revision": 7, "created_at": _MORNING, "updated_at": _LATER,
    "last_accessed": _LATER, "last_message_at": _LATER, "forked_from": None, "forked_at": None, "incognito": False,
}  # fmt: skip

_DOCUMENT: dict[str, Any] = {
    "owner": "ann", "id": _PLAN, "session_id": _SESSION, "title": "Packing list", "language": "markdown", "version": 2,
    "archived": False, "revision": 2, "created_at": _MORNING, "updated_at": _LATER, "size": 15,
    "content": "- socks\n- a hat",
}  # fmt: skip

_REPLY: dict[str, Any] = {
    "owner": "ann", "id": _ANSWERED, "session_id": _SESSION, "kind": "answer", "target_id": None, "state": "complete",
    "model": "qwen3", "endpoint": "ollama", "size": 32, "message_id": _ANSWERED, "finish_reason": "stop", "error": None,
    "input_tokens": 900, "output_tokens": 80, "created_at": _MORNING, "ended_at": _LATER,
}  # fmt: skip

_KEY: dict[str, Any] = {
    "owner": "ann", "id": "01957c0d-11aa-7f08-a3b4-c5d6e7f80912", "name": "backup", "hint": "ithaca_Jx7Q",
    "scopes": ["read"], "created_at": _MORNING, "expires_at": "2027-03-01T00:00:00.000000Z", "used_at": None,
}  # fmt: skip

_POLICY: dict[str, Any] = {
    "owner": "ann", "folder": "Travel", "keep_starred": True, "keep_newest": 10, "legal_hold": False,
    "updated_at": _MORNING, "archive_after": 90, "delete_after": None,
}  # fmt: skip
_APPLIED = {"archived": 3, "deleted": 0, "kept_starred": 1, "kept_newest": 10, "held": 0}

_USED: dict[str, Any] = {"model": "qwen3", "input_tokens": 900, "output_tokens": 80, "cost": "0.002"}
_FULLNESS = {"used": 20, "limit": 8192, "reserve": 1024, "percent": 0.28, "left_out": {"too old": 1}}

_ITEM: dict[str, Any] = {
    "id": "msg_1", "type": "message", "role": "user", "status": "completed",
    "content": [{"type": "input_text", "text": "When does the ferry to Pylos leave?"}],
}  # fmt: skip

#: By the names of schemas.
EXAMPLES: Mapping[str, Any] = {
    # Who asks
    "Me": {"owner": "ann", "rights": ["read", "write"], "by": "login", "name": "ann"},
    "Credentials": {"name": "ann", "password": "a long one"},
    "LogOut": {"everywhere": True},
    "PasswordChange": {"password": "a long one", "new_password": "a longer one"},
    "Confirmation": {"owner": "ann"},
    "User": {"owner": "ann", "name": "ann", "is_admin": False, "created_at": _MORNING, "password_at": _MORNING},
    "NewUser": {"name": "ann", "password": "a long one"},
    "UserChanges": {"is_admin": True},
    "AccessKey": _KEY,
    "NewAccessKey": {**_KEY, "token": "ithaca_Jx7Q…"},
    "NewKey": {"name": "backup", "scopes": ["read"], "expires_at": "2027-03-01T00:00:00Z"},
    "AnyNewKey": {"name": "operations", "scopes": ["read", "admin"], "owner": "root"},
    "ProblemType": {
        "error": "SessionNotFound", "title": "Session not found", "status": 404,
        "description": "There is no session {session_id!r}.",
    },
    # Sessions
    "Session": _TRIP,
    "SessionWithHistory": {**_TRIP, "history": [_QUESTION, _ANSWER]},
    "NewSession": {"name": "Trip to Pylos", "endpoint_url": _ENDPOINT, "model": "qwen3", "folder": "Travel"},
    "TaskSession": {"id": "nightly-report", "name": "Nightly report", "endpoint_url": _ENDPOINT, "model": "qwen3"},
    "SessionChanges": {"name": "Ferry to Pylos", "is_important": True},
    "SessionIds": {"session_ids": [_SESSION]},
    "SessionActions": {
        "actions": [
            {"session_id": _SESSION, "changes": {"folder": "Travel"}, "expected_revision": 7},
            {"session_id": "nightly-report", "delete": True},
        ]
    },
    "Items_dict_str__Any__": {
        "items": [
            {"session_id": _SESSION, "status": 200, "session": _TRIP},
            {"session_id": "nightly-report", "status": 404, "problem": {"title": "Session not found", "status": 404}},
        ]
    },
    "Fork": {"at": _ANSWERED, "name": "Another way to Pylos"},
    "Count": {"count": 42},
    "Folder": {"name": "Travel", "sessions": 3},
    "Removed": {"trash_id": _ENTRY, "sessions": 0, "messages": 2, "documents": 0},
    "Restored": {"sessions": 0, "messages": 2, "documents": 0},
    # Messages
    "Message": _QUESTION,
    "RenderedMessage": {**_ANSWER, "html": ["<p>At <em>noon</em>, from the old harbour.</p>"]},
    "NewMessage": {"role": "assistant", "content": "At noon.", "metadata": {"model": "qwen3"}},
    "NewMessages": {"messages": [{**_SAID, "id": _ASKED}]},
    "MessageIds": {"message_ids": [_ASKED, _ANSWERED]},
    "Truncation": {"keep_count": 1},
    "Edit": {"content": "When does the last ferry to Pylos leave?", "branch": True},
    "MessageVersion": {"shown": True, "messages": 2, "message": {**_QUESTION, "version_group": _ASKED}},
    "Text": {"text": "*When* does the ferry leave?"},
    "Html": {"html": "<p><em>When</em> does the ferry leave?</p>"},
    "SearchHit": {
        "owner": "ann", "session_id": _SESSION, "session_name": "Trip to Pylos", "score": 2.75,
        "snippet": "When does the ferry to Pylos leave?", "highlights": [[14, 19]], "message": _QUESTION, "before": [],
        "after": [_ANSWER],
    },
    # What a model is asked
    "Reply": _REPLY,
    "NewReply": {"content": "When does the ferry to Pylos leave?", "options": {"temperature": 0.2}},
    "ToSummarize": {"keep_last": 10},
    "Summary": {"summary": "Ann wants to take the ferry to Pylos, which leaves at noon.", "through": _ANSWERED},
    "Compaction": {
        "id": _ENTRY, "session_id": _SESSION, "through": 2, "tokens": 14, "created_at": _LATER, "counts": True,
        "summary": "Ann wants to take the ferry to Pylos, which leaves at noon.",
    },
    "ContextInfoShape": _FULLNESS,
    "ContextShape": {**_FULLNESS, "messages": [_SAID, {"role": "assistant", "content": _ANSWER["content"]}]},
    "Endpoint": {
        "owner": "ann", "name": "ollama", "base_url": _ENDPOINT, "model": "qwen3", "context_window": 32768,
        "max_tokens": None, "shared": False, "has_key": False, "has_headers": False, "created_at": _MORNING,
        "updated_at": _MORNING,
    },
    "NewEndpoint": {"name": "ollama", "base_url": _ENDPOINT, "model": "qwen3", "context_window": 32768},
    "EndpointChanges": {"model": "qwen3:30b", "max_tokens": 4096},
    "EndpointTest": {"name": "ollama", "seconds": 0.012, "models": ["qwen3"], "has_model": True},
    "FoundServer": {"kind": "Ollama", "base_url": _ENDPOINT, "models": ["qwen3"]},
    "Items_str_": {"items": ["qwen3", "qwen3:30b"]},
    # Documents and attachments
    "Document": _DOCUMENT,
    "NewDocument": {"title": "Packing list", "content": "- socks", "language": "markdown", "session_id": _SESSION},
    "DocumentEdit": {"content": "- socks\n- a hat", "summary": "a hat", "source": "user"},
    "DocumentVersion": {
        "document_id": _PLAN, "version": 2, "title": "Packing list", "language": "markdown", "summary": "a hat",
        "source": "user", "created_at": _LATER, "size": 15, "content": "- socks\n- a hat",
    },
    "Home": {"session_id": _SESSION},
    "Attachment": {"owner": "ann", "digest": _DIGEST, "media_type": "image/png", "size": 48213, "used_at": _MORNING},
    # The trash, retention, usage
    "TrashEntry": {
        "owner": "ann", "id": _ENTRY, "kind": "truncate messages", "session_id": _SESSION, "document_id": None,
        "created_at": _LATER, "sessions": 0, "messages": 2, "documents": 0, "name": "Trip to Pylos",
        "expires_at": "2026-03-31T05:00:04.250000Z",
    },
    "Age": {"older_than_days": 30},
    "Erased": {"counts": {"sessions": 1, "messages": 2, "changes": 5}},
    "RetentionPolicy": _POLICY,
    "Policy": {"folder": "Travel", "archive_after": 90, "keep_newest": 10},
    "AnyPolicy": {"owner": "ann", "legal_hold": True},
    "Application": {"dry_run": True},
    "RetentionReport": {**_APPLIED, "purged": 12, "purged_not": 0, "outcomes": [{**_APPLIED, "policy": _POLICY}]},
    "CleanUp": {"auto_archive_days": 30, "min_age_hours": 1, "dry_run": True},
    "CleanedUp": {"deleted_empty": 4, "archived_old": 2, "total_checked": 120},
    "Collection": {"min_age_hours": 24},
    "Collected": {"count": 3, "bytes": 144639},
    "NewUsage": {**_USED, "message_id": _ANSWERED},
    "UsageRecord": {
        **_USED, "id": _ENTRY, "owner": "ann", "session_id": _SESSION, "message_id": _ANSWERED, "created_at": _LATER,
    },
    "Usage": {
        **_USED, "count": 1, "day": "2026-03-01", "session_id": None, "owner": None, "message_id": None,
    },
    # All that is kept
    "DatabaseInfo": {
        "database": "/var/lib/ithaca/chats.db", "engine": "sqlite", "engine_version": "3.54.0", "schema_version": 8,
        "sessions": 120, "size_bytes": 7340032,
    },
    "Checked": {
        "problems": [{"name": "search", "owner": "ann", "id": _SESSION, "detail": "message 2 is not indexed as it is"}]
    },
    "RotatedSecrets": {"sessions": 12, "trashed": 1, "endpoints": 2, "unreadable": 0},
    "OwnerNamed": {"owner": "ann"},
    "Conversations": {
        "conversations": [
            {"id": "trip", "name": "Trip to Pylos", "messages": [_SAID], "created_at": "2026-03-01T05:00:00Z"}
        ]
    },
    "Documents": {
        "documents": [
            {"id": "packing", "title": "Packing list", "versions": [{"content": "- socks", "source": "user"}]}
        ]
    },
    "ImportReport": {"sessions": 1, "messages": 1, "documents": 0, "versions": 0, "unchanged": 0, "oddities": []},
    "Latest": {"cursor": "0-41"},
    # In OpenAI's shapes
    "NewConversation": {"items": [{"type": "message", **_SAID}], "metadata": {"topic": "travel"}},
    "ConversationChanges": {"metadata": {"topic": "travel"}},
    "ConversationShape": {
        "id": "conv_1", "object": "conversation", "created_at": 1772341200, "metadata": {"topic": "travel"},
    },
    "DeletedShape": {"id": "conv_1", "object": "conversation.deleted", "deleted": True},
    "NewItems": {"items": [{"type": "message", **_SAID}]},
    "ItemShape": _ITEM,
    "ItemListShape": {"object": "list", "data": [_ITEM], "first_id": "msg_1", "last_id": "msg_1", "has_more": False},
    "ModelListShape": {
        "object": "list", "data": [{"id": "ollama/qwen3", "object": "model", "created": 0, "owned_by": "ollama"}],
    },
}  # fmt: skip


def _line(value: Any) -> str:
    return written(value).decode() + "\n"


def _told(name: str, number: int, **data: Any) -> str:
    return f"event: {name}\ndata: {_line({'offset': number, 'kind': name, **data})}id: {number}\n\n"


_LISTENED = _told("begin", 0) + _told("text", 8, text="At *noon") + _told("end", 32, reply=_REPLY)
_COMPLETION = {"model": "ollama/qwen3", "messages": [_SAID]}
_COMPLETED = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1772341204, "model": "qwen3",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "At noon."}, "finish_reason": "stop"}],
}  # fmt: skip
_PART = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "At"}}]}

#: Of what has no schema of its own: by operation, by whether it is the body or the answer, and by media type.
OTHERS: Mapping[tuple[str, str, str], Any] = {
    ("list_sessions", "answer", JSON_LINES): _line(_TRIP),
    ("get_messages", "answer", JSON_LINES): _line(_QUESTION) + _line(_ANSWER),
    ("import_odysseus", "body", "application/octet-stream"): "SQLite format 3…",
    ("import_odysseus", "answer", JSON_LINES): (
        _line({"done": 0, "of": 2}) + _line({"done": 2, "of": 2}) + _line({"report": EXAMPLES["ImportReport"]})
    ),
    ("put_attachment", "body", "*/*"): "\x89PNG…",
    ("read_attachment", "answer", "*/*"): "\x89PNG…",
    ("transcript", "answer", "text/markdown"): (
        "# Trip to Pylos\n\n2026-03-01\n\n## You (2026-03-01 05:00)\n\nWhen does the ferry to Pylos leave?\n"
    ),
    ("transcript", "answer", "text/plain"): (
        "Trip to Pylos\n\n2026-03-01\n\nYou (2026-03-01 05:00):\n\nWhen does the ferry to Pylos leave?\n"
    ),
    ("transcript", "answer", "text/html"): "<!doctype html><title>Trip to Pylos</title>…",
    ("transcript", "answer", JSON): EXAMPLES["Conversations"],
    ("start_reply", "answer", EVENTS): _LISTENED,
    ("reply_events", "answer", EVENTS): _LISTENED,
    ("relay", "body", JSON): _COMPLETION,
    ("relay", "answer", JSON): _COMPLETED,
    ("relay", "answer", EVENTS): f"data: {_line(_PART)}\ndata: [DONE]\n\n",
}


def add_examples(document: dict[str, Any]) -> None:
    """Puts an example to every body, and to every answer that says something, of an OpenAPI document."""
    schemas = document["components"]["schemas"]
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        for which, media_type, content in contents(operation):
            example = OTHERS.get((name_of(operation), which, media_type))
            if example is None:
                example = _example(content.get("schema", {}), schemas)
            if example is not None:
                content.setdefault("example", example)


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The body of an operation, and what it answers if all went well: which of both, its media type, and what it is."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield "body", media_type, content
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            for media_type, content in answer.get("content", {}).items():
                yield "answer", media_type, content


def name_of(operation: dict[str, Any]) -> str:
    """The name of the function that does it: the document has it before the path."""
    return str(operation["operationId"].partition("_api_")[0].partition("_v1_")[0])


def _example(schema: Any, schemas: Mapping[str, Any]) -> Any:
    """The example of a schema; None if there is none."""
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], schemas)
    name = schema.get("$ref", "").rpartition("/")[2]
    if name in EXAMPLES or not name:
        return EXAMPLES.get(name)
    if not name.startswith(("PageOf_", "Items_")):
        return None  # somebody else's
    members = schemas[name]["properties"]
    item = _example(members["items"]["items"], schemas)
    more = {"cursor": "W1siYWN0aXZpdHkiLGZhbHNlXSxbXV0"} if "cursor" in members else {}
    return None if item is None else {"items": [item], **more}
