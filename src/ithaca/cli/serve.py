"""`ithaca serve`."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ithaca.cli.arguments import option
from ithaca.cli.here import Here

if TYPE_CHECKING:
    from ithaca.service import ServiceSettings


def serve(
    here: Here,
    host: Annotated[str | None, option("--host", "The address to listen on; 127.0.0.1 unless told.", "ADDRESS")] = None,
    port: Annotated[int | None, option("--port", "The port; 8421 unless told, 0 for any.", "PORT")] = None,
    workers: Annotated[int | None, option("--workers", "Processes that serve; 1 unless told.", "N")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Put a few conversations into an empty database.")] = False,
) -> None:
    """Serve the conversations over HTTP until Ctrl-C.

    Programs show a key (`ithaca keys`), people log in (`ithaca users`). While there are no users, a link is printed
    that opens what --owner has, or else what nobody owns: once, within an hour, in the browser that keeps its cookie.
    Addresses that other machines reach take a user or a key first.
    """
    try:
        from ithaca.service import read_service_settings
        from ithaca.service.logs import set_up_log
        from ithaca.service.running import address_of, listen
        from ithaca.service.workers import Plan, run
    except ModuleNotFoundError as error:
        here.fail(f"The service needs the package {error.name}: pip install 'ithaca[service]'.")

    from ithaca import read_settings

    settings = read_service_settings(host, port, workers=workers)
    _refuse_strangers(here, settings)
    with listen(settings) as listener:
        if demo:
            _fill_if_empty(here)
        set_up_log()

        def ready() -> None:
            _tell(here, settings, address_of(listener))
            sys.stdout.flush()

        plan = Plan(read_settings(here.database), settings)
        if not run(plan, listener, ready):
            raise typer.Exit(1)


def _refuse_strangers(here: Here, settings: "ServiceSettings") -> None:
    """Ends the command if others could reach the server and nobody could tell who they are."""
    from datetime import UTC, datetime

    from ithaca import SessionManager
    from ithaca.service.access import is_local
    from ithaca.service.browsers import Proxies

    Proxies(settings.trusted_proxies)  # says what is wrong with it before anything begins
    if is_local(settings.host) or (settings.trusted_proxies and settings.user_header):
        return
    with SessionManager(here.database) as manager:
        now = datetime.now(UTC)
        if manager.list_users() or any(not key.expires_at or key.expires_at > now for key in manager.list_keys()):
            return
    first = "make a user or a key first (ithaca users create, ithaca keys create), or use 127.0.0.1"
    here.fail(f"others can reach {settings.host}, and nobody could log in: {first}.", 2)


def _tell(here: Here, settings: "ServiceSettings", address: str) -> None:
    """Says where to ask; on this machine, while nobody could log in, by a link that lets in who opens it first."""
    from ithaca import SessionManager
    from ithaca.service.access import is_local

    with SessionManager(here.database) as manager:
        if is_local(settings.host) and not manager.list_users():
            link = f"{address}/link/{manager.create_link(owner=here.owner)}"
            told = {"address": address, "link": link}
            return here.report(told, f"Open {link}\n(once, within an hour). Ctrl-C ends Ithaca.")
    return here.report({"address": address}, f"Ithaca is at {address} (Ctrl-C ends it).")


def _fill_if_empty(here: Here) -> None:
    """Puts the demonstration's conversations into a database that nothing was ever kept in."""
    from ithaca.cli.demo import fill

    manager = here.manager
    if not manager.count_sessions() and not manager.trash(limit=1).items:
        fill(manager)
