"""What a model does beside conversations: it finds a title, and makes a summary."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ithaca.content import spoken
from ithaca.errors import InvalidArgument, ProviderError
from ithaca.models import ChatMessage, Session
from ithaca.operations import answered, context, messages
from ithaca.operations.context import Ask
from ithaca.operations.scope import Scope
from ithaca.providers import Target
from ithaca.replies.asking import ask_aside
from ithaca.replies.store import Store

#: Messages at the beginning of a session that a title is looked for in, and characters of each.
FIRST, EXCERPT = 10, 2_000

#: Characters of a title, and those after which a model that goes on and on is not listened to any more.
LONGEST_TITLE, ENOUGH = 80, 4_000

_TITLE = (
    "Give this conversation a title of two to six words, in its own language."
    " Answer with the title alone, without quotation marks.\n\n"
)

_SUMMARY = (
    "Summarize the conversation up to here, so that it can be continued from your summary alone: who wants what,"
    " what was decided, found and done, names, numbers and words that matter, and what is still open."
    " Answer with the summary alone."
)

#: What some models think aloud before they answer.
_THOUGHTS = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)

NameColumns = Callable[[str], Mapping[str, Any]]


async def give_title(store: Store, scope: Scope, session_id: str, target: Target, columns: NameColumns) -> Session:
    """The session with a name that its model has found, unless it has one. Raises `ProviderError`."""
    exchange = first_exchange(await store.read(messages.get_page, scope, session_id, None, 0, FIRST, False))
    if not exchange:
        raise InvalidArgument("session_id", session_id, "a session in which something was said")
    title = title_in(await ask_aside(target, [{"role": "user", "content": _TITLE + exchange}], most=ENOUGH))
    if not title:
        raise ProviderError(None, "it gave no title")
    session: Session = await store.write(answered.name_unless_named, scope, session_id, columns(title))
    return session


def first_exchange(messages_: list[ChatMessage]) -> str:
    """What the user said first, and the answer to it; "" if nobody has said anything yet."""
    said = []
    for role in ("user", "assistant"):
        texts = (spoken(message.content) for message in messages_ if message.role == role)
        if text := next((text for text in texts if text.strip()), ""):
            said.append(f"{role}: {text[:EXCERPT]}")
    return "\n\n".join(said)


def title_in(answer: str) -> str:
    """The title in what a model said, which may be more than that."""
    lines = _THOUGHTS.sub("", answer).replace("\0", "").strip().splitlines()
    first = re.sub(r"^\W*title\W*:\s*", "", lines[0] if lines else "", flags=re.IGNORECASE)
    title = first.strip(" \t.\"'`*#_“”„«»")
    title = title.encode(errors="replace").decode()
    return title if len(title) <= LONGEST_TITLE else title[:LONGEST_TITLE].rsplit(" ", 1)[0] + "…"


async def make_summary(store: Store, scope: Scope, session_id: str, target: Target, ask: Ask) -> str:
    """What a model makes of a session up to a message. Raises `ProviderError`; `InvalidArgument` if it is too much."""
    found = await store.read(context.context, scope, session_id, ask)
    if too_old := found.left_out.get("too old"):
        allowed = f"enough for {too_old} more messages; or summarize fewer first, with `through`"
        raise InvalidArgument("context_tokens", ask.max_tokens, allowed)
    answer = await ask_aside(target, [*found.to_openai(), {"role": "user", "content": _SUMMARY}])
    summary = _THOUGHTS.sub("", answer).strip()
    if not summary:
        raise ProviderError(None, "it gave no summary")
    return summary.encode(errors="replace").decode()
