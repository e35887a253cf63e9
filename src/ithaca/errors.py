"""Everything that Ithaca raises.

    IthacaError
     ├── NotFound (KeyError)
     │    ├── SessionNotFound
     │    ├── MessageNotFound
     │    ├── DocumentNotFound
     │    ├── VersionNotFound
     │    ├── TrashNotFound
     │    ├── AttachmentNotFound
     │    ├── RetentionNotFound
     │    ├── EndpointNotFound
     │    ├── ReplyNotFound
     │    ├── AccessKeyNotFound
     │    ├── UserNotFound
     │    └── NothingToUndo
     ├── Conflict
     │    ├── SessionExists
     │    ├── DocumentExists
     │    ├── EndpointExists
     │    ├── UserExists
     │    ├── MessageConflict
     │    ├── UsageConflict
     │    ├── LegalHold
     │    ├── RevisionConflict
     │    ├── AmbiguousId
     │    ├── AlreadyDone
     │    ├── KeyReused
     │    ├── StillRunning
     │    ├── ReplyRunning
     │    └── LeaseLost
     ├── InvalidInput (ValueError)
     │    ├── InvalidArgument
     │    ├── InvalidMessage
     │    ├── InvalidSession
     │    ├── InvalidDocument
     │    └── InvalidEndpoint
     ├── SecretError
     │    ├── HeadersUnreadable
     │    ├── KeyUnreadable
     │    └── SecretKeyInvalid
     ├── SchemaError
     │    ├── SchemaOutOfDate
     │    ├── SchemaTooNew
     │    └── NotAnIthacaDatabase
     ├── StorageError
     │    ├── DatabaseBusy
     │    ├── DatabaseUnavailable
     │    │    └── DiskFull
     │    ├── DatabaseDamaged
     │    ├── ManagerClosed
     │    ├── ServerUnavailable
     │    └── ServiceError
     ├── AccessError
     │    ├── NotSignedIn
     │    ├── LoginRefused
     │    ├── TooManyAttempts
     │    ├── ForeignOrigin
     │    └── NotAllowed
     ├── ProviderError
     │    └── ProviderTimeout
     ├── EndpointRefused
     ├── ContextTooSmall
     ├── ConfigurationError
     └── ImportFailed

The first line of a class's docstring is its message, filled in from its attributes; every
attribute is the datum it names, so that a caller never has to parse words.
"""

from typing import Any

__all__ = [
    "AccessError",
    "AccessKeyNotFound",
    "AlreadyDone",
    "AmbiguousId",
    "AttachmentNotFound",
    "ConfigurationError",
    "Conflict",
    "ContextTooSmall",
    "DatabaseBusy",
    "DatabaseDamaged",
    "DatabaseUnavailable",
    "DiskFull",
    "DocumentExists",
    "DocumentNotFound",
    "EndpointExists",
    "EndpointNotFound",
    "EndpointRefused",
    "ForeignOrigin",
    "HeadersUnreadable",
    "ImportFailed",
    "InvalidArgument",
    "InvalidDocument",
    "InvalidEndpoint",
    "InvalidInput",
    "InvalidMessage",
    "InvalidSession",
    "IthacaError",
    "KeyReused",
    "KeyUnreadable",
    "LeaseLost",
    "LegalHold",
    "LoginRefused",
    "ManagerClosed",
    "MessageConflict",
    "MessageNotFound",
    "NotAllowed",
    "NotAnIthacaDatabase",
    "NotFound",
    "NotSignedIn",
    "NothingToUndo",
    "ProviderError",
    "ProviderTimeout",
    "ReplyNotFound",
    "ReplyRunning",
    "RetentionNotFound",
    "RevisionConflict",
    "SchemaError",
    "SchemaOutOfDate",
    "SchemaTooNew",
    "SecretError",
    "SecretKeyInvalid",
    "ServerUnavailable",
    "ServiceError",
    "SessionExists",
    "SessionNotFound",
    "StillRunning",
    "StorageError",
    "TooManyAttempts",
    "TrashNotFound",
    "UsageConflict",
    "UserExists",
    "UserNotFound",
    "VersionNotFound",
]


class IthacaError(Exception):
    """Something that Ithaca was asked for could not be done."""

    def __init__(self, **data: Any) -> None:
        self.__dict__.update(data)
        super().__init__((type(self).__doc__ or "").partition("\n")[0].format(**data))

    def __str__(self) -> str:  # KeyError would print the repr of its message
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.__dict__)


