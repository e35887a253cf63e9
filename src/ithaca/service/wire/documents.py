"""Bodies about documents."""

from typing import Any

from pydantic import Field

from ithaca.service.wire.base import Body


class NewDocument(Body):
    """A document to be made; its id is made up unless one is given."""

    title: str = Field(examples=["Packing list"])
    content: str = ""
    id: str | None = None
    language: str | None = Field(None, examples=["markdown"])
    session_id: str | None = Field(None, description="The session that it shall belong to.")
    source: str | None = None

    def arguments(self) -> dict[str, Any]:
        """As `create_document` takes them."""
        given = self.given()
        return given | {"document_id": given.pop("id", None)}


class DocumentEdit(Body):
    """What to change of a document, which makes a version; what is left out stays."""

    content: str = ""
    title: str = Field("", examples=["Packing list"])
    language: str | None = None
    summary: str | None = Field(None, description="What was changed, in words.")
    source: str | None = Field(None, description="Who changed it: user, ai, or any word.")


class Home(Body):
    """The session that a document shall belong to."""

    session_id: str
