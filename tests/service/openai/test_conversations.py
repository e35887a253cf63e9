"""Conversations through the stock client: made, read, changed, deleted; and what is refused, in its own classes."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest

from ithaca import ChatMessage, DatabaseUnavailable, SessionManager
from ithaca.service import ServiceSettings, SignedIn
from tests.support.serving import Served, served


def test_made_read_changed_and_deleted(client: openai.OpenAI, stored: SessionManager) -> None:
    conversations = client.conversations
    made = conversations.create(metadata={"topic": "ferries"}, items=[{"role": "user", "content": "When?"}])
    assert made.to_dict() == {
        "id": made.id,
        "object": "conversation",
        "created_at": made.created_at,
        "metadata": {"topic": "ferries"},
    }
    assert abs(made.created_at - time.time()) < 600
    assert conversations.retrieve(made.id) == made
    changed = conversations.update(made.id, metadata={"by": "night"})
    assert changed.to_dict() == made.to_dict() | {"metadata": {"by": "night"}}
    assert conversations.update(made.id, metadata=None).metadata == {}
    deleted = conversations.delete(made.id)
    assert deleted.to_dict() == {"id": made.id, "object": "conversation.deleted", "deleted": True}
    for call in (conversations.retrieve, conversations.delete, conversations.items.list):
        with pytest.raises(openai.NotFoundError) as missing:
            call(made.id)
        assert missing.value.code == "conversation_not_found"
        assert made.id in missing.value.message
    stored.undo(made.id)
    assert len(conversations.items.list(made.id).data) == 1


def test_nothing_has_to_be_given(client: openai.OpenAI) -> None:
    assert client.conversations.create().metadata == {}
    assert client.conversations.create(items=[], metadata={}).metadata == {}
    assert client.post("/conversations", cast_to=httpx.Response).json()["object"] == "conversation"


@pytest.mark.parametrize(
    ("metadata", "param", "code"),
    [
        ({str(number): "x" for number in range(17)}, "metadata", "object_above_max_length"),
        ({"k" * 65: "x"}, f"metadata.{'k' * 65}", "string_above_max_length"),
        ({"k": "x" * 513}, "metadata.k", "string_above_max_length"),
        ({"k": 1}, "metadata.k", "invalid_type"),
        ({"k": None}, "metadata.k", "invalid_type"),
        (["k"], "metadata", "invalid_type"),
        ("k", "metadata", "invalid_type"),
    ],
)
def test_the_rules_for_metadata(client: openai.OpenAI, metadata: Any, param: str, code: str) -> None:
    conversation = client.conversations.create(metadata={"as": "it was"})
    calls: list[Callable[[], object]] = [
        lambda: client.conversations.create(metadata=metadata),
        lambda: client.conversations.update(conversation.id, metadata=metadata),
    ]
    for call in calls:
        with pytest.raises(openai.BadRequestError) as refused:
            call()
        error = refused.value
        assert (error.param, error.code, error.type) == (param, code, "invalid_request_error")
        assert isinstance(error.body, dict)
        assert error.body.keys() == {"message", "type", "param", "code"}
    assert client.conversations.retrieve(conversation.id) == conversation


def test_the_largest_metadata(client: openai.OpenAI) -> None:
    most = {f"{number:é>64}": "語" * 512 for number in range(16)}
    assert client.conversations.create(metadata=most).metadata == most


def test_many_at_once(client: openai.OpenAI, stored: SessionManager) -> None:
    """Nobody is told of a conflict who made no condition."""
    conversation = client.conversations.create()
    with ThreadPoolExecutor(24) as people:
        texts = [str(number) for number in range(48)]
        answers = list(
            people.map(lambda text: client.conversations.update(conversation.id, metadata={"n": text}), texts)
        )
    assert [answer.metadata for answer in answers] == [{"n": text} for text in texts]
    assert stored.get_session(conversation.id).revision == 1 + len(texts)
    calls = [{"id": f"c{number}", "function": {"name": "f", "arguments": "{}"}} for number in range(24)]
    message = stored.add_message(conversation.id, ChatMessage("assistant", "Wait.", tool_calls=calls))
    items = [f"{message.id}~c{number}" for number in range(24)]
    with ThreadPoolExecutor(24) as people:
        list(people.map(lambda item: client.conversations.items.delete(item, conversation_id=conversation.id), items))
    assert [item.id for item in client.conversations.items.list(conversation.id)] == [message.id]


def test_metadata_leaves_the_sessions_own_data_alone(client: openai.OpenAI, stored: SessionManager) -> None:
    session = stored.create_session("boat", extra={"color": {"of": ["hull"]}, "openai_metadata": "no metadata"})
    assert client.conversations.retrieve("boat").metadata == {}
    assert client.conversations.update("boat", metadata={"a": "b"}).metadata == {"a": "b"}
    assert stored.get_session("boat").extra == {"color": {"of": ["hull"]}, "openai_metadata": {"a": "b"}}
    client.conversations.update("boat", metadata={})
    assert stored.get_session("boat").extra == {"color": session.extra["color"]}


def test_at_most_20_items_at_once(client: openai.OpenAI) -> None:
    conversation = client.conversations.create(items=[{"role": "user", "content": "x"}] * 20)
    for call in (
        lambda items: client.conversations.create(items=items),
        lambda items: client.conversations.items.create(conversation.id, items=items),
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            call([{"role": "user", "content": "x"}] * 21)
        assert (refused.value.param, refused.value.code) == ("items", "array_above_max_length")
    assert len(client.conversations.items.list(conversation.id, limit=100).data) == 20


def test_asking_again_with_a_key(client: openai.OpenAI, stored: SessionManager) -> None:
    again: dict[str, Any] = {"extra_headers": {"Idempotency-Key": "once"}}
    made = [client.conversations.create(items=[{"role": "user", "content": "x"}], **again) for _ in range(2)]
    assert made[0] == made[1]
    assert stored.count_sessions() == 1
    with pytest.raises(openai.BadRequestError) as reused:
        client.conversations.create(metadata={"another": "request"}, **again)
    assert reused.value.code == "key_reused"
    key: dict[str, Any] = {"extra_headers": {"Idempotency-Key": "update"}}
    assert client.conversations.update(made[0].id, metadata={"a": "b"}, **key).metadata == {"a": "b"}
    client.conversations.update(made[0].id, metadata={"c": "d"})
    assert client.conversations.update(made[0].id, metadata={"a": "b"}, **key).metadata == {"a": "b"}
    assert client.conversations.retrieve(made[0].id).metadata == {"c": "d"}


# Errors


def test_who_has_no_key(connect: Callable[[str], openai.OpenAI], names: tuple[str, str]) -> None:
    nobody = connect("sk-wrong")
    for call in (
        lambda: nobody.conversations.create(),
        lambda: nobody.conversations.retrieve("conv_x"),
        lambda: nobody.conversations.items.list("conv_x"),
    ):
        with pytest.raises(openai.AuthenticationError) as refused:
            call()
        assert (refused.value.code, refused.value.type) == ("invalid_api_key", "invalid_request_error")
        assert "www-authenticate" in refused.value.response.headers


def test_who_may_only_read(
    client: openai.OpenAI, connect: Callable[[str], openai.OpenAI], names: tuple[str, str]
) -> None:
    conversation = client.conversations.create(items=[{"role": "user", "content": "x"}])
    reader = connect(f"r-{names[0]}")
    assert len(reader.conversations.items.list(conversation.id).data) == 1
    with pytest.raises(openai.PermissionDeniedError) as refused:
        reader.conversations.update(conversation.id, metadata={})
    assert refused.value.type == "permission_error"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/assistants", None),
        ("GET", "/v1", None),
        ("GET", "/v1/", None),
        ("GET", "/v1/conversations/", None),
        ("GET", "/v1/conversations/x/items/y/z", None),
        ("GET", "/v1/conversations", "POST"),
        ("PUT", "/v1/conversations/x", "GET, HEAD, POST, DELETE"),
        ("PROPFIND", "/v1/conversations/x", "GET, HEAD, POST, DELETE"),
        ("GET", "/v1/chat/completions", "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
    ],
)
def test_routes_that_are_none(
    keyed: Served, names: tuple[str, str], token_of: Any, method: str, path: str, allowed: str | None
) -> None:
    answer = httpx.request(
        method, keyed.address + path, headers={"authorization": f"Bearer {token_of(f'rw-{names[0]}')}"}
    )
    assert (answer.status_code, answer.headers.get("allow")) == (404 if allowed is None else 405, allowed)
    words, code = ("Invalid URL ({}).", "unknown_url") if allowed is None else _NOT_ALLOWED
    assert answer.json()["error"] == {
        "message": words.format(f"{method} {path}"), "type": "invalid_request_error", "param": None, "code": code,
    }  # fmt: skip


_NOT_ALLOWED = ("Not allowed: {}.", "method_not_supported")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[1]",
        b'"x"',
        b"\xff",
        b"[" * 100_000,
        b'{"items": 1}',
        b'{"more": 1}',
        b'{"items": [[]]}',
        b'{"items": [], "items": []}',
    ],
)
def test_bodies_that_are_none(client: openai.OpenAI, body: bytes) -> None:
    for path in ("/conversations", "/conversations/conv_x", "/conversations/conv_x/items"):
        with pytest.raises(openai.BadRequestError) as refused:
            client.post(path, content=body, cast_to=object, options={"headers": {"content-type": "application/json"}})
        assert refused.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    ("query", "param", "code"),
    [
        ({"limit": 0}, "limit", "integer_below_min_value"),
        ({"limit": 101}, "limit", "integer_above_max_value"),
        ({"limit": "many"}, "limit", "invalid_value"),
        ({"order": "up"}, "order", "invalid_value"),
    ],
)
def test_queries_that_are_none(client: openai.OpenAI, query: Any, param: str, code: str) -> None:
    conversation = client.conversations.create()
    with pytest.raises(openai.BadRequestError) as refused:
        client.conversations.items.list(conversation.id, extra_query=query)
    assert (refused.value.param, refused.value.code) == (param, code)


def test_a_body_says_that_it_is_json(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        client.post(
            "/conversations", content=b"{}", cast_to=object, options={"headers": {"content-type": "text/plain"}}
        )
    error = refused.value
    assert (error.status_code, error.param, error.code) == (415, "Content-Type", "unsupported_content_type")


def test_a_parameter_of_tomorrow_is_passed_over(client: openai.OpenAI) -> None:
    conversation = client.conversations.create(extra_query={"tomorrow": 1})
    assert client.conversations.items.list(conversation.id, extra_query={"tomorrow": 1}).data == []


@pytest.fixture
def small(database_url: str) -> Iterator[Served]:
    """A server that takes small bodies only."""
    with served(database_url, service=ServiceSettings(port=0, max_body_bytes=1000), access=SignedIn) as running:
        yield running


def test_what_is_too_large(small: Served, token_of: Any) -> None:
    with openai.OpenAI(base_url=f"{small.address}/v1", api_key=token_of("rw-alice"), max_retries=0) as client:
        with pytest.raises(openai.APIStatusError) as refused:
            client.conversations.create(items=[{"role": "user", "content": "x" * 2000}])
        assert (refused.value.status_code, refused.value.code) == (413, "body_too_large")


@pytest.mark.parametrize(("error", "status"), [(RuntimeError("secret"), 500), (DatabaseUnavailable("secret"), 503)])
def test_what_the_server_cannot_do(small: Served, token_of: Any, error: Exception, status: int) -> None:
    def broken(owner: str) -> Any:
        raise error

    small.app.state.ithaca.manager.for_owner = broken
    client = openai.OpenAI(base_url=f"{small.address}/v1", api_key=token_of("rw-alice"), max_retries=0)
    with client, pytest.raises(openai.InternalServerError) as failed:
        client.conversations.retrieve("conv_x")
    assert (failed.value.status_code, failed.value.type) == (status, "server_error")
    assert failed.value.request_id
    assert "secret" not in failed.value.response.text


def test_long_errors_are_whole(client: openai.OpenAI) -> None:
    """Long answers are compressed on their way."""
    with pytest.raises(openai.NotFoundError) as missing:
        client.conversations.retrieve("x" * 3000)
    assert "x" * 3000 in missing.value.message


def test_other_routes_keep_their_problems(keyed: Served) -> None:
    for path in ("/api/nothing", "/v10/conversations"):
        assert httpx.get(keyed.address + path).headers["content-type"] == "application/problem+json"
