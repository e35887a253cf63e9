"""Search: messages by their words, through an index that is made late.

Appending writes nothing to the index. `sessions.indexed_seq` tells up to which number a session's messages are
in it, and a search first indexes what is missing in the part that it looks through. What is indexed keeps the
fingerprint of what it said. Whoever changes a message, or brings one back from the trash, lowers `indexed_seq` below
its number (`sessions.advance(again=…)`, `look_again`): from there on everything is looked at again, and what says the
same stays.

An entry whose message lies in the trash finds nothing, since whatever is found is read from `messages`. The index only
proposes; that a message is its reader's, and that it fits, is decided by the message itself.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from ithaca.columns import Row, from_json, from_text
from ithaca.connection import Connection, one_statement, repeatable
from ithaca.content import MOST, spoken
from ithaca.cursors import read_cursor, write_cursor
from ithaca.digests import blake2b
from ithaca.errors import SessionNotFound
from ithaca.models import ChatMessage, Erased, Page, Problem, SearchHit
from ithaca.operations.scope import Scope
from ithaca.operations.statements import MESSAGE_COLUMNS
from ithaca.query import Phrase, Query, Span, matches, snippet
from ithaca.words import MOST_CHARACTERS, VERSION, words_of

#: What one transaction indexes at most: other writers wait so long.
MOST_SESSIONS, MOST_MESSAGES, MOST_BYTES = 32, 256, 256 * 1024

#: On SQLite: of more messages that fit, those that were indexed last are ranked first among themselves, then the
#: next; so a word that is everywhere costs no more than this.
RANKED_AT_ONCE = 20_000


class Wanted(NamedTuple):
    """Which messages are searched; None leaves a question open. Times in microseconds."""

    owner: str | None = None
    session_id: str | None = None
    role: str | None = None
    since: int | None = None
    until: int | None = None
    archived: bool | None = None

    @property
    def is_all(self) -> bool:
        """Whether every message of the place is wanted."""
        return all(each is None for each in (self.role, self.since, self.until, self.archived))


class Reached(NamedTuple):
    """The session that a batch ended in, and up to which number it was to be indexed when the work began."""

    owner: str
    session_id: str
    goal: int


START = Reached("", "", 0)


class Place(NamedTuple):
    """The part that is searched: everything, what an owner has, or a session."""

    owner: str | None
    session_id: str | None = None

    @property
    def conditions(self) -> str:
        owned = "" if self.owner is None else "owner = :owner AND "
        return owned if self.session_id is None else f"{owned}id = :session_id AND "

    @property
    def params(self) -> dict[str, Any]:
        return {"owner": self.owner, "session_id": self.session_id}


async def _place(conn: Connection, scope: Scope, wanted: Wanted) -> Place | None:
    """Where to look; None if nothing can be there. Raises `SessionNotFound`."""
    if wanted.session_id is None:
        owner = wanted.owner if scope.owner is None else scope.owner
        return Place(owner) if wanted.owner in (None, owner) else None
    owner = await scope.owner_of_session(conn, wanted.session_id)
    place = Place(owner, wanted.session_id)
    if await conn.row("SELECT 1 FROM sessions WHERE owner = :owner AND id = :session_id", place.params) is None:
        raise SessionNotFound(wanted.session_id)
    return place if wanted.owner in (None, owner) else None


# Finding


@one_statement
async def find_at_once(
    conn: Connection, scope: Scope, query: Query, wanted: Wanted, cursor: str | None, limit: int
) -> Page[SearchHit] | None:
    """As `find`, from one look at the index; None if that doesn't suffice, or something must be indexed before."""
    search = await _search(conn, scope, query, wanted, cursor, limit, at_once=True)
    if search is None:
        return Page([])
    if await is_behind(conn, search.place):
        return None
    found = await search.engine.find(conn, search)
    return None if found is None else search.page(found)


