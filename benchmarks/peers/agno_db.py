"""Agno's sessions in SqliteDb and PostgresDb.

Agno keeps runs, not messages: an append is a run of one message, saved as its Agent saves one, the session's row and
then the run.
"""

import time
from typing import Any, ClassVar, Literal
from uuid import uuid4

from agno.db.base import SessionType
from agno.db.postgres import PostgresDb
from agno.db.sqlite import SqliteDb
from agno.models.message import Message
from agno.run.agent import RunOutput
from agno.run.base import RunStatus
from agno.session import AgentSession

from benchmarks.peers.engines import asked, with_driver
from benchmarks.peers.workloads import NEWEST, CannotDo, main

_AGENT = "homer"


class Store:
    writers: ClassVar[Literal["threads"]] = "threads"
    packages = ("agno", "sqlalchemy", "psycopg")
    notes: ClassVar[dict[str, str]] = {
        "append": "two transactions: the session's row, then a run of one message",
        "list": "times are kept in whole seconds: sessions of the same second come in any order",
        "shared": "the database numbers the runs here; Agent itself numbers them by the session as it last read it",
    }
    retries = 0

    def open(self, url: str) -> None:
        if url.startswith("sqlite"):
            self._db: Any = SqliteDb(db_url=url)
        else:
            self._db = PostgresDb(db_url=with_driver(url, postgresql="psycopg"))
        self.append(self.new_session("settings"), "user", "makes the tables")

    def settings(self) -> dict[str, str]:
        return asked(self._db.db_engine)

    def new_session(self, owner: str) -> AgentSession:
        session = AgentSession(
            str(uuid4()), agent_id=_AGENT, user_id=owner, session_data={}, created_at=int(time.time())
        )
        self._db.upsert_session(session)
        return session

    def attach(self, session: AgentSession) -> AgentSession:
        return self._db.get_session(session.session_id, SessionType.AGENT, runs_limit=0)

    def name(self, session: AgentSession) -> str:
        return str(session.session_id)

    def append(self, session: AgentSession, role: str, text: str) -> None:
        run = RunOutput(
            run_id=str(uuid4()),
            agent_id=_AGENT,
            session_id=session.session_id,
            user_id=session.user_id,
            messages=[Message(role=role, content=text)],
            status=RunStatus.completed,
        )
        self._db.upsert_session(session)
        self._db.upsert_run(run, session.session_id, user_id=session.user_id)

    def fill(self, session: AgentSession, texts: list[str]) -> None:
        raise CannotDo("there is no call that appends many")

    def last(self, session: AgentSession, n: int) -> list[Any]:
        return self._texts(session, n)

    def history(self, session: AgentSession) -> list[Any]:
        return self._texts(session, None)

    def newest(self, owner: str) -> list[str]:
        found = self._db.get_sessions(
            SessionType.AGENT, user_id=owner, limit=NEWEST, sort_by="updated_at", sort_order="desc", include_runs=False
        )
        return [session.session_id for session in found]

    def close(self) -> None:
        self._db.close()

    def _texts(self, session: AgentSession, runs: int | None) -> list[Any]:
        found = self._db.get_session(session.session_id, SessionType.AGENT, runs_limit=runs)
        return [message.content for message in found.get_messages()]


if __name__ == "__main__":
    main(Store)
