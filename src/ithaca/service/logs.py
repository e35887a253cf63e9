"""The server's log: a line for each request, as text for people or as JSON for machines.

There is no word in it of what anybody said, and no id of anything: requests are named by their route's pattern and by
an id of their own, which the response has as `X-Request-Id`.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal, TypeAlias

LogFormat: TypeAlias = Literal["text", "json"]


class JsonLines(logging.Formatter):
    """A JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        return json.dumps(line | getattr(record, "facts", {}))


class Text(logging.Formatter):
    """A line that a person reads."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        id = getattr(record, "facts", {}).get("request_id", "")
        return " ".join(filter(None, (at, record.levelname.lower(), record.getMessage(), id)))


_FORMATTERS = {"json": JsonLines, "text": Text}


def set_up_log(format: LogFormat | None = None) -> None:
    """Writes the log to standard error: as text where a person watches, as JSON elsewhere, unless told."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_FORMATTERS[format or ("text" if sys.stderr.isatty() else "json")]())
    for name in ("ithaca", "uvicorn"):
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
        log.setLevel(logging.INFO if name == "ithaca" else logging.WARNING)