async def find(
    conn: Connection,
    scope: Scope,
    query: Query,
    wanted: Wanted,
    cursor: str | None,
    limit: int,
    neighbours: int,
    fresh: bool,
) -> Page[SearchHit] | None:
    """A page, the best hits first; None if something must be indexed before, unless it was just done (`fresh`)."""
    search = await _search(conn, scope, query, wanted, cursor, limit)
    if search is None:
        return Page([])
    if not fresh and await is_behind(conn, search.place):
        return None
    page = search.page(await search.engine.find(conn, search) or [])
    if not neighbours:
        return page
    return Page([await _with_neighbours(conn, hit, neighbours) for hit in page], page.cursor)


async def _search(
    conn: Connection,
    scope: Scope,
    query: Query,
    wanted: Wanted,
    cursor: str | None,
    limit: int,
    *,
    at_once: bool = False,
) -> "Search | None":
    """What is to be done; None if nothing can be found. Raises `SessionNotFound` or `InvalidArgument`."""
    place = await _place(conn, scope, wanted)
    if place is None or not query.wanted:
        return None
    engine = _ENGINES[conn.engine]
    question = engine.question(query, place)
    order = ["search", blake2b(question.encode(), digest_size=8).hexdigest()]
    after = {} if cursor is None else read_cursor(cursor, order, engine.kinds)
    return Search(engine, place, query, question, wanted, limit, order, after, at_once)


class Search(NamedTuple):
    """What is searched for, and where."""

    engine: "Engine"
    place: Place
    query: Query
    #: The question as the engine reads it.
    question: str
    wanted: Wanted
    #: Hits on a page. One more is looked for, which tells whether there is another page.
    limit: int
    #: What its cursors belong to.
    order: list[str]
    #: The key of the hit after which the page begins.
    after: Mapping[str, Any]
    #: Whether to look at the index only once.
    at_once: bool

    def fitting(self, rows: Iterable[Row]) -> Iterator["Found"]:
        """Those of the rows whose message fits, whatever the index says."""
        for row in rows:
            message = ChatMessage.from_row(row[_COLUMNS]).with_references()
            text = row[_TEXT]
            said = spoken(message.content) if text is None else from_text(text)
            places = matches(self.query, said)
            if places is not None:
                yield Found(row, message, said, places)

    def page(self, found: Sequence["Found"]) -> Page[SearchHit]:
        hits = [each.hit for each in found[: self.limit]]
        more = len(found) > self.limit
        return Page(hits, write_cursor(self.order, self.engine.key(found[self.limit - 1].row)) if more else None)


class Found(NamedTuple):
    """A message that fits, and the row that it was read from."""

    row: Row
    message: ChatMessage
    said: str
    #: Where the words stand in it.
    places: list[list[Span]]

    @property
    def hit(self) -> SearchHit:
        owner, session_id, name, score = self.row[1:5]
        return SearchHit(self.message, owner, session_id, name, score, *snippet(self.said, self.places))


async def is_behind(conn: Connection, place: Place) -> bool:
    """Whether there are messages that aren't indexed."""
    sql = f"SELECT 1 FROM sessions WHERE {place.conditions}to_index LIMIT 1"
    return await conn.row(sql, place.params) is not None


def _filters(place: Place, wanted: Wanted) -> tuple[str, dict[str, Any]]:
    asked: list[tuple[str, str, Any]] = [
        ("e.owner = :owner", "owner", place.owner),
        ("e.session_id = :session_id", "session_id", place.session_id),
        ("m.role = :role", "role", wanted.role),
        ("m.created_at >= :since", "since", wanted.since),
        ("m.created_at < :until", "until", wanted.until),
        ("s.archived = :archived", "archived", wanted.archived),
    ]
    given = [(sql, name, value) for sql, name, value in asked if value is not None]
    return "".join(f" AND {sql}" for sql, _, _ in given), {name: value for _, name, value in given}


_MESSAGE = ", ".join(f"m.{column}" for column in MESSAGE_COLUMNS.split(", "))

_OF_ENTRY = """
    CROSS JOIN sessions s CROSS JOIN messages m
    WHERE s.owner = e.owner AND s.id = e.session_id
      AND m.owner = e.owner AND m.session_id = e.session_id AND m.seq = e.seq
"""

# Where they are in a row, which ends with them.
_COLUMNS = slice(-len(MESSAGE_COLUMNS.split(", ")), None)
_TEXT = MESSAGE_COLUMNS.split(", ").index("text") + _COLUMNS.start


