"""`ithaca endpoints`: models' servers, registered by a name.

A key is never an argument: those are seen by whoever lists the machine's processes, and kept by shells.
"""

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ithaca.cli.arguments import option
from ithaca.cli.here import Here, command, group, standard_input
from ithaca.cli.text import counted, in_a_line, in_lines

if TYPE_CHECKING:
    from ithaca import Endpoint

app = group("Models' servers, registered by a name, with their keys.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The endpoint's name.")]
Url = Annotated[str, typer.Argument(metavar="URL", help="Its address, as http://localhost:11434/v1.")]
AskKey = Annotated[
    bool, typer.Option("--key", help="Ask for the key, or read it from standard input; it is no argument.")
]
KeyEnv = Annotated[str | None, option("--key-env", "Take the key from this variable of the environment.", "VARIABLE")]
Model = Annotated[str | None, option("--model", "The model to ask where a session names none.", "MODEL")]
Window = Annotated[int | None, option("--context-window", "Tokens that its models read and write at once.", "N")]
MostTokens = Annotated[int | None, option("--max-tokens", "Tokens of an answer at most.", "N")]


@command(app, "list")
def list_(here: Here) -> None:
    """List the endpoints; keys are not shown."""
    found = here.manager.list_endpoints()
    if here.json:
        here.write_json({"items": [endpoint.to_dict() for endpoint in found]})
    else:
        from ithaca.cli.tables import Column, show

        columns = [
            Column("Name", lambda endpoint: endpoint.name),
            Column("URL", lambda endpoint: endpoint.base_url, yields=True),
            Column("Model", lambda endpoint: endpoint.model, yields=True),
            Column("Key", lambda endpoint: "yes" if endpoint.has_key else "no"),
            Column("For", lambda endpoint: "everybody" if endpoint.shared else endpoint.owner or "nobody"),
        ]
        show(here, columns, found, "No endpoints. `ithaca endpoints discover` looks for servers on this machine.")


@command(app, "add")
def add(
    here: Here,
    name: Name,
    url: Url,
    key: AskKey = False,
    key_env: KeyEnv = None,
    model: Model = None,
    context_window: Window = None,
    max_tokens: MostTokens = None,
    shared: Annotated[bool, typer.Option("--shared", help="Everybody may use it.")] = False,
) -> None:
    """Register a model's server by a name. Sessions may have it as their endpoint."""
    added = here.manager.create_endpoint(
        name, url, key=_key(key, key_env, name), model=model or "", context_window=context_window,
        max_tokens=max_tokens, shared=shared,
    )  # fmt: skip
    here.report(added.to_dict(), f"Added {_told(added)}.")


@command(app, "set")
def set_(
    here: Here,
    name: Name,
    url: Annotated[str | None, option("--url", "Another address; the key goes, unless given anew.", "URL")] = None,
    key: AskKey = False,
    key_env: KeyEnv = None,
    no_key: Annotated[bool, typer.Option("--no-key", help="Forget the key.")] = False,
    model: Model = None,
    context_window: Window = None,
    max_tokens: MostTokens = None,
) -> None:
    """Change an endpoint; what is not given stays."""
    given = {"base_url": url, "model": model, "context_window": context_window, "max_tokens": max_tokens}
    changes: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    if key or key_env is not None or no_key:
        changes["key"] = None if no_key else _key(key, key_env, name)
    changed = here.manager.update_endpoint(name, **changes)
    here.report(changed.to_dict(), f"Changed {_told(changed)}.")


@command(app, "remove")
def remove(here: Here, name: Name) -> None:
    """Remove an endpoint with its key."""
    here.manager.delete_endpoint(name)
    here.report({"deleted": True}, f"Removed {in_a_line(name)}.")


@command(app, "test")
def test(here: Here, name: Name) -> None:
    """Ask an endpoint for its models. It tells whether that answers, takes the key, and has its default model."""
    tested = here.manager.test_endpoint(name)
    answered = f"{tested.name} answered in {tested.seconds:.2f} s, with {counted(len(tested.models), 'model')}"
    missing = ", of which its default is none" if tested.has_model is False else ""
    here.report(tested.to_dict(), f"{answered}{missing}.")


@command(app, "models")
def models(here: Here, name: Name) -> None:
    """List the models that an endpoint has."""
    found = here.manager.list_endpoint_models(name)
    if here.json:
        here.write_json({"items": found})
    else:
        here.say("\n".join(map(in_a_line, found)) or "No models.")


@command(app, "discover")
def discover(
    here: Here, seconds: Annotated[float, option("--seconds", "How long to wait; 1 unless told.", "N")] = 1.0
) -> None:
    """Look for models' servers on this machine. It tries the ports that they usually have, and registers nothing."""
    found = here.manager.discover_endpoints(seconds=seconds)
    if here.json:
        here.write_json({"items": [server.to_dict() for server in found]})
        return
    for server in found:
        name = server.kind.lower().replace(" ", "-")
        shown = ", ".join(map(in_a_line, server.models[:5])) + (" …" if len(server.models) > 5 else "")
        here.say(f"{server.kind}: {shown or 'no models'}\n  ithaca endpoints add {name} {server.base_url}")
    if not found:
        here.say("No server answers on this machine.")


def _key(ask: bool, variable: str | None, name: str) -> str | None:
    """The key, from where it was said to be."""
    if ask and variable is not None:
        raise typer.BadParameter("give one of both.", param_hint="--key, --key-env")
    if variable is not None:
        if not (found := os.environ.get(variable)):
            raise typer.BadParameter(f"{variable} is not set.", param_hint="--key-env")
        return found.strip()
    if not ask:
        return None
    if sys.stdin.isatty():
        from getpass import getpass

        return getpass(f"Key of {in_lines(name)}: ").strip()
    return standard_input().readline().decode(errors="replace").strip()


def _told(endpoint: "Endpoint") -> str:
    key = ", with a key" if endpoint.has_key else ""
    return f"{endpoint.name} at {in_a_line(endpoint.base_url)}{key}{', for everybody' if endpoint.shared else ''}"