def _rebuild(kind: type[IthacaError], data: dict[str, Any]) -> IthacaError:
    error = kind.__new__(kind)
    IthacaError.__init__(error, **data)
    return error


class NotFound(IthacaError, KeyError):
    """There is no such thing."""


class SessionNotFound(NotFound):
    """There is no session {session_id!r}."""

    session_id: str

    def __init__(self, session_id: str) -> None:
        super().__init__(session_id=session_id)


class MessageNotFound(NotFound):
    """Session {session_id!r} has no message {message_id!r}."""

    session_id: str
    message_id: str

    def __init__(self, session_id: str, message_id: str) -> None:
        super().__init__(session_id=session_id, message_id=message_id)


class DocumentNotFound(NotFound):
    """There is no document {document_id!r}."""

    document_id: str

    def __init__(self, document_id: str) -> None:
        super().__init__(document_id=document_id)


class VersionNotFound(NotFound):
    """Document {document_id!r} has no version {version}."""

    document_id: str
    version: int

    def __init__(self, document_id: str, version: int) -> None:
        super().__init__(document_id=document_id, version=version)


class TrashNotFound(NotFound):
    """There is no entry {trash_id!r} in the trash."""

    trash_id: str

    def __init__(self, trash_id: str) -> None:
        super().__init__(trash_id=trash_id)


class AttachmentNotFound(NotFound):
    """There is no attachment {digest!r}."""

    digest: str

    def __init__(self, digest: str) -> None:
        super().__init__(digest=digest)


class RetentionNotFound(NotFound):
    """There is no retention policy of owner {owner!r} for folder {folder!r}."""

    owner: str
    folder: str | None

    def __init__(self, owner: str, folder: str | None) -> None:
        super().__init__(owner=owner, folder=folder)


class EndpointNotFound(NotFound):
    """There is no endpoint {name!r}."""

    name: str

    def __init__(self, name: str) -> None:
        super().__init__(name=name)


class ReplyNotFound(NotFound):
    """There is no reply {reply_id!r}."""

    reply_id: str

    def __init__(self, reply_id: str) -> None:
        super().__init__(reply_id=reply_id)


class AccessKeyNotFound(NotFound):
    """There is no access key {key_id!r}."""

    key_id: str

    def __init__(self, key_id: str) -> None:
        super().__init__(key_id=key_id)


class UserNotFound(NotFound):
    """There is no user {name!r}."""

    name: str

    def __init__(self, name: str) -> None:
        super().__init__(name=name)


class NothingToUndo(NotFound):
    """Nothing that was removed from session {session_id!r} is in the trash."""

    session_id: str

    def __init__(self, session_id: str) -> None:
        super().__init__(session_id=session_id)


class Conflict(IthacaError):
    """The change contradicts what is stored."""


class SessionExists(Conflict):
    """There is a session {session_id!r} already."""

    session_id: str

    def __init__(self, session_id: str) -> None:
        super().__init__(session_id=session_id)


class DocumentExists(Conflict):
    """There is a document {document_id!r} already."""

    document_id: str

    def __init__(self, document_id: str) -> None:
        super().__init__(document_id=document_id)


class EndpointExists(Conflict):
    """There is an endpoint {name!r} already."""

    name: str

    def __init__(self, name: str) -> None:
        super().__init__(name=name)


class UserExists(Conflict):
    """There is a user {name!r} already."""

    name: str

    def __init__(self, name: str) -> None:
        super().__init__(name=name)


class MessageConflict(Conflict):
    """Session {session_id!r} has a message {message_id!r} with another content already.

    A message's id is its idempotency key: the same id with the same content is a safe retry.
    """

    session_id: str
    message_id: str

    def __init__(self, session_id: str, message_id: str) -> None:
        super().__init__(session_id=session_id, message_id=message_id)


class UsageConflict(Conflict):
    """There is a record of usage {usage_id!r} already that says something else.

    A record's id is its idempotency key: the same id with the same content is a safe retry.
    """

    usage_id: str

    def __init__(self, usage_id: str) -> None:
        super().__init__(usage_id=usage_id)


class LegalHold(Conflict):
    """What {owner!r} has is on legal hold: it must not be erased.

    `set_retention(…, legal_hold=False)` lifts it.
    """

    owner: str

    def __init__(self, owner: str) -> None:
        super().__init__(owner=owner)


class RevisionConflict(Conflict):
    """{thing!r} is at revision {found}, not at the expected {expected}."""

    thing: str
    found: int
    expected: int

    def __init__(self, thing: str, found: int, expected: int) -> None:
        super().__init__(thing=thing, found=found, expected=expected)


