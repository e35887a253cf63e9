"""The server's log: a line for each request, as text for people or as JSON for machines.

There is no word in it of what anybody said, and no id of anything: requests are named by their route's pattern and by
an id of their own, which the response has as `X-Request-Id`. What libraries warn of is in it too; of exceptions, the
class and where they come from, but not the words, which may be somebody's.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Literal, TypeAlias

LogFormat: TypeAlias = Literal["text", "json"]


class JsonLines(logging.Formatter):
    """A JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        return json.dumps(line | getattr(record, "facts", {}) | _failure(record))


class Text(logging.Formatter):
    """A line that a person reads."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        id = getattr(record, "facts", {}).get("request_id", "")
        failure = _failure(record)
        said = filter(None, (at, record.levelname.lower(), record.getMessage(), id, failure.get("error")))
        return "\n".join(filter(None, (" ".join(said), failure.get("frames"))))


def _failure(record: logging.LogRecord) -> dict[str, str]:
    """The exception that a line is about, without its words."""
    kind, _, frames = record.exc_info or (None, None, None)
    return {} if kind is None else {"error": kind.__name__, "frames": "".join(traceback.format_tb(frames)).rstrip()}


_FORMATTERS = {"json": JsonLines, "text": Text}


def set_up_log(format: LogFormat | None = None) -> None:
    """Writes the log to standard error: as text where a person watches, as JSON elsewhere, unless told."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_FORMATTERS[format or ("text" if sys.stderr.isatty() else "json")]())
    everybody = logging.getLogger()
    everybody.handlers = [handler]
    everybody.setLevel(logging.WARNING)
    logging.getLogger("ithaca").setLevel(logging.INFO)
