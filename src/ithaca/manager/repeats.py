"""The calls that make a change happen once, however often it is asked for."""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Self

from ithaca.manager.base import Around, AsyncBase, Base, Common, documented_by
from ithaca.operations import repeats
from ithaca.operations.repeats import Claim
from ithaca.storage.protocol import Storage

if TYPE_CHECKING:
    from ithaca.manager.opening import OpenedWhenUsed

#: What makes the answer of a result, to be kept.
Render = Callable[[Any], bytes]


class Spent:
    """Whether the one change was made."""

    def __init__(self) -> None:
        self.spent = False

    def spend(self) -> None:
        if self.spent:
            raise RuntimeError("once() makes a manager for one change")
        self.spent = True


class Once(Around):
    """A storage whose next write happens once for its key; in all else, the storage itself."""

    def __init__(self, storage: Any, claim: Claim, render: Render, spent: Spent) -> None:
        super().__init__(storage)
        self._claim = claim
        self._render = render
        self._spent = spent

    def write(self, op: Any, scope: Any, *args: Any) -> Any:
        """What the operation returns; where the storage awaits, to be awaited."""
        self._spent.spend()
        return self.inner.write(repeats.once, scope, self._claim, self._render, op, args)


class Claiming(Common):
    """What both managers do alike."""

    def once(self, key: str, fingerprint: str, render: Render) -> Self:
        """A manager for one change, which happens once however often it is asked for by this key.

        `render` makes the answer to keep of what the change returns; it is called within the transaction and has to be
        quick. Asked for again within a day, the change isn't made, and `AlreadyDone` is raised, which has that
        answer. `fingerprint` tells what is asked for: another one by the same key raises `KeyReused`. A change that
        fails isn't remembered. For changes that are one transaction; `begin_once` is for all others.

            >>> from ithaca import AlreadyDone, SessionManager
            >>> with SessionManager("sqlite:///:memory:") as manager:
            ...     for attempt in range(2):
            ...         try:
            ...             session = manager.once("k1", "new", lambda s: s.id.encode()).create_session("s1")
            ...         except AlreadyDone as done:
            ...             print("It is", done.answer.decode())
            It is s1
        """
        claim, spent = self._door.claim(key, fingerprint), Spent()
        other = self._copy()
        for name in ("_storage", "_incognito"):
            setattr(other, name, Once(getattr(self, name), claim, render, spent))
        return other


class Repeats(Claiming, Base):
    """The calls that make a change happen once."""

    def done_before(self, key: str, fingerprint: str) -> None:
        """Raises `AlreadyDone`, `StillRunning` or `KeyReused` if something was asked for by this key within a day."""
        claim = self._door.claim(key, fingerprint)
        for storage in self._storages:
            storage.read(repeats.look, self._door.scope, claim)

    def begin_once(self, key: str, fingerprint: str, *, sessions: Collection[str] = ()) -> None:
        """Notes that something is under way that takes several transactions: nobody else does it by this key.

        It ends with `end_once`, or `give_up_once` if it failed. Where neither comes, its process died: it may begin
        again after ten minutes without `go_on_once`. Where one of the `sessions` that it is about is incognito,
        nothing is noted but in memory. Raises `AlreadyDone`, `StillRunning`, `KeyReused`.
        """
        claim, noted = self._door.claim(key, fingerprint), self._notes(sessions)
        for storage in self._storages:
            if storage is not noted:
                storage.read(repeats.look, self._door.scope, claim)
        noted.write(repeats.begin, self._door.scope, claim)

    def go_on_once(self, key: str, *, sessions: Collection[str] = ()) -> None:
        """Notes that it is under way still, where it takes long."""
        self._notes(sessions).write(repeats.go_on, self._door.scope, self._door.claim(key, "").key)

    def end_once(
        self, key: str, answer: bytes | None, *, fingerprint: str | None = None, sessions: Collection[str] = ()
    ) -> None:
        """Notes that it is done, and the answer to give to who asks for it again; None if none is kept.

        `fingerprint` takes the place of the one that it was begun with.
        """
        key, known = self._door.claim(key, fingerprint or "")
        self._notes(sessions).write(repeats.end, self._door.scope, key, answer, known or None)

    def give_up_once(self, key: str, *, sessions: Collection[str] = ()) -> None:
        """Forgets that it is under way, since it failed: it can be tried again by the same key."""
        self._notes(sessions).write(repeats.give_up, self._door.scope, self._door.claim(key, "").key)

    def record_once(self, key: str, fingerprint: str, answer: bytes) -> None:
        """Notes that something was done of which nothing says any more that it was under way, as after an erasure."""
        self._storage.write(repeats.record, self._door.scope, self._door.claim(key, fingerprint), answer)

    def _notes(self, sessions: Collection[str]) -> Storage:
        """Where notes are that tell of sessions."""
        return self._incognito if any(map(self._is_hidden, sessions)) else self._storage


@documented_by(Repeats)
class AsyncRepeats(Claiming, AsyncBase):
    """The calls that make a change happen once."""

    async def done_before(self, key: str, fingerprint: str) -> None:
        claim = self._door.claim(key, fingerprint)
        for storage in self._storages:
            await storage.read(repeats.look, self._door.scope, claim)

    async def begin_once(self, key: str, fingerprint: str, *, sessions: Collection[str] = ()) -> None:
        claim, noted = self._door.claim(key, fingerprint), self._notes(sessions)
        for storage in self._storages:
            if storage is not noted:
                await storage.read(repeats.look, self._door.scope, claim)
        await noted.write(repeats.begin, self._door.scope, claim)

    async def go_on_once(self, key: str, *, sessions: Collection[str] = ()) -> None:
        await self._notes(sessions).write(repeats.go_on, self._door.scope, self._door.claim(key, "").key)

    async def end_once(
        self, key: str, answer: bytes | None, *, fingerprint: str | None = None, sessions: Collection[str] = ()
    ) -> None:
        key, known = self._door.claim(key, fingerprint or "")
        await self._notes(sessions).write(repeats.end, self._door.scope, key, answer, known or None)

    async def give_up_once(self, key: str, *, sessions: Collection[str] = ()) -> None:
        await self._notes(sessions).write(repeats.give_up, self._door.scope, self._door.claim(key, "").key)

    async def record_once(self, key: str, fingerprint: str, answer: bytes) -> None:
        await self._storage.write(repeats.record, self._door.scope, self._door.claim(key, fingerprint), answer)

    def _notes(self, sessions: Collection[str]) -> "OpenedWhenUsed":
        return self._incognito if any(map(self._is_hidden, sessions)) else self._storage
