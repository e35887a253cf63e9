"""langchain-postgres's PostgresChatMessageHistory: one psycopg connection a writer, as the class takes one."""

from typing import Any, ClassVar, Literal
from uuid import uuid4

import psycopg
from langchain_core.messages import AIMessage, HumanMessage
from langchain_postgres import PostgresChatMessageHistory

from benchmarks.peers.workloads import CannotDo, main

_TABLE = "chat_history"
_MESSAGES = {"user": HumanMessage, "assistant": AIMessage}


class Store:
    writers: ClassVar[Literal["threads"]] = "threads"
    packages = ("langchain-postgres", "langchain-core", "psycopg")
    notes: ClassVar[dict[str, str]] = {"last": "reads the whole history: there is no call for its end"}
    retries = 0

    def open(self, url: str) -> None:
        self._url = url
        self._connections: list[psycopg.Connection[Any]] = []
        PostgresChatMessageHistory.create_tables(self._connect(), _TABLE)

    def settings(self) -> dict[str, str]:
        with psycopg.connect(self._url) as db:
            return {"synchronous_commit": str(db.execute("SHOW synchronous_commit").fetchall()[0][0])}

    def new_session(self, owner: str) -> PostgresChatMessageHistory:
        return self._open(str(uuid4()))

    def attach(self, session: PostgresChatMessageHistory) -> PostgresChatMessageHistory:
        return self._open(session._session_id)  # the class has no public name for it

    def name(self, session: PostgresChatMessageHistory) -> str:
        return str(session._session_id)

    def append(self, session: PostgresChatMessageHistory, role: str, text: str) -> None:
        session.add_message(_MESSAGES[role](text))

    def fill(self, session: PostgresChatMessageHistory, texts: list[str]) -> None:
        session.add_messages([HumanMessage(text) for text in texts])

    def last(self, session: PostgresChatMessageHistory, n: int) -> list[Any]:
        return [message.content for message in session.messages[-n:]]

    def history(self, session: PostgresChatMessageHistory) -> list[Any]:
        return [message.content for message in session.messages]

    def newest(self, owner: str) -> Any:
        raise CannotDo("there is no call that lists sessions, and sessions have no owner")

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def _open(self, session_id: str) -> PostgresChatMessageHistory:
        return PostgresChatMessageHistory(_TABLE, session_id, sync_connection=self._connect())

    def _connect(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self._url)
        self._connections.append(connection)
        return connection


if __name__ == "__main__":
    main(Store)
