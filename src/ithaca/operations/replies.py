"""Replies: begun under a lease, saved as they grow, ended once.

Whoever generates a reply holds its lease, which has a number: the fence. Each write asks in the same statement whether
the reply runs under that number still. Who ends a reply in the name of another (it was stopped, or its process is taken
to have died) raises the number, so what the other one has not saved by then is never stored, and nobody has seen it.

A reply becomes a message, and a record of what it used, in the transaction that ends it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ithaca.columns import to_json, to_text
from ithaca.connection import Connection, Engine, one_statement, repeatable
from ithaca.content import Draft
from ithaca.context.window import set_aside
from ithaca.errors import (
    ContextTooSmall,
    Described,
    InvalidArgument,
    LeaseLost,
    MessageNotFound,
    ReplyNotFound,
    ReplyRunning,
    RevisionConflict,
    SessionNotFound,
)
from ithaca.models import ChatMessage
from ithaca.operations import context, messages, usage
from ithaca.operations.backward import backward
from ithaca.operations.changes import record
from ithaca.operations.context import Ask
from ithaca.operations.reply_messages import keep, put_together
from ithaca.operations.scope import Scope
from ithaca.operations.sessions import Head, lock
from ithaca.reply import Reply, ReplyKind, ReplyState, Run
from ithaca.usage import MICROSECONDS_PER_DAY

#: Microseconds that a lease lasts unless it is renewed, by the database's clock: the processes' may differ.
LEASE = 6_000_000

#: Microseconds that the pieces of a reply are kept for after its end, for those who come back.
KEPT = 3600 * 1_000_000

#: Replies whose pieces are removed by the end of another one, at most.
_TIDIED = 10

REPLY = (
    "owner, id, session_id, kind, target_id, state, model, endpoint, size, message_id, finish_reason, error,"
    " input_tokens, output_tokens, created_at, ended_at"
)

#: What is read of a reply that has just begun.
_BEGUN = f"{REPLY}, fence, through"

CLOCK: dict[Engine, str] = {
    "sqlite": "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
    "postgres": "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)",
}

#: Whether a lease is over. One that ends later than any is given was given before the clock was put back.
LAPSED: dict[Engine, str] = {
    engine: f"lease_until NOT BETWEEN {clock} AND {clock} + {2 * LEASE}" for engine, clock in CLOCK.items()
}


class NewReply(NamedTuple):
    """What is asked for."""

    id: str
    kind: ReplyKind
    #: The message that it is about; None for the last one.
    target_id: str | None
    model: str
    endpoint: str | None
    #: None for what is only recorded here: then what the model is shown is who asks it to know.
    ask: Ask | None
    #: The user's message that is to be stored first, and its id if it brings one.
    drafts: Sequence[Draft] = ()
    given_ids: Sequence[str] = ()
    #: What the model is shown, in tokens, where `ask` doesn't say it.
    input_tokens: int = 0


class Begun(NamedTuple):
    """A reply that runs, and what its generator has to know."""

    reply: Reply
    fence: int
    #: What the model is to be shown.
    ask: Ask

    @classmethod
    def of(cls, reply: Reply, ask: Ask) -> "Begun":
        """The reply that `begin` returned."""
        read = reply.columns(_BEGUN)
        return cls(reply, read["fence"], ask._replace(upto=read["through"]))


class Outcome(NamedTuple):
    """How a reply ended, with what of it isn't saved yet."""

    state: ReplyState
    finish_reason: str | None = None
    error: dict[str, Any] | None = None
    rest: Sequence[Run] = ()
    #: Calls that the model made in something that is no JSON.
    invalid_calls: Sequence[dict[str, Any]] = ()
    #: Tokens read and written, and their cost in millionths, as the provider counted; None if it didn't.
    used: tuple[int, int, int] | None = None


INTERRUPTED = Outcome("interrupted")
STOPPED = Outcome("stopped")


# Beginning


