"""`ithaca demo`: a few conversations, to see what a database of them looks like."""

import json
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ithaca.cli.here import Here
from ithaca.cli.text import counted

if TYPE_CHECKING:
    from ithaca import Conversation, LibraryDocument, SessionManager

SHOWN = "demo-ships-log"
#: From one message, or one version, to the next.
PACE = timedelta(minutes=1)


def demo(here: Here) -> None:
    """Make a few conversations and show them.

    They are kept in memory, unless --database is given. Doing it again there adds nothing twice.
    """
    manager = here.open("sqlite:///:memory:" if here.database is None else here.database)
    fill(manager)
    page = manager.list_sessions(limit=20)
    if here.json:
        here.write_json(page.to_dict())
        return
    from ithaca.cli.tables import show_sessions
    from ithaca.cli.transcript import show_transcript

    show_sessions(here, page)
    here.say("")
    show_transcript(here, manager.get_session(SHOWN, last=0), manager.iter_messages(SHOWN))
    here.say("\n" + "\n".join(_ways_on(here, manager.count_sessions())))


def fill(manager: "SessionManager") -> None:
    """Puts the conversations and documents of the demonstration into a database that may have them already."""
    data = json.loads(Path(__file__).with_name("demo.json").read_text(encoding="utf-8"))
    now = datetime.now(UTC)
    manager.import_conversations(_conversation(now, **session) for session in data["sessions"])
    manager.import_documents(_document(now, **document) for document in data["documents"])


def _conversation(now: datetime, id: str, minutes_ago: int, messages: list[Any], **rest: Any) -> "Conversation":
    from ithaca import ChatMessage, Conversation

    # The last message is as old as the session is said to be.
    times = _times(now - timedelta(minutes=minutes_ago), len(messages))
    said = [
        ChatMessage(**message, id=f"{id}-{number}", created_at=time)
        for number, (message, time) in enumerate(zip(messages, times, strict=True), 1)
    ]
    return Conversation(id=id, messages=said, endpoint_url="http://localhost:11434/v1", **rest)


def _document(now: datetime, minutes_ago: int, versions: list[Any], **rest: Any) -> "LibraryDocument":
    from ithaca import LibraryDocument, LibraryVersion

    times = list(_times(now - timedelta(minutes=minutes_ago), len(versions)))
    made = [LibraryVersion(**version, created_at=time) for version, time in zip(versions, times, strict=True)]
    return LibraryDocument(versions=made, created_at=times[0], updated_at=times[-1], **rest)


def _times(last: datetime, number: int) -> Iterator[datetime]:
    return (last - PACE * back for back in reversed(range(number)))


def _ways_on(here: Here, sessions: int) -> Iterator[str]:
    if here.database is None:
        yield f"These {counted(sessions, 'session')} were kept in memory, and are gone now. To keep them, and look"
        yield "around:"
        yield ""
        yield "  ithaca demo --database demo.db"
        at = "demo.db"
    else:
        yield "To look around:"
        yield ""
        at = shlex.quote(here.database)
    yield f"  ithaca sessions list --database {at}"
    yield f"  ithaca sessions show demo-trip-to-pylos --database {at}"
    yield f"  ithaca documents versions demo-letter --database {at}"
    yield f"  ithaca messages add demo-great-bow 'I strung it.' --database {at}"
    yield "  ithaca --help"
