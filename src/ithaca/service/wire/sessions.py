"""Bodies about sessions."""

from typing import Any, Self

from pydantic import Field, model_validator

from ithaca.service.wire.base import Body, JsonObject

_HEADERS = "HTTP headers to send to the endpoint, as a provider's key. They are kept encrypted and never given back."


class NewSession(Body):
    """A session to be made; its id is made up unless one is given."""

    id: str | None = None
    name: str = Field("New chat", examples=["Trip to Pylos"])
    endpoint_url: str = Field("", examples=["http://localhost:11434/v1"])
    model: str = Field("", examples=["qwen3"])
    rag: bool = False
    folder: str | None = None
    mode: str | None = None
    headers: dict[str, str] | None = Field(None, description=_HEADERS)
    extra: JsonObject | None = Field(None, description="Any JSON object of the application's.")
    incognito: bool = Field(False, description="In the server's memory only, never on a disk.")

    def arguments(self) -> dict[str, Any]:
        """As `create_session` takes them."""
        given = self.given()
        return given | {"session_id": given.pop("id", None)}


class TaskSession(Body):
    """A session to be made unless there is one of this id."""

    id: str
    name: str
    endpoint_url: str
    model: str


class SessionChanges(Body):
    """What to change of a session; what is left out stays.

    Another `endpoint_url` without `headers` removes the headers: they were meant for the old one.
    """

    name: str = Field("", examples=["Ferry to Pylos"])
    endpoint_url: str = ""
    model: str = ""
    rag: bool = False
    archived: bool = False
    is_important: bool = False
    folder: str | None = None
    mode: str | None = None
    headers: dict[str, str] = Field({}, description=_HEADERS)
    extra: JsonObject | None = None


class SessionIds(Body):
    """Sessions by their ids."""

    session_ids: list[str]
    important: bool = Field(False, description="Starred ones too.")


class Fork(Body):
    """How to copy a session."""

    at: str | None = Field(None, description="The id of the last message to copy; otherwise all are.")
    name: str | None = None
    new_id: str | None = None


class Summary(Body):
    """A summary to stand for the first messages; give `through` or `keep_last`."""

    summary: str
    keep_last: int | None = None
    through: int | str | None = Field(None, description="The number or the id of the last message it tells of.")


class SessionAction(Body):
    """Something to do to one session: change it, or delete it."""

    session_id: str
    changes: SessionChanges | None = None
    delete: bool = False
    expected_revision: int | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.changes is not None) == self.delete:
            raise ValueError("either changes, or delete: true")
        return self


class SessionActions(Body):
    """What to do to many sessions, each by itself."""

    actions: list[SessionAction] = Field(max_length=1000)
