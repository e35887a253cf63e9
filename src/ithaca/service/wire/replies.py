"""Bodies about replies."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from ithaca import ChatMessage
from ithaca.service.wire.base import Body, JsonObject
from ithaca.service.wire.messages import NewMessage


class NewReply(Body):
    """What a session's model is asked: give `content`, or a `message`, or nothing to have the last one answered."""

    content: str | list[Any] | None = Field(None, description="What the user says: a text, or content blocks.")
    message: NewMessage | None = Field(None, description="What is said, as a whole message.")
    kind: Literal["answer", "regenerate", "continue"] = Field(
        "answer", description="Or another answer in a message's place, or how an unfinished one goes on."
    )
    message_id: str | None = Field(None, description="The message to regenerate or to continue; otherwise the last.")
    model: str | None = Field(None, description="Another than the session's.")
    context_tokens: int | None = Field(None, description="The model's window, in tokens.")
    options: JsonObject | None = Field(None, description="What goes into the request: `temperature`, `tools`, …")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.content is not None and self.message is not None:
            raise ValueError("either content or message")
        return self

    def said(self) -> str | list[Any] | ChatMessage | None:
        return self.content if self.message is None else self.message.message()

    def arguments(self) -> dict[str, Any]:
        """As `start_reply` takes them, after the session's id."""
        names = ("kind", "message_id", "model", "context_tokens", "options")
        return {"content": self.said()} | {name: getattr(self, name) for name in names}


class ToSummarize(Body):
    """What a summary is to stand for; give `through` or `keep_last`."""

    keep_last: int | None = None
    through: int | str | None = Field(None, description="The number or the id of the last message it tells of.")
    model: str | None = None
    context_tokens: int | None = Field(None, description="The model's window, in tokens.")
