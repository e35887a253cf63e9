"""Many messages at once: batches, an import, a fork, and what is cut off."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count

from benchmarks import chitchat, floor_postgres, given
from benchmarks.bench import Anew, Bench
from benchmarks.floor_sqlite import Floor
from benchmarks.measuring import Outcome, Timed, at_least, at_most
from ithaca import ChatMessage, SessionManager

_BATCH = list(map(given.row, range(1_000)))


def batch_1000(bench: Bench) -> Iterator[Outcome]:
    """A batch of 1,000 messages in one call; the floor uses `executemany` on SQLite, COPY on PostgreSQL."""
    kept = bench.conversation(0)
    yield from _batches(bench, "SQLite", kept.ours, Floor(kept.floor))
    kept = bench.postgres_conversation(0)
    yield from _batches(bench, "PostgreSQL", kept.ours, floor_postgres.Floor(kept.floor))


def _batches(bench: Bench, case: str, ours: str, floor: Floor | floor_postgres.Floor) -> Iterator[Outcome]:
    floor.create("batches")
    with SessionManager(ours) as manager:
        session = manager.create_session("batches")
        yield from bench.compare(
            case,
            Timed(lambda: manager.add_messages(session.id, _messages()), messages=len(_BATCH)),
            Timed(lambda: floor.append_many("batches", _BATCH), messages=len(_BATCH)),
            at_least(0.8),
        )
    floor.close()


def _messages() -> Iterator[ChatMessage]:
    return (ChatMessage(role, text, given.METADATA) for role, text, _ in _BATCH)


def import_chitchat(bench: Bench) -> Iterator[Outcome]:
    """258,145 real messages into an empty database; the floor uses `executemany` or COPY, and a single commit.

    Both begin with the parsed data set and make of it what they take; opening the database is left out.
    """
    chats = chitchat.chats(100 if bench.quick else 1)
    new = partial(bench.path, "imported")
    with Anew(new, SessionManager, bench.remove) as ours, Anew(new, Floor, bench.remove) as floor:
        yield from _imports(bench, "SQLite", chats, ours, floor)
    make, drop = bench.postgres.create_database, bench.postgres.drop_database
    with Anew(make, SessionManager, drop) as ours, Anew(make, floor_postgres.Floor, drop) as floor_pg:
        yield from _imports(bench, "PostgreSQL", chats, ours, floor_pg)


def _imports(
    bench: Bench,
    case: str,
    chats: Sequence[chitchat.Chat],
    ours: Anew[SessionManager],
    floor: Anew[Floor] | Anew[floor_postgres.Floor],
) -> Iterator[Outcome]:
    messages = chitchat.count(chats)

    def bring_in() -> None:
        ours.opened.import_conversations(chitchat.conversations(chats))

    def bring_in_floor() -> None:
        floor.opened.bring_in([id for id, _ in chats], chitchat.rows(chats))

    yield from bench.compare(
        f"{case}, {messages:,} messages",
        Timed(bring_in, before=ours.renew, times=1, messages=messages),
        Timed(bring_in_floor, before=floor.renew, times=1, messages=messages),
        at_least(0.8),
        few=True,
    )


def truncate_last(bench: Bench) -> Iterator[Outcome]:
    """The last of 100,000 messages is cut off, again and again; the floor deletes it, ours can be undone."""
    kept = bench.conversation(bench.size(100_000))
    ours_path, floor_path = bench.copy(kept.ours), bench.copy(kept.floor)
    floor, left = Floor(floor_path), count(kept.messages - 1, -1)
    with SessionManager(ours_path) as manager:
        yield from bench.compare(
            f"of {kept.messages:,}",
            Timed(lambda: manager.truncate_messages(kept.id, next(left))),
            Timed(lambda: floor.cut_last(kept.id)),
            at_most(1.5),
        )
    floor.close()


def fork_100k(bench: Bench) -> Iterator[Outcome]:
    """A session of 100,000 messages is copied whole."""
    kept = bench.conversation(bench.size(100_000))
    ours_path, floor_path = bench.copy(kept.ours), bench.copy(kept.floor)
    floor, numbers = Floor(floor_path), count(1)
    with SessionManager(ours_path) as manager:
        yield from bench.compare(
            f"of {kept.messages:,}",
            Timed(lambda: manager.fork_session(kept.id), times=1),
            Timed(lambda: floor.fork(kept.id, f"fork-{next(numbers)}"), times=1),
            at_most(1.5),
            few=True,
        )
    floor.close()
    bench.remove(ours_path)
    bench.remove(floor_path)
