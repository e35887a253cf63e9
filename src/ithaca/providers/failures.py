"""What went wrong with a provider, in words, without what only the two of us are to know."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import openai

from ithaca.errors import IthacaError, ProviderError
from ithaca.providers.target import Limits, Target

#: Characters of a provider's words that are kept.
_MOST_WORDS = 1_000

#: What is shorter is no secret, and may stand anywhere.
_SHORTEST_SECRET = 6

_HIDDEN = "[hidden]"

#: Failures that pass by themselves: too many requests, overload, time-outs on the provider's side.
_PASSING = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529))

#: A 429 that no waiting helps with.
_NOT_PASSING = "insufficient_quota"


def failure_of(error: Exception, target: Target) -> IthacaError:
    """The error to raise for one of the client's."""
    if known := next((each for each in _causes(error) if isinstance(each, IthacaError)), None):
        return known
    if isinstance(error, openai.APIStatusError):
        return ProviderError(error.status_code, scrubbed(_words(error), target), _retry_after(error.response.headers))
    if isinstance(error, (openai.APIConnectionError, httpx2.TransportError)):
        return ProviderError(None, scrubbed(f"it cannot be reached: {_reason(error)}", target))
    if isinstance(error, openai.APIError):
        return ProviderError(None, scrubbed(_words(error), target))
    return ProviderError(None, "it sent something that is no answer")


def failure_of_response(response: httpx2.Response, body: bytes, target: Target) -> ProviderError:
    """The error for a response that tells of one."""
    try:
        told: Any = json.loads(body)
    except ValueError:
        told = body.decode(errors="replace")
    told = told.get("error", told) if isinstance(told, dict) else told
    words = words_of(told) or response.reason_phrase or f"status {response.status_code}"
    return ProviderError(response.status_code, scrubbed(words, target), _retry_after(response.headers))


def is_connection_failure(error: Exception) -> bool:
    """Whether the connection broke, or never came about."""
    return isinstance(error, (openai.APIConnectionError, httpx2.TransportError))


def pause_before_retry(error: Exception, failure: IthacaError, attempt: int, limits: Limits) -> float | None:
    """Seconds to wait before the request is sent again after so many attempts; None: it is not."""
    if attempt >= limits.attempts or not isinstance(failure, ProviderError) or not _passes(error):
        return None
    if failure.retry_after is None:
        longest: float = min(limits.pause * 2 ** (attempt - 1), limits.longest_pause)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311
    # Many may have been told the same second: a little later each by another time.
    asked: float = failure.retry_after
    return None if asked > limits.longest_pause else asked + random.uniform(0, limits.pause / 2)  # noqa: S311


def _passes(error: Exception) -> bool:
    if isinstance(error, openai.APIStatusError):
        return error.status_code in _PASSING and error.code != _NOT_PASSING
    return is_connection_failure(error)


def scrubbed_bytes(body: bytes, target: Target) -> bytes:
    """Bytes without the target's secrets."""
    for secret in _secrets(target):
        body = body.replace(secret.encode(), _HIDDEN.encode())
    return body


class Scrubbing:
    """Takes the target's secrets out of bytes that pass, also where one comes in two parts."""

    def __init__(self, target: Target) -> None:
        self._secrets = [secret.encode() for secret in _secrets(target)]
        self._kept = b""

    def piece(self, part: bytes) -> bytes:
        """What may pass; what could be the beginning of a secret waits for the next part."""
        part = self._kept + part
        for secret in self._secrets:
            part = part.replace(secret, _HIDDEN.encode())
        begun = (size for secret in self._secrets for size in range(1, len(secret)) if part.endswith(secret[:size]))
        passes = len(part) - max(begun, default=0)
        self._kept = part[passes:]
        return part[:passes]

    def end(self) -> bytes:
        """What waited for nothing."""
        return self._kept


def scrubbed(words: str, target: Target) -> str:
    """The words without the target's secrets, of a length that fits a line."""
    for secret in _secrets(target):
        words = words.replace(secret, _HIDDEN)
    return words if len(words) <= _MOST_WORDS else words[: _MOST_WORDS - 1] + "…"


def _secrets(target: Target) -> list[str]:
    """What must not be shown, the longest first."""
    values = filter(None, (target.key, *target.headers.values()))
    parts = {part for value in values for part in (value, *value.split())}
    return sorted((part for part in parts if len(part) >= _SHORTEST_SECRET), key=len, reverse=True)


def _words(error: openai.APIError) -> str:
    otherwise = error.response.reason_phrase if isinstance(error, openai.APIStatusError) else error.message
    return words_of(error.body) or otherwise


def words_of(body: Any) -> str:
    """What the provider says, wherever in the body it says it; "" if it says nothing."""
    for name in ("message", "detail", "error", "msg"):
        found = body.get(name) if isinstance(body, dict) else None
        if isinstance(found, str) and found:
            return found
    if isinstance(body, str) and body.strip() and "<" not in body:  # pages of proxies say nothing
        return body.strip()
    return ""


def _reason(error: Exception) -> str:
    said = [str(each) for each in _causes(error) if isinstance(each, (httpx2.TransportError, OSError)) and str(each)]
    return said[0] if said else "the connection failed"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds, of `Retry-After` (RFC 9110, 10.2.3: seconds or a date) or of the finer `Retry-After-Ms`."""
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        else:
            seconds = _seconds(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return seconds if 0 <= seconds < 1e10 else None


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        at = parsedate_to_datetime(text)
        return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
