"""The OpenAI Agents SDK's SQLAlchemySession, on SQLite through aiosqlite and on PostgreSQL through asyncpg."""

from typing import Any, ClassVar, Literal
from uuid import uuid4

from agents.extensions.memory import SQLAlchemySession
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.peers.engines import asked_async, with_driver
from benchmarks.peers.workloads import CannotDo, main


class Store:
    writers: ClassVar[Literal["tasks"]] = "tasks"
    packages = ("openai-agents", "sqlalchemy", "aiosqlite", "asyncpg")
    notes: ClassVar[dict[str, str]] = {}
    retries = 0

    async def open(self, url: str) -> None:
        self._engine = create_async_engine(with_driver(url, sqlite="aiosqlite", postgresql="asyncpg"))
        tables = SQLAlchemySession("settings", engine=self._engine, create_tables=True)
        await tables.get_items()

    async def settings(self) -> dict[str, str]:
        return await asked_async(self._engine)

    def new_session(self, owner: str) -> SQLAlchemySession:
        return SQLAlchemySession(str(uuid4()), engine=self._engine)

    def attach(self, session: SQLAlchemySession) -> SQLAlchemySession:
        return SQLAlchemySession(session.session_id, engine=self._engine)

    def name(self, session: SQLAlchemySession) -> str:
        return str(session.session_id)

    async def append(self, session: SQLAlchemySession, role: str, text: str) -> None:
        await session.add_items([{"role": role, "content": text}])

    async def fill(self, session: SQLAlchemySession, texts: list[str]) -> None:
        await session.add_items([{"role": "user", "content": text} for text in texts])

    async def last(self, session: SQLAlchemySession, n: int) -> list[Any]:
        return [item["content"] for item in await session.get_items(limit=n)]

    async def history(self, session: SQLAlchemySession) -> list[Any]:
        return [item["content"] for item in await session.get_items()]

    def newest(self, owner: str) -> Any:
        raise CannotDo("there is no call that lists sessions, and sessions have no owner")

    async def close(self) -> None:
        await self._engine.dispose()


if __name__ == "__main__":
    main(Store)
