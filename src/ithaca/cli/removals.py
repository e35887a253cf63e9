"""What went to the trash, and under which id it lies there."""

from typing import TYPE_CHECKING

from ithaca.cli.here import Here
from ithaca.cli.text import counted

if TYPE_CHECKING:
    from ithaca import Removed


def report_moved(here: Here, removed: "Removed") -> None:
    here.report(removed.to_dict(), _sentence(removed))


def report_removed(here: Here, removed: "Removed", thing: str, ids: list[str], why_not: str) -> None:
    """What was removed; and if not all of what was asked for was, why not."""
    report_moved(here, removed)
    left = len(set(ids)) - getattr(removed, f"{thing}s")
    if left:
        here.fail(f"{counted(left, thing)} of {len(set(ids))} not deleted: {why_not}.")


def _sentence(removed: "Removed") -> str:
    if removed.trash_id is None:
        return "Nothing to remove."
    numbers = {"session": removed.sessions, "message": removed.messages, "document": removed.documents}
    things = [counted(number, thing) for thing, number in numbers.items() if number]
    return f"Moved {' with '.join(things)} to the trash: {removed.trash_id}."
