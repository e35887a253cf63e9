"""How a route's function is called: what it and its dependencies take is found out once, not at each request.

FastAPI goes through every parameter at each request, and through all that it could be, whether or not it was given.
Here only what was given is FastAPI's to read and to check; what was not has its default.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from functools import lru_cache
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant, request_params_to_args
from fastapi.exceptions import RequestValidationError

from ithaca.service.problems import unfit

#: What came where nothing came, and what a function gave that could not be called.
_NOTHING: Any = object()


@dataclass(slots=True)
class _Asked:
    """A request on its way to the function of its route."""

    request: Request
    #: Its body: a value where it is JSON, else its bytes.
    body: Any
    #: What functions gave that were called for it.
    results: dict[Callable[..., Any], Any] = field(default_factory=dict)
    errors: list[Any] = field(default_factory=list)


class Call:
    """A route's function, or one on which it depends, and where its arguments come from."""

    def __init__(self, dependant: Dependant) -> None:
        assert dependant.call is not None  # noqa: S101, it is None for no function
        self._function = dependant.call
        self._dependencies = [(each.name, Call(each)) for each in dependant.dependencies]
        self._path, self._query, self._headers = map(
            _Parameters, (dependant.path_params, dependant.query_params, dependant.header_params)
        )
        self._body = next(iter(dependant.body_params), None)
        self._takes_request = dependant.request_param_name

    async def answer(self, request: Request) -> Response:
        """What the route answers. Raises `RequestValidationError` for what does not fit."""
        asked = _Asked(request, _NOTHING if self._body is None else await _body_of(request))
        arguments = await self._arguments(asked)
        if asked.errors:
            raise RequestValidationError(asked.errors, body=None if asked.body is _NOTHING else asked.body)
        response: Response = await self._function(**arguments)
        return response

    async def _result(self, asked: _Asked) -> Any:
        """What the function gives, which is called once a request; `_NOTHING` where its arguments do not fit."""
        if self._function not in asked.results:
            errors = len(asked.errors)
            arguments = await self._arguments(asked)
            fits = len(asked.errors) == errors
            asked.results[self._function] = await self._function(**arguments) if fits else _NOTHING
        return asked.results[self._function]

    async def _arguments(self, asked: _Asked) -> dict[str, Any]:
        request, arguments = asked.request, dict[str, Any]()
        overrides = request.app.dependency_overrides
        for name, call in self._dependencies:
            result = await (_overridden(call, overrides) if overrides else call)._result(asked)
            if name is not None:
                arguments[name] = result
        self._path.read(request.path_params, arguments, asked.errors)
        self._query.read(request.query_params, arguments, asked.errors)
        self._headers.read(request.headers, arguments, asked.errors)
        if self._body is not None:
            arguments[self._body.name] = _checked(self._body, asked)
        if self._takes_request is not None:
            arguments[self._takes_request] = request
        return arguments


def _overridden(call: Call, overrides: Mapping[Callable[..., Any], Callable[..., Any]]) -> Call:
    """What a program, mostly a test, wants to be called instead (`FastAPI.dependency_overrides`)."""
    other = overrides.get(call._function)
    return call if other is None else Call(get_dependant(path="", call=other))


class _Parameters:
    """What a function takes of a request's path, query or headers."""

    def __init__(self, fields: Sequence[Any]) -> None:
        self._fields = [(each.alias, each.field_info.is_required(), each) for each in fields]
        self._defaults = {each.name: each.get_default() for each in fields if not each.field_info.is_required()}

    def read(self, received: Any, arguments: dict[str, Any], errors: list[Any]) -> None:
        """Adds the arguments that are there, defaults for the others, and what is wrong with them."""
        if not self._fields:
            return
        arguments |= self._defaults
        if given := [each for alias, required, each in self._fields if required or alias in received]:
            values, wrong = request_params_to_args(given, received)
            arguments |= values
            errors += wrong


def _checked(body: Any, asked: _Asked) -> Any:
    """The body as its model has it."""
    if asked.body is not _NOTHING:
        value, wrong = body.validate(asked.body, {}, loc=("body",))
    elif body.field_info.is_required():
        value, wrong = None, [{"type": "missing", "loc": ("body",), "msg": "Field required", "input": None}]
    else:
        value, wrong = body.get_default(), None
    asked.errors += wrong or ()
    return value


async def _body_of(request: Request) -> Any:
    """The body's value; its bytes where nobody says that it is JSON; `_NOTHING` where none came."""
    body = await request.body()
    if not body:
        return _NOTHING
    if not _is_json(request.headers.get("content-type", "")):
        return body
    try:
        return json.loads(body, object_pairs_hook=_each_once)
    except json.JSONDecodeError as error:
        wrong = {"type": "json_invalid", "loc": ("body", error.pos), "msg": error.msg, "ctx": {"error": error.msg}}
        raise RequestValidationError([wrong], body=error.doc) from None
    except (ValueError, RecursionError):
        raise HTTPException(400) from None


@lru_cache(64)
def _is_json(content_type: str) -> bool:
    message = Message()
    message["content-type"] = content_type
    kind = message.get_content_subtype()
    return message.get_content_maintype() == "application" and (kind == "json" or kind.endswith("+json"))


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; who sends two values under one key would not know which of them was meant (RFC 7493, 2.3)."""
    found = dict(pairs)
    if len(found) < len(pairs):
        (key, times), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise unfit({key: f"It is there {'twice' if times == 2 else f'{times} times'}"})
    return found
