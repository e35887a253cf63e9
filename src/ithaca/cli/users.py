"""`ithaca users`: who may log in, with a password."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ithaca.cli.here import Here, command, decoded, group, standard_input
from ithaca.cli.text import counted, in_a_line

if TYPE_CHECKING:
    from ithaca import User

app = group("Users, who log in to `ithaca serve` with a password.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="What he logs in with.")]
Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Who.")]


@command(app, "create")
def create(
    here: Here,
    name: Name,
    admin: Annotated[bool, typer.Option("--admin", help="He may do what concerns all owners.")] = False,
) -> None:
    """Make a user, who works on what --owner has. Unless told, that is what is under his own name.

    The password is asked for, or read from standard input: 8 characters or more.
    """
    manager = here.open_for_all(here.database)
    user = manager.create_user(name, _password(), owner=here.owner, is_admin=admin)
    here.report(user.to_dict(), f"Made user {in_a_line(user.name)}, who works on {_whose(user)}.")


@command(app, "list")
def list_(here: Here) -> None:
    """List the users."""
    users = here.manager.list_users()
    if here.json:
        here.write_json({"items": [user.to_dict() for user in users]})
        return
    from ithaca.cli.tables import Column, show, when

    columns = [
        Column("Name", lambda user: user.name, yields=True),
        Column("Owner", lambda user: user.owner or "nobody"),
        Column("Rights", lambda user: "administrator" if user.is_admin else ""),
        Column("Made", lambda user: when(user.created_at)),
        Column("Password set", lambda user: when(user.password_at), spare=True),
    ]
    show(here, columns, users, "No users.")


@command(app, "password")
def password(here: Here, name: Name) -> None:
    """Give a user another password, which logs him out everywhere."""
    here.manager.get_user(name)  # before anything is typed
    user = here.manager.update_user(name, password=_password())
    here.report(user.to_dict(), f"Set the password of {in_a_line(name)}.")


@command(app, "admin")
def admin(
    here: Here,
    name: Name,
    grant: Annotated[bool, typer.Option("--grant/--withdraw", help="Whether he may; he may unless told.")] = True,
) -> None:
    """Let a user do what concerns all owners, or no more. It logs him out everywhere."""
    user = here.open_for_all(here.database).update_user(name, is_admin=grant)
    here.report(user.to_dict(), f"User {in_a_line(name)} is {'an' if grant else 'no'} administrator.")


@command(app, "logout")
def logout(here: Here, name: Name) -> None:
    """Log a user out everywhere."""
    count = here.manager.log_out_user(name)
    here.report({"count": count}, f"Logged {in_a_line(name)} out of {counted(count, 'browser')}.")


@command(app, "remove")
def remove(here: Here, names: Names) -> None:
    """Remove users. The data stays its owner's (`ithaca erase` erases it)."""
    for name in names:
        here.manager.remove_user(name)
    here.report({"removed": names}, f"Removed {counted(len(names), 'user')}.")


def _password() -> str:
    """A new password: asked for twice where a person types, else the first line of standard input."""
    if sys.stdin.isatty():
        typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    return decoded(standard_input().readline().rstrip(b"\r\n"), "the password")


def _whose(user: "User") -> str:
    return f"what owner {in_a_line(user.owner)} has" if user.owner else "what nobody owns"
