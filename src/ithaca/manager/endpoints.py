"""The calls about endpoints: models' servers, registered by a name."""

from collections.abc import Coroutine, Mapping
from dataclasses import replace
from time import monotonic
from typing import Any, Self, TypeVar

from ithaca.arguments import UNSET, Unset
from ithaca.content import flag
from ithaca.endpoints import Endpoint, EndpointTest, FoundServer, Outgoing, RotatedSecrets
from ithaca.manager.base import AsyncBase, Base, Common, documented_by
from ithaca.operations import endpoints, rotation
from ithaca.operations.endpoints import Opened

T = TypeVar("T")

#: Values that are sealed anew in one transaction.
BATCH = 500


class Guarded(Common):
    """What both managers are."""

    def guarded(self, *, unregistered: bool = False, private: bool = False) -> Self:
        """A manager on the same connections that calls registered endpoints only, and these at public addresses.

        With `unregistered`, also the URL that a session has; with `private`, also this machine and private networks,
        which shared endpoints always reach. Link-local and metadata addresses are never called. It is for programs that
        let others choose; a manager that isn't guarded calls what it is told to. Closing it does nothing.
        """
        other = self._copy()
        allowed = {"unregistered": flag("unregistered", unregistered), "private": flag("private", private)}
        outgoing = replace(self._door.scope.outgoing, **allowed)
        other._door = self._door.guarded(outgoing)
        return other


class Endpoints(Guarded, Base):
    """The calls about endpoints."""

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
    ) -> Endpoint:
        """Registers a model's server by a name that sessions may have as their `endpoint_url`.

        `key` is sent as `Authorization: Bearer …`, `headers` besides; both are kept encrypted and never come back. A
        shared endpoint is everybody's to use, and trusted code's to change. Raises `EndpointExists`, `InvalidEndpoint`.
        """
        call = self._door.new_endpoint(
            owner, name, shared, key, headers,
            base_url=base_url, model=model, context_window=context_window, max_tokens=max_tokens,
        )  # fmt: skip
        return self._storage.write(endpoints.create, *call)

    def get_endpoint(self, name: str, *, owner: str | None = None) -> Endpoint:
        """The endpoint of an owner, or the shared one of that name. Raises `EndpointNotFound`."""
        return self._storage.read(endpoints.get, self._door.scope, *self._door.endpoint(owner, name))

    def list_endpoints(self, *, owner: str | None = None) -> list[Endpoint]:
        """Those of an owner and the shared ones, by name; without an owner, trusted code gets everybody's."""
        return self._storage.read(endpoints.list_endpoints, self._door.scope, self._door.whose(owner))

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
    ) -> Endpoint:
        """The endpoint, changed. With another URL, the key and headers go unless given, as they were for the old one.

        Raises `EndpointNotFound`, `InvalidEndpoint`; `NotAllowed` for a shared one, unless by trusted code.
        """
        call = self._door.endpoint_changes(
            owner, name, key, headers,
            base_url=base_url, model=model, context_window=context_window, max_tokens=max_tokens,
        )  # fmt: skip
        return self._storage.write(endpoints.update, *call)

    def delete_endpoint(self, name: str, *, owner: str | None = None) -> None:
        """Deletes an endpoint with its key. Raises `EndpointNotFound`; `NotAllowed` as `update_endpoint` does."""
        self._storage.write(endpoints.delete, self._door.scope, *self._door.endpoint(owner, name))

    def list_endpoint_models(self, name: str, *, owner: str | None = None) -> list[str]:
        """The names of the models that an endpoint has, by its `/models`.

        Raises `EndpointNotFound`, `EndpointRefused`, `ProviderError`, `ProviderTimeout`.
        """
        return _waited(_models(self._door.scope.outgoing, self._opened(owner, name)))

    def test_endpoint(self, name: str, *, owner: str | None = None) -> EndpointTest:
        """Asks an endpoint for its models: whether it can be reached, takes the key, and has the default model.

        Raises as `list_endpoint_models` does.
        """
        return _waited(_tested(self._door.scope.outgoing, self._opened(owner, name)))

    def discover_endpoints(self, *, seconds: float = 1.0) -> list[FoundServer]:
        """Models' servers that answer on this machine, on the ports that they usually have; they aren't registered."""
        return _waited(_discovered(self._door.age("seconds", seconds)))

    def rotate_secret_keys(self) -> RotatedSecrets:
        """Seals anew, under the first key, what others have sealed: headers, also in the trash, and endpoints' keys.

        In many short transactions; it can be interrupted and run again. Afterwards no other key is needed, unless
        something was `unreadable`. Raises `SecretKeyInvalid`.
        """
        done = RotatedSecrets()
        for sealed in rotation.EVERYTHING:
            after: tuple[str, ...] | None = None
            while True:
                some, after = self._storage.write(rotation.reseal_some, self._door.scope, sealed, after, BATCH)
                done += some
                if after is None:
                    break
        return done

    def _opened(self, owner: str | None, name: str) -> Opened:
        return self._storage.read(endpoints.opened, self._door.scope, *self._door.endpoint(owner, name))