@repeatable
async def begin(conn: Connection, scope: Scope, session_id: str, new: NewReply, expected: int | None) -> Reply:
    """Stores what the user says, if anything, and begins the reply to it, in one transaction.

    Raises `ReplyRunning` if the session is being answered; if whoever does that has died, that reply is ended first.
    """
    head = await lock(conn, scope, session_id, None)
    scope = scope.of(head.owner)
    if (before := await _begun(conn, head, new)) is not None:
        return before
    if expected is not None and head.revision != expected:
        raise RevisionConflict(session_id, head.revision, expected)
    await make_room(conn, scope, head)
    if new.drafts:
        await messages.appending(new.drafts)(conn, scope, session_id, new.drafts, new.given_ids, None)
    kind, target, upto = await _about(conn, scope, session_id, new)
    needed = await _needed(conn, scope, session_id, new, upto)
    now = scope.clock()
    row = await conn.row(
        _BEGIN.format(clock=CLOCK[conn.engine]),
        {
            "owner": head.owner, "session_id": session_id, "id": new.id, "kind": kind, "target_id": target,
            "model": new.model, "endpoint": new.endpoint, "through": upto, "input_tokens": needed, "now": now,
        },
    )  # fmt: skip
    await tell(conn, scope, head, "reply began", now)
    return Reply.from_row(row or ())


async def _needed(conn: Connection, scope: Scope, session_id: str, new: NewReply, upto: int) -> int:
    """The tokens that the model is shown. Raises `ContextTooSmall` if that is too many."""
    if new.ask is None:
        return new.input_tokens
    ask = new.ask._replace(upto=upto)
    needed = await context.context_info(conn, scope, session_id, ask)
    if not needed.used:
        raise InvalidArgument("content", Described("nothing"), "given: the session says nothing that could be answered")
    if needed.used > ask.room:
        raise ContextTooSmall(session_id, needed.used, ask.room)
    return needed.used


_BEGIN = f"""
    INSERT INTO replies (owner, session_id, id, kind, target_id, state, model, endpoint, through, input_tokens,
                         created_at, lease_until)
    VALUES (:owner, :session_id, :id, :kind, :target_id, 'running', :model, :endpoint, :through, :input_tokens,
            :now, {{clock}} + {LEASE})
    RETURNING {_BEGUN}
"""


async def _begun(conn: Connection, head: Head, new: NewReply) -> Reply | None:
    """What a first attempt began, whose answer was lost."""
    row = await conn.row(
        f"SELECT {_BEGUN} FROM replies WHERE owner = :owner AND id = :id AND state = 'running'",
        {"owner": head.owner, "id": new.id},
    )
    return None if row is None else Reply.from_row(row)


async def make_room(conn: Connection, scope: Scope, head: Head) -> None:
    """Raises `ReplyRunning` if a locked session is being answered; ends a reply whose process has died."""
    lost = await refuse_running(conn, head.owner, head.id)
    if lost is not None:
        await end(conn, scope, head.owner, lost, INTERRUPTED, lapsed=True)


async def refuse_running(conn: Connection, owner: str, session_id: str) -> str | None:
    """Raises `ReplyRunning` if a session is being answered; else the reply whose process has died, if there is one."""
    row = await conn.row(
        f"SELECT id, {LAPSED[conn.engine]} FROM replies"
        " WHERE owner = :owner AND session_id = :session_id AND state = 'running'",
        {"owner": owner, "session_id": session_id},
    )
    if row is not None and not row[1]:
        raise ReplyRunning(session_id, row[0])
    return None if row is None else str(row[0])


async def _about(conn: Connection, scope: Scope, session_id: str, new: NewReply) -> tuple[ReplyKind, str | None, int]:
    """What it really is, the message that it is about, and the number of the last one that the model is shown."""
    owner = await scope.owner_of_session(conn, session_id)
    last = await _last(conn, owner, session_id)
    if new.kind == "answer":
        return "answer", None, 0 if last is None else last.seq or 0
    target = last
    if new.target_id is not None:
        target = (await messages.by_id(conn, owner, session_id, [new.target_id])).get(new.target_id)
        if target is None:
            raise MessageNotFound(session_id, new.target_id)
    if new.kind == "continue":
        if target is None or last is None or target.role != "assistant" or target.id != last.id:
            raise InvalidArgument("message_id", new.target_id, "the last message, and the assistant's")
        return "continue", target.id, target.seq or 0
    if target is not None and target.role == "assistant":
        return "regenerate", target.id, (target.seq or 0) - 1
    if new.target_id is not None or target is None:
        raise InvalidArgument("message_id", new.target_id, "a message of the assistant's")
    return "answer", None, target.seq or 0  # nothing came of the answer that is to be made anew


