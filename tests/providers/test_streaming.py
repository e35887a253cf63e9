"""What a provider sends arrives as pieces: tried again before the first, within its limits, to the last."""

import asyncio
import json
import logging
import math
import threading
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import pytest

from ithaca import EndpointRefused
from ithaca.errors import ProviderError, ProviderTimeout
from ithaca.providers import (
    Finished,
    Limits,
    Piece,
    Reasoning,
    Target,
    Text,
    ToolCallPart,
    UsagePiece,
    models_of,
    stream,
)
from tests.support.model_server import CUT, ModelServer, event, model_server, said, sent

QUESTION = [{"role": "user", "content": "Where is Odysseus?"}]

#: Key and header that must be shown nowhere.
KEY, HEADER = "sk-planted-marker-1", "planted-marker-2"


HASTY = Limits(pause=0.01)


def ask(target: Target, *, limits: Limits = HASTY, **options: Any) -> list[Piece]:
    """All pieces."""

    async def all_of_it() -> list[Piece]:
        return [piece async for piece in stream(target, QUESTION, options=options, limits=limits)]

    return asyncio.run(all_of_it())


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, Text))


def test_text_comes_as_it_is_sent(server: ModelServer, target: Target) -> None:
    server.say("On ", "Ogygia, ", "ὦ φίλε\n", usage=(7, 3))
    expected = [Text("On "), Text("Ogygia, "), Text("ὦ φίλε\n"), Finished("stop"), UsagePiece(7, 3)]
    assert expected == ask(replace(target, key="k-123456", options={"temperature": 0}), max_tokens=9, top_k=5)
    (asked,) = server.requests
    assert (asked.method, asked.path, asked.headers["authorization"]) == (
        "POST",
        "/v1/chat/completions",
        "Bearer k-123456",
    )
    expected_body = {
        "model": "small", "messages": QUESTION, "stream": True, "temperature": 0, "max_tokens": 9, "top_k": 5,
        "stream_options": {"include_usage": True},
    }  # fmt: skip
    assert expected_body == asked.json


def test_events_may_come_in_any_cut(server: ModelServer, target: Target) -> None:
    whole = b": keep alive\n\n" + b"".join(said("κα", "λῶς"))
    server.answer(*(whole[at : at + 3] for at in range(0, len(whole), 3)), content_type="text/event-stream")
    assert [Text("κα"), Text("λῶς"), Finished("stop")] == ask(target)


