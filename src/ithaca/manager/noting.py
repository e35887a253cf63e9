"""The call that tells at which revisions changes leave what they change."""

from dataclasses import replace
from typing import Any, Self

from ithaca.manager.base import Around, Common
from ithaca.operations.scope import Scope


class Noted(Around):
    """A storage whose writes note the revisions that they leave behind; in all else, the storage itself."""

    def __init__(self, storage: Any, revisions: dict[str, int]) -> None:
        super().__init__(storage)
        self._revisions = revisions

    def write(self, op: Any, scope: Scope, *args: Any) -> Any:
        """What the operation returns; where the storage awaits, to be awaited."""
        return self.inner.write(op, replace(scope, revisions=self._revisions), *args)


class Noting(Common):
    """What both managers do alike."""

    def noting(self, revisions: dict[str, int]) -> Self:
        """A manager whose changes note in `revisions`, by its id, at which revision they leave a session or a document.

        That is what `expected_revision` of the next change has to be, if nobody is to have come between. It is of the
        transaction that made the change: a reading afterwards might see what another one has done since. Of what was
        deleted, it is the last that it had. Changes of many at once note nothing that could be relied on.

            >>> from ithaca import ChatMessage, SessionManager
            >>> with SessionManager("sqlite:///:memory:") as manager:
            ...     session, revisions = manager.create_session("s1"), {}
            ...     asked = manager.noting(revisions).add_message("s1", ChatMessage("user", "How far is Troy?"))
            ...     manager.delete_messages("s1", [asked.id], expected_revision=revisions["s1"]).messages
            1
        """
        other = self._copy()
        for name in ("_storage", "_incognito"):
            setattr(other, name, Noted(getattr(self, name), revisions))
        other._revisions = revisions
        return other
