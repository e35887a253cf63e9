"""The calls about keys, with which programs ask the service."""

from collections.abc import Sequence
from datetime import datetime

from ithaca.access import KEY_PREFIX, USUAL, AccessKey, NewAccessKey, Right, digest_of, new_token
from ithaca.errors import DatabaseBusy
from ithaca.manager.base import AsyncBase, Base, Common, documented_by
from ithaca.operations import keys


class Keyed(Common):
    """What both managers do alike."""

    def _first_use(self, key: AccessKey) -> bool:
        return self._used_lately.first((key.owner, key.id), self._door.scope.clock())

    def _forget_use(self, key: AccessKey) -> None:
        self._used_lately.forget((key.owner, key.id))


class Keys(Keyed, Base):
    """The calls about keys."""

    def create_key(
        self,
        name: str,
        *,
        owner: str | None = None,
        scopes: Sequence[Right] = USUAL,
        expires_at: datetime | None = None,
    ) -> NewAccessKey:
        """A new key to an owner's data, with what it says: that is shown now and never again.

        `name` says what it is for. `scopes` are some of "read", "write" and "admin", which opens what concerns all
        owners. Raises `InvalidArgument`; `NotAllowed` if a manager that is confined to an owner is to make a key with
        "admin".
        """
        token = new_token(KEY_PREFIX)
        columns = self._door.access_key(token, owner, name, scopes, expires_at)
        return self._storage.write(keys.create, self._door.scope, columns, token)

    def list_keys(self, *, owner: str | None = None) -> list[AccessKey]:
        """Every key, or an owner's, also those whose time is up: by owner, in the order in which they were made."""
        return self._storage.read(keys.list_keys, self._door.scope, self._door.whose(owner))

    def revoke_key(self, key_id: str) -> None:
        """Ends a key for good: the next request with it is refused. Raises `AccessKeyNotFound`."""
        self._storage.write(keys.revoke, self._door.scope, self._door.key_id(key_id))

    def identify_key(self, token: str) -> AccessKey:
        """The key that says this. Its use is noted, at most once in five minutes.

        Raises `NotSignedIn` if there is none, or its time is up.

            >>> from ithaca import SessionManager
            >>> with SessionManager("sqlite:///:memory:") as manager:
            ...     token = manager.create_key("a script", owner="ann", scopes=["read"]).token
            ...     key = manager.identify_key(token)
            >>> key.owner, key.scopes, key.hint == token[:11]
            ('ann', ['read'], True)
        """
        key = self._storage.read(keys.identify, self._door.scope, digest_of(token))
        if self._first_use(key):
            self._later.do(lambda: self._note_use(key))
        return key

    def _note_use(self, key: AccessKey) -> None:
        try:
            self._storage.write_if_free(keys.touch, self._door.scope, key.owner, key.id)
        except DatabaseBusy:
            self._forget_use(key)


@documented_by(Keys)
class AsyncKeys(Keyed, AsyncBase):
    """The calls about keys."""

    async def create_key(
        self,
        name: str,
        *,
        owner: str | None = None,
        scopes: Sequence[Right] = USUAL,
        expires_at: datetime | None = None,
    ) -> NewAccessKey:
        token = new_token(KEY_PREFIX)
        columns = self._door.access_key(token, owner, name, scopes, expires_at)
        return await self._storage.write(keys.create, self._door.scope, columns, token)

    async def list_keys(self, *, owner: str | None = None) -> list[AccessKey]:
        return await self._storage.read(keys.list_keys, self._door.scope, self._door.whose(owner))

    async def revoke_key(self, key_id: str) -> None:
        await self._storage.write(keys.revoke, self._door.scope, self._door.key_id(key_id))

    async def identify_key(self, token: str) -> AccessKey:
        key = await self._storage.read(keys.identify, self._door.scope, digest_of(token))
        if self._first_use(key):
            self._later.do(self._note_use(key))
        return key

    async def _note_use(self, key: AccessKey) -> None:
        try:
            await self._storage.write_if_free(keys.touch, self._door.scope, key.owner, key.id)
        except DatabaseBusy:
            self._forget_use(key)
