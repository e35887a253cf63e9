"""Binary parts of content blocks, found in the shapes that providers give them and taken out.

| where | shape |
|---|---|
| OpenAI Chat Completions | data URLs in `image_url.url`, `file.file_data`; base64 in `input_audio.data` |
| OpenAI Responses | data URLs in `image_url`, `file_data`; base64 in `result` of an `image_generation_call` |
| Anthropic Messages | base64 in `source.data`, beside `media_type`; also within a tool's result |
| Gemini | base64 in `inline_data.data`, `inlineData.data`, beside `mime_type`, `mimeType` |
| MCP | base64 in `data` of an image or a sound, beside `mimeType` |
| anywhere | a data URL; Python's `bytes` |

A text is taken out only if encoding the bytes again gives exactly that text; any other base64 (with line breaks,
in the URL-safe alphabet, without padding) stays where it is. What is under the key `text` is words, whatever it
looks like.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ithaca.attached import Attached, AttachmentReference, Form, Place, base64_of
from ithaca.config import Limits
from ithaca.digests import sha256
from ithaca.errors import Described, InvalidMessage
from ithaca.media_types import HEAD, UNKNOWN, contradiction, plain_media_type, recognized

#: Keys that a part's media type stands under, beside the bytes.
_MEDIA_TYPE_KEYS = ("media_type", "mime_type", "mimeType")
#: Keys that stand for base64 whatever is beside them.
_BASE64_KEYS = ("file_data", "b64_json")
#: Keys that hold a data URL, so that a reference without a form of its own becomes one there.
_URL_KEYS = ("url", "image_url", "file_data", "audio_url", "video_url")
#: Names of audio formats that are not the media type's.
_AUDIO = {"mp3": "mpeg"}

#: Characters in which the comma of a data URL is looked for.
_LONGEST_PREFIX = 512


class Split(NamedTuple):
    """Content blocks without their binary parts, and those."""

    rest: list[Any]
    attached: Attached | None


def split(content: list[Any], limits: Limits, *, checked: bool = True) -> Split:
    """Takes the binary parts out of content blocks. What was given is left as it is.

    Raises `InvalidMessage` for a part that is too large or, if `checked`, is not of the media type that it claims.
    """
    taking = _Taking(limits, checked)
    rest = taking.rest_of(content, [], limits.max_depth)
    return Split(rest, Attached.of(taking.places, taking.data) if taking.places else None)


def exact_base64(text: str) -> bytes | None:
    """The bytes that a text stands for in base64; None unless encoding them gives that very text (RFC 4648, 4)."""
    from pybase64 import b64decode

    if len(text) % 4:
        return None
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        return None
    # Decoding leaves one freedom: the bits of the last character that no byte needs.
    return data if base64_of(data[(len(data) - 1) // 3 * 3 :]) == text[-4:] else None


class _Taking:
    """Goes through content blocks and notes what it takes out."""

    def __init__(self, limits: Limits, checked: bool) -> None:
        self._limits = limits
        self._checked = checked
        self._shortest = limits.max_inline_bytes * 4 // 3
        self.places: list[Place] = []
        self.data: dict[str, bytes | None] = {}

    def rest_of(self, holder: Any, path: list[str | int], depth: int) -> Any:
        """A list or an object with "" in place of what was taken out; itself if nothing was."""
        if depth < 0:
            return holder  # too deep to be stored: the check of JSON will say so
        rest = holder
        for key, item in holder.items() if isinstance(holder, dict) else enumerate(holder):
            left = item
            if type(item) is str:
                if len(item) > self._shortest:
                    left = self._of_text(holder, key, item, path)
            elif isinstance(item, (dict, list)):
                left = self.rest_of(item, [*path, key], depth - 1)
            elif isinstance(item, bytes):
                left = self._taken([*path, key], item, _beside(holder, key), "bytes", "")
            elif isinstance(item, AttachmentReference):
                left = self._referred(holder, key, item, path)
            if left is not item:
                rest = holder.copy() if rest is holder else rest
                rest[key] = left
        return rest

    def _of_text(self, holder: Any, key: Any, text: str, path: list[str | int]) -> str:
        found = _announced(holder, key, text)
        if found is None:
            return text
        prefix, declared = found
        data = exact_base64(text[len(prefix) :] if prefix else text)
        if data is None or len(data) <= self._limits.max_inline_bytes:
            return text
        return self._taken([*path, key], data, declared, "base64", prefix)

    def _taken(self, path: list[str | int], data: bytes, declared: object, form: Form, prefix: str) -> str:
        size, head = len(data), data[:HEAD]
        if size > self._limits.max_attachment_bytes:
            allowed = f"at most {self._limits.max_attachment_bytes} bytes in one attachment"
            raise InvalidMessage("content", Described(f"{size} bytes at {_shown(path)}"), allowed)
        media_type = plain_media_type(declared)
        if media_type and self._checked and (actual := contradiction(media_type, head)):
            allowed = f"what it says it is, {media_type}"
            raise InvalidMessage("content", Described(f"{actual} at {_shown(path)}"), allowed)
        digest = sha256(data).hexdigest()
        self.data[digest] = data
        self.places.append(Place(path, digest, size, media_type or recognized(head) or UNKNOWN, form, prefix))
        return ""

    def _referred(self, holder: Any, key: Any, given: AttachmentReference, path: list[str | int]) -> str:
        prefix = given.prefix
        if prefix is None:
            is_url = given.form == "base64" and key in _URL_KEYS
            prefix = f"data:{given.media_type};base64," if is_url else ""
        self.data.setdefault(given.digest, None)
        self.places.append(Place([*path, key], given.digest, given.size, given.media_type, given.form, prefix))
        return ""


def _announced(holder: Any, key: Any, text: str) -> tuple[str, object] | None:
    """What comes before the base64 in a text, and the media type that is claimed; None if it is no binary part."""
    if key == "text":
        return None
    if text[:5].lower() == "data:":
        comma = text.find(",", 0, _LONGEST_PREFIX)
        head = text[5 : max(comma, 5)]
        return (text[: comma + 1], head[:-7]) if head[-7:].lower() == ";base64" else None
    if not isinstance(holder, Mapping):
        return None
    declared = _beside(holder, key)
    is_image = key == "result" and holder.get("type") == "image_generation_call"
    return ("", declared) if declared is not None or is_image or key in _BASE64_KEYS else None


def _beside(holder: Any, key: Any) -> object:
    """The media type that stands beside the bytes; None if nothing does."""
    if not isinstance(holder, Mapping) or key != "data":
        return None
    for name in _MEDIA_TYPE_KEYS:
        if name in holder:
            return holder[name]
    audio = holder.get("format")
    return f"audio/{_AUDIO.get(audio, audio)}" if isinstance(audio, str) else None


def _shown(path: list[str | int]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
