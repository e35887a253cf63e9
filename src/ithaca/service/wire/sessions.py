"""Bodies about sessions."""

from typing import Any

from pydantic import Field

from ithaca.service.wire.base import Body, JsonObject

_HEADERS = "HTTP headers to send to the endpoint, as a provider's key. They are kept encrypted and never given back."


class SessionFields(Body):
    """What a session is."""

    name: str = Field("New chat", examples=["Trip to Pylos"])
    endpoint_url: str = Field("", examples=["http://localhost:11434/v1"])
    model: str = Field("", examples=["qwen3"])
    rag: bool = False
    folder: str | None = None
    mode: str | None = None
    headers: dict[str, str] | None = Field(None, description=_HEADERS)
    extra: JsonObject | None = Field(None, description="Any JSON object of the application's.")


class NewSession(SessionFields):
    """A session to be made; its id is made up unless one is given."""

    id: str | None = None
    incognito: bool = Field(False, description="In the server's memory only, never on a disk.")

    def arguments(self) -> dict[str, Any]:
        """As `create_session` takes them."""
        given = self.given()
        return given | ({"session_id": given.pop("id")} if "id" in given else {})


class SessionChanges(SessionFields):
    """What to change of a session; what is left out stays."""

    archived: bool = False
    is_important: bool = False
