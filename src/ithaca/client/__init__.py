"""The calls of the managers, on a server that somebody else runs: `Client`, and `AsyncClient` to be awaited.

A module here holds the calls about a few nouns. Each is written once, as a generator of requests (`asking`), and has a
face on both clients. What is given passes the same door as before a database.
"""

from typing import TYPE_CHECKING

from ithaca.arguments import Door
from ithaca.client.attachments import Attachments
from ithaca.client.awaiting import Awaiting
from ithaca.client.connection import Connection
from ithaca.client.contexts import Contexts
from ithaca.client.documents import Documents
from ithaca.client.endpoints import Endpoints
from ithaca.client.keys import Keys
from ithaca.client.messages import Messages
from ithaca.client.recovery import Recovery
from ithaca.client.replies import Replies
from ithaca.client.sessions import Sessions
from ithaca.client.upkeep import Accounts, Retention, Search, Upkeep
from ithaca.client.users import Users
from ithaca.client.waiting import Waiting
from ithaca.client.watching import Watching

if TYPE_CHECKING:
    import httpx2


class _Everything(
    Sessions, Messages, Documents, Contexts, Recovery, Attachments, Search, Accounts, Retention, Upkeep, Keys, Users,
    Endpoints, Watching, Replies,
):  # fmt: skip
    """Every call."""


class Client(_Everything, Waiting):
    """Keeps conversations on a server, `ithaca serve`, with the calls of `SessionManager`.

    `url` is the server's address; without one, `ITHACA_URL` is used, else `http://127.0.0.1:8421`. `key` says who asks;
    without one, `ITHACA_KEY` is used. It works on that owner's data; `for_owner` gives one that works on somebody
    else's, which the server lets administrators do. With `all_owners=True`, for administrators, lists, sums and upkeep
    are over everybody's data, as a manager's that is not confined; a call that names one session, message, document or
    attachment finds it under one owner only.

    Values, and errors with their data, are the library's own; what the library has no word for is `ServiceError`. A
    server that can't be reached, or doesn't answer within `timeout` seconds, raises `ServerUnavailable`. What may be
    sent twice, which is all that reads and nearly every change, is sent again up to `retries` times when a connection
    breaks or the server asks for it, and still happens once. Any number of threads may use one client. `http` is an
    `httpx2.Client` of your own, for proxies, certificates and the like; you close it.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        key: str | None = None,
        timeout: float | None = 60.0,
        retries: int = 3,
        all_owners: bool = False,
        http: "httpx2.Client | None" = None,
    ) -> None:
        """Connects when it is first used. Raises `ConfigurationError`."""
        self._connection = Connection(url, key, timeout, retries, http, "Client")
        self._door, self._all_owners, self._closes = Door.of_a_client(), all_owners, True


class AsyncClient(_Everything, Awaiting):
    """Keeps conversations on a server, without ever making the event loop wait.

    The same calls as `Client`, awaited; `iter_messages`, `read_attachment` and `watch` are async iterators. `http` is
    an `httpx2.AsyncClient`. One client belongs to one event loop.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        key: str | None = None,
        timeout: float | None = 60.0,
        retries: int = 3,
        all_owners: bool = False,
        http: "httpx2.AsyncClient | None" = None,
    ) -> None:
        """Connects when it is first used. Raises `ConfigurationError`."""
        self._connection = Connection(url, key, timeout, retries, http, "AsyncClient")
        self._door, self._all_owners, self._closes = Door.of_a_client(), all_owners, True