async def _look_through(
    conn: Connection, search: Search, sql: str, asked: Mapping[str, Any], found: list[Found]
) -> bool:
    """Adds what stands and fits, of the few that rank best, then of all; False if a single look didn't suffice.

    The statement ranks `count` after the first `skip`, tells how many those are, and gives `most` of those that stand.
    """
    # What lies in the trash falls out after the ranking, which most often is nothing; and what the filters leave out.
    few = search.limit + 21 if search.wanted.is_all else 4 * search.limit + 100
    for skip, count in ((0, few), (few, MOST)):
        start = 0
        while True:
            most = search.limit + 1 - len(found)
            rows = await conn.rows(sql, {**asked, "skip": skip, "count": count, "start": start, "most": most})
            standing = [row for row in rows if row[1] is not None]
            found += search.fitting(standing)
            are_all = len(standing) < most
            if len(found) > search.limit or (are_all and rows and rows[0][0] < count):
                return True
            if search.at_once:
                return False
            if are_all:
                break
            start += most
    return True


async def _with_neighbours(conn: Connection, hit: SearchHit, count: int) -> SearchHit:
    place = {"owner": hit.owner, "session_id": hit.session_id, "seq": hit.message.seq, "count": count}
    near = f"SELECT {MESSAGE_COLUMNS} FROM messages WHERE owner = :owner AND session_id = :session_id AND seq"
    before = await conn.rows(f"{near} < :seq ORDER BY seq DESC LIMIT :count", place)
    after = await conn.rows(f"{near} > :seq ORDER BY seq LIMIT :count", place)
    return hit.between(_messages(reversed(before)), _messages(after))


def _messages(rows: Iterable[Row]) -> list[ChatMessage]:
    return [ChatMessage.from_row(row).with_references() for row in rows]


# Words are letters, digits and marks only, so nothing in them can end a quotation.


def _fts5(query: Query, place: Place) -> str:
    """The question as FTS5 reads it (https://www.sqlite.org/fts5.html#full_text_query_syntax)."""

    def any_of(phrases: Sequence[Phrase]) -> str:
        return "(" + " OR ".join(f'"{" ".join(p.words)}"{" *" if p.begun else ""}' for p in phrases) + ")"

    wanted = f"(words : ({' AND '.join(map(any_of, query.wanted))}))"
    if place.session_id is not None and place.owner is not None:
        wanted = f'((scope : "{_session_token(place.owner, place.session_id)}") AND {wanted})'
    return f"{wanted} NOT (words : {any_of(query.excluded)})" if query.excluded else wanted


async def _find_on_sqlite(conn: Connection, search: Search) -> list[Found] | None:
    """Ranked by BM25. The numbers of an owner's entries lie together, so those of others aren't even looked at."""
    owner, after = search.place.owner, search.after
    lowest, high = (-(2**63), 2**63 - 1) if owner is None else _numbers(owner)
    filters, params = _filters(search.place, search.wanted)
    if after:
        high = min(high, after["key0"])
    found: list[Found] = []
    while True:
        tier = {**params, **after, "query": search.question, "low": lowest, "high": high}
        if after:  # a tier keeps its edges, whatever comes and goes
            tier["low"] = max(lowest, after["key1"])
        else:
            count, edge = await conn.row(_COUNTED, {**tier, "most": RANKED_AT_ONCE}) or (0, None)
            if not count:
                return found
            tier["low"] = edge if count == RANKED_AT_ONCE else lowest
        if not await _look_through(conn, search, _on_sqlite(bool(after), filters), tier, found):
            return None
        if len(found) > search.limit or tier["low"] == lowest:
            return found
        if search.at_once:
            return None
        high, after = min(high, tier["low"] - 1), {}


@lru_cache(maxsize=64)
def _on_sqlite(after: bool, filters: str) -> str:
    return (_RANKED_AFTER if after else _RANKED).format(filters=filters)


