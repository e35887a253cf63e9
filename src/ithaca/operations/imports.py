"""What comes from elsewhere: added where it is missing, never twice, never over what is here.

A session that is here already gets the messages that it lacks. What was deleted here since an earlier import
stays deleted. A session is its owner's: what another owner has under the same id is another one, for trusted code too,
else what one person brings would be given to the other.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from ithaca.columns import Row
from ithaca.connection import Connection, repeatable
from ithaca.content import Draft, numbered
from ithaca.models import ImportReport
from ithaca.operations import attachments, trash
from ithaca.operations.messages import appending
from ithaca.operations.scope import Scope
from ithaca.operations.statements import RECORD_CHANGE

_INSERT_SESSION = """
    INSERT INTO sessions (owner, id, name, name_key, endpoint_url, model, rag, archived, is_important, folder, mode,
        headers, extra, next_seq, message_count, total_input_tokens, total_output_tokens, created_at, updated_at,
        last_accessed, last_message_at, active_at, active_slot, size_class)
    VALUES (:owner, :id, :name, :name_key, :endpoint_url, :model, :rag, :archived, :is_important, :folder, :mode,
        :headers, :extra, :next_seq, :message_count, :total_input_tokens, :total_output_tokens, :created_at,
        :updated_at, :last_accessed, :last_message_at, :active_at, :active_slot, :size_class)
"""

_INSERT_DOCUMENT = """
    INSERT INTO documents (owner, id, session_id, title, language, version, archived, created_at, updated_at)
    VALUES (:owner, :id, :session_id, :title, :language, :version, :archived, :created_at, :updated_at)
"""

_INSERT_VERSION = """
    INSERT INTO document_versions
        (owner, document_id, version, title, language, content, size, summary, source, created_at)
    VALUES (:owner, :document_id, :version, :title, :language, :content, :size, :summary, :source, :created_at)
"""


class Incoming(NamedTuple):
    """A session's columns, its headers, and its messages' columns; checked."""

    session: dict[str, Any]
    headers: dict[str, str]
    drafts: list[Draft]

    @property
    def attached_bytes(self) -> int:
        return sum(draft.attachments.size for draft in self.drafts if draft.attachments)


class IncomingDocument(NamedTuple):
    """A document's columns and those of its versions; checked."""

    document: dict[str, Any]
    versions: list[dict[str, Any]]

    @property
    def attached_bytes(self) -> int:
        return 0


@repeatable
async def add_conversations(conn: Connection, scope: Scope, batch: Sequence[Incoming]) -> ImportReport:
    """Adds sessions with their messages, in one transaction."""
    here = await _which(conn, "sessions", ((c.session["owner"], c.session["id"]) for c in batch))
    deleted = await _which(conn, "trashed_sessions", ((c.session["owner"], c.session["id"]) for c in batch))
    new = list({_key(c.session): c for c in reversed(batch) if _key(c.session) not in here | deleted}.values())
    await conn.run_many(_INSERT_SESSION, [_sealed(scope, c) for c in new])
    news = {"kind": "created", "revision": 1, "now": scope.clock()}
    places = ({"owner": c.session["owner"], "session_id": c.session["id"]} for c in new)
    await conn.run_many(RECORD_CHANGE, [news | place for place in places])
    await _keep_attachments(conn, scope, new)
    await conn.add_messages(_rows(new))
    report = ImportReport(sessions=len(new), messages=sum(len(c.drafts) for c in new))
    first = {id(incoming) for incoming in new}
    for known in (c for c in batch if id(c) not in first and _key(c.session) not in deleted - here):
        added = await _add_missing(conn, scope, known)
        report += ImportReport(messages=added, unchanged=0 if added else 1)
    return report + ImportReport(unchanged=sum(_key(c.session) in deleted - here for c in batch))


def _key(columns: dict[str, Any]) -> tuple[str, str]:
    return columns["owner"], columns["id"]


async def _which(conn: Connection, table: str, keys: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of the keys that a table holds."""
    ids: dict[str, list[str]] = {}
    for owner, id in keys:
        ids.setdefault(owner, []).append(id)
    found: set[tuple[str, str]] = set()
    for owner, mine in ids.items():
        rows = await conn.rows(
            f"SELECT DISTINCT owner, id FROM {table} WHERE owner = :owner AND id IN (EACH(:ids))",
            {"owner": owner, "ids": mine},
        )
        found.update((row[0], row[1]) for row in rows)
    return found


async def _keep_attachments(conn: Connection, scope: Scope, batch: Iterable[Incoming]) -> None:
    brought: dict[str, list[str]] = {}
    for incoming in batch:
        mine = brought.setdefault(incoming.session["owner"], [])
        mine += [draft.attachments for draft in incoming.drafts if draft.attachments]
    for owner, columns in brought.items():
        await attachments.keep(conn, owner, columns, scope.clock())


def _sealed(scope: Scope, incoming: Incoming) -> dict[str, Any]:
    session = incoming.session
    return {**session, "headers": scope.vault.seal(incoming.headers, session["owner"], session["id"])}


def _rows(batch: Iterable[Incoming]) -> Iterable[Row]:
    return chain.from_iterable(numbered(*_key(incoming.session), incoming.drafts, 1) for incoming in batch)


_HERE = """
    SELECT id FROM messages INDEXED BY messages_by_id
    WHERE owner = :owner AND session_id = :session_id AND id IN (EACH(:ids))
"""

_REMOVED = f"""
    SELECT id FROM trashed_messages
    WHERE owner = :owner AND trash_id IN ({trash.ENTRIES_OF.format(owner=":owner", session=":session_id")})
        AND session_id = :session_id AND id IN (EACH(:ids))
"""


async def _add_missing(conn: Connection, scope: Scope, incoming: Incoming) -> int:
    place = {"owner": incoming.session["owner"], "session_id": incoming.session["id"]}
    missing = incoming.drafts
    for known in (_HERE, _REMOVED):
        rows = await conn.rows(known, {**place, "ids": [draft.id for draft in missing]}) if missing else []
        ids = {row[0] for row in rows}
        missing = [draft for draft in missing if draft.id not in ids]
    if missing:
        its_owner = scope.of(incoming.session["owner"])
        add = appending(missing)
        await add(conn, its_owner, incoming.session["id"], missing, [draft.id for draft in missing], None)
    return len(missing)


@repeatable
async def add_documents(conn: Connection, scope: Scope, batch: Sequence[IncomingDocument]) -> ImportReport:
    """Adds documents with their versions, in one transaction. One whose session isn't here belongs to none."""
    here = await _which(conn, "documents", (_key(d.document) for d in batch))
    deleted = await _which(conn, "trashed_documents", (_key(d.document) for d in batch))
    new = list({_key(d.document): d for d in reversed(batch) if _key(d.document) not in here | deleted}.values())
    homes = ((d.document["owner"], d.document["session_id"]) for d in new if d.document["session_id"])
    sessions = await _which(conn, "sessions", homes)
    await conn.run_many(_INSERT_DOCUMENT, [_homed(d.document, sessions) for d in new])
    await conn.run_many(_INSERT_VERSION, [version for d in new for version in d.versions])
    return ImportReport(documents=len(new), versions=sum(len(d.versions) for d in new), unchanged=len(batch) - len(new))


def _homed(document: dict[str, Any], sessions: set[tuple[str, str]]) -> dict[str, Any]:
    there = (document["owner"], document["session_id"]) in sessions
    return document if there else {**document, "session_id": None}
