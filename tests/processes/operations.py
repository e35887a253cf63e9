"""Numbered operations: whoever does the same ones on an empty database holds the same in the end.

So a database whose writer was killed is compared with one in memory that did what was acknowledged.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ithaca import ChatMessage, Conversation, SessionManager

ONCE = datetime(2026, 2, 1, tzinfo=UTC)


def create(manager: SessionManager, turn: int) -> None:
    manager.create_session(f"s{turn}", f"Session {turn}", owner="ann")


def add_one(manager: SessionManager, turn: int) -> None:
    manager.add_message(f"s{turn}", message(turn, "one"))


def add_many(manager: SessionManager, turn: int) -> None:
    manager.add_messages(f"s{turn}", [message(turn, number) for number in range(40)])


def edit(manager: SessionManager, turn: int) -> None:
    manager.edit_message(f"s{turn}", f"{turn} 7", ["edited"])


def truncate(manager: SessionManager, turn: int) -> None:
    manager.truncate_messages(f"s{turn}", 30)


def replace(manager: SessionManager, turn: int) -> None:
    """The first ten stay, ten move to the end, and one is new."""
    old = [message(turn, "one"), *(message(turn, number) for number in range(7))]
    moved = [message(turn, number) for number in range(10, 20)]
    manager.replace_messages(f"s{turn}", [*old, message(turn, "new"), *moved])


def document(manager: SessionManager, turn: int) -> None:
    manager.create_document("Log", f"Day {turn}", document_id=f"d{turn}", session_id=f"s{turn}")


def edit_document(manager: SessionManager, turn: int) -> None:
    manager.edit_document(f"d{turn}", "Another day", title="Log 2")


def bring_in(manager: SessionManager, turn: int) -> None:
    manager.import_conversations(
        Conversation(f"i{turn}.{n}", "Imported", [message(turn, m) for m in range(20)], owner="bob") for n in range(5)
    )


def delete(manager: SessionManager, turn: int) -> None:
    manager.delete_session(f"s{turn}")


def delete_several(manager: SessionManager, turn: int) -> None:
    manager.delete_sessions([f"i{turn}.{number}" for number in range(4)])


def message(turn: int, name: object) -> ChatMessage:
    return ChatMessage("user", f"{name} " * 50, id=f"{turn} {name}", created_at=ONCE)


KINDS: list[Callable[[SessionManager, int], None]] = [
    create, add_one, add_many, edit, truncate, replace, document, edit_document, bring_in, delete, delete_several,
]  # fmt: skip


def operate(manager: SessionManager, number: int) -> None:
    """Does the operation of this number, from 0."""
    turn, kind = divmod(number, len(KINDS))
    KINDS[kind](manager, turn)


def contents(manager: SessionManager) -> dict[str, Any]:
    """All that is stored, but for the times."""
    return {
        "sessions": [described(manager, session.id) for session in pages(manager.list_sessions)],
        "documents": [
            (document.id, document.session_id, document.title, document.version, document.revision)
            for document in sorted(pages(manager.list_documents), key=lambda document: document.id)
        ],
    }


def described(manager: SessionManager, session_id: str) -> tuple[object, ...]:
    session = manager.get_session(session_id)
    history = [(message.seq, message.id, message.content) for message in session.history]
    return session.owner, session.id, session.name, session.revision, session.message_count, history


def pages(listing: Callable[..., Any]) -> list[Any]:
    order = {"sort": "name"} if "sessions" in listing.__name__ else {}
    page = listing(limit=1000, **order)
    found = list(page)
    while page.cursor:
        page = listing(limit=1000, cursor=page.cursor, **order)
        found += page
    return found
