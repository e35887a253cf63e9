"""What is sent to a model: the value that `context()` gives, and the requests that it makes."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from ithaca.context.anthropic import to_anthropic
from ithaca.context.openai import to_openai
from ithaca.models import ChatMessage

Provider: TypeAlias = Literal["openai", "anthropic"]
PROVIDERS: tuple[Provider, ...] = get_args(Provider)


@dataclass(frozen=True, slots=True)
class ContextInfo:
    """How full a model's context is, and what stays outside.

    `left_out` counts by reason; a reason that left nothing out is not in it:

    | reason | what is counted |
    | --- | --- |
    | `too old` | messages before the window; where it ends before the summary, those that this stands for too |
    | `compacted` | messages that a summary stands for |
    | `hidden` | messages whose metadata says `{"hidden": true}` |
    | `slash` | messages whose metadata says `{"source": "slash"}` |
    | `empty` | messages that say nothing: no content, blank text, thoughts alone |
    | `unknown role` | messages of a role that providers don't know |
    | `unanswered tool call` | calls without a result; what else their message says is sent |
    | `orphan tool result` | results of calls that are not sent |
    | `duplicate tool result` | results of calls that have one already |
    | `thought` | a model's thoughts that cannot be sent: behind its last words, or among somebody else's |
    """

    #: Tokens that are used: what the messages were counted to hold, and `TOKENS_PER_MESSAGE` for each. More than fit
    #: when not even what must be sent fits.
    used: int
    #: The model's window, in tokens: `max_tokens` as it was given.
    limit: int
    #: Tokens of it that are kept free for the answer, for tools and the like.
    reserve: int
    left_out: dict[str, int]

    @property
    def percent(self) -> float:
        """How much of the limit is used."""
        return 100 * self.used / self.limit

    def to_dict(self) -> dict[str, Any]:
        """Every field but the messages as JSON has it, and the `percent`."""
        return {name: getattr(self, name) for name in ("used", "limit", "reserve", "percent", "left_out")}


@dataclass(frozen=True, slots=True)
class Context(ContextInfo):
    """What to send to a model, and what stays outside."""

    #: Oldest first. What was added for the model and is not stored (a summary) has no `id`; what is sent only in
    #: part (without calls that nobody answered) is a copy with the `id` and the `seq` of the stored message.
    messages: list[ChatMessage] = field(default_factory=list)

    # Dicts, which each client types in its own way: what is Any fits them all.

    def to_openai(self) -> list[Any]:
        """The `messages` of a request to OpenAI's Chat Completions, or a server that is compatible with it: dicts."""
        return to_openai(self.messages)

    def to_anthropic(self) -> tuple[list[Any], list[Any]]:
        """The `system` (text blocks; leave it out if there are none) and `messages` of Anthropic's Messages: dicts."""
        return to_anthropic(self.messages)
