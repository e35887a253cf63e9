"""`ithaca context` and `ithaca compact`."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ithaca.cli.arguments import ExpectedRevision, SessionId, Text, option
from ithaca.cli.here import Here, read_text
from ithaca.cli.text import counted, in_a_line

if TYPE_CHECKING:
    from ithaca import Context


def context(
    here: Here,
    session: SessionId,
    max_tokens: Annotated[int, option("--max-tokens", "The model's window, in tokens.", "N")],
    reserve: Annotated[
        int, option("--reserve", "How much of it to keep free, for the answer; 0 unless told.", "N")
    ] = 0,
    provider: Annotated[
        Literal["openai", "anthropic"],
        typer.Option("--provider", help="Whose rules the messages have to keep; openai unless told."),
    ] = "openai",
) -> None:
    """Tell what a model sees of a session, and what is left out. With --json, it prints the request itself."""
    found = here.manager.context(session, max_tokens=max_tokens, reserve=reserve, provider=provider)
    here.report({**found.to_dict(), **_request(found, provider)}, _sentences(found))


def _request(found: "Context", provider: str) -> dict[str, Any]:
    if provider == "openai":
        return {"messages": found.to_openai()}
    system, messages = found.to_anthropic()
    return {"system": system, "messages": messages}


def _sentences(found: "Context") -> str:
    free = f", {found.reserve:,} kept free" if found.reserve else ""
    used = f"{found.used:,} of {found.limit:,} tokens ({found.percent:.1f} %){free}"
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in found.left_out.items()) or "nothing"
    return f"{counted(len(found.messages), 'message')} to send: {used}.\nLeft out: {left_out}."


def compact(
    here: Here,
    session: SessionId,
    summary: Text,
    keep_last: Annotated[
        int | None, option("--keep-last", "Keep so many of the last messages as they are.", "N")
    ] = None,
    through: Annotated[
        str | None,
        option("--through", "Or: the number or the id of the last message that the summary tells of.", "MESSAGE"),
    ] = None,
    expected_revision: ExpectedRevision = None,
) -> None:
    """Let a summary stand for a session's first messages. A model sees it in their place.

    The session itself stays as it is, and the compaction can be undone.
    """
    last = int(through) if through is not None and through.isascii() and through.isdigit() else through
    done = here.manager.compact(
        session, read_text(summary), keep_last=keep_last, through=last, expected_revision=expected_revision
    )
    here.report(done.to_dict(), f"A summary stands for the messages up to {done.through}: {in_a_line(done.id)}")
