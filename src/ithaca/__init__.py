"""Ithaca keeps conversations between people and language models."""

from typing import TYPE_CHECKING, Any

from ithaca.config import Limits, Settings, read_settings
from ithaca.errors import *  # noqa: F403
from ithaca.errors import __all__ as _errors
from ithaca.manager import SessionManager
from ithaca.models import (
    ChatMessage,
    Conversation,
    DatabaseInfo,
    Document,
    DocumentVersion,
    ImportReport,
    LibraryDocument,
    LibraryVersion,
    Page,
    Problem,
    Removed,
    Session,
)
from ithaca.storage import upgrade as upgrade_database

if TYPE_CHECKING:
    from ithaca.async_manager import AsyncSessionManager

__version__ = "0.1.0"
__all__ = [
    "AsyncSessionManager",
    "ChatMessage",
    "Conversation",
    "DatabaseInfo",
    "Document",
    "DocumentVersion",
    "ImportReport",
    "LibraryDocument",
    "LibraryVersion",
    "Limits",
    "Page",
    "Problem",
    "Removed",
    "Session",
    "SessionManager",
    "Settings",
    "read_settings",
    "upgrade_database",
    *_errors,
]


def __getattr__(name: str) -> Any:
    # asyncio takes as long to import as all the rest: who doesn't use it doesn't wait for it.
    if name == "AsyncSessionManager":
        from ithaca.async_manager import AsyncSessionManager

        return AsyncSessionManager
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