_FITTING = "search_index MATCH :query AND rowid BETWEEN :low AND :high"
_COUNTED = f"""
    SELECT count(*), min(rowid) FROM (
        SELECT rowid FROM search_index WHERE {_FITTING} ORDER BY rowid DESC LIMIT :most
    )
"""
_SCORED = f"SELECT rowid AS number, bm25(search_index, 0.0, 1.0) AS score FROM search_index WHERE {_FITTING}"
_BEST = "ORDER BY score, number DESC LIMIT :count OFFSET :skip"
_STANDING = f"""
    SELECT (SELECT count(*) FROM ranked), e.owner, e.session_id, s.name, -r.score, :high, :low, e.number, e.fingerprint,
           {_MESSAGE}
    FROM ranked r CROSS JOIN search_entries e{_OF_ENTRY} AND e.number = r.number{{filters}}
    ORDER BY r.score, r.number DESC LIMIT :most OFFSET :start
"""

_RANKED = f"WITH ranked AS MATERIALIZED ({_SCORED} {_BEST}){_STANDING}"

# Each message that is stored moves every score a little. So it goes on after the last hit as that is ranked now; where
# it says something else by now, or is gone, after the score that it had.
_RANKED_AFTER = f"""
    WITH scored AS MATERIALIZED ({_SCORED}),
    last AS (
        SELECT coalesce((
            SELECT l.score FROM scored l JOIN search_entries e ON e.number = l.number
            WHERE l.number = :key3 AND e.fingerprint = :key4
        ), :key2) AS score
    ),
    ranked AS MATERIALIZED (
        SELECT number, score FROM scored
        WHERE score > (SELECT score FROM last) OR (score = (SELECT score FROM last) AND number < :key3)
        {_BEST}
    )
    {_STANDING}
"""


def _key_on_sqlite(row: Row) -> tuple[Any, ...]:
    _, _, _, _, score, high, low, number, fingerprint, *_ = row
    return high, low, -score, number, fingerprint


def _tsquery(query: Query) -> str:
    """The question as PostgreSQL reads a tsquery."""

    def phrase(asked: Phrase) -> str:
        *before, last = (f"'{word}'" for word in asked.words)
        return f"({' <-> '.join([*before, last + (':*' if asked.begun else '')])})"

    wanted = [f"({' | '.join(map(phrase, alternatives))})" for alternatives in query.wanted]
    return " & ".join([*wanted, *(f"!{phrase(excluded)}" for excluded in query.excluded)])


def _scoped(query: Query, place: Place) -> str:
    """The same in one place, by the token of the narrowest: each takes the index time of its own."""
    tokens = [] if place.owner is None else _scope_tokens(place.owner, place.session_id)[-1:]
    return " & ".join([*(f"'{token}'" for token in tokens), _tsquery(query)])


async def _find_on_postgres(conn: Connection, search: Search) -> list[Found] | None:
    """Ranked by how often and how near to one another the words stand, long messages somewhat lower."""
    filters, params = _filters(search.place, search.wanted)
    asked = {**params, "query": _tsquery(search.query), "scoped": search.question}
    if after := search.after:
        asked |= {"score": after["key0"], "row": _row_of(after["key1"], after["key2"])}
    sql = (_RANKED_AFTER_ON_POSTGRES if after else _RANKED_ON_POSTGRES).format(filters=filters)
    found: list[Found] = []
    return found if await _look_through(conn, search, sql, asked, found) else None


def _row_of(page: int, line: int) -> str:
    """Where a row lies, as PostgreSQL writes it."""
    return f"({min(max(page, 0), 2**32 - 1)},{min(max(line, 0), 2**16 - 1)})"


def _key_on_postgres(row: Row) -> tuple[Any, ...]:
    _, _, _, _, score, place, *_ = row
    return score, *map(int, place.strip("()").split(","))


def _unseen(name: str, type: str) -> str:
    """A parameter that the planner doesn't see. Else it would make a plan for each question, as one whose words it
    knows seems cheaper to it: that takes it longer than the search for a rare word.
    """
    return f"(SELECT CAST(:{name} AS {type}))"