class AmbiguousId(Conflict):
    """{id!r} belongs to several owners: name one with for_owner().

    Only a manager that is not confined to an owner can meet this.
    """

    id: str

    def __init__(self, id: str) -> None:
        super().__init__(id=id)


class AlreadyDone(Conflict):
    """What goes by the key {key!r} was done already.

    `answer` is what `once` made of its result then; None if none was kept, or it was erased since, with what it told
    of.
    """

    key: str
    answer: bytes | None

    def __init__(self, key: str, answer: bytes | None) -> None:
        super().__init__(key=key, answer=answer)


class KeyReused(Conflict):
    """The key {key!r} stands for something else already."""

    key: str

    def __init__(self, key: str) -> None:
        super().__init__(key=key)


class StillRunning(Conflict):
    """What goes by the key {key!r} is still being done."""

    key: str

    def __init__(self, key: str) -> None:
        super().__init__(key=key)


class ReplyRunning(Conflict):
    """Session {session_id!r} is being answered already, by the reply {reply_id!r}.

    `stop_reply` ends that one, and what it has said is kept.
    """

    session_id: str
    reply_id: str

    def __init__(self, session_id: str, reply_id: str) -> None:
        super().__init__(session_id=session_id, reply_id=reply_id)


class LeaseLost(Conflict):
    """The reply {reply_id!r} was ended by somebody else: nothing more of it is stored."""

    reply_id: str

    def __init__(self, reply_id: str) -> None:
        super().__init__(reply_id=reply_id)


class InvalidInput(IthacaError, ValueError):
    """{field} must be {allowed}, not {given}.

    Raised before anything is written. `given` is a short rendering, never a whole large value.
    """

    field: str
    given: str
    allowed: str

    def __init__(self, field: str, given: object, allowed: str) -> None:
        super().__init__(field=field, given=_short(given), allowed=allowed)


def _short(value: object) -> str:
    text = value if isinstance(value, Described) else repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


class Described(str):
    """Words that describe what was given, where the value itself would say less."""

    __slots__ = ()


class InvalidArgument(InvalidInput):
    """{field} must be {allowed}, not {given}."""


class InvalidMessage(InvalidInput):
    """A message's {field} must be {allowed}, not {given}.

    The field "message" or "messages" is what was given itself: it is none, or more than one call takes.
    """

    def __str__(self) -> str:
        text = super().__str__()
        return text.removeprefix("A message's ") if self.field in ("message", "messages") else text


class InvalidSession(InvalidInput):
    """A session's {field} must be {allowed}, not {given}."""


class InvalidDocument(InvalidInput):
    """A document's {field} must be {allowed}, not {given}."""


class InvalidEndpoint(InvalidInput):
    """An endpoint's {field} must be {allowed}, not {given}."""


class SecretError(IthacaError):
    """A secret could not be kept or read."""


class HeadersUnreadable(SecretError):
    """The headers of session {session_id!r} are encrypted with the key {key_id}, which is not at hand.

    Everything else about the session stays readable; setting new headers replaces the lost ones.
    """

    session_id: str
    key_id: str

    def __init__(self, session_id: str, key_id: str) -> None:
        super().__init__(session_id=session_id, key_id=key_id)


class KeyUnreadable(SecretError):
    """The key of the endpoint {name!r} is encrypted with the key {key_id}, which is not at hand.

    So it is if somebody changed the endpoint's URL in the database. Setting the key anew puts it right.
    """

    name: str
    key_id: str

    def __init__(self, name: str, key_id: str) -> None:
        super().__init__(name=name, key_id=key_id)


class SecretKeyInvalid(SecretError):
    """The secret key from {source} cannot be used: {reason}."""

    source: str
    reason: str

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(source=source, reason=reason)


class SchemaError(IthacaError):
    """The database's schema does not fit this release of Ithaca."""


class SchemaOutOfDate(SchemaError):
    """The database has schema version {found}, this release needs {expected}: run `ithaca db upgrade`."""

    found: int
    expected: int

    def __init__(self, found: int, expected: int) -> None:
        super().__init__(found=found, expected=expected)


class SchemaTooNew(SchemaError):
    """The database has schema version {found}, this release knows up to {expected}: install a newer Ithaca."""

    found: int
    expected: int

    def __init__(self, found: int, expected: int) -> None:
        super().__init__(found=found, expected=expected)


class NotAnIthacaDatabase(SchemaError):
    """{database} holds something else than an Ithaca database: {reason}."""

    database: str
    reason: str

    def __init__(self, database: str, reason: str) -> None:
        super().__init__(database=database, reason=reason)


