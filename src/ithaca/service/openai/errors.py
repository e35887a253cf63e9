"""Errors as OpenAI has them, `{"error": {"message", "type", "param", "code"}}`: its clients raise their own classes.

Whatever goes wrong in the service is a problem response (RFC 9457). On its way out, what answers a request below `/v1`
is put into the other words, wherever it came from: an unknown route, a missing key, a body that is too large.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ithaca.service.answers import JSON, written
from ithaca.service.paths import route_path
from ithaca.service.problems import PROBLEM, Refused, dashed, unforeseen
from ithaca.service.strict import Route

PREFIX = "/v1"

#: Statuses for which OpenAI's clients have no class of their own, or another one.
_STATUSES = {412: 409, 422: 400}

_TYPES = {403: "permission_error", 429: "rate_limit_error"}

#: What has other names in this API: what is said, and the code.
_WORDS = {
    "NoSuchRoute": ("Invalid URL ({called}).", "unknown_url"),
    "MethodNotAllowed": ("Not allowed: {called}.", "method_not_supported"),
    "SessionNotFound": ("Conversation with id {session_id!r} not found.", "conversation_not_found"),
    "MessageNotFound": (
        "Item with id {message_id!r} not found in conversation {session_id!r}.",
        "item_not_found",
    ),
    "MessageConflict": (
        "Conversation {session_id!r} has another item with id {message_id!r} already.",
        "item_conflict",
    ),
}

#: OpenAI's codes, by pydantic's.
_CODES = {
    "missing": "missing_required_parameter",
    "extra_forbidden": "unknown_parameter",
    "string_too_long": "string_above_max_length",
    "greater_than_equal": "integer_below_min_value",
    "less_than_equal": "integer_above_max_value",
}


class OpenAIErrors:
    """Gives problem responses OpenAI's shape, and makes one of what nobody thought of."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_ours(scope):
            await self._app(scope, receive, send)
            return
        sent = Translated(send, f"{scope['method']} {scope['path']}")
        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            if sent.began:
                raise
            await unforeseen(error).response()(scope, receive, sent)


def _is_ours(scope: Scope) -> bool:
    path = route_path(scope)
    return path == PREFIX or path.startswith(PREFIX + "/")


class Translated:
    """Sends a response; a problem in OpenAI's shape."""

    def __init__(self, send: Send, called: str) -> None:
        self._send = send
        #: The method and the path that were asked for.
        self._called = called
        self._start: Message | None = None
        self._body = b""
        self.began = False

    async def __call__(self, message: Message) -> None:
        is_start = message["type"] == "http.response.start"
        if is_start and Headers(raw=message["headers"]).get("content-type") == PROBLEM:
            self._start = message
        elif self._start is None:
            self.began = True
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._end(self._start)

    async def _end(self, start: Message) -> None:
        self.began = True
        body = written({"error": error_of(json.loads(self._body) | {"called": self._called})}) if self._body else b""
        headers = MutableHeaders(raw=list(start["headers"]))
        headers["content-type"] = JSON
        if body:
            headers["content-length"] = str(len(body))
        status = start["status"]
        await self._send({**start, "status": _STATUSES.get(status, status), "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


def error_of(problem: Mapping[str, Any]) -> dict[str, Any]:
    """A problem, and what was `called`, as the `error` of an answer."""
    status, name = problem["status"], problem["error"]
    words, code = _WORDS.get(name, (None, _code(status, name)))
    return {
        "message": problem["detail"] if words is None else words.format(**problem),
        "type": "server_error" if status >= 500 else _TYPES.get(status, "invalid_request_error"),
        "param": problem.get("field"),
        "code": problem.get("code", code),
    }


def _code(status: int, name: str) -> str:
    if status == 401:
        return "invalid_api_key"
    return "rate_limit_exceeded" if status == 429 else dashed(name).replace("-", "_")


def refused(message: str, param: str | None, code: str | None, status: int = 400) -> Refused:
    """To be raised for a request that OpenAI would not take either."""
    return Refused(status, "InvalidRequest", message, field=param, code=code)


_NO_JSON = "Unsupported content type: the body of a request is JSON here, 'application/json'."


class OpenAIRoute(Route):
    """A route that says in OpenAI's words what does not fit its parameters."""

    tolerant = True

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                if isinstance(error.body, bytes) and error.body:  # what says that it is JSON has been read
                    raise refused(_NO_JSON, "Content-Type", "unsupported_content_type", 415) from None
                raise _unfit(error.errors()[0]) from None

        return handled


def _unfit(problem: Mapping[str, Any]) -> Refused:
    """The first of what does not fit."""
    kind, param = problem["type"], param_of(problem["loc"][1:])
    if kind == "json_invalid":
        return refused("We could not parse the JSON body of your request.", None, None)
    if kind == "missing":
        return refused(f"Missing required parameter: '{param}'.", param, _CODES[kind])
    if kind == "extra_forbidden":
        return refused(f"Unknown parameter: '{param}'.", param, _CODES[kind])
    return refused(f"Invalid '{param}': {problem['msg']}.", param, _code_of(kind, problem))


def _code_of(kind: str, problem: Mapping[str, Any]) -> str:
    if kind == "too_long":
        return f"{'object' if problem['ctx']['field_type'] == 'Dictionary' else 'array'}_above_max_length"
    return _CODES.get(kind, "invalid_type" if kind.endswith("_type") else "invalid_value")


def param_of(path: tuple[str | int, ...]) -> str:
    """Where something stands: `items[3].type`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path if step != "[key]")
    return "".join(steps).removeprefix(".").replace("include[]", "include", 1)
