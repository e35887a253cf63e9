"""`ithaca chat`: a conversation in the terminal, with any session.

Whatever is said is stored when it is said, and what the model answers as it comes: whoever closes the terminal, or has
it killed, goes on with `ithaca chat --last`.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from ithaca.cli.arguments import option
from ithaca.cli.here import Here

if TYPE_CHECKING:
    from ithaca import Session

AnySession = Annotated[
    str | None, typer.Argument(metavar="[SESSION]", help="Go on with this session; otherwise a new one begins.")
]
Last = Annotated[bool, typer.Option("--last", help="Go on with the session that was active last.")]
Endpoint = Annotated[
    str | None, option("--endpoint", "For a new session: the name of an endpoint, or its URL.", "ENDPOINT")
]
Model = Annotated[str | None, option("--model", "The model to ask from now on.", "MODEL")]
System = Annotated[str | None, option("--system", "For a new session: what the model is told beforehand.", "TEXT")]


def chat(
    here: Here,
    session: AnySession = None,
    last: Last = False,
    endpoint: Endpoint = None,
    model: Model = None,
    system: System = None,
) -> None:
    """Talk with a model in the terminal. Ctrl-C ends an answer and keeps it; /help tells what else there is.

    From a pipe, standard input is one question, and its answer is printed.
    """
    if session is not None and last:
        raise typer.BadParameter("give a session, or --last.", param_hint="SESSION, --last")
    from ithaca.cli.chat.beginning import begin, go_on
    from ithaca.cli.chat.talk import Talk

    found = _last(here) if last else None if session is None else here.manager.get_session(session, last=0)
    talk = Talk(here, begin(here, endpoint, model, system) if found is None else go_on(here, found, model))
    talk.run()


def _last(here: Here) -> "Session":
    found = here.manager.list_sessions(archived=False, limit=1, incognito=here.incognito).items
    if not found:
        here.fail("There is no session yet: `ithaca chat` begins one.")
    return found[0]
