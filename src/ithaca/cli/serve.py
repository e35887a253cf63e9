"""`ithaca serve`."""

import sys
from functools import partial
from typing import Annotated

import typer

from ithaca.cli.arguments import option
from ithaca.cli.here import Here


def serve(
    here: Here,
    host: Annotated[str | None, option("--host", "The address to listen on; 127.0.0.1 unless told.", "ADDRESS")] = None,
    port: Annotated[int | None, option("--port", "The port; 8421 unless told, 0 for any.", "PORT")] = None,
    workers: Annotated[int | None, option("--workers", "Processes that serve; 1 unless told.", "N")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Put a few conversations into an empty database.")] = False,
) -> None:
    """Serve the conversations over HTTP, to programs on this machine, until Ctrl-C.

    Whoever may use this machine can read and change what --owner names; without it, what belongs to nobody.
    """
    try:
        from ithaca.service import read_service_settings
        from ithaca.service.access import for_this_machine
        from ithaca.service.logs import set_up_log
        from ithaca.service.running import address_of, listen
        from ithaca.service.workers import Plan, run
    except ModuleNotFoundError as error:
        here.fail(f"The service needs the package {error.name}: pip install 'ithaca[service]'.")

    from ithaca import read_settings

    settings = read_service_settings(host, port, workers=workers)
    with listen(settings) as listener:
        if demo:
            _fill_if_empty(here)
        set_up_log()

        def ready() -> None:
            here.report({"address": address_of(listener)}, f"Ithaca is at {address_of(listener)} (Ctrl-C ends it).")
            sys.stdout.flush()

        plan = Plan(read_settings(here.database), settings, partial(for_this_machine, here.owner or ""))
        if not run(plan, listener, ready):
            raise typer.Exit(1)


def _fill_if_empty(here: Here) -> None:
    """Puts the demonstration's conversations into a database that nothing was ever kept in."""
    from ithaca.cli.demo import fill

    manager = here.manager
    if not manager.count_sessions() and not manager.trash(limit=1).items:
        fill(manager)
