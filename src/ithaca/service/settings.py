"""Settings of the service: read once from the environment and a file, then passed on explicitly.

| variable | what it sets | default |
|---|---|---|
| `ITHACA_HOST` | the address to listen on | `127.0.0.1` |
| `ITHACA_PORT` | the port to listen on; 0: any that is free | 8421 |
| `ITHACA_WORKERS` | processes that serve; one that dies is started again | 1 |
| `ITHACA_MAX_BODY_BYTES` | the largest body of a request, but for uploaded attachments | 256 MiB |
| `ITHACA_MAX_CONNECTIONS` | connections that a process has open at once | 10000 |
| `ITHACA_SLOW_SECONDS` | seconds that a client may keep a process waiting: for a request, or to read the answer | 60 |
| `ITHACA_RATE` | requests a second of one who asks, counted by each process; 0: any number | 1000 |
| `ITHACA_TRACES` | `on`: traces are sent as OpenTelemetry's `OTEL_…` variables say; needs `ithaca[otel]` | `off` |
| `ITHACA_ALLOWED_HOSTS` | names that the server is called by, separated by commas; `*`: any | `localhost` |
| `ITHACA_TRUSTED_PROXIES` | addresses of proxies whose `X-Forwarded-…` are believed, with commas | none |
| `ITHACA_USER_HEADER` | the header by which such a proxy says who the user is | none |
| `ITHACA_STOP_SECONDS` | seconds that requests under way have to end when the server is stopped | 30 |
| `ITHACA_UNREGISTERED_ENDPOINTS` | `allow`: sessions may be answered by any URL that they have | `refuse` |
| `ITHACA_PRIVATE_ENDPOINTS` | `allow`: everybody's own endpoints may lie in private networks and here | `refuse` |
"""

from collections.abc import Mapping
from dataclasses import Field, dataclass, fields, replace
from typing import Any

from ithaca.errors import ConfigurationError
from ithaca.sources import PREFIX, Sources


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What the service needs to know, apart from where conversations are kept and who may ask."""

    #: The address to listen on.
    host: str = "127.0.0.1"
    #: 0: any that is free.
    port: int = 8421
    #: Processes that serve.
    workers: int = 1
    #: The largest body of a request, but for uploaded attachments, which have a limit of their own.
    max_body_bytes: int = 256 * 1024 * 1024
    #: Connections that a process has open at once.
    max_connections: int = 10_000
    #: Seconds that a client may keep a process waiting: for a request or another one, for its body (and after that at
    #: least a KiB for each second), or to read the answer.
    slow_seconds: int = 60
    #: Requests a second of one who asks, by key or user, or by address where he isn't known; ten seconds' worth of them
    #: may come at once. Each process counts for itself. 0: any number.
    rate: int = 1000
    #: "on": traces are sent as OpenTelemetry's own variables say.
    traces: str = "off"
    #: Names by which the server is called, separated by commas; those of this machine and addresses are known. `*`, and
    #: in a program of your own also nothing: any.
    allowed_hosts: str = ""
    #: Addresses or networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    trusted_proxies: str = ""
    #: The header by which they say who the user is; "" for none.
    user_header: str = ""
    #: Seconds that requests under way have to end when the server is stopped.
    stop_seconds: int = 30
    #: Whether sessions may be answered by any URL that they have, or only by registered endpoints.
    unregistered_endpoints: bool = False
    #: Whether everybody's own endpoints may be on this machine and in private networks, or only administrators' and
    #: shared ones.
    private_endpoints: bool = False


def read_service_settings(
    host: str | None = None,
    port: int | None = None,
    *,
    workers: int | None = None,
    environ: Mapping[str, str] | None = None,
) -> ServiceSettings:
    """The settings from the environment and the file below it, with what the caller gave standing over both."""
    given = Sources.read(environ)
    settings = ServiceSettings(**{each.name: _read(given, each) for each in fields(ServiceSettings)})
    said: dict[str, Any] = {"host": host, "port": port, "workers": workers}
    said = {name: value for name, value in said.items() if value is not None}
    for name in said.keys() & _BOUNDS.keys():
        least, most = _BOUNDS[name]
        if not least <= said[name] <= most:
            raise ConfigurationError(name, f"it is {said[name]}, not from {least} to {most}")
    return replace(settings, **said)


def variable_of(name: str) -> str:
    """The variable that sets a field of `ServiceSettings`."""
    return f"{PREFIX}{name.upper()}"


def _read(given: Sources, field: "Field[Any]") -> Any:
    name = variable_of(field.name)
    text = given.get(name)
    if text is None:
        return field.default
    if field.type is str:
        allowed = _WORDS.get(field.name, (text,))
        if text not in allowed:
            raise given.refuse(name, f"it is {text!r}, not {' or '.join(map(repr, allowed))}")
        return text
    if field.type is bool:
        if text not in ("allow", "refuse"):
            raise given.refuse(name, f"it is {text!r}, not 'allow' or 'refuse'")
        return text == "allow"
    least, most = _BOUNDS.get(field.name, (0, 2**40))
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise given.refuse(name, f"it is {text!r}, not a whole number from {least} to {most}")
    return int(text)


#: What some may be.
_WORDS = {"traces": ("off", "on")}

#: The least and the most of whole numbers.
_BOUNDS = {"port": (0, 65_535), "workers": (1, 1000), "max_connections": (1, 2**40), "slow_seconds": (1, 2**40)}
