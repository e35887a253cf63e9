"""What every part of a client stands on: the door, and how a request is made of what passed it."""

from collections.abc import Generator, Mapping
from typing import Any, Self
from urllib.parse import quote

from ithaca.arguments import Door
from ithaca.client.asking import JSON, Asking, Reply, Request, at, with_query, written
from ithaca.content import new_id

#: What a list of what somebody else owns comes to.
_NOTHING: dict[str, Any] = {"items": [], "cursor": None, "count": 0}


class Calls:
    """Makes requests; what sends them is the business of `Client` and `AsyncClient`."""

    _door: Door
    _all_owners: bool
    _closes: bool

    def for_owner(self, owner: str | None) -> Self:
        """A client that works on an owner's data, on the same connections. "" or None: on what nobody owns.

        The server lets administrators do that, and everybody for themselves. Closing it does nothing; it ends with the
        client it is from.
        """
        confined = self._door.owner(owner if self._door.scope.owner is None else owner or "")
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other._door, other._closes = self._door.confined_to(confined), False
        return other

    @property
    def owner(self) -> str | None:
        """The owner that `for_owner` made this client for; None if it didn't: the server knows whose key it is."""
        return self._door.scope.owner

    def _get(self, path: str, asked: Mapping[str, Any] | None = None, *, owner: str | None = None) -> Request:
        return Request("GET", with_query(path, asked or {}), self._headers(owner), repeatable=True)

    def _post(self, path: str, body: Any = None, *, owner: str | None = None, expected: int | None = None) -> Request:
        return self._change("POST", path, body, owner=owner, expected=expected)

    def _change(
        self, method: str, path: str, body: Any = None, *, owner: str | None = None, expected: int | None = None
    ) -> Request:
        """A change that happens once, however often it is sent."""
        headers = self._headers(owner, expected) | {"Idempotency-Key": new_id()}
        return self._with_json(method, path, headers, body, repeatable=True)

    def _sent_once(self, method: str, path: str, body: Any = None, *, owner: str | None = None) -> Request:
        """A change that has no key, or whose second answer would not be that of the first."""
        return self._with_json(method, path, self._headers(owner), body)

    def _with_json(
        self, method: str, path: str, headers: dict[str, str], body: Any, *, repeatable: bool = False
    ) -> Request:
        if body is None:
            return Request(method, path, headers, repeatable=repeatable)
        return Request(method, path, headers | {"Content-Type": JSON}, written(body), repeatable)

    def _headers(self, owner: str | None, expected: int | None = None) -> dict[str, str]:
        confined = self._door.scope.owner
        whose = owner if confined is None else confined
        headers = {} if whose is None else {"Ithaca-Owner": quote(whose, safe="")}
        return headers if expected is None else headers | {"If-Match": f'"{expected}"'}

    def _listed(
        self, noun: str, asked: dict[str, Any], owner: str | None, *, every: bool = False
    ) -> Generator[Request, Reply, Any]:
        """What a list says: of an owner, of all where this client is for all, or else of whose key it is.

        A page of it; or every part, where the server gives in parts what is small.
        """
        of_owner = None if owner is None else self._door.owner_filter(owner)
        if of_owner is not None and self._door.scope.owner not in (None, of_owner):
            return _NOTHING
        path = self._over_all(noun, of_owner)
        if every:
            return (yield from self._every(path, asked, owner=of_owner))
        return (yield self._get(path, asked, owner=of_owner)).value

    def _every(
        self, path: str, asked: Mapping[str, Any] | None = None, *, owner: str | None = None
    ) -> Generator[Request, Reply, dict[str, Any]]:
        """What a list says that the server gives in parts."""
        items: list[Any] = []
        cursor = None
        while True:
            reply = yield self._get(path, {**(asked or {}), "cursor": cursor}, owner=owner)
            items += reply.value["items"]
            cursor = reply.value["cursor"]
            if cursor is None:
                return {"items": items}

    def _over_all(self, noun: str, owner: str | None = None) -> str:
        """The path of a noun: an administrator's, where this client is for all owners and none is named."""
        return at("admin", noun) if self._is_over_all and owner is None else at(noun)

    @property
    def _is_over_all(self) -> bool:
        return self._all_owners and self._door.scope.owner is None

    def _whose(self) -> Asking[str]:
        """Whose data this client works on."""
        if self._door.scope.owner is not None:
            return self._door.scope.owner
        reply = yield self._get(at("me"))
        return str(reply.value["owner"])
