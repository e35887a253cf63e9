"""Ithaca keeps conversations between people and language models."""

from ithaca.config import Limits, Settings, read_settings
from ithaca.errors import *  # noqa: F403
from ithaca.errors import __all__ as _errors
from ithaca.manager import AsyncSessionManager, SessionManager
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
