"""What went wrong, as a problem response (RFC 9457): each error of the library has its status and its type.

The members beside the standard ones are the error's own data, so that no client has to parse words: `error` is the
class's name, `session_id`, `found` and the like are its attributes. Bad input names its `field`. What the server itself
could not do (5xx) says nothing of paths, addresses or passwords: that goes into the log. What a model's provider could
not do is told in the provider's words.
"""

import logging
import re
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from ithaca import errors
from ithaca.errors import IthacaError
from ithaca.service.answers import Answer
from ithaca.service.methods import methods_of

_log = logging.getLogger("ithaca.service")

PROBLEM = "application/problem+json"

#: Where the types of problems are described.
TYPES = "/api/problems/"

#: The most specific class that an error is of decides.
STATUSES: Mapping[type[IthacaError], int] = {
    errors.NotFound: 404,
    errors.RevisionConflict: 412,
    errors.KeyReused: 422,
    errors.Conflict: 409,
    errors.InvalidInput: 422,
    errors.ContextTooSmall: 422,
    errors.ImportFailed: 422,
    errors.EndpointRefused: 422,
    errors.ProviderTimeout: 504,
    errors.ProviderError: 502,
    errors.NotSignedIn: 401,
    errors.LoginRefused: 401,
    errors.TooManyAttempts: 429,
    errors.ForeignOrigin: 403,
    errors.NotAllowed: 403,
    errors.SchemaError: 503,
    errors.DatabaseBusy: 503,
    errors.DiskFull: 507,
    errors.DatabaseUnavailable: 503,
    errors.ManagerClosed: 503,
    errors.StorageError: 500,
    errors.SecretError: 500,
    errors.ConfigurationError: 500,
    errors.IthacaError: 500,
}

#: What is refused for how it was asked, before the library is: the status, and what it means.
BEFORE: Mapping[str, tuple[int, str]] = {
    "BadRequest": (400, "What came can't be read: a body that is no UTF-8, or nested too deep; or not one `Host`."),
    "NoSuchRoute": (404, "There is no such route."),
    "MethodNotAllowed": (405, "The route does not take this method; `Allow` names those that it takes."),
    "TooSlow": (408, "The request did not come in time."),
    "BodyTooLarge": (413, "The body is larger than the server takes."),
    "UnsupportedMediaType": (
        415,
        "The body is compressed, or not said to be JSON, by `Content-Type: application/json`.",
    ),
    "RangeNotSatisfiable": (416, "Nothing of what `Range` asks for is there."),
    "MisdirectedRequest": (421, "The server does not go by the name in `Host`."),
    "TooManyRequests": (429, "There were too many requests; `Retry-After` says when to ask again."),
    "HeadersTooLarge": (431, "The request's line and headers are larger than the server takes."),
    "InternalError": (500, "The server could not do it. Its log says why."),
    "TooManyConnections": (503, "The server has as many connections as it may have."),
}

#: Seconds after which a server that is busy may be asked again.
RETRY_AFTER = "1"

#: Attributes that stay here: an answer has its own way out.
_NOT_SHOWN = ("answer",)

#: Attributes whose names have a meaning of their own in a problem.
_MEMBERS = {"status": "provider_status"}

Members: TypeAlias = dict[str, Any]


class Refused(HTTPException):
    """A request that is refused for how it was made, before the library is asked."""

    def __init__(self, status: int, name: str, detail: str, **members: Any) -> None:
        super().__init__(status, detail)
        self.name, self.members = name, members

    @property
    def answer(self) -> Answer:
        """The problem response."""
        answer = problem(self.status_code, self.name, self.detail, self.members)
        return replace(answer, headers={**answer.headers, **(self.headers or {})})


def unfit(reasons: Mapping[str, str]) -> Refused:
    """To be raised for what no schema finds; it is told as what a schema finds, by field."""
    found = [{"field": field, "reason": reason} for field, reason in reasons.items()]
    first = found[0]
    return Refused(422, "InvalidInput", f"{first['field']}: {first['reason']}.", field=first["field"], errors=found)


def status_of(kind: type[IthacaError]) -> int:
    """The status that an error is answered with."""
    return next(STATUSES[base] for base in kind.__mro__ if base in STATUSES)


def problem_of(error: IthacaError) -> Answer:
    """The problem response for an error of the library."""
    status, kind = status_of(type(error)), type(error)
    if status >= 500 and not isinstance(error, errors.ProviderError):
        return problem(status, kind.__name__, "The server could not do it. Its log says why.")
    data = {_MEMBERS.get(name, name): value for name, value in vars(error).items() if name not in _NOT_SHOWN}
    return problem(status, kind.__name__, str(error), data)


