"""`ithaca watch`."""

import sys
from typing import Annotated

from ithaca.cli.arguments import option
from ithaca.cli.here import Here
from ithaca.cli.text import in_a_line


def watch(
    here: Here,
    session: Annotated[str | None, option("--session", "Only what happens to this session.", "ID")] = None,
    after: Annotated[
        str | None, option("--after", "Begin after the change with this cursor, or at this revision.", "PLACE")
    ] = None,
    timeout: Annotated[float | None, option("--timeout", "End after so many seconds without news.", "SECONDS")] = None,
) -> None:
    """Tell what changes, as it is committed, until Ctrl-C.

    With --json a line for each change; the cursor of the last one that you saw continues where you left.
    """
    from ithaca.columns import iso

    for change in here.manager.watch(session_id=session, after=_place(after), timeout=timeout):
        if here.json:
            here.write_json(change.to_dict())
        else:
            what = f"{change.kind}, revision {change.revision}" if change.session_id else change.kind
            here.say(f"{iso(change.created_at)}  {in_a_line(change.session_id or 'everything')}  {what}")
        sys.stdout.flush()


def _place(after: str | None) -> str | int | None:
    """A revision is digits alone, which a cursor never is."""
    digits = after is not None and after.isascii() and after.isdecimal() and len(after) < 20
    return int(after) if after is not None and digits else after
