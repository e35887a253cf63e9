"""What passes through is the endpoint's to the byte, and what was said is in the session that was named."""

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPConnection
from typing import Any

import httpx
import openai
import pytest

from ithaca import ChatMessage, EndpointRefused, InvalidArgument, ProviderError, ProviderTimeout, SessionManager
from ithaca.operations.relayed import Aligned, aligned
from ithaca.relay import RelayRequest
from ithaca.service import underway
from ithaca.tokens import TOKENS_PER_MESSAGE, estimate_tokens
from tests.support.managers import execute
from tests.support.model_server import CUT, Answer, ModelServer, event, model_server, said, sent
from tests.support.serving import Served

KEY = "sk-planted-marker"

_numbers = itertools.count(1)


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with model_server() as server:
        yield server


@pytest.fixture
def endpoint(trusted: SessionManager, model: ModelServer) -> Iterator[str]:
    """The name of the only endpoint, which everybody shares."""
    name = f"local-{next(_numbers)}"
    trusted.create_endpoint(name, model.url, key=KEY, model="small", shared=True)
    yield name
    trusted.delete_endpoint(name)


@pytest.fixture
def who(token_of: Callable[[str], str], names: tuple[str, str]) -> dict[str, str]:
    """The header that says that alice asks."""
    return {"authorization": f"Bearer {token_of(f'rw-{names[0]}')}"}


@pytest.fixture
def post(keyed: Served, who: dict[str, str], endpoint: str) -> Iterator[Callable[..., httpx.Response]]:
    """Asks as alice."""
    with httpx.Client(base_url=keyed.address, headers=who, timeout=30) as client:

        def ask(*messages: Any, session: str | None = "s-1", model: str = "small", **more: Any) -> httpx.Response:
            headers = {"ithaca-session": session} if session else {}
            body = {"model": model, "messages": [*messages], "stream": True, **more}
            return client.post("/v1/chat/completions", json=body, headers=headers)

        yield ask


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def tokens(text: str) -> int:
    """What a message counts, where the endpoint doesn't."""
    return estimate_tokens(text) + TOKENS_PER_MESSAGE


def history(stored: SessionManager, session: str = "s-1") -> list[tuple[str, Any]]:
    """What is stored, when nothing is being answered any more."""
    for _ in range(400):
        if not any(reply.running for reply in stored.list_replies(session)):
            break
        time.sleep(0.025)
    return [(message.role, message.content) for message in stored.get_session(session).history]


def test_a_stream_passes_to_the_byte_and_is_recorded(
    post: Callable[..., httpx.Response], model: ModelServer, stored: SessionManager, endpoint: str
) -> None:
    whole = b": comment\n\n" + b"".join(said("On ", "Ὠγυγία.", usage=(7, 3)))
    model.answer(*(whole[at : at + 7] for at in range(0, len(whole), 7)), content_type="text/event-stream; charset=x")
    system = {"role": "system", "content": "Be brief."}
    answer = post(system, user("Where is he?"), temperature=0)
    assert (answer.status_code, answer.content) == (200, whole)
    assert answer.headers["content-type"] == "text/event-stream; charset=x"
    expected = {"model": "small", "messages": [system, user("Where is he?")], "stream": True, "temperature": 0}
    (asked,) = model.requests
    assert (asked.json, asked.headers["authorization"]) == (expected, f"Bearer {KEY}")
    assert history(stored) == [("system", "Be brief."), ("user", "Where is he?"), ("assistant", "On Ὠγυγία.")]
    session = stored.get_session("s-1")
    assert (session.endpoint_url, session.model, session.total_input_tokens) == (endpoint, "small", 7)


