"""Log-ins: begun by a password or by an access link, recognised by a cookie, and ended.

Attempts are counted before the password is compared, so that many at once are no way around it: those on an account
from one address, those on an account from anywhere, and those from one address. Who succeeds is not counted. A window
begins with its first attempt and ends after a quarter of an hour.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from ithaca.access import Login, NewLogin
from ithaca.connection import Connection, one_statement
from ithaca.digests import sha256
from ithaca.errors import LoginRefused, NotSignedIn, TooManyAttempts
from ithaca.operations.scope import Scope
from ithaca.operations.users import log_out_all, mine

#: Microseconds.
SECOND = 1_000_000
WINDOW = 15 * 60 * SECOND
LOGIN_LIFETIME = 30 * 24 * 3600 * SECOND
LINK_LIFETIME = 3600 * SECOND

#: Attempts in a window: on an account from one address, on an account, and from one address.
MOST_TOGETHER, MOST_ON_ACCOUNT, MOST_FROM_ADDRESS = 10, 100, 50

#: Old rows that a new one takes along, at most.
_TIDIED = 10

_LOGIN = "l.owner, l.user_name, u.is_admin, l.created_at, l.expires_at"
_LOGINS = "logins l LEFT JOIN users u ON u.owner = l.owner AND u.name = l.user_name"

_COUNT = """
    INSERT INTO login_attempts (account, address, count, since) VALUES (:account, :address, 1, :now)
    ON CONFLICT (account, address) DO UPDATE SET
        count = CASE WHEN login_attempts.since <= :expired THEN 1 ELSE login_attempts.count + 1 END,
        since = CASE WHEN login_attempts.since <= :expired THEN excluded.since ELSE login_attempts.since END
    RETURNING count, since
"""

_TIDY = (
    """
    DELETE FROM login_attempts WHERE (account, address) IN (
        SELECT account, address FROM login_attempts WHERE since <= :expired ORDER BY since LIMIT :limit)""",
    """
    DELETE FROM logins WHERE (owner, digest) IN (
        SELECT owner, digest FROM logins WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit)""",
)


class Attempt(NamedTuple):
    """An attempt to log in: as whom, and from where, if that is known."""

    name: str
    account: str
    address: str

    def places(self) -> list[tuple[str, str, int]]:
        """Where it is counted, and how often that may be; in an order in which all attempts lock."""
        account = (self.account, "", MOST_ON_ACCOUNT)
        if not self.address:
            return [account]
        together = (self.account, self.address, MOST_TOGETHER)
        return [together, account, ("", self.address, MOST_FROM_ADDRESS)]


class Stored(NamedTuple):
    """What is stored of who tries to log in."""

    owner: str
    password: str


def hashed(text: str) -> str:
    """A name, or an address, as attempts are counted by it."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


