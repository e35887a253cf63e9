"""The stores that are compared."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Database: TypeAlias = Literal["sqlite", "postgresql"]


@dataclass(frozen=True, slots=True)
class Peer:
    """A store on a database."""

    name: str
    label: str
    database: Database
    #: The module here that speaks to it.
    module: str
    #: Its requirements, and its environment; None for the one that runs the benchmark.
    environment: str | None = None


PEERS = (
    Peer("ithaca-sqlite", "Ithaca", "sqlite", "ithaca_sync"),
    Peer("openai-sqlite", "OpenAI Agents SDK, SQLiteSession", "sqlite", "openai_sqlite", "openai"),
    Peer("openai-sqlalchemy-sqlite", "OpenAI Agents SDK, SQLAlchemySession", "sqlite", "openai_sqlalchemy", "openai"),
    Peer("langchain-sqlite", "LangChain, SQLChatMessageHistory", "sqlite", "langchain_sqlite", "langchain"),
    Peer("adk-sqlite", "Google ADK, DatabaseSessionService", "sqlite", "adk", "adk"),
    Peer("agno-sqlite", "Agno, SqliteDb", "sqlite", "agno_db", "agno"),
    Peer("ithaca-postgresql", "Ithaca, asyncio", "postgresql", "ithaca_async"),
    Peer(
        "openai-sqlalchemy-postgresql",
        "OpenAI Agents SDK, SQLAlchemySession",
        "postgresql",
        "openai_sqlalchemy",
        "openai",
    ),
    Peer(
        "langchain-postgresql",
        "LangChain, PostgresChatMessageHistory",
        "postgresql",
        "langchain_postgresql",
        "langchain",
    ),
    Peer("adk-postgresql", "Google ADK, DatabaseSessionService", "postgresql", "adk", "adk"),
    Peer("agno-postgresql", "Agno, PostgresDb", "postgresql", "agno_db", "agno"),
)


def chosen(names: list[str]) -> list[Peer]:
    """The peers of these names, or whose names begin with one of them and a hyphen; all if there is no name.

    Raises KeyError with a name that none has.
    """
    for name in names:
        if not any(_is_called(peer, name) for peer in PEERS):
            raise KeyError(name)
    return [peer for peer in PEERS if not names or any(_is_called(peer, name) for name in names)]


def _is_called(peer: Peer, name: str) -> bool:
    return peer.name == name or peer.name.startswith(f"{name}-")
