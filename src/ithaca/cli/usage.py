"""`ithaca usage`: tokens and cost."""

from datetime import datetime
from typing import Annotated, Any

import typer

from ithaca.cli.arguments import option
from ithaca.cli.here import Here

#: What a column of a key is called.
_HEADINGS = {"day": "Day", "model": "Model", "session_id": "Session", "owner": "Owner", "message_id": "Message"}

#: How a person may call a key.
_NAMES = {"session": "session_id", "message": "message_id"}

Since = Annotated[
    datetime | None, typer.Option("--since", metavar="DATE", help="From this day on.", formats=["%Y-%m-%d"])
]
Until = Annotated[
    datetime | None, typer.Option("--until", metavar="DATE", help="Up to and with this day.", formats=["%Y-%m-%d"])
]


def usage(
    here: Here,
    by: Annotated[
        str, option("--by", "Break down by some of day, model, session, owner, message; 'day,model' unless told.")
    ] = "day,model",
    since: Since = None,
    until: Until = None,
    session: Annotated[str | None, option("--session", "Only of this session.", "SESSION")] = None,
    model: Annotated[str | None, option("--model", "Only of this model.")] = None,
) -> None:
    """Sum up the tokens and the cost of what replies recorded. Days are days in UTC."""
    keys: Any = [_NAMES.get(key, key) for key in map(str.strip, by.split(",")) if key]
    sums = here.manager.usage(
        by=keys,
        since=None if since is None else since.date(),
        until=None if until is None else until.date(),
        session_id=session,
        model=model,
    )
    if here.json:
        here.write_json({"items": [each.to_dict() for each in sums]})
        return
    from ithaca.cli.tables import Column, show

    columns = [Column(_HEADINGS[key], _key(key), yields=key == "model") for key in keys]
    columns += [
        Column("Tokens in", lambda each: f"{each.input_tokens:,}", right=True),
        Column("Tokens out", lambda each: f"{each.output_tokens:,}", right=True),
        Column("Cost", lambda each: f"{each.cost:,f}", right=True),
        Column("Replies", lambda each: f"{each.count:,}", right=True),
    ]
    show(here, columns, sums, "Nothing was recorded.")


def _key(key: str) -> Any:
    return lambda each: str(getattr(each, key) or "")
