"""Legacy databases: the `app.db` of Odysseus, read as it lies.

The file is never changed, and nothing is made beside it. Nothing in it stops an import either: what is not as
the format says is kept in the nearest form that can be stored, and reported as an oddity. Ids are the file's
own, or derived from what a row holds, so that importing twice brings nothing twice.
"""

import hashlib
import json
import math
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, TypeAlias

import apsw

from ithaca.columns import to_json
from ithaca.config import Limits
from ithaca.content import MOST_INDEXED, identifier, json_list, json_object
from ithaca.content import headers as checked_headers
from ithaca.errors import ImportFailed, InvalidInput
from ithaca.manager import SessionManager
from ithaca.models import ChatMessage, Content, Conversation, ImportReport, LibraryDocument, LibraryVersion

#: The old program wrote a list of blocks as text; a text is one if each item has one of these types.
BLOCK_TYPES = frozenset(["text", "image", "image_url", "audio", "input_audio", "input_image", "document", "file"])

#: A session of more messages than this comes in several conversations of one id, so that memory stays bounded.
PART = 20_000

#: A transaction brings in so many sessions or documents, and no further session after so many messages.
BATCH, BATCH_MESSAGES = 200, 5_000

#: Messages that are fetched at once.
_FETCH = 500

#: Steps of SQLite, far less than a tenth of a second's, after which it is asked whether to stop.
_STEPS = 100_000

_LIMITS = Limits()
# For asking whether something can be stored at all; how large it may be is for the importing manager to say.
_ANY_SIZE = Limits(max_message_bytes=1 << 40, max_metadata_bytes=1 << 40)

#: A value of the file, its text decoded.
Value: TypeAlias = str | int | float | None
#: A row of the file by column; what an older file lacks is not in it.
Fields: TypeAlias = dict[str, Value]

_SESSION_COLUMNS = frozenset([
    "id", "name", "endpoint_url", "model", "owner", "rag", "archived", "folder", "headers", "extra_data",
    "last_accessed", "last_message_at", "is_important", "message_count", "total_input_tokens",
    "total_output_tokens", "mode", "created_at", "updated_at",
])  # fmt: skip
_MESSAGE_COLUMNS = frozenset(["id", "session_id", "role", "content", "metadata", "timestamp"])
_DOCUMENT_COLUMNS = frozenset([
    "id", "session_id", "title", "language", "current_content", "version_count", "is_active", "archived", "owner",
    "created_at", "updated_at",
])  # fmt: skip

# Which rows belong to what, gathered in one walk: older files have no index that would find them.
_GATHER = """
    CREATE TEMP TABLE {name} (row INTEGER PRIMARY KEY, home, place);
    INSERT INTO {name} SELECT rowid, {home}, {place} FROM {table};
    CREATE INDEX temp.{name}_by_home ON {name} (home);
"""
_AT_HOME = "home = (SELECT id FROM {homes} WHERE rowid = :at)"
_LOST = "home IS (SELECT home FROM {name} WHERE row = :at)"
_LOST_HOMES = """
    SELECT min(row), {home} FROM {name}
    WHERE home IS NULL OR home NOT IN (SELECT id FROM {homes} WHERE id IS NOT NULL) GROUP BY home ORDER BY 1
"""


def _never() -> bool:
    return False


def read(path: str | os.PathLike[str], *, stop: Callable[[], bool] = _never) -> "LegacyDatabase":
    """A legacy database, opened for reading only. Raises `ImportFailed` if the file is no such database.

    `stop` is asked often while the file is read; when it says True, that ends with `ImportFailed`.
    """
    return LegacyDatabase(Path(path), stop)


