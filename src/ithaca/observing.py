"""What stands around each operation on a database: somebody who measures how long it takes."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any, TypeAlias

#: Makes what stands around an operation of a name, as "messages.append".
Around: TypeAlias = Callable[[str], AbstractContextManager[object]]

#: Who measures in this context; nobody, unless set.
AROUND: ContextVar[Around | None] = ContextVar("ithaca_around", default=None)

_NOTHING: AbstractContextManager[object] = nullcontext()


def observed(operation: Callable[..., Any]) -> AbstractContextManager[object]:
    """What stands around an operation."""
    around = AROUND.get()
    return _NOTHING if around is None else around(_name_of(operation))


def _name_of(operation: Callable[..., Any]) -> str:
    """The operation's module and name."""
    module = getattr(operation, "__module__", "").rpartition(".")[2]
    return f"{module}.{getattr(operation, '__name__', type(operation).__name__)}"
