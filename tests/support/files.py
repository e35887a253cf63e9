"""Images, sounds and files for tests: real beginnings, and a rest that no other one has."""

import random
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from ithaca import ChatMessage
from tests.support.managers import execute

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff\xe0"
PDF = b"%PDF-1.7\n"
WAV = b"RIFF\x00\x00\x01\x00WAVE"


def made(start: bytes = PNG, size: int = 20_000, seed: int = 1) -> bytes:
    """So many bytes with this beginning; the same ones for the same arguments."""
    return start + random.Random(seed).randbytes(size - len(start))


def base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def data_url(data: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64(data)}"


def image_message(data: bytes, **fields: Any) -> ChatMessage:
    """A question about an image, as OpenAI's Chat Completions have it."""
    blocks = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": data_url(data)}}]
    return ChatMessage("user", blocks, **fields)


#: Provider → a block that carries these bytes, and bytes that fit it.
SHAPES: dict[str, tuple[Callable[[bytes], Any], bytes]] = {
    "OpenAI, image_url": (
        lambda d: {"type": "image_url", "image_url": {"url": data_url(d), "detail": "high"}},
        made(PNG),
    ),
    "OpenAI, input_audio": (
        lambda d: {"type": "input_audio", "input_audio": {"data": base64(d), "format": "wav"}},
        made(WAV),
    ),
    "OpenAI, file": (
        lambda d: {"type": "file", "file": {"filename": "a.pdf", "file_data": data_url(d, "application/pdf")}},
        made(PDF),
    ),
    "OpenAI Responses, input_image": (
        lambda d: {"type": "input_image", "image_url": data_url(d, "image/jpeg")},
        made(JPEG),
    ),
    "OpenAI Responses, input_file": (
        lambda d: {"type": "input_file", "filename": "a.pdf", "file_data": base64(d)},
        made(PDF),
    ),
    "OpenAI Responses, image_generation_call": (
        lambda d: {"type": "image_generation_call", "id": "ig_1", "result": base64(d)},
        made(PNG),
    ),
    "Anthropic, image": (
        lambda d: {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": base64(d)}},
        made(PNG),
    ),
    "Anthropic, document in a tool's result": (
        lambda d: {
            "type": "tool_result",
            "tool_use_id": "t1",
            "content": [
                {"type": "text", "text": "here"},
                {
                    "type": "document",
                    "source": {"data": base64(d), "type": "base64", "media_type": "application/pdf"},
                },
            ],
        },
        made(PDF),
    ),
    "Gemini, inline_data": (lambda d: {"inline_data": {"mime_type": "image/png", "data": base64(d)}}, made(PNG)),
    "Gemini, inlineData": (lambda d: {"inlineData": {"mimeType": "audio/wav", "data": base64(d)}}, made(WAV)),
    "MCP, image": (lambda d: {"type": "image", "data": base64(d), "mimeType": "image/png"}, made(PNG)),
    "a data URL somewhere": (
        lambda d: {"type": "video_url", "deep": [[data_url(d, "VIDEO/mp4;codecs=avc1")]]},
        made(b"\0\0\0\x20ftypisom"),
    ),
    "bytes": (lambda d: {"type": "image", "data": d, "media_type": "image/png"}, made(PNG)),
    "a few bytes, nested": (lambda d: {"type": "unheard of", "parts": [[d, b"", "text"]]}, b"\0\xff\n"),
}


def stored(url: str) -> tuple[int, int]:
    """How many attachments there are, and the bytes of their chunks."""
    count = execute(url, "SELECT count(*) FROM attachments")[0][0]
    return count, int(execute(url, "SELECT coalesce(sum(length(data)), 0) FROM attachment_chunks")[0][0])
