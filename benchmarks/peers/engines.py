"""What the stores on SQLAlchemy have in common: URLs, and questions to their own connections."""

from collections.abc import Iterable
from typing import Any

_QUESTIONS = {
    "sqlite": {"journal_mode": "PRAGMA journal_mode", "synchronous": "PRAGMA synchronous"},
    "postgresql": {"synchronous_commit": "SHOW synchronous_commit", "isolation": "SHOW transaction_isolation"},
}


def with_driver(url: str, **drivers: str) -> str:
    """The URL as SQLAlchemy takes it, naming the driver of its database."""
    database, rest = url.split("://", 1)
    return f"{database}+{drivers[database]}://{rest}"


def asked(engine: Any) -> dict[str, str]:
    """What a connection of the engine says about its durability."""
    with engine.connect() as db:
        return {name: _first(db.exec_driver_sql(question)) for name, question in _questions(engine)}


async def asked_async(engine: Any) -> dict[str, str]:
    """The same, of an asynchronous engine."""
    async with engine.connect() as db:
        return {name: _first(await db.exec_driver_sql(question)) for name, question in _questions(engine)}


def _questions(engine: Any) -> Iterable[tuple[str, str]]:
    return _QUESTIONS[engine.dialect.name].items()


def _first(answer: Any) -> str:
    return str(answer.scalar())
