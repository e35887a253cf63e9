"""Bodies about endpoints."""

from pydantic import Field

from ithaca.service.wire.base import Body

_KEY = "The provider's key. It is kept encrypted, sent to this URL only, and never given back."


class NewEndpoint(Body):
    """A model's server to be registered."""

    name: str = Field(examples=["ollama"])
    base_url: str = Field(examples=["http://localhost:11434/v1"])
    key: str | None = Field(None, description=_KEY, repr=False)
    model: str = Field("", description="Asked where a session names none.", examples=["qwen3"])
    context_window: int | None = Field(None, description="In tokens.")
    max_tokens: int | None = Field(None, description="Of an answer at most.")
    headers: dict[str, str] | None = Field(None, description="HTTP headers to send besides.", repr=False)


class EndpointChanges(Body):
    """What to change of an endpoint; what is left out stays.

    Another `base_url` without `key` and `headers` removes them: they were meant for the old one.
    """

    base_url: str = ""
    key: str | None = Field(None, description=_KEY, repr=False)
    model: str = ""
    context_window: int | None = None
    max_tokens: int | None = None
    headers: dict[str, str] | None = Field(None, repr=False)
