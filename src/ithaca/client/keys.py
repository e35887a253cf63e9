"""The calls about keys, with which programs ask the service."""

from collections.abc import Sequence
from datetime import datetime

from ithaca.access import USUAL, AccessKey, NewAccessKey, Right
from ithaca.client import values
from ithaca.client.asking import Asking, at, call
from ithaca.client.base import Calls
from ithaca.content import moment


class Keys(Calls):
    """The calls about keys."""

    @call
    def create_key(
        self,
        name: str,
        *,
        owner: str | None = None,
        scopes: Sequence[Right] = USUAL,
        expires_at: datetime | None = None,
    ) -> Asking[NewAccessKey]:
        """A new key to an owner's data, with what it says: that is shown now and never again."""
        columns = self._door.access_key("", owner, name, scopes, None)
        body = {"name": name, "scopes": columns["scopes"].split()}
        if expires_at is not None:
            moment("expires_at", expires_at)
            body["expires_at"] = expires_at.isoformat()
        if self.owner is None and (self._all_owners or "admin" in body["scopes"]):
            body["owner"] = (yield from self._whose()) if owner is None else owner
            request = self._sent_once("POST", at("admin", "keys"), body)
        else:
            request = self._sent_once("POST", at("keys"), body, owner=owner)
        return values.new_access_key((yield request).value)  # no second answer would show what it says

    @call
    def list_keys(self, *, owner: str | None = None) -> Asking[list[AccessKey]]:
        """Every key, or an owner's, also those whose time is up: by owner, in the order in which they were made."""
        self._door.whose(owner)
        return values.items(values.access_key)((yield from self._listed("keys", {}, owner, every=True)))

    @call
    def revoke_key(self, key_id: str) -> Asking[None]:
        """Ends a key for good: the next request with it is refused."""
        noun = ("admin", "keys") if self._is_over_all else ("keys",)
        yield self._sent_once("DELETE", at(*noun, self._door.key_id(key_id)))