# Long messages hold a word more often than short ones: one of 20 different words counts half as much.
# Ranked before anything else is read, as everything that fits is. Of equals, the rows that were written last; a row
# keeps its place, unless its message says something else or the table is written anew.
_SCORED_ON_POSTGRES = f"""
    SELECT owner, session_id, seq, ctid AS row,
           ts_rank_cd(words, CAST(:query AS tsquery)) / (1 + CAST(length(words) AS float8) / 20) AS score
    FROM search_entries WHERE words @@ {_unseen("scoped", "tsquery")}
"""

_BEST_ON_POSTGRES = (
    f"ORDER BY score DESC, row DESC LIMIT {_unseen('count', 'BIGINT')} OFFSET {_unseen('skip', 'BIGINT')}"
)

# Where none of them stands, there is a row of nothing beside their number.
_STANDING_ON_POSTGRES = f"""
    SELECT * FROM (SELECT count(*) FROM ranked) AS counted LEFT JOIN (
        SELECT e.owner, e.session_id, s.name AS session_name, e.score, e.row, {_MESSAGE}
        FROM ranked e JOIN messages m ON m.owner = e.owner AND m.session_id = e.session_id AND m.seq = e.seq
        JOIN sessions s ON s.owner = m.owner AND s.id = m.session_id{{filters}}
        ORDER BY e.score DESC, e.row DESC LIMIT {_unseen("most", "BIGINT")} OFFSET {_unseen("start", "BIGINT")}
    ) AS standing ON TRUE ORDER BY score DESC, row DESC
"""

_RANKED_ON_POSTGRES = f"""
    WITH ranked AS MATERIALIZED ({_SCORED_ON_POSTGRES}{_BEST_ON_POSTGRES}){_STANDING_ON_POSTGRES}
"""

# A message's score is its own, and stays what it was.
_RANKED_AFTER_ON_POSTGRES = f"""
    WITH scored AS MATERIALIZED ({_SCORED_ON_POSTGRES}),
    ranked AS MATERIALIZED (
        SELECT * FROM scored WHERE (score, row) < (:score, CAST(:row AS tid)) {_BEST_ON_POSTGRES}
    ){_STANDING_ON_POSTGRES}
"""


class Engine(NamedTuple):
    """How a database is asked."""

    question: Callable[[Query, Place], str]
    #: What is found, in order, up to one more than a page; None if it can't be found at once.
    find: Callable[[Connection, Search], Awaitable[list[Found] | None]]
    #: The key of a row, and what it is made of.
    key: Callable[[Row], tuple[Any, ...]]
    kinds: list[type]


_ENGINES = {
    "sqlite": Engine(_fts5, _find_on_sqlite, _key_on_sqlite, [int, int, float, int, int]),
    "postgres": Engine(_scoped, _find_on_postgres, _key_on_postgres, [float, int, int]),
}


# Indexing


class Entry(NamedTuple):
    """What the index is to say of a message."""

    owner: str
    session_id: str
    seq: int
    fingerprint: int
    words: list[str]
    #: Its number on SQLite, if there is an entry of it already.
    number: int | None

    @property
    def params(self) -> dict[str, Any]:
        place = {"owner": self.owner, "session_id": self.session_id, "seq": self.seq}
        return {**place, "fingerprint": self.fingerprint}


@repeatable
async def index(conn: Connection, scope: Scope, wanted: Wanted, after: Reached) -> Reached | None:
    """Indexes some of what is missing, from where the last call ended; None when nothing is left that was there."""
    place = await _place(conn, scope, wanted)
    if place is None:
        return None
    behind = await _lock_behind(conn, place, after)
    entries: list[Entry] = []
    walked: list[dict[str, Any]] = []
    messages, size = MOST_MESSAGES, MOST_BYTES
    reached = None
    for owner, session_id, done, goal in behind:
        if messages <= 0 or size <= 0:
            break
        step = {"owner": owner, "session_id": session_id, "done": done}
        mark, messages, size = await _reach(conn, step, goal, messages, size)
        entries += await _changed(conn, {**step, "mark": mark})
        walked.append({**step, "mark": mark})
        reached = Reached(owner, session_id, after.goal if _is_same(after, owner, session_id) else goal)
    await _WRITERS[conn.engine](conn, entries)
    await _drop_what_is_gone(conn, walked)
    await conn.run_many(
        "UPDATE sessions SET indexed_seq = :mark, to_index = (:mark < next_seq - 1)"
        " WHERE owner = :owner AND id = :session_id",
        [{name: row[name] for name in ("mark", "owner", "session_id")} for row in walked],
    )
    return reached


