"""Finds models' servers on this machine, on the ports that they usually have."""

import asyncio

from ithaca.endpoints import FoundServer
from ithaca.errors import EndpointRefused, ProviderError
from ithaca.providers.listing import models_of
from ithaca.providers.target import Target

#: Whose port it is unless another was set.
PORTS = {
    11434: "Ollama",
    1234: "LM Studio",
    8080: "llama.cpp",
    8000: "vLLM",
    1337: "Jan",
    4891: "GPT4All",
    5001: "KoboldCpp",
}


async def local_servers(seconds: float = 1.0, ports: dict[int, str] = PORTS) -> list[FoundServer]:
    """What answers on these ports of 127.0.0.1 with a list of models, within so many seconds; nobody else is asked."""
    found = await asyncio.gather(*(_server(port, kind, seconds) for port, kind in ports.items()))
    return [server for server in found if server is not None]


async def _server(port: int, kind: str, seconds: float) -> FoundServer | None:
    url = f"http://127.0.0.1:{port}/v1"
    try:
        return FoundServer(kind, url, await models_of(Target(url, ""), seconds=seconds))
    except (ProviderError, EndpointRefused):
        return None
