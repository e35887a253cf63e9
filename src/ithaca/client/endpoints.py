"""The calls about endpoints: models' servers, registered by a name."""

from collections.abc import Mapping
from typing import Any

from ithaca.arguments import UNSET, Unset
from ithaca.client import values
from ithaca.client.asking import Asking, at, call, with_query
from ithaca.client.base import Calls
from ithaca.endpoints import Endpoint, EndpointTest, FoundServer, RotatedSecrets
from ithaca.errors import InvalidArgument


class Endpoints(Calls):
    """The calls about endpoints. For all owners, they are about those that everybody may use."""

    @call
    def create_endpoint(
        self,
        name: str,
        base_url: str,
        *,
        key: str | None = None,
        model: str = "",
        context_window: int | None = None,
        max_tokens: int | None = None,
        headers: Mapping[str, str] | None = None,
        owner: str | None = None,
        shared: bool = False,
    ) -> Asking[Endpoint]:
        """Registers a model's server by a name that sessions may have as their `endpoint_url`."""
        given: dict[str, Any] = {"base_url": base_url, "model": model, "context_window": context_window,
                                 "max_tokens": max_tokens}  # fmt: skip
        self._door.new_endpoint(owner, name, shared, key, headers, **given)
        body = given | {"name": name, "key": key, "headers": None if headers is None else dict(headers)}
        if shared and self.owner is not None:
            raise InvalidArgument("shared", shared, "left to a client that is not for one owner")
        path = at("admin", "endpoints") if shared else at("endpoints")
        return values.endpoint((yield self._post(path, body, owner=owner)).value)

    @call
    def get_endpoint(self, name: str, *, owner: str | None = None) -> Asking[Endpoint]:
        """The endpoint of an owner, or the shared one of that name."""
        return values.endpoint((yield self._get(self._named(owner, name), owner=owner)).value)

    def _named(self, owner: str | None, name: str, *more: str) -> str:
        return at("endpoints", self._door.endpoint(owner, name)[1], *more)

    @call
    def list_endpoints(self, *, owner: str | None = None) -> Asking[list[Endpoint]]:
        """Those of an owner and the shared ones, by name; for all owners, everybody's."""
        self._door.whose(owner)
        return values.items(values.endpoint)((yield from self._listed("endpoints", {}, owner, every=True)))

    @call
    def update_endpoint(
        self,
        name: str,
        *,
        base_url: str | Unset = UNSET,
        key: str | None | Unset = UNSET,
        model: str | Unset = UNSET,
        context_window: int | None | Unset = UNSET,
        max_tokens: int | None | Unset = UNSET,
        headers: Mapping[str, str] | None | Unset = UNSET,
        owner: str | None = None,
    ) -> Asking[Endpoint]:
        """The endpoint, changed. With another URL, the key and headers go unless given."""
        given: dict[str, Any] = {"base_url": base_url, "model": model, "context_window": context_window,
                                 "max_tokens": max_tokens}  # fmt: skip
        self._door.endpoint_changes(owner, name, key, headers, **given)
        given |= {"key": key, "headers": dict(headers) if isinstance(headers, Mapping) else headers}
        body = {field: value for field, value in given.items() if value is not UNSET}
        return values.endpoint((yield self._change("PATCH", self._path_of(owner, name), body, owner=owner)).value)

    @call
    def delete_endpoint(self, name: str, *, owner: str | None = None) -> Asking[None]:
        """Deletes an endpoint with its key."""
        yield self._sent_once("DELETE", self._path_of(owner, name), owner=owner)

    def _path_of(self, owner: str | None, name: str) -> str:
        """The path of an owner's endpoint, or of a shared one where this client is for all owners."""
        self._door.endpoint(owner, name)
        return at("admin", "endpoints", name) if self._is_over_all and not owner else at("endpoints", name)

    @call
    def list_endpoint_models(self, name: str, *, owner: str | None = None) -> Asking[list[str]]:
        """The names of the models that an endpoint has, by its `/models`, which the server asks."""
        return list((yield self._get(self._named(owner, name, "models"), owner=owner)).value["items"])

    @call
    def test_endpoint(self, name: str, *, owner: str | None = None) -> Asking[EndpointTest]:
        """Lets the server ask an endpoint for its models: whether it can be reached, and takes the key."""
        return EndpointTest(**(yield self._post(self._named(owner, name, "test"), owner=owner)).value)

    @call
    def discover_endpoints(self, *, seconds: float = 1.0) -> Asking[list[FoundServer]]:
        """Models' servers that answer on the server's machine, on the ports that they usually have."""
        path = with_query(at("admin", "endpoints:discover"), {"seconds": self._door.age("seconds", seconds)})
        return [FoundServer(**found) for found in (yield self._get(path)).value["items"]]

    @call
    def rotate_secret_keys(self) -> Asking[RotatedSecrets]:
        """Seals anew, under the server's first key, what others have sealed. For administrators."""
        return RotatedSecrets(**(yield self._post(at("admin", "database:rotate-secret-keys"))).value)