async def _last(conn: Connection, owner: str, session_id: str) -> ChatMessage | None:
    """The last message that a model gets to see."""
    async for row in backward(conn, owner, session_id):
        message = ChatMessage.from_row(row)
        if not set_aside(message):
            return message
    return None


# Growing

_HOLD = f"""
    UPDATE replies SET size = :stop, lease_until = {{clock}} + {LEASE}
    WHERE owner = :owner AND id = :id AND state = 'running' AND fence = :fence RETURNING id
"""

_PUT = """
    INSERT INTO reply_pieces (owner, reply_id, stop, kind, text) VALUES (:owner, :id, :stop, :kind, :text)
    ON CONFLICT (owner, reply_id, stop) DO NOTHING
"""

# One round trip. The update locks the reply, so nobody ends it between the two.
_HOLD_AND_PUT = f"""
    WITH held AS ({_HOLD}), put AS (
        INSERT INTO reply_pieces (owner, reply_id, stop, kind, text)
        SELECT :owner, id, :stop, :kind, :text FROM held ON CONFLICT (owner, reply_id, stop) DO NOTHING)
    SELECT id FROM held
"""


@repeatable
@one_statement
async def save(conn: Connection, scope: Scope, owner: str, reply_id: str, fence: int, run: Run) -> None:
    """Stores some more of a reply and renews its lease. Raises `LeaseLost` if it was ended by somebody else."""
    piece = {**_piece(owner, reply_id, run), "fence": fence}
    if conn.engine == "postgres":
        held = await conn.row(_HOLD_AND_PUT.format(clock=CLOCK[conn.engine]), piece)
    elif held := await conn.row(_HOLD.format(clock=CLOCK[conn.engine]), piece):
        await conn.run(_PUT, piece)
    if held is None:
        raise LeaseLost(reply_id)


@repeatable
@one_statement
async def renew(conn: Connection, scope: Scope, owner: str, reply_id: str, fence: int, stop: int) -> None:
    """Renews the lease of a reply that says nothing for a while. Raises `LeaseLost`."""
    lease = {"owner": owner, "id": reply_id, "fence": fence, "stop": stop}
    if await conn.row(_HOLD.format(clock=CLOCK[conn.engine]), lease) is None:
        raise LeaseLost(reply_id)


def _piece(owner: str, reply_id: str, run: Run) -> dict[str, Any]:
    return {"owner": owner, "id": reply_id, "stop": run.stop, "kind": run.kind, "text": to_text(run.text)}


# Ending


async def end(
    conn: Connection,
    scope: Scope,
    owner: str,
    reply_id: str,
    outcome: Outcome,
    *,
    fence: int | None = None,
    lapsed: bool = False,
) -> Reply:
    """Ends a reply: it becomes a message, what it used is recorded, and its state is the outcome's.

    With a `fence`, in the name of who generates it: raises `LeaseLost` if somebody else has ended it. Without one, in
    the name of anybody, with `lapsed` only if its lease has run out; a reply that has ended stays as it is.
    """
    scope = scope.of(owner)
    place = {"owner": owner, "id": reply_id}
    found = await conn.row("SELECT session_id FROM replies WHERE owner = :owner AND id = :id", place)
    try:
        head = None if found is None else await lock(conn, scope, found[0], None)
    except SessionNotFound:  # deleted meanwhile, with its replies
        head = None
    row = None if head is None else await conn.row(_LOCKED.format(lapsed=LAPSED[conn.engine]), place)
    if head is None or row is None:
        raise LeaseLost(reply_id) if fence is not None else ReplyNotFound(reply_id)
    *stored, found_fence, is_lapsed = row
    reply = Reply.from_row(tuple(stored))
    if not reply.running or fence not in (None, found_fence) or (lapsed and not is_lapsed):
        if fence is not None:
            raise LeaseLost(reply_id)
        return reply
    return await _end(conn, scope, head, reply, outcome)