def _is_same(reached: Reached, owner: str, session_id: str) -> bool:
    return (reached.owner, reached.session_id) == (owner, session_id)


async def _lock_behind(conn: Connection, place: Place, after: Reached) -> list[Row]:
    """Sessions with messages to index: owner, id, up to where they are indexed, and their last number."""
    rows = await conn.rows(
        f"SELECT owner, id, indexed_seq, next_seq - 1 FROM sessions WHERE {place.conditions}"
        "to_index AND (owner, id) >= (:after_owner, :after_id)"
        " ORDER BY owner, id LIMIT :most FOR UPDATE",
        {**place.params, "after_owner": after.owner, "after_id": after.session_id, "most": MOST_SESSIONS},
    )
    # What was added to a session since the work on it began may wait: else a busy one would hold it up for ever.
    return [row for row in rows if not (_is_same(after, row[0], row[1]) and row[2] >= after.goal)]


async def _reach(conn: Connection, step: dict[str, Any], goal: int, messages: int, size: int) -> tuple[int, int, int]:
    """Up to which number a session can be indexed, and how many messages and bytes more then."""
    rows = await conn.rows(
        "SELECT seq, coalesce(octet_length(text), octet_length(blocks), 0) FROM messages"
        " WHERE owner = :owner AND session_id = :session_id AND seq > :done ORDER BY seq LIMIT :most",
        {**step, "most": messages},
    )
    mark = step["done"]
    for seq, bytes in rows:
        if size <= 0:
            return mark, messages, size
        mark, messages, size = seq, messages - 1, size - bytes
    return (goal if messages > 0 else mark), messages, size


async def _changed(conn: Connection, step: dict[str, Any]) -> list[Entry]:
    """What is to be written of the messages up to a mark: nothing of those that say what they said before."""
    number = "e.number" if conn.engine == "sqlite" else "NULL"
    rows = await conn.rows(
        f"SELECT m.seq, substr(m.text, 1, :longest), m.blocks, e.fingerprint, {number} FROM messages m"
        " LEFT JOIN search_entries e ON e.owner = m.owner AND e.session_id = m.session_id AND e.seq = m.seq"
        " WHERE m.owner = :owner AND m.session_id = :session_id AND m.seq > :done AND m.seq <= :mark",
        {**step, "longest": MOST_CHARACTERS},
    )
    entries = []
    for seq, text, blocks, known, number in rows:
        fingerprint = fingerprint_of(text, blocks)
        if fingerprint != known:
            words = _words(text, blocks)
            entries.append(Entry(step["owner"], step["session_id"], seq, fingerprint, words, number))
    return entries


def fingerprint_of(text: str | None, blocks: str | None) -> int:
    """A number that changes with what a message says, as far as it is indexed, and with the way of indexing."""
    said = f"{VERSION}:{'' if text is None else text[:MOST_CHARACTERS]}\0{'' if blocks is None else blocks}"
    return int.from_bytes(blake2b(said.encode(), digest_size=8).digest(), signed=True)


def _words(text: str | None, blocks: str | None) -> list[str]:
    if text is not None:
        return words_of(from_text(text))
    try:
        return [] if blocks is None else words_of(spoken(from_json(blocks)))
    except (ValueError, RecursionError):  # `verify` tells of it
        return []


async def _drop_what_is_gone(conn: Connection, walked: list[dict[str, Any]]) -> None:
    gone = "e.seq > :done AND e.seq <= :mark AND NOT EXISTS ("
    gone += "SELECT 1 FROM messages m WHERE m.owner = e.owner AND m.session_id = e.session_id AND m.seq = e.seq)"
    which = f"e.owner = :owner AND e.session_id = :session_id AND {gone}"
    for step in walked:
        if await conn.row(f"SELECT 1 FROM search_entries e WHERE {which} LIMIT 1", step):
            await _drop(conn, which, step)


