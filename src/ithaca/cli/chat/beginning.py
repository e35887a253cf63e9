"""What a conversation begins with: a session, an endpoint, and a model there."""

from typing import TYPE_CHECKING

from ithaca.cli.here import Here
from ithaca.cli.text import in_a_line

if TYPE_CHECKING:
    from ithaca import Endpoint, Session


def begin(here: Here, endpoint: str | None, model: str | None, system: str | None) -> "Session":
    """A new session, at the endpoint that was named, or at the only one."""
    from ithaca import ChatMessage

    where, default = _where(here, endpoint)
    session = here.manager.create_session(
        endpoint_url=where, model=model or default or _first_model(here, where), incognito=here.incognito
    )
    if system is not None:
        here.manager.add_message(session.id, ChatMessage("system", system))
    return session


def go_on(here: Here, session: "Session", model: str | None) -> "Session":
    """A session that there is, with another model if one was named."""
    return session if model is None else here.manager.update_session(session.id, model=model)


def _where(here: Here, endpoint: str | None) -> tuple[str, str]:
    """The endpoint as a session names it, and its default model."""
    if endpoint is not None and "://" in endpoint:
        return endpoint, ""
    if endpoint is not None:
        found = here.manager.get_endpoint(endpoint)
        return found.name, found.model
    known = here.manager.list_endpoints(owner=here.owner or "")
    if not known:
        here.fail("No endpoint is registered. `ithaca endpoints discover` looks for models' servers on this machine.")
    if len(known) > 1:
        here.fail(f"There are several endpoints: give --endpoint {_names(known)}.")
    return known[0].name, known[0].model


def _names(endpoints: "list[Endpoint]") -> str:
    return " or ".join(endpoint.name for endpoint in endpoints)


def _first_model(here: Here, where: str) -> str:
    """A model of an endpoint that has no default: its first."""
    if "://" in where:
        here.fail("Give --model: that endpoint is not registered.")
    models = here.manager.list_endpoint_models(where)
    if not models:
        here.fail(f"{in_a_line(where)} has no models: give --model.")
    return models[0]
