"""What who asks would rather have, as `Accept` and `Accept-Encoding` say it (RFC 9110, 12.5)."""

from collections.abc import Iterator

from fastapi import Request

#: What JSON goes by, the nearest first.
_JSON = ("application/json", "application/*", "*/*")

#: What an answer says that another `Accept` might have had in another form.
BY_ACCEPT = {"vary": "Accept"}


def weights(header: str) -> dict[str, float]:
    """How much each of what a header lists is wanted, by its name in small letters; 0 is not at all."""
    return dict(_weighted(part) for part in header.split(",") if part.strip())


def _weighted(part: str) -> tuple[str, float]:
    name, *parameters = (each.strip().lower() for each in part.split(";"))
    return name, next(_weights_in(parameters), 1.0)


def _weights_in(parameters: list[str]) -> Iterator[float]:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                yield float(value)
            except ValueError:
                yield 0.0


def wants(request: Request, media_type: str) -> bool:
    """Whether who asks names this media type, and would not rather have JSON."""
    accepted = weights(",".join(request.headers.getlist("accept")))
    json = next((accepted[name] for name in _JSON if name in accepted), 0.0)
    return accepted.get(media_type, 0.0) > 0 and accepted[media_type] >= json
