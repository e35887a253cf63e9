"""What would be overlooked is refused: a key that an object of a body has twice."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from ithaca.service.problems import unfit


class Route(APIRoute):
    """A route that looks at all that it is given."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            return await handle(Strict(request.scope, request.receive))

        return handled


class Strict(Request):
    """A request whose JSON has each key once."""

    async def json(self) -> Any:
        """The body's value; who sends two under one key would not know which of them was meant (RFC 7493, 2.3)."""
        return json.loads(await self.body(), object_pairs_hook=_each_once)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (key, times), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise unfit(key, f"It is there {'twice' if times == 2 else f'{times} times'}")
    return found
