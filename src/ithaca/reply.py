"""The values of replies: what a model answers, while it does and when it has ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

from ithaca.columns import from_json
from ithaca.models import MaybeNone, Record, time_at

#: "answer" what was said last, "regenerate" a message's other version, or "continue" a message where it ended.
ReplyKind: TypeAlias = Literal["answer", "regenerate", "continue"]

#: "running"; then "complete", "stopped" by somebody, "failed" by the provider, or "interrupted": its process died or
#: was closed, or the stream was cut. What was said until then is kept in each case.
ReplyState: TypeAlias = Literal["running", "complete", "stopped", "failed", "interrupted"]

#: What a piece of a reply is of.
PieceKind: TypeAlias = Literal["text", "reasoning", "tool_call"]


class Run(NamedTuple):
    """Some characters of a reply, all of one kind: text, reasoning, or the whole JSON of a tool call."""

    kind: PieceKind
    text: str
    #: The characters of the reply up to its end.
    stop: int

    @property
    def start(self) -> int:
        return self.stop - len(self.text)


class Reply(Record):
    """An answer of a model: how it stands, what it cost, and which message it became."""

    __slots__ = (
        "created_at", "ended_at", "endpoint", "error", "finish_reason", "id", "input_tokens", "kind", "message_id",
        "model", "output_tokens", "owner", "session_id", "size", "state", "target_id",
    )  # fmt: skip

    owner: str
    id: str
    session_id: str
    kind: ReplyKind
    #: The message that it is another version of, or that it continues.
    target_id: str | None
    state: ReplyState
    model: str
    #: The name of the registered endpoint that was asked; None for one that is named by its URL.
    endpoint: str | None
    #: Characters that it has said so far: of text, reasoning and tool calls together.
    size: int
    #: The message that it became, of the same id unless it continues one; None while it runs, and where nothing came.
    message_id: str | None
    #: Why the model ended: "stop", "length", "tool_calls", …; None if it didn't say.
    finish_reason: str | None
    #: What went wrong: `error`, the name of its class; `words`, the provider's; `status`, of HTTP. None if nothing did.
    error: dict[str, Any] | None
    #: As the provider counted; where it didn't, as Ithaca does.
    input_tokens: int
    output_tokens: int
    created_at: datetime
    #: None while it runs.
    ended_at: datetime | None

    _readers: ClassVar[Mapping[str, Any]] = {
        "owner": itemgetter(0),
        "id": itemgetter(1),
        "session_id": itemgetter(2),
        "kind": itemgetter(3),
        "target_id": itemgetter(4),
        "state": itemgetter(5),
        "model": itemgetter(6),
        "endpoint": itemgetter(7),
        "size": itemgetter(8),
        "message_id": itemgetter(9),
        "finish_reason": itemgetter(10),
        "error": lambda row: None if row[11] is None else from_json(row[11]),
        "input_tokens": itemgetter(12),
        "output_tokens": itemgetter(13),
        "created_at": time_at(14),
        "ended_at": time_at(15),
    }

    @property
    def running(self) -> bool:
        return self.state == "running"


@dataclass(frozen=True, slots=True)
class ReplyEvent:
    """Something that a reply says, or that it begins or ends.

    | kind | what it brings |
    | --- | --- |
    | `begin` | `reply`, as it stands |
    | `text`, `reasoning` | `text`: some more of it |
    | `tool_call` | `tool_call`: a whole one, as an entry of a message's `tool_calls` |
    | `missed` | nothing: what was said is not kept in pieces any more; read the message |
    | `end` | `reply`, with its state and its message's id; nothing comes after it |
    """

    kind: Literal["begin", "text", "reasoning", "tool_call", "missed", "end"]
    #: Give it back as `reply_events(after=…)` to hear exactly what comes after it.
    offset: int
    text: str = ""
    tool_call: dict[str, Any] | MaybeNone = None
    reply: Reply | MaybeNone = None

    @classmethod
    def of(cls, run: Run, after: int = 0) -> "ReplyEvent":
        """What a run says beyond a number of characters; a tool call is told whole."""
        if run.kind == "tool_call":
            return cls(run.kind, run.stop, tool_call=from_json(run.text))
        return cls(run.kind, run.stop, text=run.text[max(0, after - run.start) :])

    @classmethod
    def begun(cls, reply: Reply, after: int) -> "ReplyEvent":
        return cls("begin", after, reply=reply)

    @classmethod
    def ended(cls, reply: Reply) -> "ReplyEvent":
        """The end is a step of its own: who has heard it, hears it no more."""
        return cls("end", reply.size + 1, reply=reply)

    def to_dict(self) -> dict[str, Any]:
        """Every field that says something, as JSON has it."""
        said: dict[str, Any] = {"kind": self.kind, "offset": self.offset}
        if self.text:
            said["text"] = self.text
        if self.tool_call is not None:
            said["tool_call"] = self.tool_call
        if self.reply is not None:
            said["reply"] = self.reply.to_dict()
        return said