def import_database(
    manager: SessionManager,
    path: str | os.PathLike[str],
    *,
    progress: Callable[[int], None] | None = None,
    stop: Callable[[], bool] = _never,
) -> ImportReport:
    """Brings in everything of a legacy database that `manager` lacks; returns what came in.

    `progress` is told how many messages are done, and `stop` asked whether to go no further. A manager that is
    confined to an owner makes everything that owner's. Raises `ImportFailed`; what came in before that stays, and
    importing again goes on from there.
    """
    with read(path, stop=stop) as legacy:
        carrier = _Carrier()
        done = 0
        for conversations in _batches(legacy.conversations()):
            carrier.bring(manager.import_conversations, "Session", conversations)
            done += sum(len(conversation.messages) for conversation in conversations)
            if progress is not None:
                progress(done)
            legacy.check()
        documents = legacy.documents()
        while batch := list(islice(documents, BATCH)):
            carrier.bring(manager.import_documents, "Document", batch)
            legacy.check()
        return replace(carrier.report, oddities=legacy.oddities + carrier.refusals)


def inspect(path: str | os.PathLike[str]) -> ImportReport:
    """What a first import would bring in, and what is odd about it."""
    with read(path) as legacy:
        ids: set[str] = set()
        messages = 0
        for conversation in legacy.conversations():
            ids.add(conversation.id)
            messages += len(conversation.messages)
        versions = [len(document.versions) for document in legacy.documents()]
        return ImportReport(len(ids), messages, len(versions), sum(versions), oddities=legacy.oddities)


