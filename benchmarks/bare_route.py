"""The floor of the service: FastAPI routes that take and give as much and keep nothing.

`python -m benchmarks.bare_route` is run by uvicorn in one process, as `ithaca serve` is, and prints its address.
"""

import asyncio
import json
import socket
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI, Response
from pydantic import BaseModel

from benchmarks import given

app = FastAPI()

#: What a store adds to each.
_ADDED = {"id": "01a2152e-0e2a-7b53-8d6e-2f3c4d5e6f70", "seq": 1, "created_at": "2026-03-01T05:00:00.000000Z"}
_OTHERS = ("endpoint_url", "folder", "mode", "updated_at", "last_accessed", "last_message_at", "total_input_tokens")


def _message(number: int) -> dict[str, Any]:
    return _ADDED | dict(zip(("role", "content", "metadata"), given.row(number), strict=True))


_MESSAGES = [_message(number) for number in range(50)]
_SESSIONS = [_ADDED | {"name": f"session {n}", "model": "qwen3"} | dict.fromkeys(_OTHERS, "") for n in range(50)]


class Said(BaseModel):
    """A message."""

    role: str
    content: str
    metadata: dict[str, Any]


class Messages(BaseModel):
    """Messages."""

    messages: list[Said]


@app.post("/api/sessions/{session_id}/messages", status_code=201)
async def add_messages(session_id: str, body: Messages) -> Response:
    """What came, as if it were stored."""
    return _json({"items": [_ADDED | message.model_dump() for message in body.messages]}, 201)


@app.get("/api/sessions/{session_id}/messages")
async def get_messages(session_id: str, limit: int = 50) -> Response:
    """Fifty messages."""
    return _json({"items": _MESSAGES[:limit]})


@app.get("/api/sessions")
async def list_sessions(limit: int = 50) -> Response:
    """Fifty sessions."""
    return _json({"items": _SESSIONS[:limit]})


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value, separators=(",", ":")), status, media_type="application/json")


def main() -> None:
    # A listener that says that it is TCP: otherwise small answers wait for acknowledgements, for 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        sys.stdout.write(json.dumps({"address": f"http://127.0.0.1:{listener.getsockname()[1]}"}) + "\n")
        sys.stdout.flush()
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        asyncio.run(server.serve(sockets=[listener]))


if __name__ == "__main__":
    main()