@documented_by(Endpoints)
class AsyncEndpoints(Guarded, AsyncBase):
    """The calls about endpoints."""

    async def create_endpoint(
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
    ) -> Endpoint:
        call = self._door.new_endpoint(
            owner, name, shared, key, headers,
            base_url=base_url, model=model, context_window=context_window, max_tokens=max_tokens,
        )  # fmt: skip
        return await self._storage.write(endpoints.create, *call)

    async def get_endpoint(self, name: str, *, owner: str | None = None) -> Endpoint:
        return await self._storage.read(endpoints.get, self._door.scope, *self._door.endpoint(owner, name))

    async def list_endpoints(self, *, owner: str | None = None) -> list[Endpoint]:
        return await self._storage.read(endpoints.list_endpoints, self._door.scope, self._door.whose(owner))

    async def update_endpoint(
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
    ) -> Endpoint:
        call = self._door.endpoint_changes(
            owner, name, key, headers,
            base_url=base_url, model=model, context_window=context_window, max_tokens=max_tokens,
        )  # fmt: skip
        return await self._storage.write(endpoints.update, *call)

    async def delete_endpoint(self, name: str, *, owner: str | None = None) -> None:
        await self._storage.write(endpoints.delete, self._door.scope, *self._door.endpoint(owner, name))

    async def list_endpoint_models(self, name: str, *, owner: str | None = None) -> list[str]:
        return await _models(self._door.scope.outgoing, await self._opened(owner, name))

    async def test_endpoint(self, name: str, *, owner: str | None = None) -> EndpointTest:
        return await _tested(self._door.scope.outgoing, await self._opened(owner, name))

    async def discover_endpoints(self, *, seconds: float = 1.0) -> list[FoundServer]:
        return await _discovered(self._door.age("seconds", seconds))

    async def rotate_secret_keys(self) -> RotatedSecrets:
        done = RotatedSecrets()
        for sealed in rotation.EVERYTHING:
            after: tuple[str, ...] | None = None
            while True:
                some, after = await self._storage.write(rotation.reseal_some, self._door.scope, sealed, after, BATCH)
                done += some
                if after is None:
                    break
        return done

    async def _opened(self, owner: str | None, name: str) -> Opened:
        return await self._storage.read(endpoints.opened, self._door.scope, *self._door.endpoint(owner, name))


def _waited(work: Coroutine[Any, Any, T]) -> T:
    """What it returns, on an event loop of its own: the caller's thread may have one that runs."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _models(outgoing: Outgoing, found: Opened) -> list[str]:
    from ithaca.providers import models_of
    from ithaca.providers.resolving import target_of

    return await models_of(target_of(outgoing, found, ask=False))


async def _tested(outgoing: Outgoing, found: Opened) -> EndpointTest:
    began, default = monotonic(), found.endpoint.model
    models = await _models(outgoing, found)
    return EndpointTest(found.endpoint.name, monotonic() - began, models, default in models if default else None)


async def _discovered(seconds: float) -> list[FoundServer]:
    from ithaca.providers import local_servers

    return await local_servers(seconds)