def test_only_what_is_new_is_recorded_and_another_answer_is_a_version(
    post: Callable[..., httpx.Response], model: ModelServer, stored: SessionManager
) -> None:
    for text in ("One.", "Two.", "Two!", "Three."):
        model.say(text)
    stored.create_session("s-1", "Counting")  # which has a name, so nobody asks the model for one
    one = [user("1?"), assistant("One.")]
    post(user("1?"))
    history(stored)
    post(*one, user("2?"))
    assert history(stored) == [("user", "1?"), ("assistant", "One."), ("user", "2?"), ("assistant", "Two.")]
    post(*one, user("2?"))
    assert history(stored)[2:] == [("user", "2?"), ("assistant", "Two!")]
    versions = stored.list_versions("s-1", str(stored.get_session("s-1").history[-1].id))
    assert [version.message.content for version in versions] == ["Two.", "Two!"]
    post(user("2?"), {"role": "assistant", "content": [{"type": "text", "text": " Two! "}]}, user("3?"))
    assert history(stored)[3:] == [("assistant", "Two!"), ("user", "3?"), ("assistant", "Three.")]
    assert len(model.requests) == 4


def test_stock_clients_only_change_their_base_url(
    client: openai.OpenAI, model: ModelServer, stored: SessionManager, endpoint: str
) -> None:
    call = {"id": "c-1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    spoken = {"role": "assistant", "content": None, "tool_calls": [call]}
    whole = {
        "id": "x", "object": "chat.completion", "created": 1, "model": "small",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": spoken}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6},
    }  # fmt: skip
    model.answer(json.dumps(whole).encode(), content_type="application/json")
    model.say("On Ogygia.")
    question: Any = {"role": "user", "content": "Where is he?"}
    first = client.chat.completions.create(
        model=f"{endpoint}/small", messages=[question], metadata={"session_id": "s-2", "team": "a"}
    )
    calls = first.choices[0].message.tool_calls or []
    assert (model.requests[0].json["model"], model.requests[0].json["metadata"]) == ("small", {"team": "a"})
    result: Any = {"role": "tool", "tool_call_id": "c-1", "content": "an island"}
    answered: Any = {"role": "assistant", "content": None, "tool_calls": [each.model_dump() for each in calls]}
    history(stored, "s-2")
    stream = client.chat.completions.create(
        model="small", messages=[question, answered, result], stream=True, extra_headers={"Ithaca-Session": "s-2"}
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "On Ogygia."
    assert history(stored, "s-2") == [
        ("user", "Where is he?"), ("assistant", None), ("tool", "an island"), ("assistant", "On Ogygia."),
    ]  # fmt: skip
    kept = stored.get_session("s-2").history
    assert (kept[1].tool_calls, kept[2].tool_call_id) == ([call], "c-1")


def test_what_the_endpoint_refuses_passes_without_the_key(
    post: Callable[..., httpx.Response], model: ModelServer, stored: SessionManager
) -> None:
    model.fail(429, f"Too many requests with {KEY}", retry_after="7")
    answer = post(user("Where is he?"))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json()["error"]["message"] == "Too many requests with [hidden]"
    assert history(stored) == [("user", "Where is he?")]
    (reply,) = stored.list_replies("s-1")
    assert (reply.state, (reply.error or {})["words"]) == ("failed", "Too many requests with [hidden]")
    model.say("On Ogygia.")
    model._answers.pop(0)
    post(user("Where is he?"))
    assert history(stored) == [("user", "Where is he?"), ("assistant", "On Ogygia.")]


def test_an_endpoint_that_is_not_there(
    post: Callable[..., httpx.Response], model: ModelServer, stored: SessionManager
) -> None:
    model.close()
    answer = post(user("Where is he?"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "provider_error")
    assert history(stored) == [("user", "Where is he?")]
    assert stored.list_replies("s-1")[0].state == "failed"


def test_a_host_that_is_no_name() -> None:
    with SessionManager(":memory:") as manager:
        for url, error in (("http://a..b/v1", ProviderError), ("http://0251.0376.0251.0376/v1", EndpointRefused)):
            manager.create_session(url, "named", url, "small")
            with pytest.raises(error):
                manager.relay(json.dumps({"messages": [user("?")]}).encode(), session_id=url)


def test_a_stream_that_breaks_there_breaks_here_and_is_kept(
    post: Callable[..., httpx.Response], model: ModelServer, stored: SessionManager
) -> None:
    model.answer(*said("On ", "Ogygia")[:2], 0.1, CUT, content_type="text/event-stream")
    with pytest.raises(httpx.RemoteProtocolError):
        post(user("Where is he?"))
    assert history(stored) == [("user", "Where is he?"), ("assistant", "On Ogygia")]
    (reply,) = stored.list_replies("s-1")
    assert (reply.state, reply.input_tokens) == ("interrupted", tokens("Where is he?"))
    assert (reply.error or {})["words"] == "the stream ended before the model had finished"
    assert stored.get_session("s-1").total_input_tokens == tokens("Where is he?")


def test_a_client_that_hangs_up_hangs_up_there_and_what_came_is_kept(
    keyed: Served, who: dict[str, str], model: ModelServer, endpoint: str, stored: SessionManager
) -> None:
    gate = threading.Event()
    model.answer(*said("On ", "Ogygia")[:2], gate, *said(" and on")[:1] * 1000, content_type="text/event-stream")
    body = {"model": "small", "messages": [user("Where is he?")], "stream": True}
    headers = {**who, "ithaca-session": "s-1"}
    with httpx.Client(timeout=30) as client:
        with client.stream("POST", f"{keyed.address}/v1/chat/completions", json=body, headers=headers) as response:
            parts = response.iter_raw()
            assert b"On " in next(parts)
            running = client.post(f"{keyed.address}/v1/chat/completions", json=body, headers=headers)
            assert (running.status_code, running.json()["error"]["code"]) == (409, "reply_running")
            assert len(model.requests) == 1
        assert history(stored)[1][1].startswith("On")
    gate.set()
    (reply,) = stored.list_replies("s-1")
    assert (reply.state, (reply.error or {})["words"]) == (
        "interrupted",
        "the client hung up before the model had finished",
    )


def test_a_client_that_hangs_up_before_the_answer_begins(
    keyed: Served, who: dict[str, str], model: ModelServer, endpoint: str, stored: SessionManager
) -> None:
    gate = threading.Event()
    model.answer_by(lambda _: Answer((said("Too late.")[0],)) if gate.wait(30) else Answer())
    stored.create_session("s-1", "Trip")
    client = HTTPConnection(keyed.address.removeprefix("http://"))
    body = json.dumps({"model": "small", "messages": [user("Where is he?")]})
    client.request("POST", "/v1/chat/completions", body, {**who, "ithaca-session": "s-1"})
    while not stored.list_replies("s-1").items:
        time.sleep(0.025)
    client.close()
    assert history(stored) == [("user", "Where is he?")]
    (reply,) = stored.list_replies("s-1")
    assert (reply.state, (reply.error or {})["words"]) == (
        "interrupted",
        "the client hung up before the model had finished",
    )
    gate.set()


@pytest.fixture
def keyed_post(keyed: Served, who: dict[str, str], endpoint: str) -> Iterator[Callable[..., httpx.Response]]:
    """Asks as alice, with a key."""
    with httpx.Client(base_url=keyed.address, headers=who, timeout=30) as client:

        def ask(key: str, text: str, stream: bool = True, session: str = "s-1") -> httpx.Response:
            body = {"model": "small", "messages": [user(text)], "stream": stream}
            headers = {"ithaca-session": session, "idempotency-key": key}
            return client.post("/v1/chat/completions", json=body, headers=headers)

        yield ask


def test_with_a_key_the_model_is_asked_once(
    keyed_post: Callable[..., httpx.Response],
    model: ModelServer,
    stored: SessionManager,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(underway, "GOES_ON", 0)  # so each part says that it goes on
    stored.create_session("s-1", "Where he is")  # which has a name, so nobody asks the model for one
    whole = json.dumps({"choices": [{"index": 0, "message": assistant("On Ogygia.")}]}).encode()
    model.say("On ", "Ogygia.")
    model.answer(whole, content_type="application/json")
    for key, stream, body in (("k", True, b"".join(said("On ", "Ogygia."))), ("l", False, whole)):
        first = keyed_post(key, "Where is he?", stream)
        said_then = history(stored)
        again = keyed_post(key, "Where is he?", stream)
        assert (first.content, again.content, again.headers["idempotency-replayed"]) == (body, body, "true")
        assert again.headers["content-type"] == first.headers["content-type"]
        assert history(stored) == said_then
    assert len(model.requests) == 2
    for other in (keyed_post("k", "Where is she?"), keyed_post("k", "Where is he?", session="s-2")):
        assert (other.status_code, other.json()["error"]["code"]) == (400, "key_reused")
    monkeypatch.setattr(underway, "MOST_KEPT", len(whole) - 1)
    assert keyed_post("m", "And she?", False).content == whole
    too_long = keyed_post("m", "And she?", False)
    assert (too_long.status_code, too_long.json()["error"]["code"]) == (409, "already_done")
    assert len(model.requests) == 3


def test_with_a_key_an_incognito_answer_is_in_memory_only(
    keyed_post: Callable[..., httpx.Response],
    keyed: Served,
    who: dict[str, str],
    model: ModelServer,
    database_url: str,
    names: tuple[str, str],
) -> None:
    made = httpx.post(f"{keyed.address}/api/sessions", json={"id": "i", "name": "x", "incognito": True}, headers=who)
    assert made.status_code == 201
    model.say("On Ogygia.")
    answers = [keyed_post("k", "Where is he?", session="i") for _ in range(2)]
    assert (answers[1].content, answers[1].headers["idempotency-replayed"]) == (answers[0].content, "true")
    assert execute(database_url, f"SELECT count(*) FROM repeats WHERE owner = '{names[0]}'") == [(0,)]


def test_a_repetition_has_to_wait_for_the_answer_and_one_that_was_cut_is_asked_for_again(
    keyed_post: Callable[..., httpx.Response],
    keyed: Served,
    who: dict[str, str],
    model: ModelServer,
    stored: SessionManager,
) -> None:
    stored.create_session("s-1", "Where he is")
    gate = threading.Event()
    model.fail(429, "slow down")
    model.answer(*said("On ", "Ogygia")[:2], gate, CUT, content_type="text/event-stream")
    model.answer(*said("On ", "Ogygia")[:1], threading.Event(), content_type="text/event-stream")
    model.say("On Ogygia.")
    assert keyed_post("k", "Where is he?").status_code == 429
    body = {"model": "small", "messages": [user("Where is he?")], "stream": True}
    asked: dict[str, Any] = {"json": body, "headers": {**who, "ithaca-session": "s-1", "idempotency-key": "k"}}
    for hangs_up in (False, True):
        with httpx.stream("POST", f"{keyed.address}/v1/chat/completions", **asked) as response:
            parts = response.iter_raw()
            assert b"On " in next(parts)
            running = keyed_post("k", "Where is he?")
            assert (running.status_code, running.json()["error"]["code"]) == (409, "still_running")
            gate.set()
            if not hangs_up:
                with pytest.raises(httpx.RemoteProtocolError):
                    list(parts)
        history(stored)
    assert keyed_post("k", "Where is he?").content == b"".join(said("On Ogygia."))
    assert keyed_post("k", "Where is he?").headers["idempotency-replayed"] == "true"
    assert len(model.requests) == 4


def test_without_a_session_nothing_is_recorded(
    post: Callable[..., httpx.Response], model: ModelServer, stored: SessionManager
) -> None:
    model.say("On Ogygia.")
    before = stored.count_sessions()
    assert post(user("Where is he?"), session=None).content == b"".join(said("On Ogygia."))
    assert stored.count_sessions() == before


def test_where_it_goes_is_said_by_name_model_or_session(
    post: Callable[..., httpx.Response], model: ModelServer, endpoint: str, trusted: SessionManager,
    names: tuple[str, str], client: openai.OpenAI,
) -> None:  # fmt: skip
    model.say("Yes.")
    with model_server() as other:
        other.say("No.")
        trusted.create_endpoint("other", other.url, owner=names[0])  # which alice may not have called: it is private
        trusted.create_endpoint("third", other.url, model="large", shared=True)
        try:
            assert post(user("?"), session=None, model="what").status_code == 400
            assert post(user("?"), session=None, model=f"{endpoint}/what").status_code == 200
            assert post(user("?"), session=None, model="large").content == b"".join(said("No."))
            assert post(user("?"), session=None, model="other/x").json()["error"]["code"] == "endpoint_refused"
            trusted.create_session("s-3", endpoint_url="third", owner=names[0])
            assert post(user("?"), session="s-3", model="any/thing").content == b"".join(said("No."))
            assert other.requests[-1].json["model"] == "any/thing"
            other.answer(b'{"data": [{"id": "large"}]}')
            other._answers.pop(0)
            model.answer(b"<html>")
            model._answers.pop(0)
            assert [each.id for each in client.models.list()] == ["third/large"]
        finally:
            trusted.delete_endpoint("third")
            trusted.for_owner(names[0]).delete_endpoint("other")


def test_a_session_of_anothers_is_ones_own(
    post: Callable[..., httpx.Response], model: ModelServer, trusted: SessionManager, names: tuple[str, str]
) -> None:
    model.say("Yes.")
    trusted.for_owner(names[1]).create_session("s-1", "secret")
    assert post(user("?")).status_code == 200
    assert history(trusted.for_owner(names[0])) == [("user", "?"), ("assistant", "Yes.")]
    assert trusted.for_owner(names[1]).get_session("s-1").history == []


def test_whatever_a_client_accepts_it_is_answered(
    keyed: Served, who: dict[str, str], model: ModelServer, endpoint: str
) -> None:
    model.say("Yes.")
    body = {"model": "small", "messages": [user("?")]}
    headers: Any = {**who, "accept": "application/café".encode()}
    assert httpx.post(f"{keyed.address}/v1/chat/completions", json=body, headers=headers).status_code == 200


def test_what_is_no_request_is_refused(post: Callable[..., httpx.Response], endpoint: str) -> None:
    for given in ({"messages": 1}, {"messages": ["x"]}, {"messages": [{}]}, {"model": 1}):
        refused = post(**({"session": "s-4"} | given))
        assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error"), given


def message(role: str, content: Any, **more: Any) -> ChatMessage:
    return ChatMessage(role, content, id=f"{role}-{content}", **more)


def test_a_session_that_nobody_could_make_is_refused(
    post: Callable[..., httpx.Response], model: ModelServer, stored: SessionManager
) -> None:
    for refused in (post(user("x"), session="s" * 300), post(user("x"), session=None, metadata={"session_id": ""})):
        assert refused.status_code == 400
        assert "session_id" in refused.json()["error"]["message"]
    assert (model.requests, stored.count_sessions()) == ([], 0)


def test_what_is_new_comes_after_what_is_stored() -> None:
    ask, tell, more = message("user", "a"), message("assistant", "b"), message("user", "c")
    for stored, given, expected in (
        ([], [ask], Aligned([ask])),
        ([ask, tell], [ask, tell, more], Aligned([more])),
        ([ask, tell], [tell, more], Aligned([more])),
        ([ask, tell], [more, tell, ask, tell, more], Aligned([more])),
        ([ask, tell], [ask], Aligned(again="assistant-b")),
        ([tell, ask], [tell, ask], Aligned([])),
        ([ask, tell], [more], Aligned([more])),
        ([ask, tell], [ask, message("assistant", "edited"), more], Aligned([more])),
        ([tell, tell], [tell, tell, tell, more], Aligned([more])),
    ):
        assert aligned(stored, given) == expected, (stored, given)
    image = [{"type": "image_url", "image_url": {"url": "data:,x"}}]
    assert aligned([message("user", image)], [message("user", image)]) == Aligned([])


def test_whatever_a_request_says_is_counted() -> None:
    def counted(*messages: dict[str, Any]) -> int:
        return RelayRequest.of(json.dumps({"messages": messages}).encode()).tokens()

    image = {"type": "image_url", "image_url": {"url": "data:," + "x" * 9_000}}
    assert counted(user("Where is he?"), user([image])) == tokens("Where is he?") + TOKENS_PER_MESSAGE + 1_600  # type: ignore[arg-type]
    assert counted({"role": "assistant", "tool_calls": [{"id": "c"}]}) > TOKENS_PER_MESSAGE
    assert counted({"role": "user", "content": 5}, {"role": "user", "content": [5, None, "\ud800"]}) == 9
    deep: Any = []
    for _ in range(350):
        deep = [{"type": "tool_result", "content": deep}]
    with pytest.raises(InvalidArgument, match="nested"):
        counted({"role": "user", "content": deep})


def test_events_in_the_midst_that_tell_of_an_error(
    post: Callable[..., httpx.Response], model: ModelServer, stored: SessionManager
) -> None:
    broken = f'data: {{"error": {{"message": "the model fell over with {KEY}"}}}}\n\n'.encode()
    half = broken.index(KEY.encode()) + 5
    parts = (broken[:half], 0.1, broken[half:])
    model.answer(event(delta={"content": "On"}), *parts, content_type="text/event-stream")
    assert post(user("?")).content.endswith(broken.replace(KEY.encode(), b"[hidden]"))
    assert history(stored) == [("user", "?"), ("assistant", "On")]
    (reply,) = stored.list_replies("s-1")
    assert (reply.state, (reply.error or {})["words"]) == ("failed", "the model fell over with [hidden]")


def test_a_slow_client_gets_all_though_the_reply_has_ended(model: ModelServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ithaca.replies.relaying.AHEAD", 1)
    monkeypatch.setattr("ithaca.replies.producer.AFTERWARDS", 0.05)
    whole = said(*"abcdefgh")
    model.answer(*itertools.chain.from_iterable((part, 0.01) for part in whole), content_type="text/event-stream")
    with SessionManager(":memory:") as manager:
        manager.create_endpoint("e", model.url, model="small")
        manager.create_session("s-1", "named")
        passed = manager.relay(json.dumps({"messages": [user("?")]}).encode(), session_id="s-1")
        parts = []
        for part in passed.body:
            parts.append(part)
            time.sleep(0.05)
        assert b"".join(parts) == b"".join(whole)
        assert manager.wait_for_replies(5)
        assert manager.get_session("s-1").history[-1].content == "abcdefgh"


def test_the_client_gets_all_where_it_cannot_be_recorded(
    post: Callable[..., httpx.Response], model: ModelServer, stored: SessionManager
) -> None:
    strange = [event(delta="weird"), sent({"choices": [None]}), sent({"choices": 1}), sent({"choices": None})]
    first, *rest = said("On ", "Ogygia")
    for number, (midst, told, state) in enumerate((
        (strange, "On Ogygia", "complete"),
        ([sent({"error": {"message": "a warning"}})], "On ", "failed"),
        ([event(delta={"tool_calls": ["strange"]})], "On Ogygia", "complete"),
    )):  # fmt: skip
        model.forget()
        model.answer(first, *midst, 0.2, *rest, content_type="text/event-stream")
        assert post(user("?"), session=f"s-{number}").content == b"".join([first, *midst, *rest])
        assert history(stored, f"s-{number}") == [("user", "?"), ("assistant", told)]
        assert stored.list_replies(f"s-{number}")[0].state == state


def test_an_error_that_comes_with_200_is_recorded_as_one(
    post: Callable[..., httpx.Response], model: ModelServer, stored: SessionManager
) -> None:
    model.answer(b'{"error": {"message": "no such model"}}', content_type="application/json")
    assert post(user("?"), stream=False).status_code == 200
    assert history(stored) == [("user", "?")]
    (reply,) = stored.list_replies("s-1")
    assert (reply.state, (reply.error or {})["words"]) == ("failed", "no such model")


def ask_of(manager: SessionManager) -> Any:
    return manager.relay(json.dumps({"messages": [user("?")]}).encode(), session_id="s-1")


def test_a_body_that_nobody_reads_is_hung_up(model: ModelServer) -> None:
    gate = threading.Event()
    model.answer(*said("On ")[:1], gate, content_type="text/event-stream")
    with SessionManager(":memory:") as manager:
        manager.create_endpoint("e", model.url, model="small")
        manager.create_session("s-1", "named")
        ask_of(manager).body.close()
        assert manager.wait_for_replies(5)
        ask_of(manager)
        assert manager.wait_for_replies(5)
        assert [reply.state for reply in manager.list_replies("s-1")] == ["interrupted"] * 2
    gate.set()


def test_answers_wait_for_no_others(model: ModelServer) -> None:
    gate = threading.Event()
    model.answer(*said("On ")[:1], gate, content_type="text/event-stream")
    with SessionManager(":memory:") as manager:
        manager._door = manager._door.guarded(replace(manager._door.scope.outgoing, first_token=20))
        manager.create_endpoint("e", model.url, model="small")
        asked = json.dumps({"messages": [user("?")]}).encode()
        bodies = [manager.relay(asked, endpoint="e").body for _ in range(30)]
        gate.set()
        assert [b"".join(body) for body in bodies] == said("On ")[:1] * 30  # type: ignore[arg-type]


def test_an_endpoint_that_says_no_more_is_not_waited_for(model: ModelServer) -> None:
    gate = threading.Event()
    model.answer(*said("On ")[:1], gate, content_type="text/event-stream")
    with SessionManager(":memory:") as manager:
        manager._door = manager._door.guarded(replace(manager._door.scope.outgoing, gap=0.2))
        manager.create_endpoint("e", model.url, model="small")
        manager.create_session("s-1", "named")
        with pytest.raises(ProviderTimeout, match="the next token"):
            list(ask_of(manager).body)
        assert manager.wait_for_replies(5)
        (reply,) = manager.list_replies("s-1")
        assert (reply.state, reply.size, (reply.error or {})["error"]) == ("failed", 3, "ProviderTimeout")
    gate.set()


def test_of_several_answers_the_first_is_recorded(
    post: Callable[..., httpx.Response], model: ModelServer, stored: SessionManager
) -> None:
    parts = [
        sent({"choices": [{"index": at, "delta": {"content": text}}]}) for at, text in enumerate(("Hello", "Salut"))
    ]
    ends = [sent({"choices": [{"index": at, "delta": {}, "finish_reason": "stop"}]}) for at in (1, 0)]
    model.answer(*parts, ends[0], parts[0], ends[1], content_type="text/event-stream")
    post(user("?"), n=2)
    assert history(stored) == [("user", "?"), ("assistant", "HelloHello")]


def test_a_reply_that_is_stopped_elsewhere_ends_for_the_client(model: ModelServer) -> None:
    gate = threading.Event()
    model.answer(*said("On ", "Ogygia")[:2], gate, content_type="text/event-stream")
    with SessionManager(":memory:") as manager:
        manager.create_endpoint("e", model.url, model="small")
        manager.create_session("s-1", "named")
        passed = manager.relay(json.dumps({"messages": [user("?")]}).encode(), session_id="s-1")
        parts = iter(passed.body)
        next(parts)
        stopped = manager.stop_reply(str(passed.reply_id))
        assert (stopped.state, stopped.input_tokens) == ("stopped", tokens("?"))
        with pytest.raises(ProviderError, match="stopped"):
            list(parts)
        gate.set()
        assert manager.verify() == []
