"""Ithaca keeps conversations between people and language models.

Each name is imported from its module when it is first used: the command line, which needs few of them, starts
at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
        AmbiguousId,
        AttachmentNotFound,
        ConfigurationError,
        Conflict,
        ContextTooSmall,
        DatabaseBusy,
        DatabaseUnavailable,
        DocumentExists,
        DocumentNotFound,
        HeadersUnreadable,
        ImportFailed,
        InvalidArgument,
        InvalidDocument,
        InvalidInput,
        InvalidMessage,
        InvalidSession,
        IthacaError,
        LegalHold,
        ManagerClosed,
        MessageConflict,
        MessageNotFound,
        NotAnIthacaDatabase,
        NotFound,
        NothingToUndo,
        RevisionConflict,
        SchemaError,
        SchemaOutOfDate,
        SchemaTooNew,
        SecretError,
        SecretKeyInvalid,
        SessionExists,
        SessionNotFound,
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
        Session,
        TrashEntry,
    )
    from ithaca.storage import upgrade as upgrade_database

__version__ = "0.1.0"
    from ithaca.usage import (
        Usage,
        UsageRecord,
    )

#: Module → the public names that it holds.
_MODULES = {
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
        "AmbiguousId",
        "AttachmentNotFound",
        "ConfigurationError",
        "Conflict",
        "ContextTooSmall",
        "DatabaseBusy",
        "DatabaseUnavailable",
        "DocumentExists",
        "DocumentNotFound",
        "HeadersUnreadable",
        "ImportFailed",
        "InvalidArgument",
        "InvalidDocument",
        "InvalidInput",
        "InvalidMessage",
        "InvalidSession",
        "IthacaError",
        "ManagerClosed",
        "MessageConflict",
        "LegalHold",
        "MessageNotFound",
        "NotAnIthacaDatabase",
        "NotFound",
        "NothingToUndo",
        "RevisionConflict",
        "SchemaError",
        "SchemaOutOfDate",
        "SchemaTooNew",
        "SecretError",
        "SecretKeyInvalid",
        "SessionExists",
        "SessionNotFound",
        "StorageError",
        "TrashNotFound",
        "VersionNotFound",
    ),
        "UsageConflict",
    "manager": (
        "AsyncSessionManager",
        "SessionManager",
    ),
    "models": (
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
        "Session",
        "TrashEntry",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "usage": (
        "Usage",
        "UsageRecord",
    ),
    "AmbiguousId",
    "AsyncSessionManager",
    "Attachment",
    "AttachmentNotFound",
    "AttachmentReference",
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
    "LibraryDocument",
    "LibraryVersion",
    "Limits",
    "ManagerClosed",
    "MessageConflict",
    "LegalHold",
    "MessageNotFound",
    "MessageVersion",
    "NotAnIthacaDatabase",
    "NotFound",
    "NothingToUndo",
    "Page",
    "Problem",
    "Removed",
    "Restored",
    "RevisionConflict",
    "SchemaError",
    "SchemaOutOfDate",
    "SchemaTooNew",
    "SecretError",
    "SecretKeyInvalid",
    "Session",
    "SessionExists",
    "SessionManager",
    "SessionNotFound",
    "Settings",
    "StorageError",
    "TrashEntry",
    "TrashNotFound",
    "VersionNotFound",
    "read_settings",
    "upgrade_database",
]


    "Usage",
    "UsageConflict",
    "UsageRecord",
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
