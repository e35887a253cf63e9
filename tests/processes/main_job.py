"""What a process does for `test_main_job`: its share of the imports, and then its share of the day's work."""

import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

from ithaca import ChatMessage, Conversation, SessionManager
from ithaca.interchange.odysseus import import_database
from tests.processes.work import acknowledge, wait_for_the_others
from tests.support.processes import soaking

OWNERS = 20


@cache
def chats(file: str) -> list[tuple[str, dict[str, Any]]]:
    """The chats that `write_chats` wrote, by id."""
    return list(json.loads(Path(file).read_text(encoding="utf-8")).items())


def write_chats(file: Path) -> None:
    """Writes every eighth chat of the data set; all of them in a soak."""
    dataset = json.loads((files("chitchat_dataset") / "dataset.json").read_text(encoding="utf-8"))
    file.write_text(json.dumps(dict(sorted(dataset.items())[:: 1 if soaking() else 8])), encoding="utf-8")


def messages_of(chat: dict[str, Any]) -> list[dict[str, Any]]:
    return [message for turn in chat["messages"] for message in turn]


def conversations(file: str, share: int, shares: int) -> Iterator[Conversation]:
    """Every so-manieth chat of the data set, a participant as the user and the other one as the assistant."""
    for number, (id, chat) in islice(enumerate(chats(file)), share, None, shares):
        said = messages_of(chat)
        roles = {said[0]["sender"]: "user"} if said else {}
        yield Conversation(
            id,
            f"Chat {number}",
            [
                ChatMessage(
                    roles.get(message["sender"], "assistant"),
                    message["text"],
                    {"sender": message["sender"]},
                    id=f"{id}-{place}",
                    created_at=datetime.fromisoformat(message["timestamp"]),
                )
                for place, message in enumerate(said)
            ],
            owner=f"owner-{number % OWNERS}",
        )


def bring_in(manager: SessionManager, file: str, share: int, shares: int, legacy: str) -> dict[str, int]:
    """Imports its share; every process imports the legacy database too, all at once."""
    report = manager.import_conversations(conversations(file, share, shares))
    old = import_database(manager, legacy) if legacy else None
    return {"messages": report.messages, "legacy": old.messages if old else 0}


def work(manager: SessionManager, file: str, share: int, shares: int, _: str) -> dict[str, int]:
    """Lists, reads, adds to and truncates every tenth of its sessions."""
    counts = {"read": 0, "added": 0, "removed": 0}
    for id, chat in islice(chats(file), share, None, shares * 10):
        counts["read"] += len(manager.get_session(id, last=50).history)
        manager.add_message(id, ChatMessage("user", "And then?"))
        manager.add_messages(id, [ChatMessage("assistant", "Then nothing."), ChatMessage("user", "Oh.")])
        counts["added"] += 3
        counts["removed"] += manager.truncate_messages(id, len(messages_of(chat)) + 2).messages
    counts["listed"] = len(manager.list_sessions(owner=f"owner-{share}", limit=1000))
    return counts


def do(job: str, url: str, file: str, share: str, shares: str, legacy: str) -> None:
    """Does a job, and prints what was done."""
    with SessionManager(url) as manager:
        wait_for_the_others()
        done = {"in": bring_in, "work": work}[job](manager, file, int(share), int(shares), legacy)
        acknowledge(json.dumps(done))
