"""What providers accept, written down once more from their documentation, to judge what is sent to them."""

import json
import re
from collections.abc import Sequence
from typing import Any

Message = dict[str, Any]

_WORD = re.compile(r"[a-zA-Z0-9_-]{1,64}")

#: Parts of the Responses API, which no other takes.
_OF_RESPONSES = ("input_text", "output_text", "input_image", "input_file", "summary_text", "computer_screenshot")


def refused_by_openai(messages: Sequence[Message]) -> list[str]:
    """Why Chat Completions would refuse these messages; nothing if it takes them."""
    json.dumps(messages)
    faults, pending = [], list[str]()
    for number, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in pending:
                faults.append(f"{number}: a result of no call right before it")
            else:
                pending.remove(message["tool_call_id"])
        elif pending:
            faults.append(f"{number}: the calls {pending} are not answered")
            pending = []
        faults += [f"{number}: {fault}" for fault in _openai_faults(message)]
        pending += [call["id"] for call in message.get("tool_calls", ())]
        faults += [f"{number}: the ids {pending} are not unique"] if len(set(pending)) < len(pending) else []
    return faults + ([f"the calls {pending} are not answered"] if pending else [])


def _openai_faults(message: Message) -> list[str]:
    role, content = message["role"], message.get("content")
    faults = [] if role in ("system", "developer", "user", "assistant", "tool") else [f"role {role}"]
    if isinstance(content, list):
        allowed = {"user": None, "assistant": {"text", "refusal"}}.get(role, {"text"})
        faults += [f"part {part['type']}" for part in content if allowed is not None and part["type"] not in allowed]
        faults += [f"part {part['type']}" for part in content if part["type"] in _OF_RESPONSES]
        faults += ["no parts"] if not content else []
        faults += ["an empty text" for part in content if part["type"] == "text" and not part["text"]]
    elif content is None and not (role == "assistant" and message.get("tool_calls")):
        faults.append("no content")
    if "name" in message and not _WORD.fullmatch(message["name"]):
        faults.append(f"name {message['name']!r}")
    return faults + [fault for call in message.get("tool_calls", ()) for fault in _openai_call_faults(call)]


def _openai_call_faults(call: Message) -> list[str]:
    called = call[call["type"]]
    faults = [] if len(call["id"]) <= 40 else [f"a long id {call['id']!r}"]
    faults += [] if _WORD.fullmatch(called["name"]) else [f"name {called['name']!r}"]
    return faults + ([] if isinstance(called.get("arguments", called.get("input")), str) else ["arguments"])


def refused_by_anthropic(system: Sequence[Message], messages: Sequence[Message]) -> list[str]:
    """Why the Messages API would refuse this; nothing if it takes it."""
    json.dumps([system, messages])
    faults = [f"system: {block}" for block in system if block["type"] != "text" or not block["text"].strip()]
    roles = [message["role"] for message in messages]
    if roles != ["user", "assistant"] * (len(roles) // 2) + ["user"] * (len(roles) % 2):
        faults.append(f"turns {roles}")
    calls: list[str] = []
    seen: set[str] = set()
    for number, message in enumerate(messages):
        results = [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]
        if sorted(results) != sorted(calls):
            faults.append(f"{number}: {results} are the results of {calls}")
        calls = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        if len(set(calls)) < len(calls) or seen & set(calls):
            faults.append(f"{number}: the ids {calls} are not unique")
        seen |= set(calls)
        faults += [f"{number}: {fault}" for fault in _anthropic_faults(message)]
    if calls:
        faults.append(f"the calls {calls} are not answered")
    return faults + _last_words(messages)


def _anthropic_faults(message: Message) -> list[str]:
    kinds = [block["type"] for block in message["content"]]
    faults = [] if kinds else ["no content"]
    first, last = ("tool_result", "") if message["role"] == "user" else ("", "tool_use")
    if kinds != sorted(kinds, key=lambda kind: (kind != first, kind == last)):
        faults.append(f"the order {kinds}")
    thoughts = {"thinking", "redacted_thinking"}
    wrong = {"tool_use", *thoughts} if message["role"] == "user" else {"tool_result", "image", "document"}
    faults += ["thoughts at the end"] if kinds[-1:] and kinds[-1] in thoughts else []
    faults += _server_tool_faults(message)
    faults += [f"a {kind} of the {message['role']}" for kind in kinds if kind in {*wrong, *_OF_RESPONSES}]
    for block in message["content"]:
        if block["type"] == "text" and not block["text"].strip():
            faults.append("a blank text")
        if block["type"] == "tool_use":
            faults += [] if isinstance(block["input"], dict) else ["input"]
            faults += [] if _WORD.fullmatch(block["id"]) and _WORD.fullmatch(block["name"]) else [f"{block}"]
        if block["type"] == "tool_result" and isinstance(block.get("content"), list):
            faults += _anthropic_faults({"role": "user", "content": block["content"]})
    return faults


def _server_tool_faults(message: Message) -> list[str]:
    """Calls of tools that the provider runs, and their results, which stand in the same turn of the assistant."""
    faults, asked = [], list[str]()
    for block in message["content"]:
        if block["type"] == "server_tool_use":
            asked.append(block["id"])
        elif block["type"].endswith("_tool_result"):
            faults += [] if block["tool_use_id"] in asked else [f"the result of no call {block['tool_use_id']}"]
            asked = [id for id in asked if id != block["tool_use_id"]]
    faults += [f"the calls {asked} have no result"] if asked else []
    return faults + (["a server's tool of the user"] if message["role"] == "user" and asked else [])


def _last_words(messages: Sequence[Message]) -> list[str]:
    if not messages or messages[-1]["role"] != "assistant" or messages[-1]["content"][-1]["type"] != "text":
        return []
    text = messages[-1]["content"][-1]["text"]
    return [] if text == text.rstrip() else ["the last words end in white space"]
