"""What would be overlooked is refused: a parameter that a route doesn't know, a condition it doesn't look at."""

from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from fastapi import Depends, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from ithaca.service.calling import Call
from ithaca.service.problems import unfit
from ithaca.service.revisions import no_other_condition
from ithaca.service.wire.shapes import ProblemShape

#: What the OpenAPI document says of answers that are problems.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "default": {"model": ProblemShape, "description": "What went wrong (RFC 9457)."}
}


class Route(APIRoute):
    """A route that looks at all that it is given."""

    #: Whether it passes over what it doesn't know in the query.
    tolerant = False

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        dependencies: Sequence[Dependency] | None = None,
        responses: dict[int | str, dict[str, Any]] | None = None,
        **options: Any,
    ) -> None:
        dependencies = [Depends(no_other_condition), *(dependencies or ())]
        super().__init__(path, endpoint, dependencies=dependencies, responses=PROBLEMS | (responses or {}), **options)
        self._begins, self._ends = path.partition("{")[0], path.rpartition("}")[2]
        self._call, self._known = Call(self.dependant), sorted(_parameters(self.dependant))
        self.app = self._app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for it; most are not, and that is seen by how their paths begin and end."""
        path = scope["path"]
        if not path.endswith(self._ends) or self._begins not in path:  # it may be mounted below another path
            return Match.NONE, {}
        return super().matches(scope)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What FastAPI does in its place is for dependencies that have an end, and errors that the app sees, too."""
        response = await self.answer(Request(scope, receive, send))
        await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        """The answer to a request. Raises for what does not fit."""
        if not self.tolerant:
            _refuse_unknown(request.query_params, self._known)
        return await self._call.answer(request)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Where the route is included in another router, this is asked for."""
        return self.answer


class TolerantRoute(Route):
    """A route that passes over what it doesn't know in the query."""

    tolerant = True


def _parameters(dependant: Dependant) -> Iterator[str]:
    yield from (parameter.alias for parameter in dependant.query_params)
    for each in dependant.dependencies:
        yield from _parameters(each)


def _refuse_unknown(given: Collection[str], known: Collection[str]) -> None:
    if unknown := {name: _not_known(name, known) for name in given if name not in known}:
        raise unfit(unknown)


def _not_known(name: str, known: Collection[str]) -> str:
    if nearest := get_close_matches(name, known, 1, cutoff=0.7):
        return f"There is no such parameter; did you mean {nearest[0]}"
    return f"There is no such parameter here, but {', '.join(known)}" if known else "There is no parameter here"
