"""Ithaca, for code that waits in its thread."""

from typing import Any, ClassVar, Literal

from benchmarks.peers.workloads import NEWEST, main
from ithaca import ChatMessage, Session, SessionManager, read_settings


class Store:
    writers: ClassVar[Literal["threads"]] = "threads"
    packages = ("ithaca",)
    notes: ClassVar[dict[str, str]] = {}
    retries = 0

    def open(self, url: str) -> None:
        self._url = url
        self._manager = SessionManager(url)

    def settings(self) -> dict[str, str]:
        return {"durability": read_settings(self._url).durability}

    def new_session(self, owner: str) -> Session:
        return self._manager.create_session(owner=owner)

    def attach(self, session: Session) -> Session:
        return session

    def name(self, session: Session) -> str:
        return session.id

    def append(self, session: Session, role: str, text: str) -> None:
        self._manager.add_message(session.id, ChatMessage(role, text))

    def fill(self, session: Session, texts: list[str]) -> None:
        self._manager.add_messages(session.id, [ChatMessage("user", text) for text in texts])

    def last(self, session: Session, n: int) -> list[Any]:
        return [message.content for message in self._manager.get_session(session.id, last=n).history]

    def history(self, session: Session) -> list[Any]:
        return [message.content for message in self._manager.get_session(session.id).history]

    def newest(self, owner: str) -> list[str]:
        return [session.id for session in self._manager.list_sessions(owner=owner, limit=NEWEST)]

    def close(self) -> None:
        self._manager.close()


if __name__ == "__main__":
    main(Store)
