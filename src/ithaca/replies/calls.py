"""Tool calls, put together from the parts in which they come."""

import json
from dataclasses import dataclass
from typing import Any

from ithaca.content import new_id
from ithaca.providers.pieces import ToolCallPart
from ithaca.replies.characters import whole


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""

    def whole(self) -> dict[str, Any]:
        function = {"name": whole(self.name), "arguments": whole(self.arguments) or "{}"}
        return {"id": whole(self.id) or f"call_{new_id()}", "type": "function", "function": function}

    def is_valid(self, cut: bool) -> bool:
        """Whether a provider would take it back: it names a function, and its arguments are an object of JSON.

        Where the model was cut off, a call without arguments may lack them, and half of its name.
        """
        if cut and not self.arguments:
            return False
        try:
            return bool(self.name) and isinstance(json.loads(self.arguments or "{}"), dict)
        except (ValueError, RecursionError):
            return False


class Calls:
    """The calls of one reply. They are whole when the model has said that it has finished, and not before."""

    def __init__(self) -> None:
        self._calls: dict[int, _Call] = {}

    def add(self, part: ToolCallPart) -> None:
        call = self._calls.setdefault(part.index, _Call())
        call.id = call.id or part.id
        call.name += part.name
        call.arguments += part.arguments

    def sorted(self, cut: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Those that can be sent back to a provider, and those that can't; each in the order of its index."""
        calls = [call for _, call in sorted(self._calls.items())]
        good = [call.whole() for call in calls if call.is_valid(cut)]
        return good, [call.whole() for call in calls if not call.is_valid(cut)]