_LOCKED = f"""
    SELECT {REPLY}, fence, {{lapsed}} FROM replies WHERE owner = :owner AND id = :id FOR UPDATE
"""

_END = f"""
    UPDATE replies SET state = :state, fence = fence + 1, size = :size, message_id = :message_id,
        finish_reason = :finish_reason, error = :error, input_tokens = :input_tokens, output_tokens = :output_tokens,
        ended_at = :now
    WHERE owner = :owner AND id = :id RETURNING {REPLY}
"""


async def _end(conn: Connection, scope: Scope, head: Head, reply: Reply, outcome: Outcome) -> Reply:
    await conn.run_many(_PUT, [_piece(reply.owner, reply.id, run) for run in outcome.rest])
    said = await put_together(conn, reply, outcome.state, outcome.invalid_calls, outcome.error)
    message_id = await keep(conn, scope, reply, said) if said else None
    now = scope.clock()
    reads, writes, cost = outcome.used or (0, 0, 0)
    if said:  # the provider counted nothing, or forgot to: nobody is answered for having said nothing
        reads, writes = reads or reply.input_tokens, writes or said.tokens(scope)
    ended = {
        "owner": reply.owner, "id": reply.id, "state": outcome.state, "size": said.size, "message_id": message_id,
        "finish_reason": outcome.finish_reason, "error": None if outcome.error is None else to_json(outcome.error),
        "input_tokens": reads, "output_tokens": writes, "now": now,
    }  # fmt: skip
    row = await conn.row(_END, ended)
    if reads or writes or cost:
        await usage.record(conn, scope, reply.session_id, _usage(reply, message_id, (reads, writes, cost), now), None)
    await tell(conn, scope, head, "reply ended", now)
    await _tidy(conn, reply.owner, now)
    return Reply.from_row(row or ())


def _usage(reply: Reply, message_id: str | None, used: tuple[int, int, int], now: int) -> dict[str, Any]:
    reads, writes, cost = used
    return {
        "id": reply.id, "model": reply.model, "message_id": message_id, "input_tokens": reads,
        "output_tokens": writes, "cost": cost, "day": now // MICROSECONDS_PER_DAY, "created_at": now,
    }  # fmt: skip


async def tell(conn: Connection, scope: Scope, head: Head, kind: str, now: int) -> None:
    """Leaves word that a reply of a session began or ended, which is a change of the session."""
    row = await conn.row(
        "UPDATE sessions SET revision = revision + 1, updated_at = :now, last_accessed = :now"
        " WHERE owner = :owner AND id = :id RETURNING revision",
        {"owner": head.owner, "id": head.id, "now": now},
    )
    revision = row[0] if row else 0
    await record(conn, head.owner, head.id, kind, revision, now)
    scope.leaves(head.id, revision)


async def _tidy(conn: Connection, owner: str, now: int) -> None:
    """Removes the pieces of a few replies that ended long ago."""
    params = {"owner": owner, "old": now - KEPT, "limit": _TIDIED}
    rows = await conn.rows(
        "SELECT id FROM replies WHERE owner = :owner AND kept = 1 AND ended_at IS NOT NULL AND ended_at <= :old"
        " ORDER BY ended_at LIMIT :limit",
        params,
    )
    if rows:
        old = {"owner": owner, "ids": [id for (id,) in rows]}
        await conn.run("DELETE FROM reply_pieces WHERE owner = :owner AND reply_id IN (EACH(:ids))", old)
        await conn.run("UPDATE replies SET kept = 0 WHERE owner = :owner AND id IN (EACH(:ids))", old)
