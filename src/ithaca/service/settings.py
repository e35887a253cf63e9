"""Settings of the service: read once from the environment, then passed on explicitly.

| variable | what it sets | default |
|---|---|---|
| `ITHACA_HOST` | the address to listen on | `127.0.0.1` |
| `ITHACA_PORT` | the port to listen on; 0: any that is free | 8421 |
| `ITHACA_MAX_BODY_BYTES` | the largest body of a request, but for uploaded attachments | 256 MiB |
| `ITHACA_STOP_SECONDS` | seconds that requests under way have to end when the server is stopped | 30 |
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from ithaca.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What the service needs to know, apart from where conversations are kept and who may ask."""

    #: The address to listen on.
    host: str = "127.0.0.1"
    #: 0: any that is free.
    port: int = 8421
    #: The largest body of a request, but for uploaded attachments, which have a limit of their own.
    max_body_bytes: int = 256 * 1024 * 1024
    #: Seconds that requests under way have to end when the server is stopped.
    stop_seconds: int = 30


def read_service_settings(
    host: str | None = None, port: int | None = None, *, environ: Mapping[str, str] | None = None
) -> ServiceSettings:
    """The settings from the environment, with what the caller gave standing over it."""
    env = os.environ if environ is None else environ
    plain = ServiceSettings()
    return ServiceSettings(
        host=host or env.get("ITHACA_HOST") or plain.host,
        port=_whole("ITHACA_PORT", env, plain.port, 65_535) if port is None else port,
        max_body_bytes=_whole("ITHACA_MAX_BODY_BYTES", env, plain.max_body_bytes),
        stop_seconds=_whole("ITHACA_STOP_SECONDS", env, plain.stop_seconds),
    )


def _whole(name: str, env: Mapping[str, str], otherwise: int, most: int = 2**40) -> int:
    text = env.get(name)
    if not text:
        return otherwise
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise ConfigurationError(name, f"it is {text!r}, not a whole number from 0 to {most}")
    return int(text)
