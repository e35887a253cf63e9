"""`ithaca reply`: ask a session's model, and what becomes of its answers; `ithaca title`, `ithaca summarize`."""

import sys
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ithaca.cli.arguments import Cursor, ExpectedRevision, Limit, SessionId, option
from ithaca.cli.here import Here, command, group, read_text
from ithaca.cli.text import in_a_line, in_lines

if TYPE_CHECKING:
    from ithaca import Reply, ReplyEvent

app = group("Ask a session's model, and see what becomes of its answers.")

#: Seconds that a title, which comes after the first answer, is waited for.
TITLE = 20.0

Said = Annotated[
    str | None,
    typer.Argument(
        metavar="[TEXT]", help="What you say; - takes it from standard input. Without it, what is there is answered."
    ),
]
ReplyId = Annotated[str, typer.Argument(metavar="REPLY", help="The reply's id.")]
AnyMessage = Annotated[
    str | None, typer.Argument(metavar="[MESSAGE]", help="The message's id; otherwise it is the last one.")
]
Model = Annotated[str | None, option("--model", "Ask another model than the session's.", "MODEL")]
Window = Annotated[int | None, option("--context-tokens", "The model's window, in tokens.", "N")]


@command(app, "ask")
def ask(here: Here, session: SessionId, text: Said = None, model: Model = None, context_tokens: Window = None) -> None:
    """Say something to a session's model, and print its answer. Ctrl-C ends it and keeps what it said."""
    said = None if text is None else read_text(text)
    _tell(here, here.manager.reply(session, said, model=model, context_tokens=context_tokens))


@command(app, "regenerate")
def regenerate(
    here: Here, session: SessionId, message: AnyMessage = None, model: Model = None, context_tokens: Window = None
) -> None:
    """Put another answer in a message's place. The former one is kept as a version."""
    _tell(here, here.manager.regenerate(session, message, model=model, context_tokens=context_tokens))


@command(app, "continue")
def continue_(here: Here, session: SessionId, model: Model = None, context_tokens: Window = None) -> None:
    """Go on with the last message, which ended too early."""
    _tell(here, here.manager.continue_reply(session, model=model, context_tokens=context_tokens))


@command(app, "show")
def show(
    here: Here,
    reply: ReplyId,
    after: Annotated[int, option("--after", "Begin after so many characters.", "N")] = 0,
) -> None:
    """Print what a reply says, until it ends. It may come from any process; Ctrl-C leaves it alone."""
    _print(here, here.manager.reply_events(reply, after=after))


@command(app, "list")
def list_(here: Here, session: SessionId, limit: Limit = 50, cursor: Cursor = None) -> None:
    """List the replies of a session, the newest first."""
    page = here.manager.list_replies(session, limit=limit, cursor=cursor)
    if here.json:
        here.write_json(page.to_dict())
        return
    from ithaca.cli.tables import Column, show, show_way_on
    from ithaca.columns import iso

    columns = [
        Column("Reply", lambda reply: reply.id),
        Column("Began", lambda reply: iso(reply.created_at)),
        Column("State", _how_it_stands, yields=True),
        Column("Model", lambda reply: reply.model),
        Column("Characters", lambda reply: f"{reply.size:,}", right=True),
    ]
    show(here, columns, page.items, "Nobody has asked its model.")
    show_way_on(here, page.cursor)


@command(app, "stop")
def stop(here: Here, reply: ReplyId) -> None:
    """End a reply, and keep what it has said. It may come from any process."""
    ended = here.manager.stop_reply(reply)
    here.report(ended.to_dict(), f"The reply is {_how_it_stands(ended)}: {in_a_line(ended.id)}")


def title(here: Here, session: SessionId) -> None:
    """Have a session's model find a name for it, unless it has one."""
    named = here.manager.title_session(session)
    here.report(named.to_dict(), f"It is called: {in_a_line(named.name)}")


def summarize(
    here: Here,
    session: SessionId,
    keep_last: Annotated[
        int | None, option("--keep-last", "Keep so many of the last messages as they are.", "N")
    ] = None,
    through: Annotated[
        str | None, option("--through", "Or: the number or the id of the last message to summarize.", "MESSAGE")
    ] = None,
    model: Model = None,
    context_tokens: Window = None,
    expected_revision: ExpectedRevision = None,
) -> None:
    """Have a session's model make a summary of its beginning. A model sees it in the place of that.

    The session itself stays as it is, and the compaction can be undone.
    """
    last: Any = int(through) if through is not None and through.isascii() and through.isdigit() else through
    done = here.manager.summarize(
        session, keep_last=keep_last, through=last, model=model, context_tokens=context_tokens,
        expected_revision=expected_revision,
    )  # fmt: skip
    here.report(done.to_dict(), f"A summary stands for the messages up to {done.through}: {in_a_line(done.id)}")


def _tell(here: Here, events: "Iterator[ReplyEvent]") -> None:
    """Prints a reply that was asked for here; Ctrl-C ends it."""
    begin = next(events)
    try:
        _print(here, events, begin)
    except KeyboardInterrupt:
        if begin.reply is not None:
            here.manager.stop_reply(begin.reply.id)
        raise
    finally:
        here.manager.wait_for_replies(TITLE)


def _print(here: Here, events: "Iterator[ReplyEvent]", *before: "ReplyEvent") -> None:
    reply, wrote = None, False
    for event in chain(before, events):
        wrote = _write(here, event) or wrote
        reply = event.reply if event.kind == "end" else reply
    if wrote and not here.json:
        sys.stdout.write("\n")
    if reply is not None and reply.state in ("failed", "interrupted"):
        here.fail(f"The reply is {_how_it_stands(reply)}.")


def _write(here: Here, event: "ReplyEvent") -> bool:
    """Whether anything was written for people."""
    if here.json:
        here.write_json(event.to_dict())
    elif event.kind == "text":
        sys.stdout.write(in_lines(event.text))
    elif event.tool_call is not None:
        called = event.tool_call["function"]
        sys.stdout.write(f"\n{in_a_line(called['name'])}({in_a_line(called['arguments'])})")
    elif event.kind == "missed":
        sys.stdout.write("(What it said is in its message.)")
    sys.stdout.flush()
    return event.kind in ("text", "tool_call", "missed")


def _how_it_stands(reply: "Reply") -> str:
    words = in_a_line((reply.error or {}).get("words", ""))
    return f"{reply.state}: {words}" if words else reply.state
