"""`ithaca keys`: keys, with which programs ask the service."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ithaca.cli.arguments import option
from ithaca.cli.here import Here, command, group
from ithaca.cli.text import counted, in_a_line

if TYPE_CHECKING:
    from ithaca import AccessKey

app = group("Keys, with which programs ask `ithaca serve`.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")]
Scopes = Annotated[
    list[str] | None,
    option("--scope", "What it may do: read, write, admin; may be repeated. read and write unless told.", "SCOPE"),
]


@command(app, "create")
def create(
    here: Here,
    name: Name,
    scope: Scopes = None,
    days: Annotated[
        float | None,
        typer.Option(metavar="N", min=0, max=100_000, help="It ends after so many days; never unless told."),
    ] = None,
) -> None:
    """Make a key to the data of --owner, and print what it says. That is shown now and never again."""
    from ithaca.access import USUAL

    ends = None if days is None else datetime.now(UTC) + timedelta(days=days)
    # A manager that is confined to the owner could make no key for administrators.
    new = here.open_for_all(here.database).create_key(name, owner=here.owner, scopes=scope or USUAL, expires_at=ends)  # type: ignore[arg-type]
    here.report(new.to_dict(), f"{new.token}\nKeep it: it is shown only now. {_what(new.key)}.")


@command(app, "list")
def list_(here: Here) -> None:
    """List the keys; what they say is not known."""
    keys = here.manager.list_keys()
    if here.json:
        here.write_json({"items": [key.to_dict() for key in keys]})
        return
    from ithaca.cli.tables import Column, show, when

    columns = [
        Column("Name", lambda key: key.name, yields=True),
        Column("Owner", lambda key: key.owner or "nobody"),
        Column("Begins", lambda key: f"{key.hint}…", spare=True),
        Column("May", lambda key: ", ".join(key.scopes)),
        Column("Made", lambda key: when(key.created_at), spare=True),
        Column("Last used", lambda key: when(key.used_at)),
        Column("Ends", lambda key: when(key.expires_at)),
        Column("Id", lambda key: key.id),
    ]
    show(here, columns, keys, "No keys.")


@command(app, "revoke")
def revoke(
    here: Here, keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="Their ids, as `list` shows them.")]
) -> None:
    """End keys for good: the next request with one is refused."""
    for key in keys:
        here.manager.revoke_key(key)
    here.report({"revoked": keys}, f"Revoked {counted(len(keys), 'key')}.")


def _what(key: "AccessKey") -> str:
    whose = f"what owner {in_a_line(key.owner)} has" if key.owner else "what nobody owns"
    return f"It opens {whose}: {', '.join(key.scopes)}"
