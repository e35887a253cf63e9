"""Ithaca keeps conversations between people and language models."""

from ithaca.async_manager import AsyncSessionManager
from ithaca.config import Limits, Settings, read_settings
from ithaca.errors import *  # noqa: F403
from ithaca.errors import __all__ as _errors
from ithaca.manager import SessionManager
from ithaca.models import (
    ChatMessage,
    Conversation,
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

__version__ = "0.1.0"
__all__ = [
    "AsyncSessionManager",
    "ChatMessage",
    "Conversation",
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
    *_errors,
]
