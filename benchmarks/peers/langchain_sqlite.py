"""LangChain's SQLChatMessageHistory, on SQLite."""

from typing import Any, ClassVar, Literal
from uuid import uuid4

from langchain_community.chat_message_histories import SQLChatMessageHistory
from langchain_core.messages import AIMessage, HumanMessage
from sqlalchemy import create_engine

from benchmarks.peers.engines import asked
from benchmarks.peers.workloads import CannotDo, main

_MESSAGES = {"user": HumanMessage, "assistant": AIMessage}


class Store:
    writers: ClassVar[Literal["threads"]] = "threads"
    packages = ("langchain-community", "langchain-core", "sqlalchemy")
    notes: ClassVar[dict[str, str]] = {"last": "reads the whole history: there is no call for its end"}
    retries = 0

    def open(self, url: str) -> None:
        self._engine = create_engine(url)

    def settings(self) -> dict[str, str]:
        return asked(self._engine)

    def new_session(self, owner: str) -> SQLChatMessageHistory:
        return SQLChatMessageHistory(str(uuid4()), connection=self._engine)

    def attach(self, session: SQLChatMessageHistory) -> SQLChatMessageHistory:
        return SQLChatMessageHistory(session.session_id, connection=self._engine)

    def name(self, session: SQLChatMessageHistory) -> str:
        return str(session.session_id)

    def append(self, session: SQLChatMessageHistory, role: str, text: str) -> None:
        session.add_message(_MESSAGES[role](text))

    def fill(self, session: SQLChatMessageHistory, texts: list[str]) -> None:
        session.add_messages([HumanMessage(text) for text in texts])

    def last(self, session: SQLChatMessageHistory, n: int) -> list[Any]:
        return [message.content for message in session.messages[-n:]]

    def history(self, session: SQLChatMessageHistory) -> list[Any]:
        return [message.content for message in session.messages]

    def newest(self, owner: str) -> Any:
        raise CannotDo("there is no call that lists sessions, and sessions have no owner")

    def close(self) -> None:
        self._engine.dispose()


if __name__ == "__main__":
    main(Store)