async def attempt(conn: Connection, scope: Scope, tried: Attempt) -> Stored | None:
    """Counts an attempt; returns what to compare the password with, None for no such user.

    Raises `TooManyAttempts`, which counts as none.
    """
    now = scope.clock()
    for account, address, most in tried.places():
        params = {"account": account, "address": address, "now": now, "expired": now - WINDOW}
        count, since = await conn.row(_COUNT, params) or (1, now)
        if count > most:
            raise TooManyAttempts(max(1, -(-(since + WINDOW - now) // SECOND)))
    row = await conn.row(
        f"SELECT owner, password FROM users WHERE {mine(scope)}name = :name",
        {"scope": scope.owner, "name": tried.name},
    )
    return None if row is None else Stored(*row)


async def begin(
    conn: Connection,
    scope: Scope,
    tried: Attempt,
    stored: Stored,
    password: str | None,
    everywhere: bool,
    digest: str,
    token: str,
) -> NewLogin:
    """Logs in who knew the password, unless it was changed meanwhile.

    `password`, if any, is stored from now on; with `everywhere`, it is another one: all other log-ins end.
    """
    now = scope.clock()
    known = await conn.run(
        "UPDATE users SET password = :password, password_at = CASE WHEN :another THEN :now ELSE password_at END"
        " WHERE owner = :owner AND name = :name AND password = :known",
        {
            "password": password or stored.password,
            "another": everywhere,
            "now": now,
            "owner": stored.owner,
            "name": tried.name,
            "known": stored.password,
        },
    )
    if not known:
        raise LoginRefused
    if everywhere:
        await log_out_all(conn, stored.owner, tried.name)
    await _forgive(conn, tried)
    await _insert(conn, scope, stored.owner, digest, "password", tried.name, LOGIN_LIFETIME)
    return NewLogin(await identify(conn, scope, digest), token)


async def _forgive(conn: Connection, tried: Attempt) -> None:
    """Takes back what was counted of an attempt that succeeded."""
    for account, address, _ in tried.places():
        back = "0" if account and address else "count - 1"
        await conn.run(
            f"UPDATE login_attempts SET count = {back} WHERE account = :account AND address = :address AND count > 0",
            {"account": account, "address": address},
        )


async def _insert(
    conn: Connection, scope: Scope, owner: str, digest: str, kind: str, user: str | None, lifetime: int
) -> None:
    now = scope.clock()
    for statement in _TIDY:
        await conn.run(statement, {"now": now, "expired": now - WINDOW, "limit": _TIDIED})
    await conn.run(
        "INSERT INTO logins (owner, digest, kind, user_name, created_at, expires_at)"
        " VALUES (:owner, :digest, :kind, :user, :now, :expires)",
        {"owner": owner, "digest": digest, "kind": kind, "user": user, "now": now, "expires": now + lifetime},
    )


@one_statement
async def identify(conn: Connection, scope: Scope, digest: str) -> Login:
    """The log-in of which this is stored, unless its time is up. Raises `NotSignedIn`."""
    whose = "" if scope.owner is None else "l.owner = :scope AND "
    row = await conn.row(
        f"SELECT {_LOGIN} FROM {_LOGINS} WHERE {whose}l.digest = :digest AND l.kind <> 'link' AND l.expires_at > :now",
        {"scope": scope.owner, "digest": digest, "now": scope.clock()},
    )
    if row is None:
        raise NotSignedIn
    return Login.from_row(row)


async def create_link(conn: Connection, scope: Scope, owner: str, digest: str) -> None:
    """Notes an access link that was made."""
    await _insert(conn, scope, owner, digest, "link", None, LINK_LIFETIME)


async def open_link(conn: Connection, scope: Scope, link: str, digest: str, token: str) -> NewLogin:
    """Logs in who has a link that nobody has opened, and that isn't too old. Raises `NotSignedIn`."""
    row = await conn.row(
        f"DELETE FROM logins WHERE {mine(scope)}digest = :digest AND kind = 'link' AND expires_at > :now"
        " RETURNING owner",
        {"scope": scope.owner, "digest": link, "now": scope.clock()},
    )
    if row is None:
        raise NotSignedIn
    await _insert(conn, scope, row[0], digest, "opened", None, LOGIN_LIFETIME)
    return NewLogin(await identify(conn, scope, digest), token)


async def end(conn: Connection, scope: Scope, digest: str, everywhere: bool) -> int:
    """Ends a log-in; with `everywhere`, also the others of its user, or of whoever opened links to the same data.

    Such links that nobody has opened yet end with them, uncounted.
    """
    row = await conn.row(
        f"DELETE FROM logins WHERE {mine(scope)}digest = :digest AND kind <> 'link' RETURNING owner, user_name",
        {"scope": scope.owner, "digest": digest},
    )
    if row is None or not everywhere:
        return 0 if row is None else 1
    owner, user = row
    if user is not None:
        return 1 + await log_out_all(conn, owner, user)
    others = "DELETE FROM logins WHERE owner = :owner AND user_name IS NULL AND kind = "
    await conn.run(f"{others}'link'", {"owner": owner})  # nor does one that lies about unopened log in anybody anew
    return 1 + await conn.run(f"{others}'opened'", {"owner": owner})


@one_statement
async def still_open(conn: Connection, scope: Scope, digests: Collection[str]) -> set[str]:
    """Those of the keys and log-ins, by what is stored of them, that open something still."""
    whose = "" if scope.owner is None else "owner = :scope AND "
    rows = await conn.rows(
        f"SELECT digest FROM access_keys WHERE {whose}digest IN (EACH(:digests))"
        " AND (expires_at IS NULL OR expires_at > :now) UNION ALL"
        f" SELECT digest FROM logins WHERE {whose}digest IN (EACH(:digests)) AND kind <> 'link' AND expires_at > :now",
        {"scope": scope.owner, "digests": list(digests), "now": scope.clock()},
    )
    return {row[0] for row in rows}


async def forget_attempts(conn: Connection, owner: str) -> None:
    """Erases what is known of attempts to log in as an owner's users."""
    rows = await conn.rows("SELECT name FROM users WHERE owner = :owner", {"owner": owner})
    accounts: dict[str, Any] = {"accounts": [hashed(name) for (name,) in rows]}
    await conn.run("DELETE FROM login_attempts WHERE account IN (EACH(:accounts))", accounts)
