"""Google ADK's DatabaseSessionService, on SQLite through aiosqlite and on PostgreSQL through asyncpg."""

from typing import Any, ClassVar, Literal

from google.adk.errors._stale_session_error import StaleSessionError
from google.adk.events import Event
from google.adk.sessions import DatabaseSessionService, Session
from google.adk.sessions.base_session_service import GetSessionConfig
from google.genai.types import Content, Part

from benchmarks.peers.engines import asked_async, with_driver
from benchmarks.peers.workloads import NEWEST, CannotDo, main

_APP = "odyssey"
_TRIES = 50


class Store:
    writers: ClassVar[Literal["tasks"]] = "tasks"
    packages = ("google-adk", "sqlalchemy", "aiosqlite", "asyncpg")
    notes: ClassVar[dict[str, str]] = {
        "list": "reads all sessions of the owner: there is no call for the newest",
        "shared": "an append to a session that another writer changed is refused as stale;"
        f" the session is then read again, without its events, and the append tried anew, {_TRIES} times at most",
    }
    retries = 0

    async def open(self, url: str) -> None:
        self._service = DatabaseSessionService(with_driver(url, sqlite="aiosqlite", postgresql="asyncpg"))
        await self._service.prepare_tables()

    async def settings(self) -> dict[str, str]:
        return await asked_async(self._service.db_engine)

    async def new_session(self, owner: str) -> Session:
        return await self._service.create_session(app_name=_APP, user_id=owner)

    async def attach(self, session: Session) -> Session:
        return await self._read(session, 0)

    def name(self, session: Session) -> str:
        return str(session.id)

    async def append(self, session: Session, role: str, text: str) -> None:
        author = "user" if role == "user" else "model"
        event = Event(author=author, content=Content(role=author, parts=[Part(text=text)]))
        for _ in range(_TRIES):
            try:
                await self._service.append_event(session, event)
            except StaleSessionError:
                self.retries += 1
                await self._refresh(session)
            else:
                return
        await self._service.append_event(session, event)

    def fill(self, session: Session, texts: list[str]) -> None:
        raise CannotDo("there is no call that appends many")

    async def last(self, session: Session, n: int) -> list[Any]:
        return _texts(await self._read(session, n))

    async def history(self, session: Session) -> list[Any]:
        return _texts(await self._read(session, None))

    async def newest(self, owner: str) -> list[str]:
        found = await self._service.list_sessions(app_name=_APP, user_id=owner)
        return [session.id for session in found.sessions[: -NEWEST - 1 : -1]]

    async def close(self) -> None:
        await self._service.close()

    async def _read(self, session: Session, last: int | None) -> Session:
        config = GetSessionConfig(num_recent_events=last)
        return await self._service.get_session(
            app_name=_APP, user_id=session.user_id, session_id=session.id, config=config
        )

    async def _refresh(self, session: Session) -> None:
        """Give a writer's session the revision that is stored."""
        stored = await self._read(session, 0)
        session.last_update_time = stored.last_update_time
        session._storage_update_marker = stored._storage_update_marker


def _texts(session: Session) -> list[Any]:
    return [event.content.parts[0].text for event in session.events]


if __name__ == "__main__":
    main(Store)