class LegacyDatabase:
    """What a legacy file holds, a session or a document at a time; `oddities` fills while they are read.

    A context manager. It shows one state of the file, even while the old program goes on writing to it.
    """

    def __init__(self, path: Path, stop: Callable[[], bool] = _never) -> None:
        self.path, self._stop = path, stop
        #: A sentence for each thing that is not as the format says.
        self.oddities: list[str] = []
        self._copy: TemporaryDirectory[str] | None = None
        if not path.is_file():
            raise ImportFailed(str(path), "there is no such file")
        with self._failing():
            self._db = self._open(path.resolve())
        try:
            with self._failing():
                self._db.set_progress_handler(stop, _STEPS)
                self._survey()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file. Closing twice is fine."""
        self._db.close()
        if self._copy is not None:
            self._copy.cleanup()

    def check(self) -> None:
        """Raises `ImportFailed` if reading shall stop."""
        if self._stop():
            raise ImportFailed(str(self.path), _STOPPED)

    def counts(self) -> tuple[int, int, int]:
        """How many sessions, messages and documents the file holds."""
        with self._failing():
            return self._count("sessions"), self._count("line"), self._count("documents") if self._documents else 0

    def conversations(self) -> Iterator[Conversation]:
        """Every session with its messages, then a session for each group of messages whose own is gone.

        One of more than `PART` messages comes in several conversations of the same id, in order.
        """
        taken: set[str] = set()
        with self._failing():
            for at, *values in self._db.execute(f"SELECT rowid, {self._sessions.select} FROM sessions ORDER BY rowid"):
                notes = _Notes()
                fields = self._sessions.fields(values, notes)
                yield from self._session(at, fields, taken, notes)
            for at, home in self._lost("line", "sessions"):
                yield from self._lost_session(at, home, taken)

    def documents(self) -> Iterator[LibraryDocument]:
        """Every document with its versions, then one for each group of versions whose own is gone."""
        taken: set[str] = set()
        table = self._documents
        with self._failing():
            if table:
                for at, *values in self._db.execute(f"SELECT rowid, {table.select} FROM documents ORDER BY rowid"):
                    notes = _Notes()
                    yield self._document(at, table.fields(values, notes), taken, notes)
            for at, home in self._lost("sheaf", "documents") if table and self._versions else ():
                yield self._lost_document(at, home, taken)

    # Opening

    def _open(self, path: Path) -> apsw.Connection:
        log, shared = _size(path, "-wal"), _size(path, "-shm")
        if log and shared is None:  # SQLite would make the missing file to read the log
            return self._open_copy(path)
        # A reader of a file in WAL mode makes both files beside it, unless it is told that nobody writes.
        alone = log is None and shared is None and _is_wal(path)
        try:
            return _connected(f"{path.as_uri()}?mode=ro{'&immutable=1' if alone else ''}", apsw.SQLITE_OPEN_READONLY)
        except apsw.ReadOnlyError:  # the old program was killed while it wrote: its journal has to be rolled back
            return self._open_copy(path)

    def _open_copy(self, path: Path) -> apsw.Connection:
        self._copy = TemporaryDirectory(prefix="ithaca-")
        copy = Path(self._copy.name) / "legacy.db"
        for suffix in ("", "-wal", "-journal"):
            if _size(path, suffix) is not None:
                shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
        return _connected(copy.as_uri(), apsw.SQLITE_OPEN_READWRITE)

    def _survey(self) -> None:
        """Finds out which tables and columns there are, and which rows belong to what."""
        # A text that is not valid can only be had as bytes. In a UTF-16 file the bytes would be UTF-16, but
        # there SQLite makes valid text of whatever it reads.
        self._as_bytes = self._db.pragma("encoding") == "UTF-8"
        self._sessions, self._messages = self._table("sessions"), self._table("chat_messages")
        if "id" not in self._sessions.columns or "session_id" not in self._messages.columns:
            raise ImportFailed(str(self.path), "it has no sessions and chat_messages as Odysseus writes them")
        self._documents, self._versions = self._table("documents"), self._table("document_versions")
        self._gather("line", "chat_messages", "session_id", "timestamp" in self._messages.columns and "timestamp")
        if self._documents and "id" not in self._documents.columns:
            self.oddities.append("The documents have no ids and were left out.")
            self._documents = _Table((), "")
        if self._versions:
            numbers = "version_number" in self._versions.columns and "version_number"
            self._gather("sheaf", "document_versions", "document_id", numbers)
        if "timestamp" not in self._messages.columns:
            self.oddities.append("The messages have no times: they stand in the order of the file.")

    def _gather(self, name: str, table: str, home: str, place: str | bool) -> None:
        self._db.execute(_GATHER.format(name=name, table=table, home=home, place=place or "NULL"))

    def _table(self, name: str) -> "_Table":
        found = self._db.execute("SELECT name, hidden FROM pragma_table_xinfo(?)", (name,)).fetchall()
        columns = [str(column) for column, _ in found]
        if found and not self._is_stored(name, columns, any(hidden for _, hidden in found)):
            self.oddities.append(f"What is called {name} is no ordinary table and was left out.")
            columns = []
        return _Table(tuple(column.lower() for column in columns), ", ".join(map(self._raw, map(_quoted, columns))))

    def _is_stored(self, name: str, columns: list[str], computed: bool) -> bool:
        """Whether its rows are those that lie in the file: what is computed may have no end."""
        kinds = self._db.execute("SELECT type FROM pragma_table_list(?) WHERE schema = 'main'", (name,)).fetchall()
        return kinds == [("table",)] and not computed and "rowid" not in map(str.lower, columns)

    def _raw(self, column: str) -> str:
        """What reads a column so that no value of it can fail to be fetched."""
        if not self._as_bytes:
            return column
        return f"CASE WHEN typeof({column}) IN ('integer', 'real') THEN {column} ELSE CAST({column} AS BLOB) END"

    def _count(self, table: str) -> int:
        [(count,)] = self._db.execute(f"SELECT count(*) FROM {table}").fetchall()
        return count  # type: ignore[return-value]

    def _lost(self, name: str, homes: str) -> list[tuple[int, Any]]:
        sql = _LOST_HOMES.format(name=name, homes=homes, home=self._raw("home"))
        return self._db.execute(sql).fetchall()  # type: ignore[return-value]

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (apsw.Error, OSError) as error:
            raise ImportFailed(str(self.path), _reason(error)) from error

    # Sessions

    def _session(self, at: int, fields: Fields, taken: set[str], notes: "_Notes") -> Iterator[Conversation]:
        wanted = _id_of(fields, notes)
        id = _unique(wanted, taken)
        conversation = _conversation(id, fields, notes)
        line: _Line = []
        if id == wanted:
            line = self._line(_AT_HOME.format(homes="sessions"), at, conversation.created_at, notes)
        else:
            notes.add(f"another session has the id {wanted!r} too; its messages are with the first one")
        if _number(fields, "message_count", notes) != len(line) and fields.get("message_count") is not None:
            notes.add(f"counted {fields['message_count']} messages, holds {len(line)}")
        yield from self._in_parts(conversation, line, notes)
        self.oddities += notes.about(f"Session {id!r}")

    def _lost_session(self, at: int, home: Any, taken: set[str]) -> Iterator[Conversation]:
        notes = _Notes()
        fields: Fields = {"id": _decoded(home, "session_id", notes)}
        id = _unique(_id_of(fields, notes) if fields["id"] else "odysseus-recovered", taken)
        line = self._line(_LOST.format(name="line"), at, None, notes)
        notes.add(f"is not in the file, but {len(line)} of its messages are: kept, archived, as nobody's")
        yield from self._in_parts(Conversation(id, "Recovered messages", archived=True), line, notes)
        self.oddities += notes.about(f"Session {id!r}")

    def _line(self, which: str, at: int, otherwise: datetime | None, notes: "_Notes") -> "_Line":
        """The rows of a session's messages with their times, ordered by time, then by row."""
        found = self._db.execute(f"SELECT row, {self._raw('place')} FROM line WHERE {which} ORDER BY row", {"at": at})
        rows = [(row, _decoded(value, "timestamp", notes)) for row, value in found]
        times = [_moment(value, "a message's timestamp", notes) for _, value in rows]
        if "timestamp" in self._messages.columns:
            notes.add("a message has no time: it stands where it does in the file", sum(v is None for _, v in rows))
        line = zip((row for row, _ in rows), _filled(times, otherwise), strict=True)
        return sorted(line, key=lambda entry: entry[1] or datetime.min.replace(tzinfo=UTC))

    def _in_parts(self, conversation: Conversation, line: "_Line", notes: "_Notes") -> Iterator[Conversation]:
        ids: set[str] = set()
        for start in range(0, len(line) or 1, PART):
            messages = list(self._fetched(line[start : start + PART], ids, notes))
            yield replace(conversation, messages=messages)

    def _fetched(self, line: "_Line", ids: set[str], notes: "_Notes") -> Iterator[ChatMessage]:
        sql = (
            f"SELECT rowid, {self._messages.select} FROM chat_messages WHERE rowid IN (SELECT value FROM json_each(?))"
        )
        for start in range(0, len(line), _FETCH):
            some = line[start : start + _FETCH]
            found = {row: values for row, *values in self._db.execute(sql, (to_json([row for row, _ in some]),))}
            for row, time in some:
                yield _message(self._messages.fields(found[row], notes), time, ids, notes)

    # Documents

    def _document(self, at: int, fields: Fields, taken: set[str], notes: "_Notes") -> LibraryDocument:
        wanted = _id_of(fields, notes)
        id = _unique(wanted, taken)
        if id != wanted:
            notes.add(f"another document has the id {wanted!r} too")
        updated = _time_of(fields, "updated_at", notes)
        owner, session_id = self._place(at, fields, notes)
        document = LibraryDocument(
            id,
            _label(fields, "title", notes) or "",
            self._versions_of(_AT_HOME.format(homes="documents"), at, fields, updated, notes),
            language=_label(fields, "language", notes) or None,
            session_id=session_id,
            owner=owner,
            archived=_flag(fields, "archived") or not _is_active(fields, notes),
            created_at=_time_of(fields, "created_at", notes),
            updated_at=updated,
        )
        unknown = sorted(name for name in fields.keys() - _DOCUMENT_COLUMNS if fields[name] is not None)
        if unknown:
            notes.add(f"has {', '.join(unknown)}, for which a document has no place")
        self.oddities += notes.about(f"Document {id!r}")
        return document

    def _place(self, at: int, fields: Fields, notes: "_Notes") -> tuple[str | None, str | None]:
        """Whose it is and which session it belongs to. In a session, what is nobody's is the session's owner's."""
        owner = _owner(fields, notes)
        session_id = _text(fields, "session_id")
        if not session_id:
            return owner, None
        column = self._raw("owner") if "owner" in self._sessions.columns else "NULL"
        home = f"SELECT {column} FROM sessions WHERE id = (SELECT session_id FROM documents WHERE rowid = :at)"
        found = self._db.execute(home, {"at": at}).fetchall()
        theirs = _owner({"owner": _decoded(found[0][0], "owner", notes)}, _Notes()) if found else None
        if not found:
            notes.add(f"its session {session_id!r} is not in the file")
        elif owner is not None and owner != theirs:
            notes.add("its session is of another owner, so it belongs to none here")
        return theirs if owner is None else owner, _storable_id(session_id)

    def _versions_of(
        self, which: str, at: int, fields: Fields, updated: datetime | None, notes: "_Notes"
    ) -> list[LibraryVersion]:
        versions, numbers = self._stored_versions(which, at, notes) if self._versions else ([], [])
        if numbers != list(range(1, len(numbers) + 1)):
            notes.add("its versions were not numbered 1, 2, 3 …: they were numbered again, in their order")
        if _number(fields, "version_count", notes) != len(versions) and fields.get("version_count") is not None:
            notes.add(f"counted {fields['version_count']} versions, holds {len(versions)}")
        current = _text(fields, "current_content")
        if current is not None and versions and versions[-1].content != current:
            notes.add("its last version is not what it says now: that was added as the last one")
        if not versions or (current is not None and versions[-1].content != current):
            versions.append(LibraryVersion(current or "", updated))
        return versions

    def _stored_versions(self, which: str, at: int, notes: "_Notes") -> tuple[list[LibraryVersion], list[Value]]:
        found = self._db.execute(
            f"SELECT {self._versions.select} FROM sheaf JOIN document_versions v ON v.rowid = sheaf.row"
            f" WHERE {which} ORDER BY place, row",
            {"at": at},
        )
        rows = [self._versions.fields(values, notes) for values in found]
        return [_version(fields, notes) for fields in rows], [fields.get("version_number") for fields in rows]

    def _lost_document(self, at: int, home: Any, taken: set[str]) -> LibraryDocument:
        notes = _Notes()
        fields: Fields = {"id": _decoded(home, "document_id", notes)}
        id = _unique(_id_of(fields, notes) if fields["id"] else "odysseus-recovered", taken)
        versions = self._versions_of(_LOST.format(name="sheaf"), at, {}, None, notes)
        notes.add(f"is not in the file, but {len(versions)} of its versions are: kept, archived, as nobody's")
        self.oddities += notes.about(f"Document {id!r}")
        return LibraryDocument(id, "Recovered document", versions, archived=True)


