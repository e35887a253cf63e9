"""What would be overlooked is refused: a key that a body has twice, and a parameter that a route doesn't know."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator
from difflib import get_close_matches
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from ithaca.service.problems import unfit


class Route(APIRoute):
    """A route that looks at all that it is given."""

    #: Whether it passes over what it doesn't know in the query.
    tolerant = False

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        handle, known = super().get_route_handler(), sorted(_parameters(self.dependant))

        async def handled(request: Request) -> Response:
            if not self.tolerant:
                _refuse_unknown(request.query_params, known)
            return await handle(Strict(request.scope, request.receive))

        return handled


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


class Strict(Request):
    """A request whose JSON has each key once."""

    async def json(self) -> Any:
        """The body's value; who sends two under one key would not know which of them was meant (RFC 7493, 2.3)."""
        return json.loads(await self.body(), object_pairs_hook=_each_once)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (key, times), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise unfit({key: f"It is there {'twice' if times == 2 else f'{times} times'}"})
    return found
