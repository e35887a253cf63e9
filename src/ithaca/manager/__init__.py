"""The public interface: `SessionManager`, and `AsyncSessionManager` with the same calls, awaited.

A module here holds the calls about one noun, the waiting and the awaited ones side by side. Each checks its
arguments at the door and hands one operation to the storage.
"""

from ithaca.manager.attachments import AsyncAttachments, Attachments
from ithaca.manager.context import AsyncContexts, Contexts
from ithaca.manager.documents import AsyncDocuments, Documents
from ithaca.manager.endpoints import AsyncEndpoints, Endpoints
from ithaca.manager.keys import AsyncKeys, Keys
from ithaca.manager.logins import AsyncLogins, Logins
from ithaca.manager.messages import AsyncMessages, Messages
from ithaca.manager.noting import Noting
from ithaca.manager.recovery import AsyncRecovery, Recovery
from ithaca.manager.relaying import AsyncRelaying, Relaying
from ithaca.manager.repeats import AsyncRepeats, Repeats
from ithaca.manager.retention import AsyncRetention, Retention
from ithaca.manager.search import AsyncSearch, Search
from ithaca.manager.sessions import AsyncSessions, Sessions
from ithaca.manager.upkeep import AsyncUpkeep, Upkeep
from ithaca.manager.usage import Accounts, AsyncAccounts
from ithaca.manager.users import AsyncUsers, Users
from ithaca.manager.versions import AsyncVersions, Versions
from ithaca.manager.watching import AsyncWatching, Watching


class SessionManager(
    Sessions,
    Messages,
    Documents,
    Upkeep,
    Versions,
    Recovery,
    Attachments,
    Contexts,
    Search,
    Watching,
    Accounts,
    Retention,
    Endpoints,
    Repeats,
    Noting,
    Keys,
    Users,
    Logins,
    Relaying,
):
    """Keeps conversations in a database.

    `database` is a path, `sqlite:///chats.db`, `sqlite:///:memory:` or `postgresql://user@host/db`; without
    one, `ITHACA_DATABASE_URL` is used, else a file in the platform's user data folder. Any number of
    threads may use one manager, and any number of processes one database. A manager sees every
    owner's data; `for_owner` gives one that sees a single owner's.

    Whatever changes something takes `expected_revision=`: with it, the change is refused with
    `RevisionConflict` unless the session (or the document) is at that revision. When a call returns, its
    change is durable; when it raises, nothing of it was done. Every call may raise `StorageError`.

        >>> from ithaca import ChatMessage
        >>> with SessionManager("sqlite:///:memory:") as manager:
        ...     session = manager.create_session(name="Trip to Pylos", model="qwen3")
        ...     message = manager.add_message(session.id, ChatMessage("user", "hello"))
        ...     [(m.seq, m.role, m.content) for m in manager.get_session(session.id).history]
        [(1, 'user', 'hello')]
    """


class AsyncSessionManager(
    AsyncSessions,
    AsyncMessages,
    AsyncDocuments,
    AsyncUpkeep,
    AsyncVersions,
    AsyncRecovery,
    AsyncAttachments,
    AsyncContexts,
    AsyncSearch,
    AsyncAccounts,
    AsyncRetention,
    AsyncEndpoints,
    AsyncRepeats,
    Noting,
    AsyncKeys,
    AsyncUsers,
    AsyncLogins,
    AsyncRelaying,
    AsyncWatching,
):
    """Keeps conversations in a database, without ever making the event loop wait.

    The same calls as `SessionManager`, awaited; `iter_messages` and `read_attachment` are async iterators. The
    database is opened by the first call, or by `async with`. One manager belongs to one event loop.
    """
