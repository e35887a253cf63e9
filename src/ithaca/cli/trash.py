"""`ithaca trash`, `ithaca undo` and `ithaca erase`: what was removed, the way back, and the end of the way."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ithaca.cli.arguments import Cursor, ExpectedRevision, Limit, SessionId, option
from ithaca.cli.here import Here, command, group
from ithaca.cli.text import as_json, counted
from ithaca.errors import InvalidArgument

if TYPE_CHECKING:
    from ithaca import ChatMessage, Erased, Restored

app = group("What was removed: list it, bring it back, or erase it.")

#: Messages that are read from an entry at a time.
_PAGE = 500

EntryId = Annotated[str, typer.Argument(metavar="ENTRY", help="The id of what an operation removed.")]
OfSession = Annotated[str | None, option("--session", "Only of this session.", "SESSION")]


@command(app, "list")
def list_(here: Here, session: OfSession = None, limit: Limit = 50, cursor: Cursor = None) -> None:
    """List what operations removed, the last first."""
    page = here.manager.trash(session_id=session, limit=limit, cursor=cursor)
    if here.json:
        here.write_json(page.to_dict())
    else:
        from ithaca.cli.tables import show_trash

        show_trash(here, page)


@command(app, "show")
def show(here: Here, entry: EntryId, session: OfSession = None) -> None:
    """Show the messages that an operation removed."""
    messages = _messages(here, entry, session)
    first = next(messages, None)  # whether the entry is there is found out before half an answer is on its way
    rest = messages if first is None else _chained(first, messages)
    if here.json:
        here.write_json_list({}, "messages", (message.to_dict() for message in rest))
    elif first is None:
        here.say("No messages are in it.")
    else:
        from ithaca.cli.transcript import show_messages

        show_messages(here, rest)


def _messages(here: Here, entry: str, session: str | None) -> "Iterator[ChatMessage]":
    after = 0
    while page := here.manager.trashed_messages(entry, session_id=session, after=after, limit=_PAGE):
        yield from page
        after = page[-1].seq or 0


def _chained(first: "ChatMessage", rest: "Iterator[ChatMessage]") -> "Iterator[ChatMessage]":
    yield first
    yield from rest


@command(app, "restore")
def restore(here: Here, entry: EntryId, expected_revision: ExpectedRevision = None) -> None:
    """Bring back what an operation removed, in order and in place."""
    _report_restored(here, here.manager.restore(entry, expected_revision=expected_revision))


@command(app, "purge")
def purge(
    here: Here,
    entry: Annotated[
        str | None, typer.Argument(metavar="[ENTRY]", help="One entry; otherwise all whose time is up.")
    ] = None,
    older_than: Annotated[
        float | None, option("--older-than", "All that was removed so many days ago, or before.", "DAYS")
    ] = None,
) -> None:
    """Erase for good what was removed. One entry, or all whose retention time is up (ITHACA_TRASH_DAYS; 30 days)."""
    if entry is not None and older_than is not None:
        raise typer.BadParameter("it is for all entries, not for one.", param_hint="--older-than")
    report_erased(here, here.manager.purge(entry, older_than=None if older_than is None else _days(older_than)))


def _days(number: float) -> timedelta:
    from ithaca.retention import LONGEST

    if not 0 <= number <= LONGEST.days:
        raise InvalidArgument("older_than", number, f"a number of days from 0 to {LONGEST.days}")
    return timedelta(days=number)


def undo(here: Here, session: SessionId, expected_revision: ExpectedRevision = None) -> None:
    """Take back what was removed from a session last. What was replaced comes back, too, or a deleted session."""
    _report_restored(here, here.manager.undo(session, expected_revision=expected_revision))


def erase(
    here: Here,
    whose: Annotated[str, typer.Argument(metavar="OWNER", help="Whose data; '' for nobody's.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase for good all that an owner has, and print the receipt."""
    owner = as_json(whose) if whose else "nobody in particular"
    if not yes and not _is_sure(f"Erase for good all that is owned by {owner}?"):
        here.fail("Nothing was erased.")
    report_erased(here, here.manager.erase_owner(whose))


def _is_sure(question: str) -> bool:
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        return False


def report_erased(here: Here, erased: "Erased") -> None:
    """The receipt: rows by the tables that they lay in."""
    lines = [f"  {table:25}{count:>12,}" for table, count in sorted(erased.counts.items())]
    heading = f"Erased {counted(erased.total, 'row')}{':' if lines else '.'}"
    here.report({"erased": erased.counts}, "\n".join([heading, *lines]))


def _report_restored(here: Here, restored: "Restored") -> None:
    numbers = {"session": restored.sessions, "message": restored.messages, "document": restored.documents}
    things = [counted(number, thing) for thing, number in numbers.items() if number]
    here.report(restored.to_dict(), f"Brought back {' with '.join(things)}." if things else "Taken back.")
