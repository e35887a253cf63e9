"""`ithaca search`."""

from typing import Annotated

import typer

from ithaca.cli.arguments import Cursor, Incognito, option, time
from ithaca.cli.here import Here


def search(
    here: Here,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help='Words; "words that stand together", begin*, -without, this OR that.')
    ],
    session: Annotated[str | None, option("--session", "Only in this session.", "SESSION")] = None,
    role: Annotated[str | None, option("--role", "Only what this one said: user, assistant …")] = None,
    since: Annotated[
        str | None, option("--since", "Only since this time, such as 2026-03-12 or 2026-03-12T09:14Z.", "TIME")
    ] = None,
    until: Annotated[str | None, option("--until", "Only before this time.", "TIME")] = None,
    archived: Annotated[
        bool | None, typer.Option("--archived/--not-archived", help="Only in such sessions; in both unless told.")
    ] = None,
    incognito: Incognito = None,
    neighbours: Annotated[int, option("--neighbours", "Show so many messages on either side.", "N")] = 0,
    limit: Annotated[int, option("--limit", "How many at most; 20 unless told.", "N")] = 20,
    cursor: Cursor = None,
) -> None:
    """Find messages by their words, the best first."""
    page = here.manager.search(
        text, session_id=session, role=role, since=time(since, "--since"), until=time(until, "--until"),
        archived=archived, cursor=cursor, limit=limit, neighbours=neighbours,
        incognito=here.incognito and session is None if incognito is None else incognito,
    )  # fmt: skip
    if here.json:
        here.write_json(page.to_dict())
    else:
        from ithaca.cli.tables import show_way_on
        from ithaca.cli.transcript import show_hits

        show_hits(here, page.items)
        show_way_on(here, page.cursor)
