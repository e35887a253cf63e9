"""Every public call of the library can be reached over HTTP."""

import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from ithaca import AsyncSessionManager
from ithaca.service import create_app

#: Calls that need no route of their own, and why.
ELSEWHERE = {
    "guarded": "each request is guarded by the settings",
    "for_owner": "each request is asked on behalf of an owner",
    "owner": "/api/me",
    "limits": "each problem says the limit that was exceeded",
    "close": "the server closes it",
    "once": "Idempotency-Key",
    "noting": "ETag",
    "done_before": "Idempotency-Key",
    "begin_once": "Idempotency-Key",
    "end_once": "Idempotency-Key",
    "give_up_once": "Idempotency-Key",
    "go_on_once": "Idempotency-Key",
    "record_once": "Idempotency-Key",
    "rename_session": "PATCH /api/sessions/{session_id}",
    "archive_session": "PATCH /api/sessions/{session_id}",
    "unarchive_session": "PATCH /api/sessions/{session_id}",
    "mark_important": "PATCH /api/sessions/{session_id}",
    "add_message": "POST /api/sessions/{session_id}/messages",
    "watch": "/api/events",
    "identify_key": "every request with a key",
    "identify_login": "every request with a cookie",
    "create_link": "ithaca serve prints it",
    "still_open": "live events end where it is not",
    "reply": "POST /api/sessions/{session_id}/replies",
    "regenerate": "POST /api/sessions/{session_id}/replies",
    "continue_reply": "POST /api/sessions/{session_id}/replies",
    "sweep_replies": "the server does it every few seconds",
    "wait_for_replies": "the server does it when it is stopped",
}


def test_every_call_has_a_route() -> None:
    app = create_app(AsyncSessionManager("sqlite:///:memory:"))
    sources = "".join(inspect.getsource(endpoint) for endpoint in endpoints(app))
    calls = [name for name, _ in inspect.getmembers(AsyncSessionManager) if not name.startswith("_")]
    missing = [name for name in calls if f".{name}(" not in sources and f"manager.{name}," not in sources]
    assert sorted(missing) == sorted(ELSEWHERE)


def endpoints(app: FastAPI) -> list[Any]:
    """What answers under `/api`; that `/readyz` asks the database something makes no call reachable."""
    from ithaca.service.routes import ROUTERS, health

    routers = [router for router in ROUTERS if router is not health.router]
    return [route.endpoint for router in routers for route in router.routes if isinstance(route, APIRoute)]


def test_the_library_and_the_command_line_start_without_the_service() -> None:
    code = "import sys, ithaca.cli.app; from ithaca import SessionManager, AsyncSessionManager; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"fastapi", "starlette", "uvicorn", "pydantic", "ithaca.service"} & set(loaded)


def test_every_route_is_in_the_reference() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/routes.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([A-Z]+ /(?:api|v1)/[^`]*)` \|", page, re.MULTILINE))
    paths = create_app(AsyncSessionManager("sqlite:///:memory:")).openapi()["paths"]
    there = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods if method != "head"}
    assert documented == there