#: Rows of messages with the times of those messages.
_Line: TypeAlias = list[tuple[int, datetime | None]]


@dataclass(frozen=True, slots=True)
class _Table:
    """The columns of a table, and what selects them so that every value can be fetched."""

    columns: tuple[str, ...]
    select: str

    def __bool__(self) -> bool:
        return bool(self.columns)

    def fields(self, values: Iterable[Any], notes: "_Notes") -> Fields:
        pairs = zip(self.columns, values, strict=True)
        return {column: _decoded(value, column, notes) for column, value in pairs}


class _Notes:
    """What is odd about one thing: each kind once, with how often it was met."""

    def __init__(self) -> None:
        self._kinds: Counter[str] = Counter()
        self._found: dict[str, Value] = {}

    def add(self, kind: str, times: int = 1, *, found: Value = None) -> None:
        self._kinds[kind] += times
        self._found.setdefault(kind, found)

    def about(self, thing: str) -> list[str]:
        return [f"{thing}: {kind}{self._how(kind, times)}." for kind, times in self._kinds.items() if times]

    def _how(self, kind: str, times: int) -> str:
        found = self._found[kind]
        return ("" if found is None else f", but {str(found)[:40]!r}") + (f" ({times} times)" if times > 1 else "")


class _Carrier:
    """Hands batches over to a manager; what it refuses is left out alone, and reported."""

    def __init__(self) -> None:
        self.report = ImportReport()
        self.refusals: list[str] = []
        self._refused: set[tuple[str, str]] = set()
        self._last: tuple[str, str] | None = None

    def bring(self, into: Callable[[Any], ImportReport], kind: str, batch: Sequence[Any]) -> None:
        batch = [item for item in batch if (kind, item.id) not in self._refused]
        try:
            self._add(into(batch), kind, batch)
        except InvalidInput:  # found before anything of the batch was written
            for item in batch:
                self._bring_one(into, kind, item)

    def _bring_one(self, into: Callable[[Any], ImportReport], kind: str, item: Any) -> None:
        try:
            self._add(into([item]), kind, [item])
        except InvalidInput as error:
            self._refused.add((kind, item.id))
            self.refusals.append(f"{kind} {item.id!r} was not imported: {error}")

    def _add(self, report: ImportReport, kind: str, batch: Sequence[Any]) -> None:
        further = bool(batch) and (kind, batch[0].id) == self._last  # a further part of a session that was counted
        self.report += replace(report, unchanged=0) if further else report
        self._last = (kind, batch[-1].id) if batch else self._last


