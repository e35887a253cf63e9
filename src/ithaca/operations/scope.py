"""On whose behalf an operation runs, and under which rules."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ithaca import columns
from ithaca.config import Limits
from ithaca.connection import Connection
from ithaca.endpoints import Outgoing
from ithaca.errors import AmbiguousId, DocumentNotFound, SessionNotFound
from ithaca.secrets import Vault
from ithaca.tokens import TokenCounter, estimate_tokens


@dataclass(frozen=True, slots=True)
class Scope:
    """An owner, or None for trusted code that may name any owner and finds a session's owner by its id."""

    owner: str | None
    vault: Vault
    limits: Limits
    #: Microseconds since 1970.
    clock: Callable[[], int] = columns.now
    count_tokens: TokenCounter = estimate_tokens
    #: Microseconds that what was removed can be brought back for.
    trash_lifetime: int = 30 * 24 * 3600 * 1_000_000
    #: Whether the sessions are in memory only.
    incognito: bool = False
    #: Which endpoints may be called.
    outgoing: Outgoing = field(default_factory=Outgoing)
    #: By id, the revisions at which a change leaves sessions and documents; None if nobody asks.
    revisions: dict[str, int] | None = None

    def of(self, owner: str) -> "Scope":
        """The same rules, confined to an owner."""
        return replace(self, owner=owner)

    def leaves(self, id: str, revision: int) -> None:
        """Notes the revision of a session or a document when the transaction ends, as far as is known by now."""
        if self.revisions is not None:
            self.revisions[id] = revision

    async def take_turn(self, conn: Connection, id: str) -> None:
        """Keeps other trusted code from using an id for another owner until the transaction ends.

        Only what is looked for after this is sure not to be there.
        """
        if self.owner is None:
            await conn.rows("SELECT TRUE WHERE TRUE AND in_turn(:id)", {"id": id})

    async def owner_of_session(self, conn: Connection, session_id: str) -> str:
        """Whose session it is. Confined to an owner, no question is asked: the answer is that owner."""
        if self.owner is not None:
            return self.owner
        rows = await conn.rows("SELECT owner FROM sessions WHERE id = :id LIMIT 2", {"id": session_id})
        if not rows:
            raise SessionNotFound(session_id)
        if len(rows) > 1:
            raise AmbiguousId(session_id)
        return str(rows[0][0])

    async def owner_of_document(self, conn: Connection, document_id: str) -> str:
        """Whose document it is."""
        if self.owner is not None:
            return self.owner
        rows = await conn.rows("SELECT owner FROM documents WHERE id = :id LIMIT 2", {"id": document_id})
        if not rows:
            raise DocumentNotFound(document_id)
        if len(rows) > 1:
            raise AmbiguousId(document_id)
        return str(rows[0][0])
