"""Errors out of problem responses (RFC 9457): the library's own classes, with their data."""

import json
from typing import Any

from ithaca import errors
from ithaca.client.asking import Reply
from ithaca.errors import InvalidInput, IthacaError, ServiceError

#: What every problem has beside an error's own data.
_STANDARD = frozenset(("type", "title", "status", "detail", "error", "errors"))


#: Members whose names in Python are others, since those have a meaning of their own in a problem.
_ATTRIBUTES = {"provider_status": "status"}


#: What came in a header, by its name in Python.
_FIELDS = {"Content-Type": "media_type", "Ithaca-Owner": "owner", "Idempotency-Key": "key", "Last-Event-ID": "after"}


def error_of(reply: Reply) -> IthacaError:
    """What a reply of 400 or more stands for; `ServiceError` if it is no error of the library."""
    problem = _problem(reply)
    name, detail = str(problem.get("error", "")), str(problem.get("detail", ""))
    kind = getattr(errors, name, None) if name in errors.__all__ else None
    if kind is None:
        return ServiceError(reply.status, name, detail)
    if (field := problem.get("field")) in _FIELDS:
        problem, detail = problem | {"field": _FIELDS[field]}, detail.replace(field, _FIELDS[field], 1)
    data = {_ATTRIBUTES.get(name, name): value for name, value in problem.items() if name not in _STANDARD}
    return _made(kind, data | _not_told(kind, data, detail), detail)


def _problem(reply: Reply) -> dict[str, Any]:
    try:
        problem = json.loads(reply.body)
    except ValueError:  # of something that stands before the server
        return {}
    return problem if isinstance(problem, dict) else {}


def _not_told(kind: type[IthacaError], data: dict[str, Any], detail: str) -> dict[str, Any]:
    """What an error has and a response doesn't tell: what was given, and why the server failed."""
    if issubclass(kind, InvalidInput):
        return {} if "allowed" in data else {"given": "what was given", "allowed": detail}
    names = {name for base in kind.__mro__ for name in getattr(base, "__annotations__", {})}
    return {name: detail if name == "reason" else None for name in names - data.keys()}


def _made(kind: type[IthacaError], data: dict[str, Any], detail: str) -> IthacaError:
    error = kind.__new__(kind)
    error.__dict__.update(data)
    Exception.__init__(error, detail)
    return error
