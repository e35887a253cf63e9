"""From a session to the place where it is answered: the endpoint that it names, or whose URL it has.

A session's `endpoint_url` is a registered endpoint's name, or a URL. By its name, the endpoint is sent its own key and
headers, and nothing of the session's: whoever registers a name anew cannot have those. By a URL, it is sent the headers
of the session, and those and the key that are registered for that very URL, where the session's don't say otherwise.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ithaca.endpoints import Outgoing, bare_url, normal_url
from ithaca.errors import EndpointNotFound, EndpointRefused, InvalidArgument, InvalidSession
from ithaca.models import Session
from ithaca.operations import endpoints
from ithaca.operations.endpoints import Opened, Sealed, meant
from ithaca.operations.scope import Scope
from ithaca.providers.target import Limits, Reach, Target

#: A storage's `read`, awaited.
Read = Callable[..., Awaitable[Any]]


async def resolve(read: Read, scope: Scope, session: Session, model: str | None = None) -> Target:
    """Where a session's question goes. Raises `EndpointRefused`, `InvalidSession`, or `SecretError` for a lost key.

    `read` is of the storage that endpoints are kept in, wherever the session is.
    """
    return _resolved(scope, await read(endpoints.seen, scope, session.owner), session, model)


def _resolved(scope: Scope, known: Sequence[Sealed], session: Session, model: str | None) -> Target:
    found = meant(known, session.endpoint_url)
    if found is None:
        return _unregistered(scope.outgoing, session, model)
    opened = found.opened(scope)
    named = session.endpoint_url == opened.endpoint.name
    headers = opened.headers if named else opened.headers | session.headers
    return target_of(scope.outgoing, opened, model or session.model, headers)


def destination(
    scope: Scope, known: Sequence[Sealed], model: str, endpoint: str | None, session: Session | None
) -> Target:
    """Where a client's request goes: to the endpoint that is named, else the one before the `/` in its model, else the
    session's, else the only one, or the only one whose default model it is. `known` are those that are his to use.

    Raises `EndpointNotFound`, and `InvalidArgument` where that is none; what else `resolve` does.
    """
    by_name = {each.endpoint.name: each for each in reversed(known)}
    name, slash, rest = model.partition("/")
    if endpoint is not None:
        if endpoint not in by_name:
            raise EndpointNotFound(endpoint)
        return target_of(scope.outgoing, by_name[endpoint].opened(scope), model)
    if slash and name in by_name:
        return target_of(scope.outgoing, by_name[name].opened(scope), rest)
    if session is not None and session.endpoint_url:
        return _resolved(scope, known, session, model or None)
    fitting = list(by_name.values())
    if len(fitting) > 1:
        fitting = [each for each in fitting if each.endpoint.model == model != ""]
    if len(fitting) != 1:
        raise InvalidArgument("model", model, "ENDPOINT/MODEL, with the name of an endpoint of yours")
    return target_of(scope.outgoing, fitting[0].opened(scope), model)


def target_of(
    outgoing: Outgoing, found: Opened, model: str = "", headers: dict[str, str] | None = None, *, ask: bool = True
) -> Target:
    """A registered endpoint as a target; `ask` says that it needs a model."""
    endpoint = found.endpoint
    model = model or endpoint.model
    return Target(
        base_url=endpoint.base_url,
        model=_model(model) if ask else model,
        headers=found.headers if headers is None else headers,
        key=found.key,
        endpoint=endpoint.name,
        options={} if endpoint.max_tokens is None else {"max_tokens": endpoint.max_tokens},
        reach="private" if endpoint.shared else _reach(outgoing),
        context_window=endpoint.context_window,
        limits=_limits(outgoing),
    )


def _unregistered(outgoing: Outgoing, session: Session, model: str | None) -> Target:
    if not session.endpoint_url:
        raise InvalidSession("endpoint_url", "", "set before its model is asked, to the name of an endpoint or a URL")
    url = normal_url(session.endpoint_url)
    if url is None:
        reason = "no endpoint of that name is registered, and it is no http or https URL without user and query"
        raise EndpointRefused(repr(bare_url(session.endpoint_url)), reason)
    if not outgoing.unregistered:
        raise EndpointRefused(url, "it is not registered")
    return Target(
        url, _model(model or session.model), session.headers, reach=_reach(outgoing), limits=_limits(outgoing)
    )


def _model(model: str) -> str:
    if not model:
        raise InvalidSession("model", model, "named, by the session, its endpoint or the call")
    return model


def _limits(outgoing: Outgoing) -> Limits:
    return Limits(first_token=outgoing.first_token, gap=outgoing.gap, whole=outgoing.whole)


def _reach(outgoing: Outgoing) -> Reach:
    return "private" if outgoing.private else "public"
