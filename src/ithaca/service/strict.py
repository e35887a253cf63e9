"""What would be overlooked is refused: what a body or a query has twice, and a parameter that a route doesn't know."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, get_origin

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from ithaca.service.problems import unfit


class Route(APIRoute):
    """A route that looks at all that it is given."""

    #: Whether it passes over what it doesn't know in the query.
    tolerant = False

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        handle, known = super().get_route_handler(), dict(sorted(_parameters(self.dependant)))

        async def handled(request: Request) -> Response:
            if not self.tolerant:
                _refuse_overlooked(request.query_params.multi_items(), known)
            return await handle(Strict(request.scope, request.receive))

        return handled


def _parameters(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """The name of each parameter, and whether it may be there several times."""
    for parameter in dependant.query_params:
        yield parameter.alias, get_origin(parameter.field_info.annotation) is list
    for each in dependant.dependencies:
        yield from _parameters(each)


def _refuse_overlooked(given: Sequence[tuple[str, str]], known: Mapping[str, bool]) -> None:
    """Raises for what isn't known, and for what is there twice and has one value."""
    if not given:
        return
    times = Counter(name for name, _ in given)
    reasons = {name: _overlooked(name, count, known) for name, count in times.items()}
    if wrong := {name: reason for name, reason in reasons.items() if reason}:
        raise unfit(wrong)


def _overlooked(name: str, times: int, known: Mapping[str, bool]) -> str:
    if name not in known:
        return _not_known(name, known)
    return "" if times == 1 or known[name] else _there(times)


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
        raise unfit({key: _there(times)})
    return found


def _there(times: int) -> str:
    return f"It is there {'twice' if times == 2 else f'{times} times'}"
