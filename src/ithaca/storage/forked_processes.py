"""What is open does not outlive fork(): in the process that was made, it has ended.

Its connections are those of the other process still: a statement over one of them could get the answer to another's.
Its threads are not there, so nobody may wait for them. It is left as it is, not even closed.
"""

import os
from typing import Protocol
from weakref import WeakSet

from ithaca.errors import ManagerClosed


class Open(Protocol):
    """Something that is open in one process."""

    def forked(self) -> None:
        """Ends it; called in a process that was made by fork()."""


_open: WeakSet[Open] = WeakSet()


def ends_at_fork(thing: Open) -> None:
    """Has it told in each process that is made by fork()."""
    _open.add(thing)


def closed_by_fork() -> ManagerClosed:
    """What is raised in such a process."""
    return ManagerClosed("another process's, from before fork(): open one in this process")


def _tell() -> None:
    for thing in list(_open):
        thing.forked()


if hasattr(os, "register_at_fork"):  # Windows has no fork()
    os.register_at_fork(after_in_child=_tell)