async def _drop(conn: Connection, which: str, params: dict[str, Any]) -> int:
    if conn.engine == "sqlite":
        numbers = f"SELECT e.number FROM search_entries e WHERE {which}"
        await conn.run(f"DELETE FROM search_index WHERE rowid IN ({numbers})", params)
    return await conn.run(f"DELETE FROM search_entries AS e WHERE {which}", params)


def _token(kind: str, *parts: str) -> str:
    """What stands for an owner or a session in the index; `=` is in no word that anybody can ask for."""
    return kind + blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()


@lru_cache(maxsize=1024)
def _session_token(owner: str, session_id: str) -> str:
    return _token("s", owner, session_id)


def _scope_tokens(owner: str, session_id: str | None) -> list[str]:
    tokens = [_token("=o", owner)]
    return tokens if session_id is None else [*tokens, "=" + _session_token(owner, session_id)]


def _numbers(owner: str) -> tuple[int, int]:
    """The first and the last number for an owner's entries. That two owners may share a range costs time only."""
    place = int.from_bytes(blake2b(owner.encode(), digest_size=4).digest()) >> 1
    return place << 32, (place << 32) + 2**32 - 1


async def _write_on_sqlite(conn: Connection, entries: list[Entry]) -> None:
    numbers = {owner: await _free_numbers(conn, owner) for owner in {entry.owner for entry in entries}}
    rows = [
        {
            **entry.params,
            "number": next(numbers[entry.owner]) if entry.number is None else entry.number,
            "scope": _session_token(entry.owner, entry.session_id),
            "words": " ".join(entry.words),
        }
        for entry in entries
    ]
    rows.sort(key=itemgetter("number"))  # so that the index takes them up in one go
    await conn.run_many(
        "INSERT INTO search_entries (number, owner, session_id, seq, fingerprint)"
        " VALUES (:number, :owner, :session_id, :seq, :fingerprint)"
        " ON CONFLICT (number) DO UPDATE SET fingerprint = excluded.fingerprint",
        rows,
    )
    await conn.run_many(
        "INSERT OR REPLACE INTO search_index (rowid, scope, words) VALUES (:number, :scope, :words)", rows
    )


async def _free_numbers(conn: Connection, owner: str) -> Iterator[int]:
    low, high = _numbers(owner)
    row = await conn.row(
        "SELECT max(number) FROM search_entries WHERE number BETWEEN :low AND :high", {"low": low, "high": high}
    )
    return iter(range(low if row is None or row[0] is None else row[0] + 1, high + 1))


async def _write_on_postgres(conn: Connection, entries: list[Entry]) -> None:
    await conn.run_many(
        "INSERT INTO search_entries (owner, session_id, seq, fingerprint, words)"
        " VALUES (:owner, :session_id, :seq, :fingerprint, CAST(:words AS tsvector))"
        " ON CONFLICT (owner, session_id, seq)"
        " DO UPDATE SET fingerprint = excluded.fingerprint, words = excluded.words",
        [{**entry.params, "words": _tsvector(entry)} for entry in entries],
    )


def _tsvector(entry: Entry) -> str:
    """The words with their places, as PostgreSQL writes a tsvector: its own parser would part them again."""
    places: dict[str, list[str]] = {}
    for place, word in enumerate(entry.words, 1):
        places.setdefault(word, []).append(str(place))
    scope = [f"'{token}'" for token in _scope_tokens(entry.owner, entry.session_id)]
    return " ".join([*scope, *(f"'{word}':{','.join(numbers)}" for word, numbers in places.items())])


Writer: TypeAlias = Callable[[Connection, list[Entry]], Awaitable[None]]

_WRITERS: dict[str, Writer] = {"sqlite": _write_on_sqlite, "postgres": _write_on_postgres}


async def look_again(conn: Connection, place: Mapping[str, Any], *, shift: int = 0) -> None:
    """Messages are about to come back from an entry of the trash: what the index says from there on may be wrong.

    `place` holds the owner, the session's id and the entry's; `shift` is added to the numbers that they had.
    """
    first = "(SELECT min(t.seq) FROM trashed_messages t WHERE t.owner = :owner AND t.trash_id = :trash_id"
    first += " AND t.session_id = :session_id) + :shift"
    await conn.run(
        f"UPDATE sessions SET indexed_seq = {first} - 1, to_index = TRUE"
        f" WHERE owner = :owner AND id = :session_id AND indexed_seq >= {first}",
        {**place, "shift": shift},
    )


