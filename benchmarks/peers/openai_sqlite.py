"""The OpenAI Agents SDK's SQLiteSession: one object a session, each with connections of its own."""

from typing import Any, ClassVar, Literal
from uuid import uuid4

from agents import SQLiteSession

from benchmarks.peers.workloads import CannotDo, main


class Store:
    writers: ClassVar[Literal["tasks"]] = "tasks"
    packages = ("openai-agents",)
    notes: ClassVar[dict[str, str]] = {}
    retries = 0

    def open(self, url: str) -> None:
        self._path = url.removeprefix("sqlite:///")
        self._opened: list[SQLiteSession] = []

    async def settings(self) -> dict[str, str]:
        session = self.new_session("settings")
        with session._locked_connection() as db:  # it has no other way to ask
            pragmas = ("journal_mode", "synchronous")
            return {pragma: str(db.execute(f"PRAGMA {pragma}").fetchone()[0]) for pragma in pragmas}

    def new_session(self, owner: str) -> SQLiteSession:
        return self._open(str(uuid4()))

    def attach(self, session: SQLiteSession) -> SQLiteSession:
        return self._open(session.session_id)

    def name(self, session: SQLiteSession) -> str:
        return str(session.session_id)

    async def append(self, session: SQLiteSession, role: str, text: str) -> None:
        await session.add_items([{"role": role, "content": text}])

    async def fill(self, session: SQLiteSession, texts: list[str]) -> None:
        await session.add_items([{"role": "user", "content": text} for text in texts])

    async def last(self, session: SQLiteSession, n: int) -> list[Any]:
        return [item["content"] for item in await session.get_items(limit=n)]

    async def history(self, session: SQLiteSession) -> list[Any]:
        return [item["content"] for item in await session.get_items()]

    def newest(self, owner: str) -> Any:
        raise CannotDo("there is no call that lists sessions, and sessions have no owner")

    def close(self) -> None:
        for session in self._opened:
            session.close()

    def _open(self, session_id: str) -> SQLiteSession:
        session = SQLiteSession(session_id, self._path)
        self._opened.append(session)
        return session


if __name__ == "__main__":
    main(Store)
