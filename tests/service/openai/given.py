"""An item of each type that OpenAI knows today, and some that nobody does."""

from typing import Any

from hypothesis import strategies as st

#: As they come from the Responses API or go to it; each with all that its type has to have.
ITEMS: dict[str, dict[str, Any]] = {
    "message of a user": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "When?"}]},
    "message of a user who says nothing": {
        "type": "message", "role": "user", "content": [{"type": "input_text", "text": ""}],
    },
    "message of an assistant who says nothing": {
        "type": "message", "role": "assistant",
        "content": [{"type": "output_text", "text": "", "annotations": [], "logprobs": []}],
    },
    "message of an assistant": {
        "type": "message",
        "id": "msg_given",
        "role": "assistant",
        "status": "incomplete",
        "phase": "commentary",
        "content": [
            {
                "type": "output_text",
                "text": "At seven.",
                "annotations": [
                    {"type": "url_citation", "url": "https://a.org", "title": "T", "start_index": 0, "end_index": 2}
                ],
                "logprobs": [{"token": "At", "bytes": [65, 116], "logprob": -0.5, "top_logprobs": []}],
            },
            {"type": "refusal", "refusal": "No."},
        ],
    },
    "message with an image": {
        "type": "message",
        "role": "user",
        "content": [
            {"type": "input_image", "detail": "high", "image_url": "https://example.org/a.png"},
            {"type": "input_file", "file_id": "file-1", "filename": "a.pdf"},
        ],
    },
    "function_call": {
        "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look", "arguments": '{"at": "sea"}',
        "namespace": "ship", "status": "completed",
    },
    "function_call_output": {"type": "function_call_output", "call_id": "call_1", "output": "calm"},
    "function_call_output of parts": {
        "type": "function_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "calm"}],
    },
    "custom_tool_call": {"type": "custom_tool_call", "call_id": "call_3", "name": "sing", "input": "of the man"},
    "custom_tool_call_output": {"type": "custom_tool_call_output", "call_id": "call_3", "output": "μῆνιν"},
    "reasoning": {
        "type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Wind."}],
        "encrypted_content": "gAAA==",
    },
    "file_search_call": {
        "type": "file_search_call", "id": "fs_1", "queries": ["ferry"], "status": "completed",
        "results": [{"file_id": "file-1", "score": 0.5, "text": "07:00", "attributes": {}}],
    },
    "web_search_call": {
        "type": "web_search_call", "id": "ws_1", "status": "completed",
        "action": {"type": "search", "query": "ferry", "sources": [{"type": "url", "url": "https://example.org"}]},
    },
    "computer_call": {
        "type": "computer_call", "id": "cu_1", "call_id": "call_4", "status": "completed", "pending_safety_checks": [],
        "action": {"type": "click", "x": 1, "y": 2, "button": "left"},
    },
    "computer_call_output": {
        "type": "computer_call_output", "call_id": "call_4",
        "output": {"type": "computer_screenshot", "image_url": "https://example.org/s.png"},
    },
    "image_generation_call": {
        "type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "iVBORw0KGgo=",
    },
    "code_interpreter_call": {
        "type": "code_interpreter_call", "id": "ci_1", "code": "1 + 1", "container_id": "cntr_1", "status": "completed",
        "outputs": [{"type": "logs", "logs": "2"}],
    },
    "local_shell_call": {
        "type": "local_shell_call", "id": "lsh_1", "call_id": "call_5", "status": "completed",
        "action": {"type": "exec", "command": ["ls"], "env": {}},
    },
    "local_shell_call_output": {"type": "local_shell_call_output", "id": "lsho_1", "output": "{}"},
    "shell_call": {"type": "shell_call", "call_id": "call_6", "action": {"commands": ["ls"]}},
    "shell_call_output": {
        "type": "shell_call_output", "call_id": "call_6",
        "output": [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
    },
    "apply_patch_call": {
        "type": "apply_patch_call", "call_id": "call_7", "status": "completed",
        "operation": {"type": "delete_file", "path": "a"},
    },
    "apply_patch_call_output": {"type": "apply_patch_call_output", "call_id": "call_7", "status": "failed"},
    "mcp_list_tools": {
        "type": "mcp_list_tools", "id": "mcpl_1", "server_label": "m", "tools": [{"name": "t", "input_schema": {}}],
    },
    "mcp_approval_request": {
        "type": "mcp_approval_request", "id": "mcpr_1", "server_label": "m", "name": "t", "arguments": "{}",
    },
    "mcp_approval_response": {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True},
    "mcp_call": {
        "type": "mcp_call", "id": "mcp_1", "server_label": "m", "name": "t", "arguments": "{}", "output": "done",
        "error": None,
    },
    "tool_search_call": {"type": "tool_search_call", "arguments": {"q": 1}, "execution": "client"},
    "tool_search_output": {"type": "tool_search_output", "tools": [], "execution": "client"},
    "additional_tools": {"type": "additional_tools", "role": "developer", "tools": []},
    "configuration_update": {"type": "configuration_update", "model": "gpt-9"},
    "compaction": {"type": "compaction", "encrypted_content": "gAAA=="},
    "program": {"type": "program", "id": "prog_1", "call_id": "call_8", "code": "1", "fingerprint": "f"},
    "program_output": {
        "type": "program_output", "id": "po_1", "call_id": "call_8", "result": "1", "status": "completed",
    },
    "one of tomorrow": {"type": "dream", "of": [1, 1.0, True, None, {"a": "\0"}], "status": "lucid"},
}  # fmt: skip

#: What no client would send.
ODD: list[dict[str, Any]] = [
    {"type": "function_call", "call_id": "call_9"},
    {"type": "function_call", "call_id": "", "name": "", "arguments": ""},
    {"type": "function_call", "call_id": "call_9", "name": "look", "arguments": {"at": "sea"}},
    {"type": "function_call_output", "call_id": "call_9", "output": {"a": 1}},
    {"type": "function_call_output", "call_id": "call\0", "output": None},
    {"type": "message", "role": "user", "content": [], "status": None},
]

texts = st.text(max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
#: What an item may have beside what its type is known for.
more = st.dictionaries(
    texts.filter(lambda name: name not in ("id", "type", "role", "content")), json_values, max_size=3
)
parts = st.lists(
    st.builds(lambda kind, text, rest: {**rest, "type": kind, "text": text}, texts, texts, more) | json_values,
    max_size=3,
)
messages = st.builds(
    lambda role, content, rest: {**rest, "type": "message", "role": role, "content": content},
    st.sampled_from(["user", "assistant", "system", "developer", "tool", "critic", "whoever"]),
    parts,
    more,
)
calls = st.builds(
    lambda kind, id, name, given, rest: {
        **rest, "type": kind, "call_id": id, "name": name, "arguments": given, "input": given,
    },
    st.sampled_from(["function_call", "custom_tool_call"]),
    texts,
    texts,
    texts | json_values,
    more,
)  # fmt: skip
outputs = st.builds(
    lambda kind, id, output, rest: {**rest, "type": kind, "call_id": id, "output": output},
    st.sampled_from(["function_call_output", "custom_tool_call_output"]),
    texts,
    texts | parts | json_values,
    more,
)
others = st.builds(
    lambda kind, rest: {**rest, "type": kind},
    st.sampled_from(["reasoning", "web_search_call", "mcp_call", "image_generation_call", "dream"])
    | texts.filter(bool),
    more,
)
items = st.one_of(messages, calls, outputs, others, st.sampled_from([*ITEMS.values(), *ODD])).map(
    lambda item: {name: value for name, value in item.items() if name != "id"}
)