# Forgetting


async def forget(conn: Connection, owner: str, session_id: str | None = None) -> int:
    """Removes the entries of what stands in no session of the owner any more; returns how many.

    What is in the trash is indexed again when it comes back. On SQLite `sweep` then removes the words from the file.
    """
    which = "e.owner = :owner" if session_id is None else "e.owner = :owner AND e.session_id = :session_id"
    gone = (
        f"{which} AND (NOT EXISTS (SELECT 1 FROM messages m WHERE m.owner = e.owner AND m.session_id = e.session_id"
        " AND m.seq = e.seq) OR e.seq > (SELECT s.indexed_seq FROM sessions s WHERE s.owner = e.owner"
        " AND s.id = e.session_id))"
    )
    return await _drop(conn, gone, {"owner": owner, "session_id": session_id})


def leaves_traces(erased: Erased) -> bool:
    """Whether words of what was erased may still be in the index, so that it is to be swept."""
    return not {"messages", "trashed_messages"}.isdisjoint(erased.counts)


#: Pages of the index that `sweep` writes in one transaction.
SWEPT_AT_ONCE = 100


async def sweep(conn: Connection, begin: bool) -> bool:
    """Writes a part of SQLite's index anew without what was removed; whether there is more to do.

    The first call of a row of them is to `begin`. PostgreSQL has VACUUM for it.
    """
    if conn.engine != "sqlite":
        return False
    before = await _changes(conn)
    pages = -SWEPT_AT_ONCE if begin else SWEPT_AT_ONCE
    await conn.run("INSERT INTO search_index (search_index, rank) VALUES ('merge', :pages)", {"pages": pages})
    # https://www.sqlite.org/fts5.html#the_merge_command: fewer than two changes mean that it had nothing to do.
    return await _changes(conn) - before >= 2


async def _changes(conn: Connection) -> int:
    row = await conn.row("SELECT total_changes()")
    return 0 if row is None else int(row[0])


# Verifying


async def broken(conn: Connection, scope: Scope) -> AsyncIterator[Problem]:
    """Messages of which the index doesn't say what they say, though it should; and entries that say nothing."""
    mine = "" if scope.owner is None else "m.owner = :owner AND "
    after: dict[str, Any] = {}
    while True:
        past = "(m.owner, m.session_id, m.seq) > (:after_owner, :after_id, :after_seq)" if after else "TRUE"
        rows = await conn.rows(_INDEXED.format(which=mine + past), {**after, "owner": scope.owner, "page": _PAGE})
        for owner, session_id, seq, text, blocks, known in rows:
            if known != fingerprint_of(text, blocks):
                yield Problem("search", owner, session_id, f"message {seq} is not indexed as it is")
        if len(rows) < _PAGE:
            break
        after = dict(zip(("after_owner", "after_id", "after_seq"), rows[-1], strict=False))
    for (detail,) in await conn.rows(_WITHOUT_WORDS) if conn.engine == "sqlite" and scope.owner is None else []:
        yield Problem("search", detail=detail)


_PAGE = 500

_INDEXED = f"""
    SELECT m.owner, m.session_id, m.seq, substr(m.text, 1, {MOST_CHARACTERS}), m.blocks, e.fingerprint
    FROM messages m JOIN sessions s ON s.owner = m.owner AND s.id = m.session_id AND m.seq <= s.indexed_seq
    LEFT JOIN search_entries e ON e.owner = m.owner AND e.session_id = m.session_id AND e.seq = m.seq
    WHERE {{which}} ORDER BY m.owner, m.session_id, m.seq LIMIT :page
"""

_WITHOUT_WORDS = """
    SELECT 'entry ' || number || ' is not in the index' FROM search_entries
    WHERE number NOT IN (SELECT id FROM search_index_docsize)
    UNION ALL SELECT 'row ' || id || ' of the index has no entry' FROM search_index_docsize
    WHERE id NOT IN (SELECT number FROM search_entries)
"""