def test_reasoning_and_calls_come_under_the_names_of_many_servers(server: ModelServer, target: Target) -> None:
    call = {"index": 0, "id": "c-1", "type": "function", "function": {"name": "look", "arguments": ""}}
    server.answer(
        event(delta={"role": "assistant", "content": ""}),
        event(delta={"reasoning_content": "He "}),
        event(delta={"reasoning": "is ", "reasoning_content": None}),
        event(delta={"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "far."}]}]}),
        event(delta={"content": [{"type": "text", "text": "I look."}]}),
        event(delta={"tool_calls": [call]}),
        event(delta={"tool_calls": [{"index": 0, "function": {"arguments": '{"at":'}}]}),
        event(delta={"tool_calls": [{"index": 0, "function": {"arguments": " 1}"}}]}),
        event(delta={"tool_calls": [{**call, "id": "c-2"}]}),  # as Google's servers number them
        event(delta=None, finish_reason="tool_calls"),
        sent({"choices": None, "usage": {"prompt_tokens": 5, "completion_tokens": 6, "cost": 0.1}}),
        b"data: [DONE]\n\n",
    )
    expected = [
        Reasoning("He "), Reasoning("is "), Reasoning("far."), Text("I look."),
        ToolCallPart(0, "c-1", "look"), ToolCallPart(0, arguments='{"at":'), ToolCallPart(0, arguments=" 1}"),
        ToolCallPart(1, "c-2", "look"), Finished("tool_calls"), UsagePiece(5, 6, Decimal("0.1")),
    ]  # fmt: skip
    assert expected == ask(target)


@pytest.mark.parametrize(
    ("strange", "pieces"),
    [
        ({"choices": [None, "x", 5]}, []),
        ({"choices": [{"delta": "x"}]}, []),
        (
            {
                "choices": [
                    {"delta": {"content": ["x", {"type": "text", "text": 5}, {"type": "thinking", "thinking": "x"}]}}
                ]
            },
            [],
        ),
        ({"choices": [{"delta": {"content": 5, "reasoning": [], "tool_calls": "x"}}]}, []),
        ({"choices": [{"delta": {"tool_calls": [None, "x", {"index": 0, "function": "x"}]}}]}, [ToolCallPart(0)]),
        (
            {"choices": [{"delta": {"tool_calls": [{"id": 7, "function": {"name": "f", "arguments": {"a": 1}}}]}}]},
            [ToolCallPart(0, "", "f", '{"a":1}')],
        ),
        ({"choices": [], "usage": {"prompt_tokens": 7.0, "completion_tokens": "3"}}, [UsagePiece(7, 0)]),
        ({"choices": [], "usage": {"prompt_tokens": math.inf, "completion_tokens": True, "cost": math.nan}}, []),
    ],
)
def test_what_has_a_shape_of_its_own_says_nothing(
    server: ModelServer, target: Target, strange: dict[str, Any], pieces: list[Piece]
) -> None:
    first, *rest = said("On ", "Ogygia")
    server.answer(first, sent(strange), *rest, content_type="text/event-stream")
    counted = [piece for piece in pieces if isinstance(piece, UsagePiece)]
    others = [piece for piece in pieces if not isinstance(piece, UsagePiece)]
    assert [Text("On "), *others, Text("Ogygia"), Finished("stop"), *counted] == ask(target)


def test_a_server_that_knows_no_streams(server: ModelServer, target: Target) -> None:
    calls = [{"type": "function", "function": {"name": name, "arguments": "{}"}} for name in ("look", "ask")]
    message = {"role": "assistant", "content": "I look.", "tool_calls": calls}
    choices = [{"index": 0, "message": message, "finish_reason": "tool_calls"}]
    whole = {"object": "chat.completion", "choices": choices, "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    server.answer(json.dumps(whole).encode(), content_type="application/json; charset=utf-8")
    parts = [ToolCallPart(0, "", "look", "{}"), ToolCallPart(1, "", "ask", "{}")]
    assert [Text("I look."), *parts, Finished("tool_calls"), UsagePiece(7, 3)] == ask(target)
    server.forget()
    server.answer(*said("On ", "Ogygia"), content_type="application/json")
    assert [Text("On "), Text("Ogygia"), Finished("stop")] == ask(target)


def test_an_error_that_comes_with_200(server: ModelServer, target: Target) -> None:
    server.answer(f'{{"error": {{"message": "no model for {KEY}"}}}}'.encode(), content_type="application/json")
    with pytest.raises(ProviderError, match=r"no model for \[hidden\]"):
        ask(replace(target, key=KEY))
    assert len(server.requests) == 1


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("count", range(4))
def test_a_stream_that_is_cut_ends_without_finished(
    server: ModelServer, target: Target, count: int, chunked: bool
) -> None:
    parts = said("a", "b", "c")[:count]
    server.answer(*parts, *([0.01, CUT] if chunked and count else []), chunked=chunked)
    assert [Text(text) for text in "abc"[:count]] == ask(target)
    assert len(server.requests) == 1


def test_what_passes_by_itself_is_tried_again_before_the_first_token(server: ModelServer, target: Target) -> None:
    server.fail(503)
    server.fail(429, retry_after_ms="1")
    server.answer(CUT)
    server.say("here")
    assert text_of(ask(target)) == "here"
    assert len(server.requests) == 4


def test_how_long_a_server_asks_to_wait_is_waited(server: ModelServer, target: Target) -> None:
    server.fail(429, retry_after="1")
    server.say("here")
    ask(target)
    first, second = server.requests
    assert 1.0 <= second.at - first.at < 3.0


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (429, {"retry_after": "31"}),
        (503, {"retry_after": "Fri, 31 Dec 2100 23:59:59 GMT"}),
        (429, {"code": "insufficient_quota"}),
        (400, {}),
        (401, {}),
        (404, {}),
        (501, {}),
    ],
)
def test_what_does_not_pass_is_not_tried_again(
    server: ModelServer, target: Target, status: int, headers: dict[str, str]
) -> None:
    server.fail(status, "so it is", **headers)
    with pytest.raises(ProviderError, match="so it is") as error:
        ask(target, stream_options=None)
    assert (error.value.status, error.value.words) == (status, "so it is")
    assert (error.value.retry_after is not None) == ("retry_after" in headers)
    assert len(server.requests) == (2 if status == 400 else 1)


def test_attempts_end(server: ModelServer, target: Target) -> None:
    server.fail(500, retry_after_ms="1")
    with pytest.raises(ProviderError, match="no"):
        ask(target, limits=Limits(attempts=3, pause=0.01))
    assert len(server.requests) == 3


def test_a_server_that_is_not_there(target: Target) -> None:
    with model_server() as gone:
        url = gone.url
    with pytest.raises(ProviderError, match="cannot be reached") as error:
        ask(replace(target, base_url=url), limits=Limits(attempts=2, pause=0.01))
    assert error.value.status is None


def test_nothing_is_tried_again_once_something_came(server: ModelServer, target: Target) -> None:
    server.answer(*said("a")[:1], sent({"error": {"message": "the model fell over", "code": 500}}))
    seen: list[Piece] = []

    async def all_of_it() -> None:
        async for piece in stream(target, QUESTION):
            seen.append(piece)  # noqa: PERF401, to have them when it fails

    with pytest.raises(ProviderError, match="the model fell over"):
        asyncio.run(all_of_it())
    assert (seen, len(server.requests)) == ([Text("a")], 1)


def test_a_server_that_does_not_know_the_options_of_a_stream(server: ModelServer, target: Target) -> None:
    server.fail(400, "Unrecognized request argument supplied: stream_options")
    server.say("here")
    assert text_of(ask(target)) == "here"
    assert ["stream_options" in asked.json for asked in server.requests] == [True, False]


@pytest.mark.parametrize(
    ("parts", "limits", "what"),
    [
        ([0.5], Limits(first_token=0.1), "the first token"),
        ([b": wait\n\n", 0.2, b": wait\n\n", 0.2], Limits(first_token=0.3), "the first token"),
        ([*said("a")[:1], 0.5], Limits(gap=0.1), "the next token"),
        ([*said("a")[:1], 0.1, *said("a")[:1], 0.1, *said("a")[:1], 0.3], Limits(whole=0.3), "the end"),
    ],
)
def test_limits(server: ModelServer, target: Target, parts: list[Any], limits: Limits, what: str) -> None:
    server.answer(*parts)
    with pytest.raises(ProviderTimeout) as error:
        ask(target, limits=limits)
    assert (error.value.what, len(server.requests)) == (what, 1)


def test_what_comes_after_the_end_is_not_waited_for(server: ModelServer, target: Target) -> None:
    server.answer(*said("a")[:2], 0.5)
    assert [Text("a"), Finished("stop")] == ask(target, limits=Limits(gap=0.1))


def test_whoever_stops_hangs_up(server: ModelServer, target: Target) -> None:
    gate = threading.Event()
    server.answer(*said("a")[:1], gate, *(said("b" * 1000)[:1] * 5000))

    async def first_piece() -> Piece:
        pieces = cast(AsyncGenerator[Piece, None], stream(target, QUESTION))
        piece = await anext(pieces)
        await pieces.aclose()
        return piece

    started = time.monotonic()
    assert asyncio.run(first_piece()) == Text("a")
    assert time.monotonic() - started < 5
    gate.set()


def test_secrets_are_in_no_error_and_no_log(
    server: ModelServer, target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = replace(target, key=KEY, headers={"X-Api-Key": HEADER})
    shown = [repr(secret)]
    echo = f"{KEY} and {HEADER} are wrong"
    for status in (401, 400, 500):
        server.fail(status, echo)
    server.answer(sent({"error": {"message": echo}}))
    server.answer(f"no JSON, {echo}".encode(), status=403)
    server.answer(f"data: {echo}\n\n".encode())
    for _ in range(5):
        with pytest.raises(ProviderError) as error:
            ask(secret, limits=Limits(attempts=1))
        chain = [error.value, error.value.__cause__, error.value.__context__]
        shown += [f"{each!r} {each} {getattr(each, '__dict__', '')}" for each in chain]
    assert server.requests[0].headers["x-api-key"] == HEADER
    assert any("[hidden]" in each for each in shown)
    assert "planted-marker" not in "".join([*shown, caplog.text])


def test_the_environment_gives_no_provider_anything(
    server: ModelServer, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, KEY)
    any_clients = ("Host", "Connection", "Content-Type", "Content-Length", "Accept", "User-Agent", "X-Stainless-OS")
    named = [f"{name}: {KEY}" for name in ("x-account", "Authorization", "Transfer-Encoding", "X-é", *any_clients)]
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "\n".join([*named, "Content-Type: multipart/form-data"]))
    with model_server() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        server.say("here")
        assert text_of(ask(target)) == "here"
        server.answer(b'{"data": [{"id": "muse"}]}')
        server._answers.pop(0)
        assert asyncio.run(models_of(target)) == ["muse"]
    assert server.requests[0].json["messages"] == QUESTION
    for asked in server.requests:
        assert asked.headers["host"] == f"127.0.0.1:{server.port}"
        assert "authorization" not in asked.headers
        assert KEY not in str(asked)


def test_own_headers_win(server: ModelServer, target: Target) -> None:
    server.say("here")
    ask(replace(target, key=KEY, headers={"authorization": "Basic abc", "User-Agent": "me"}))
    headers = server.requests[0].headers
    assert (headers["authorization"], headers["user-agent"]) == ("Basic abc", "me")


def test_headers_in_any_letters_are_sent_and_what_is_no_header_is_not(server: ModelServer, target: Target) -> None:
    server.say("here")
    ask(replace(target, headers={"X-Who": " Ὀδυσσεύς\t", "x-empty": ""}))
    headers = server.requests[0].headers
    assert (headers["x-who"], headers["x-empty"]) == ("Ὀδυσσεύς", "")
    for name, value in (("x y", KEY), ("ὤ", KEY), ("x", KEY + "\x01"), ("x", KEY + "\n"), ("", KEY)):
        with pytest.raises(EndpointRefused, match="cannot be sent") as refused:
            ask(replace(target, headers={name: value}))
        assert KEY not in str(refused.value)
    assert len(server.requests) == 1


def test_redirects_within_the_host_are_followed_and_others_refused(server: ModelServer, target: Target) -> None:
    server.answer(status=307, location="/v2/chat/completions")
    server.say("here")
    assert text_of(ask(replace(target, key=KEY))) == "here"
    assert server.requests[1].path == "/v2/chat/completions"
    with model_server() as other:
        server.answer(status=307, location=other.url)
        server._answers.pop(0)
        with pytest.raises(EndpointRefused, match="elsewhere"):
            ask(replace(target, key=KEY))
        assert other.requests == []