def _batches(conversations: Iterable[Conversation]) -> Iterator[list[Conversation]]:
    """What goes into one transaction each. A further part of a session goes alone, after the part before it."""
    batch: list[Conversation] = []
    last = None
    for conversation in conversations:
        further = conversation.id == last
        last = conversation.id
        if batch and (further or len(batch) == BATCH or sum(len(c.messages) for c in batch) >= BATCH_MESSAGES):
            yield batch
            batch = []
        batch.append(conversation)
        if further:
            yield batch
            batch = []
    if batch:
        yield batch


# Opening


def _connected(uri: str, flags: int) -> apsw.Connection:
    db = apsw.Connection(uri, flags=flags | apsw.SQLITE_OPEN_URI)
    try:
        db.set_busy_timeout(30_000)
        db.execute("PRAGMA trusted_schema = OFF; BEGIN; SELECT 1 FROM sqlite_schema").fetchall()
    except BaseException:
        db.close()
        raise
    return db


def _size(path: Path, suffix: str) -> int | None:
    """The size of a file beside the database; None if it isn't there."""
    try:
        return Path(f"{path}{suffix}").stat().st_size
    except FileNotFoundError:
        return None


def _is_wal(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(20)[18:] == b"\x02\x02"  # https://sqlite.org/fileformat.html#file_format_version_numbers


_STOPPED = "it was stopped before its end"


def _reason(error: apsw.Error | OSError) -> str:
    if isinstance(error, apsw.InterruptError):
        return _STOPPED
    if isinstance(error, apsw.NotADBError):
        return "it is not a SQLite file"
    if isinstance(error, apsw.CorruptError):
        return "the file is damaged"
    return str(error if isinstance(error, apsw.Error) else error.strerror or error)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# Rows as what they stand for


def _conversation(id: str, fields: Fields, notes: _Notes) -> Conversation:
    extra = _extra(fields, notes)
    return Conversation(
        id,
        _label(fields, "name", notes, extra) or "",
        endpoint_url=_label(fields, "endpoint_url", notes, extra) or "",
        model=_label(fields, "model", notes, extra) or "",
        owner=_owner(fields, notes, extra),
        rag=_flag(fields, "rag"),
        archived=_flag(fields, "archived"),
        is_important=_flag(fields, "is_important"),
        folder=_label(fields, "folder", notes, extra) or None,
        mode=_label(fields, "mode", notes, extra) or None,
        headers=_headers(fields, notes),
        extra=extra,
        total_input_tokens=_number(fields, "total_input_tokens", notes),
        total_output_tokens=_number(fields, "total_output_tokens", notes),
        created_at=_time_of(fields, "created_at", notes),
        updated_at=_time_of(fields, "updated_at", notes),
        last_accessed=_time_of(fields, "last_accessed", notes),
        last_message_at=_time_of(fields, "last_message_at", notes),
    )


def _message(fields: Fields, time: datetime | None, ids: set[str], notes: _Notes) -> ChatMessage:
    wanted = _id_of(fields, notes, "a message")
    id = _unique(wanted, ids)
    if id != wanted:
        notes.add("two messages have one id: the later one got another")
    role = _label(fields, "role", notes)
    if not role:
        notes.add('a message has no role: it is "unknown" here')
    text = _text(fields, "content")
    if text is None:
        notes.add("a message has no content")
    unknown = _unknown(fields, _MESSAGE_COLUMNS)
    metadata = unknown | _object(fields, "metadata", "legacy_metadata", notes)
    return ChatMessage(role or "unknown", text and sniffed(text), metadata, id=id, created_at=time)


def _version(fields: Fields, notes: _Notes) -> LibraryVersion:
    return LibraryVersion(
        _text(fields, "content") or "",
        _time_of(fields, "created_at", notes),
        _label(fields, "summary", notes) or None,
        _label(fields, "source", notes) or None,
    )


def sniffed(text: str) -> Content:
    """The list of blocks that the old program wrote as this text, or else the exact text.

    Only here is content told by its looks: the file has nothing else to tell it by.
    """
    if not text.startswith("[{") or '"type"' not in text:
        return text
    try:
        blocks: list[Any] = json.loads(text)
        if not all(isinstance(block, dict) and _is_block_type(block.get("type")) for block in blocks):
            return text
        json_list("content", blocks, _ANY_SIZE, _ANY_SIZE.max_message_bytes)
    except (ValueError, RecursionError):  # also what JSON reads but cannot hold: a NaN, half a character
        return text
    return blocks


def _is_block_type(value: object) -> bool:
    return isinstance(value, str) and value in BLOCK_TYPES


# Ids


def _id_of(fields: Fields, notes: _Notes, whose: str = "it") -> str:
    """The row's id; one that it has not, or that cannot be stored, is derived from what the row holds."""
    text = _text(fields, "id")
    if not text:
        notes.add(f"{whose} had no id and got one")
        return _derived(repr(sorted(fields.items())))
    if _storable_id(text) != text:
        notes.add(f"{whose} had an id that cannot be stored and got another")
    return _storable_id(text)


def _storable_id(text: str) -> str:
    try:
        return identifier("id", text, _LIMITS)
    except InvalidInput:
        return _derived(text)


def _derived(text: str) -> str:
    return f"odysseus-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _unique(wanted: str, taken: set[str]) -> str:
    id, count = wanted, 1
    while id in taken:
        count += 1
        id = _storable_id(f"{wanted}~{count}")
    taken.add(id)
    return id


def _owner(fields: Fields, notes: _Notes, extra: dict[str, Any] | None = None) -> str | None:
    text = _text(fields, "owner")
    if not text:
        return None
    if _storable_id(text) != text:
        notes.add("its owner's name cannot be stored and was replaced")
        if extra is not None:
            extra["legacy_owner"] = text
    return _storable_id(text)


# Single values


def _decoded(value: Any, column: str, notes: _Notes) -> Value:
    if not isinstance(value, bytes):
        return value  # type: ignore[no-any-return]
    try:
        return value.decode()
    except UnicodeDecodeError:
        notes.add(f"its {column} was not valid UTF-8: the unreadable bytes were replaced")
        return value.decode(errors="replace")


def _text(fields: Fields, column: str) -> str | None:
    value = fields.get(column)
    return None if value is None else str(value)


def _label(fields: Fields, column: str, notes: _Notes, extra: dict[str, Any] | None = None) -> str | None:
    """A short text; of one that is too long to be stored, the start, and the whole in `extra`."""
    text = _text(fields, column)
    if text is None:
        return None
    label = text.replace("\0", "")[: _LIMITS.max_name_length]
    if column in ("model", "folder") and len(label) > MOST_INDEXED / 4:
        label = label.encode(errors="replace")[:MOST_INDEXED].decode(errors="ignore")
    if label != text:
        notes.add(f"its {column} was shortened to what can be stored")
        if extra is not None:
            extra[f"legacy_{column}"] = text
    return label


def _flag(fields: Fields, column: str) -> bool:
    value = fields.get(column)
    return value.strip().lower() in {"1", "t", "true", "y", "yes"} if isinstance(value, str) else bool(value)


def _is_active(fields: Fields, notes: _Notes) -> bool:
    if fields.get("is_active") is None or _flag(fields, "is_active"):
        return True
    notes.add("was inactive: it is archived here")
    return False


def _number(fields: Fields, column: str, notes: _Notes) -> int:
    value = fields.get(column)
    try:
        number = 0 if value is None else int(value)
    except (ValueError, OverflowError):
        number = -1
    if not 0 <= number < 1 << 53:
        notes.add(f"its {column} is no count", found=value)
        return 0
    return number


def _time_of(fields: Fields, column: str, notes: _Notes) -> datetime | None:
    return _moment(fields.get(column), f"its {column}", notes)


def _moment(value: Value, what: str, notes: _Notes) -> datetime | None:
    """A time in UTC, which is what a time without a zone is in."""
    if value is None:
        return None
    try:
        time = datetime.fromisoformat(value.strip() if isinstance(value, str) else "")
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        notes.add(f"{what} is no time", found=value)
        return None


def _filled(times: list[datetime | None], otherwise: datetime | None) -> Iterator[datetime | None]:
    """The times; one that is missing is the one before it, at the beginning the first that is known."""
    last = next((time for time in times if time is not None), otherwise)
    for time in times:
        last = last if time is None else time
        yield last


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a key twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


#: Reads JSON that comes back as it was: no key twice, no NaN.
_exactly = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_no_constant).decode