class StorageError(IthacaError):
    """The database could not do it: {reason}.

    The change was not made, or (after a connection broke while it was being committed) may have been
    made: repeating it with the same message id is safe.
    """

    reason: str

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


class DatabaseBusy(StorageError):
    """The database stayed locked by another process: {reason}."""


class DatabaseUnavailable(StorageError):
    """The database cannot be reached, or not be used: {reason}."""


class DiskFull(DatabaseUnavailable):
    """There is no room for what was to be written, and nothing of it is stored: {reason}."""


class DatabaseDamaged(StorageError):
    """The database is damaged, and has to be restored from a backup: {reason}.

    What is stored can't be read any more as it was written. No repetition helps.
    """


class ManagerClosed(StorageError):
    """The manager is {reason}."""

    def __init__(self, reason: str = "closed") -> None:
        super().__init__(reason=reason)


class ServerUnavailable(StorageError):
    """The server {address} cannot be reached: {reason}.

    A change that was asked for may have been made, where the connection broke before the answer came.
    """

    address: str

    def __init__(self, address: str, reason: str) -> None:
        IthacaError.__init__(self, address=address, reason=reason)


class ServiceError(StorageError):
    """The server answered {status} {error}: {reason}

    What a server may answer that the library itself never raises: a body that is too large, an address where no Ithaca
    is, a fault of the server.
    """

    status: int
    #: As the problem response names it; "" if what answered wasn't Ithaca.
    error: str

    def __init__(self, status: int, error: str, reason: str) -> None:
        IthacaError.__init__(self, status=status, error=error, reason=reason)


class AccessError(IthacaError):
    """This is not for everybody."""


class NotSignedIn(AccessError):
    """Say first who you are: by a key or a log-in that is not over."""

    def __init__(self) -> None:
        super().__init__()


class LoginRefused(AccessError):
    """There is no user of this name with this password.

    Which of the two it is, is not said.
    """

    def __init__(self) -> None:
        super().__init__()


class TooManyAttempts(AccessError):
    """There were too many attempts to log in: try again in {seconds} seconds."""

    seconds: int

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds=seconds)


class ForeignOrigin(AccessError):
    """Only a page of this server may ask for a change on behalf of whoever is logged in.

    A browser says by `Sec-Fetch-Site`, or `Origin`, which page is asking; programs show a key instead.
    """

    def __init__(self) -> None:
        super().__init__()


class NotAllowed(AccessError):
    """This takes the right {right!r}, which you don't have."""

    right: str

    def __init__(self, right: str) -> None:
        super().__init__(right=right)


class ProviderError(IthacaError):
    """The endpoint did not answer: {words}

    `status` is its HTTP status, None if there was no response; `retry_after` the seconds that it asked to wait.
    """

    status: int | None
    words: str
    retry_after: float | None

    def __init__(self, status: int | None, words: str, retry_after: float | None = None) -> None:
        super().__init__(status=status, words=words, retry_after=retry_after)


class ProviderTimeout(ProviderError):
    """The endpoint took longer for {what} than {seconds} seconds."""

    what: str
    seconds: float

    def __init__(self, what: str, seconds: float) -> None:
        words = f"{what} took longer than {seconds:g} seconds"
        IthacaError.__init__(self, what=what, seconds=seconds, status=None, words=words, retry_after=None)


class EndpointRefused(IthacaError):
    """The endpoint {endpoint} must not be called: {reason}.

    It is not registered where it has to be, lies at an address that is not called, or sends requests elsewhere.
    """

    endpoint: str
    reason: str

    def __init__(self, endpoint: str, reason: str) -> None:
        super().__init__(endpoint=endpoint, reason=reason)


class ContextTooSmall(IthacaError):
    """Session {session_id!r} needs a context of {needed} tokens, {limit} are allowed.

    What is needed: every system and developer message, the summary if there is one, and the newest message (or
    tool call with its results). `limit` is what `max_tokens` leaves beside `reserve`.
    """

    session_id: str
    needed: int
    limit: int

    def __init__(self, session_id: str, needed: int, limit: int) -> None:
        super().__init__(session_id=session_id, needed=needed, limit=limit)


class ConfigurationError(IthacaError):
    """{setting} cannot be used: {reason}."""

    setting: str
    reason: str

    def __init__(self, setting: str, reason: str) -> None:
        super().__init__(setting=setting, reason=reason)


class ImportFailed(IthacaError):
    """{source} cannot be imported: {reason}."""

    source: str
    reason: str

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(source=source, reason=reason)
