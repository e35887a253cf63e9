"""Errors come back as what they were, with their data."""

import inspect
import pickle
from typing import Any

import pytest

from ithaca import (
    Client,
    InvalidArgument,
    InvalidInput,
    IthacaError,
    NotAllowed,
    RevisionConflict,
    ServiceError,
    SessionNotFound,
    errors,
)
from ithaca.client.asking import Reply, Request
from ithaca.client.problems import error_of
from ithaca.service.problems import invalid, problem_of
from tests.client.conftest import AsOwner
from tests.support.serving import Served

KINDS = [getattr(errors, name) for name in errors.__all__]

#: What only a client raises.
CLIENTS = (errors.ServerUnavailable, errors.ServiceError)


def made(kind: type[IthacaError]) -> IthacaError:
    names = [p.name for p in inspect.signature(kind.__init__).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    data: dict[str, Any] = {
        "seconds": 2.5,
        "status": 429,
        "found": 7,
        "expected": 6,
        "version": 3,
        "needed": 9,
        "limit": 8,
        "answer": None,
    }
    return kind(*[data.get(name, f"the {name}") for name in names[1:]])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in CLIENTS])
def test_an_error_comes_back_as_it_was(kind: type[IthacaError]) -> None:
    error = made(kind)
    answer = problem_of(error)
    back = error_of(Reply(answer.status, answer.headers, answer.body))
    assert type(back) is kind
    if answer.status < 500 or isinstance(error, errors.ProviderError):
        assert (vars(back) | {"answer": None}, str(back)) == (vars(error) | {"answer": None}, str(error))
    else:  # the server keeps to itself what it is about
        assert (set(vars(back)), str(back)) == (set(vars(error)), "The server could not do it. Its log says why.")
    assert type(pickle.loads(pickle.dumps(back))) is kind


def test_what_does_not_fit_a_schema_names_its_field() -> None:
    answer = invalid([{"loc": ("body", "messages", 0, "role"), "msg": "Field required", "type": "missing"}])
    error = error_of(Reply(answer.status, answer.headers, answer.body))
    assert type(error) is InvalidInput
    assert (error.field, str(error)) == ("messages.0.role", "messages.0.role: Field required.")


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"[]", b'{"error": "IthacaError.__init__"}'])
def test_what_is_no_problem_of_ithacas_is_a_service_error(body: bytes) -> None:
    error = error_of(Reply(502, {}, body))
    assert isinstance(error, ServiceError)
    assert error.status == 502


def test_errors_of_a_real_server(alice: Client, asks_as: AsOwner) -> None:
    session = alice.create_session()
    with pytest.raises(SessionNotFound) as missing:
        alice.get_session("no/such?session")
    assert missing.value.session_id == "no/such?session"
    with pytest.raises(RevisionConflict) as conflict:
        alice.rename_session(session.id, "x", expected_revision=9)
    assert (conflict.value.found, conflict.value.expected) == (1, 9)
    with pytest.raises(InvalidArgument) as refused:
        alice.list_sessions(limit=1_000_000)
    assert (refused.value.field, refused.value.given) == ("limit", "1000000")
    with pytest.raises(InvalidArgument) as other:
        alice.put_attachment(b"\xff\xd8\xff\xe0", "image/png")
    assert (other.value.field, str(other.value).split()[0]) == ("media_type", "media_type")
    with pytest.raises(NotAllowed) as forbidden:
        asks_as("reader", "read").create_session()
    assert forbidden.value.right == "write"


def test_an_address_where_no_ithaca_is(server: Served, asks_as: AsOwner) -> None:
    elsewhere = asks_as("ann", address=f"{server.address}/elsewhere")
    with pytest.raises(ServiceError) as refused:
        elsewhere.count_sessions()
    assert (refused.value.status, refused.value.error) == (404, "NoSuchRoute")


def test_a_body_that_is_too_large(alice: Client) -> None:
    def asking() -> Any:
        yield Request("POST", "/api/sessions", {"Content-Type": "application/json"}, b" " * (257 * 1024 * 1024))

    with pytest.raises(ServiceError) as refused:
        alice._run(asking())
    assert (refused.value.status, refused.value.error) == (413, "BodyTooLarge")