def problem(status: int, name: str, detail: str, members: Members | None = None) -> Answer:
    """A problem response; `name` is that of an error's class, or is written as one."""
    standard = {
        "type": TYPES + dashed(name),
        "title": titled(name),
        "status": status,
        "detail": detail,
        "error": name,
    }
    answer = Answer.of({**(members or {}), **standard}, status)
    return Answer(answer.body, status, {"content-type": PROBLEM, **_headers(status, members or {})})


def _headers(status: int, members: Members) -> Mapping[str, str]:
    if status == 401:
        return {"www-authenticate": 'Bearer realm="ithaca"'}
    if status == 429 and "seconds" in members:
        return {"retry-after": str(members["seconds"])}
    return {"retry-after": RETRY_AFTER} if status == 503 else {}


def dashed(name: str) -> str:
    """`SessionNotFound` as `session-not-found`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def titled(name: str) -> str:
    """`SessionNotFound` as "Session not found"."""
    return dashed(name).replace("-", " ").capitalize()


def invalid(problems: Sequence[Any]) -> Answer:
    """The problem response for what does not fit a route's parameters or the schema of its body.

    The first problem names the field, as one of the library does; `errors` has them all. What was given is not
    repeated: it may be a secret.
    """
    found = [{"field": field_of(each), "reason": _reason_of(each)} for each in problems]
    first = found[0]
    detail = f"{first['field']}: {first['reason']}."
    return problem(422, "InvalidInput", detail, {"field": first["field"], "errors": found})


def _reason_of(problem: Mapping[str, Any]) -> str:
    if problem["type"] == "json_invalid":
        return f"It is no JSON: {problem['ctx']['error'].removesuffix(' at')}, at character {problem['loc'][-1]}"
    return _REASONS.get(problem["type"], str(problem["msg"]).removeprefix("Value error, "))


#: What the words of the schema's library are not for who has never heard of it.
_REASONS = {
    "extra_forbidden": "There is no such field",
    "model_attributes_type": "It should be a JSON object",
    "model_type": "It should be a JSON object",
    "dict_type": "It should be a JSON object",
}

#: What ends the place of something that may be of several types: the one that was tried.
_TRIED = re.compile(r"str|list\[.*\]|dict\[.*\]")


def field_of(problem: Mapping[str, Any]) -> str:
    """Where in the request something is: `messages.0.role`; what it stands in (the body, the query) is left out."""
    where, *inner = problem["loc"]
    if len(inner) > 1 and _TRIED.fullmatch(str(inner[-1])):
        inner.pop()
    return ".".join(map(str, inner)) if inner and problem["type"] != "json_invalid" else str(where)


async def _ithaca(_: Request, error: Exception) -> Response:
    assert isinstance(error, IthacaError)  # noqa: S101, as it was registered
    return answered(error).response()


def answered(error: IthacaError) -> Answer:
    """The problem response for an error of the library; what only the log says is there."""
    answer = problem_of(error)
    if answer.status >= 500:  # a provider's words may be what somebody said
        _log.error("%s: %s", type(error).__name__, "" if isinstance(error, errors.ProviderError) else error)
    return answer


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101
    return error.answer.response()


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    if isinstance(error.body, bytes) and error.body:  # what says that it is JSON has been read
        detail = "Content-Type: the body of a request is JSON here, `application/json`."
        return problem(415, _HTTP_NAMES[415], detail, {"field": "Content-Type"}).response()
    return invalid(error.errors()).response()


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    name = _HTTP_NAMES.get(error.status_code, "BadRequest")
    field = {"field": "body"} if error.status_code in (400, 413) else None
    answer = problem(error.status_code, name, _HTTP_DETAILS.get(error.status_code, str(error.detail)), field)
    if error.status_code == 405:  # RFC 9110, 15.5.6; the framework names those of one route
        return answer.response(allow=", ".join(methods_of(request)))
    return answer.response(**(error.headers or {}))


#: What the framework refuses before a route is asked.
_HTTP_NAMES = {
    404: "NoSuchRoute",
    405: "MethodNotAllowed",
    408: "TooSlow",
    413: "BodyTooLarge",
    415: "UnsupportedMediaType",
}
_HTTP_DETAILS = {
    400: "body: it is not UTF-8, or holds what is nested too deep, or a number that is too long.",
    404: "There is no such route.",
    405: "This route does not take this method.",
}


def unforeseen(error: Exception) -> Answer:
    """The problem response for what nobody thought of, which is logged.

    Neither the exception's words nor the values around it are: they may be what somebody said.
    """
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s, which nobody thought of\n%s", type(error).__name__, frames)
    return problem(500, "InternalError", "The server could not do it. Its log says why.")


def add_handlers(app: FastAPI) -> None:
    """Makes every error of an app a problem response."""
    app.add_exception_handler(IthacaError, _ithaca)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
