"""Bodies about what is kept, for how long, and what it cost."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from pydantic import Field

from ithaca import Conversation, LibraryDocument, LibraryVersion
from ithaca.service.wire.base import Body, JsonObject, Moment
from ithaca.service.wire.messages import NewMessage


class Age(Body):
    """What is older than so many days; left out, than the retention time."""

    older_than_days: float | None = Field(None, ge=0, le=1_000_000)

    def age(self) -> timedelta | None:
        return None if self.older_than_days is None else timedelta(days=self.older_than_days)


class NewUsage(Body):
    """What one reply used."""

    model: str = Field(examples=["qwen3"])
    input_tokens: int = Field(examples=[900])
    output_tokens: int = Field(examples=[80])
    cost: float | str | None = Field(
        None, description="In units of your currency; a text is exact.", examples=["0.002"]
    )
    message_id: str | None = None
    id: str | None = Field(None, description="The record's idempotency key.")
    at: Moment | None = None

    def arguments(self) -> dict[str, Any]:
        """As `record_usage` takes them."""
        given = self.given()
        if isinstance(self.cost, str):
            given["cost"] = exact(self.cost)
        return given


def exact(cost: str) -> Any:
    """The number that a text writes; the text itself, for the library to refuse, if it writes none."""
    try:
        return Decimal(cost)
    except ArithmeticError:
        return cost


class Policy(Body):
    """How long sessions are kept without use."""

    folder: str | None = Field(None, description="For this folder; otherwise for all without a policy of their own.")
    archive_after: float | None = Field(None, description="In days.")
    delete_after: float | None = Field(None, description="In days.")
    keep_starred: bool = True
    keep_newest: int = 0
    legal_hold: bool = Field(False, description="Only administrators put and lift one.")


class AnyPolicy(Policy):
    """A policy of any owner."""

    owner: str = ""


class DryRun(Body):
    """Whether only to tell what would be done."""

    dry_run: bool = False


class Application(DryRun):
    """How to apply what all policies say."""

    batch: int = Field(200, description="Sessions in one transaction, at most.")


class CleanUp(DryRun):
    """What is empty, and what is old."""

    auto_archive_days: float = 30
    min_age_hours: float = 1


class Collection(DryRun):
    """What is unused."""

    min_age_hours: float = 24


class OwnerNamed(Body):
    """An owner; "" is what nobody owns."""

    owner: str


class ConversationToImport(Body):
    """A session from elsewhere, with its messages."""

    id: str
    name: str
    messages: list[NewMessage] = Field([])
    endpoint_url: str = ""
    model: str = ""
    owner: str | None = None
    rag: bool = False
    archived: bool = False
    is_important: bool = False
    folder: str | None = None
    mode: str | None = None
    headers: dict[str, str] = Field({}, repr=False)
    extra: JsonObject = Field({})
    total_input_tokens: int = 0
    total_output_tokens: int = 0
    created_at: Moment | None = None
    updated_at: Moment | None = None
    last_accessed: Moment | None = None
    last_message_at: Moment | None = None

    def conversation(self) -> Conversation:
        return Conversation(**self.given() | {"messages": [message.message() for message in self.messages]})


class Conversations(Body):
    """Sessions from elsewhere."""

    conversations: list[ConversationToImport]


class VersionToImport(Body):
    """One state of a document from elsewhere."""

    content: str
    created_at: Moment | None = None
    summary: str | None = None
    source: str | None = None


class DocumentToImport(Body):
    """A document from elsewhere, with its versions, oldest first."""

    id: str
    title: str
    versions: list[VersionToImport]
    language: str | None = None
    session_id: str | None = None
    owner: str | None = None
    archived: bool = False
    created_at: Moment | None = None
    updated_at: Moment | None = None

    def document(self) -> LibraryDocument:
        return LibraryDocument(**self.given() | {"versions": [LibraryVersion(**v.given()) for v in self.versions]})


class Documents(Body):
    """Documents from elsewhere."""

    documents: list[DocumentToImport]
