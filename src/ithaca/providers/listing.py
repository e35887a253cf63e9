"""Which models an endpoint has, by its `/models`."""

import asyncio
from typing import TYPE_CHECKING, Any

from ithaca.errors import IthacaError, ProviderError, ProviderTimeout
from ithaca.providers.streaming import client_errors, client_for
from ithaca.providers.target import Limits, Target

if TYPE_CHECKING:
    import openai


async def models_of(target: Target, *, seconds: float = 10.0) -> list[str]:
    """The names of the models, as the endpoint orders them.

    Raises `ProviderError`, `ProviderTimeout`, `EndpointRefused`; `ConfigurationError` without `ithaca[replies]`.
    """
    client = client_for(target, Limits(connect=seconds))
    try:
        async with asyncio.timeout(seconds):
            listed = await _listed(client)
    except TimeoutError:
        raise ProviderTimeout("the list of models", seconds) from None
    except IthacaError:
        raise
    except client_errors() as error:
        from ithaca.providers.failures import failure_of

        failure = failure_of(error, target)
    else:
        return _names(listed)
    raise failure


async def _listed(client: "openai.AsyncOpenAI") -> Any:
    async with client:
        return (await client.models.with_raw_response.list()).http_response.json()


def _names(listed: Any) -> list[str]:
    """`{"data": [{"id": …}]}`, as OpenAI has it; a plain list, as Together has it."""
    models = listed.get("data") or [] if isinstance(listed, dict) else listed
    if not isinstance(models, list):
        raise ProviderError(None, "it sent something that is no list of models")
    return [model["id"] for model in models if isinstance(model, dict) and isinstance(model.get("id"), str)]
