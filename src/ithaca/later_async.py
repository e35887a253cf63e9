"""Work that nobody waits for, on an event loop."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from ithaca.errors import IthacaError
from ithaca.later import note


class AsyncLater:
    """Tasks on the event loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def do(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(self._run(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Returns when all that was handed over is done."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _run(self, work: Coroutine[Any, Any, object]) -> None:
        try:
            await work
        except IthacaError as error:
            note(error)
