"""Ithaca, for code on an event loop."""

from typing import Any, ClassVar, Literal

from benchmarks.peers.workloads import NEWEST, main
from ithaca import AsyncSessionManager, ChatMessage, Session, read_settings


class Store:
    writers: ClassVar[Literal["tasks"]] = "tasks"
    packages = ("ithaca", "psycopg")
    notes: ClassVar[dict[str, str]] = {}
    retries = 0

    async def open(self, url: str) -> None:
        self._url = url
        self._manager = AsyncSessionManager(url)
        await self._manager.info()

    async def settings(self) -> dict[str, str]:
        return {"durability": read_settings(self._url).durability}

    async def new_session(self, owner: str) -> Session:
        return await self._manager.create_session(owner=owner)

    async def attach(self, session: Session) -> Session:
        return session

    def name(self, session: Session) -> str:
        return session.id

    async def append(self, session: Session, role: str, text: str) -> None:
        await self._manager.add_message(session.id, ChatMessage(role, text))

    async def fill(self, session: Session, texts: list[str]) -> None:
        await self._manager.add_messages(session.id, [ChatMessage("user", text) for text in texts])

    async def last(self, session: Session, n: int) -> list[Any]:
        return [message.content for message in (await self._manager.get_session(session.id, last=n)).history]

    async def history(self, session: Session) -> list[Any]:
        return [message.content for message in (await self._manager.get_session(session.id)).history]

    async def newest(self, owner: str) -> list[str]:
        return [session.id for session in await self._manager.list_sessions(owner=owner, limit=NEWEST)]

    async def close(self) -> None:
        await self._manager.close()


if __name__ == "__main__":
    main(Store)
