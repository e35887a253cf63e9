"""Ithaca keeps conversations between people and language models.

Each name is imported from its module when it is first used: the command line, which needs few of them, starts
at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ithaca.access import (
        AccessKey,
        NewAccessKey,
    )
    from ithaca.attached import (
        Attachment,
        AttachmentReference,
        Collected,
    )
    from ithaca.config import (
        Limits,
        Settings,
        read_settings,
    )
    from ithaca.context import (
        Context,
        ContextInfo,
    )
    from ithaca.errors import (
        AccessError,
        AccessKeyNotFound,
        AlreadyDone,
        AmbiguousId,
        AttachmentNotFound,
        ConfigurationError,
        Conflict,
        ContextTooSmall,
        DatabaseBusy,
        DatabaseUnavailable,
        DocumentExists,
        DocumentNotFound,
        EndpointRefused,
        HeadersUnreadable,
        ImportFailed,
        InvalidArgument,
        InvalidDocument,
        InvalidInput,
        InvalidMessage,
        InvalidSession,
        IthacaError,
        KeyReused,
        LegalHold,
        ManagerClosed,
        MessageConflict,
        MessageNotFound,
        NotAllowed,
        NotAnIthacaDatabase,
        NotFound,
        NothingToUndo,
        NotSignedIn,
        ProviderError,
        ProviderTimeout,
        RetentionNotFound,
        RevisionConflict,
        SchemaError,
        SchemaOutOfDate,
        SchemaTooNew,
        SecretError,
        SecretKeyInvalid,
        SessionExists,
        SessionNotFound,
        StillRunning,
        StorageError,
        TrashNotFound,
        UsageConflict,
        VersionNotFound,
    )
    from ithaca.manager import (
        AsyncSessionManager,
        SessionManager,
    )
    from ithaca.models import (
        Change,
        ChatMessage,
        Compaction,
        Conversation,
        DatabaseInfo,
        Document,
        DocumentVersion,
        Erased,
        ImportReport,
        LibraryDocument,
        LibraryVersion,
        MessageVersion,
        Page,
        Problem,
        Removed,
        Restored,
        SearchHit,
        Session,
        TrashEntry,
    )
    from ithaca.retention import (
        PolicyOutcome,
        RetentionPolicy,
        RetentionReport,
    )
    from ithaca.storage import upgrade as upgrade_database
    from ithaca.usage import (
        Usage,
        UsageRecord,
    )

__version__ = "0.1.0"

#: Module → the public names that it holds.
_MODULES = {
    "access": (
        "AccessKey",
        "NewAccessKey",
    ),
    "attached": (
        "Attachment",
        "AttachmentReference",
        "Collected",
    ),
    "config": (
        "Limits",
        "Settings",
        "read_settings",
    ),
    "context": (
        "Context",
        "ContextInfo",
    ),
    "errors": (
        "AccessError",
        "AccessKeyNotFound",
        "AlreadyDone",
        "AmbiguousId",
        "AttachmentNotFound",
        "ConfigurationError",
        "Conflict",
        "ContextTooSmall",
        "DatabaseBusy",
        "DatabaseUnavailable",
        "DocumentExists",
        "DocumentNotFound",
        "EndpointRefused",
        "HeadersUnreadable",
        "ImportFailed",
        "InvalidArgument",
        "InvalidDocument",
        "InvalidInput",
        "InvalidMessage",
        "InvalidSession",
        "IthacaError",
        "KeyReused",
        "LegalHold",
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
        "RetentionNotFound",
        "RevisionConflict",
        "SchemaError",
        "SchemaOutOfDate",
        "SchemaTooNew",
        "SecretError",
        "SecretKeyInvalid",
        "SessionExists",
        "SessionNotFound",
        "StillRunning",
        "StorageError",
        "TrashNotFound",
        "UsageConflict",
        "VersionNotFound",
    ),
    "manager": (
        "AsyncSessionManager",
        "SessionManager",
    ),
    "models": (
        "Change",
        "ChatMessage",
        "Compaction",
        "Conversation",
        "DatabaseInfo",
        "Document",
        "DocumentVersion",
        "Erased",
        "ImportReport",
        "LibraryDocument",
        "LibraryVersion",
        "MessageVersion",
        "Page",
        "Problem",
        "Removed",
        "Restored",
        "SearchHit",
        "Session",
        "TrashEntry",
    ),
    "retention": (
        "PolicyOutcome",
        "RetentionPolicy",
        "RetentionReport",
    ),
    "usage": (
        "Usage",
        "UsageRecord",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AccessError",
    "AccessKey",
    "AccessKeyNotFound",
    "AlreadyDone",
    "AmbiguousId",
    "AsyncSessionManager",
    "Attachment",
    "AttachmentNotFound",
    "AttachmentReference",
    "Change",
    "ChatMessage",
    "Collected",
    "Compaction",
    "ConfigurationError",
    "Conflict",
    "Context",
    "ContextInfo",
    "ContextTooSmall",
    "Conversation",
    "DatabaseBusy",
    "DatabaseInfo",
    "DatabaseUnavailable",
    "Document",
    "DocumentExists",
    "DocumentNotFound",
    "DocumentVersion",
    "EndpointRefused",
    "Erased",
    "HeadersUnreadable",
    "ImportFailed",
    "ImportReport",
    "InvalidArgument",
    "InvalidDocument",
    "InvalidInput",
    "InvalidMessage",
    "InvalidSession",
    "IthacaError",
    "KeyReused",
    "LegalHold",
    "LibraryDocument",
    "LibraryVersion",
    "Limits",
    "ManagerClosed",
    "MessageConflict",
    "MessageNotFound",
    "MessageVersion",
    "NewAccessKey",
    "NotAllowed",
    "NotAnIthacaDatabase",
    "NotFound",
    "NotSignedIn",
    "NothingToUndo",
    "Page",
    "PolicyOutcome",
    "Problem",
    "ProviderError",
    "ProviderTimeout",
    "Removed",
    "Restored",
    "RetentionNotFound",
    "RetentionPolicy",
    "RetentionReport",
    "RevisionConflict",
    "SchemaError",
    "SchemaOutOfDate",
    "SchemaTooNew",
    "SearchHit",
    "SecretError",
    "SecretKeyInvalid",
    "Session",
    "SessionExists",
    "SessionManager",
    "SessionNotFound",
    "Settings",
    "StillRunning",
    "StorageError",
    "TrashEntry",
    "TrashNotFound",
    "Usage",
    "UsageConflict",
    "UsageRecord",
    "VersionNotFound",
    "read_settings",
    "upgrade_database",
]


def __getattr__(name: str) -> Any:
    if name == "upgrade_database":
        from ithaca.storage import upgrade

        return upgrade
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"ithaca.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