def _object(fields: Fields, column: str, otherwise: str, notes: _Notes) -> dict[str, Any]:
    """A JSON object; anything else, as a value or else as its exact text, under the name `otherwise`."""
    text = _text(fields, column)
    if text is None or not text.strip():
        return {}
    try:
        value = _exactly(text)
        kept = value if isinstance(value, dict) else {} if value is None else {otherwise: value}
        json_object(column, kept, _ANY_SIZE)
    except (ValueError, RecursionError):  # not JSON, or something that cannot be stored as such
        kept = {otherwise: text}
    if otherwise in kept:
        notes.add(f"its {column} is not a plain JSON object: kept as {otherwise!r}")
    return kept


def _extra(fields: Fields, notes: _Notes) -> dict[str, Any]:
    """The application's extra data, and what stands in columns that a session has no field for."""
    extra = _object(fields, "extra_data", "legacy_extra_data", notes)
    for column, value in _unknown(fields, _SESSION_COLUMNS).items():
        extra[f"legacy_{column}" if column in extra else column] = value
    return extra


def _unknown(fields: Fields, known: frozenset[str]) -> dict[str, Value]:
    found = ((column, value) for column, value in fields.items() if column not in known and value is not None)
    return {column: str(v) if isinstance(v, float) and not math.isfinite(v) else v for column, v in found}


def _headers(fields: Fields, notes: _Notes) -> dict[str, str]:
    """The headers to send; never a word of them in an oddity, for they hold keys."""
    try:
        value = json.loads(_text(fields, "headers") or "{}")
        value = json.loads(value) if isinstance(value, str) else value  # some rows were written as JSON twice
        named = {} if value is None else dict(value.items())
        texts = {name: item if isinstance(item, str) else to_json(item) for name, item in named.items()}
    except (ValueError, AttributeError, RecursionError):
        notes.add("its headers could not be read and were left out")
        return {}
    good = {name: text for name, text in texts.items() if _can_be_sent(name, text)}
    if good != texts or good != named:
        notes.add("some of its headers were not texts that can be sent: written as text, or left out")
    return good


def _can_be_sent(name: str, text: str) -> bool:
    try:
        return bool(checked_headers({name: text}, _LIMITS))
    except InvalidInput:
        return False
