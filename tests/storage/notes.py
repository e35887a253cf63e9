"""Small operations on a table of their own, to look at what the storage makes of them."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import Any

import apsw

from ithaca.config import Settings
from ithaca.connection import Connection
from ithaca.errors import IthacaError
from ithaca.storage.sqlite import SQLiteStorage

TABLE = "CREATE TABLE IF NOT EXISTS notes (text TEXT PRIMARY KEY)"


async def note(conn: Connection, text: str) -> str:
    """Keeps a text; the same twice is an error of the database."""
    await conn.run("INSERT INTO notes (text) VALUES (:text)", {"text": text})
    return text


async def note_and_fail(conn: Connection, text: str) -> None:
    """Fails after it has written."""
    await note(conn, text)
    raise LookupError(text)


async def notes(conn: Connection) -> list[str]:
    return [row[0] for row in await conn.rows("SELECT text FROM notes ORDER BY text")]


@contextmanager
def note_storage(directory: Path, **settings: Any) -> Iterator[SQLiteStorage]:
    """A SQLite file with the table."""
    path = str(directory / "notes.db")
    storage = SQLiteStorage(path, Settings(database=path, **settings))
    storage.db.execute(TABLE)
    try:
        yield storage
    finally:
        storage.close()


def count_commits(db: apsw.Connection) -> list[int]:
    """A list that grows by one with each commit."""
    commits: list[int] = []

    def committed() -> bool:
        commits.append(1)
        return False

    db.set_commit_hook(committed)
    return commits


def in_one_batch(storage: SQLiteStorage, calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each call returns or raises, when a first operation leads until all the others are queued."""
    leading, all_queued = Event(), Event()

    async def lead(conn: Connection) -> None:
        leading.set()
        all_queued.wait()

    all_calls: list[Callable[[], Any]] = [partial(storage.write, lead), *calls]
    outcomes: list[Any] = [None] * len(all_calls)

    def run(place: int) -> None:
        try:
            outcomes[place] = all_calls[place]()
        except (IthacaError, LookupError) as error:
            outcomes[place] = error

    threads = [Thread(target=run, args=[place]) for place in range(len(all_calls))]
    for number, thread in enumerate(threads):
        thread.start()
        leading.wait()
        while len(storage.writer.queue) < number:  # the first one isn't in it
            time.sleep(0.001)
    all_queued.set()
    for thread in threads:
        thread.join()
    return outcomes[1:]
