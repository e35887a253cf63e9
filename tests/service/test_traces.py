"""Traces: what is in them, and what never is."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ithaca import AsyncSessionManager
from ithaca.service import LocalOwner, create_app
from tests.service.test_serve import running


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(spans: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider


async def asked(tmp_path: Path, traces: Any, *paths: str, **headers: str) -> list[httpx.Response]:
    async with AsyncSessionManager(f"{tmp_path}/traced.db") as manager:
        app = create_app(manager, access=LocalOwner(), traces=traces)
        app.add_api_route("/fault", fault)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://ithaca", headers=headers) as client:
            await client.post("/api/sessions", json={"id": "secret-id", "name": "secret name"})
            return [await client.get(path) for path in paths]


async def fault() -> None:
    raise RuntimeError("secret words")


def run(*arguments: Any, **headers: str) -> list[httpx.Response]:
    import asyncio

    return asyncio.run(asked(*arguments, **headers))


def test_requests_and_what_they_ask_of_the_database(
    tmp_path: Path, provider: TracerProvider, spans: InMemorySpanExporter, caplog: Any
) -> None:
    above = "0af7651916cd43dd8448eb211c80319c"
    with caplog.at_level("INFO", logger="ithaca.service.requests"):
        run(
            tmp_path, provider,
            "/api/sessions/secret-id?last=5", "/nowhere", "/fault", "/healthz", "/api/events?timeout=0",
            traceparent=f"00-{above}-b7ad6b7169203331-01",
        )  # fmt: skip
    told = spans.get_finished_spans()
    requests = [span for span in told if span.kind is trace.SpanKind.SERVER]
    assert [span.name for span in requests] == [
        "POST /api/sessions",
        "GET /api/sessions/{session_id}",
        "GET",
        "GET /fault",
    ]
    assert dict(requests[1].attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/api/sessions/{session_id}",
        "http.response.status_code": 200,
    }
    assert (requests[3].attributes or {})["error.type"] == "500"
    assert [span.status.is_ok for span in requests] == [True, True, True, False]
    assert {f"{span.context.trace_id:032x}" for span in told if span.context} == {above}
    assert "sessions.create" in names_below(requests[0], told)
    assert names_below(requests[1], told)
    everything = "".join(span.to_json() for span in told)
    assert "secret" not in everything
    lines = [record.facts for record in caplog.records if record.name == "ithaca.service.requests"]
    assert [line.get("trace_id") for line in lines] == [above] * 4 + [None] * 2


def names_below(request: ReadableSpan, told: tuple[ReadableSpan, ...]) -> list[str]:
    mine = request.context.span_id if request.context else 0
    return [span.name for span in told if span.parent is not None and span.parent.span_id == mine]


def test_frameworks_own_traces_stay_off(
    tmp_path: Path, provider: TracerProvider, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FastAPI would put paths into spans as soon as a program has a provider for all."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    run(tmp_path, None, "/api/sessions/secret-id")
    assert spans.get_finished_spans() == ()


def test_nothing_is_imported_unless_traces_are_wanted(tmp_path: Path) -> None:
    code = (
        "import sys, ithaca.service.workers, ithaca.cli.serve; from ithaca.service import create_app;"
        " from ithaca import AsyncSessionManager; create_app(AsyncSessionManager(':memory:')); print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not [name for name in loaded if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]


def test_they_are_sent_when_they_are_switched_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To a collector, in OTLP, at the end at the latest."""
    from tests.support.collector import collecting

    with collecting() as collector:
        monkeypatch.setenv("ITHACA_TRACES", "on")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address)
        with running(f"sqlite:///{tmp_path}/sent.db") as program:
            with program.client() as client:
                client.get("/api/me")
            assert program.end()[0] == 0
    assert collector.paths == ["/v1/traces"]
    assert b"GET /api/me" in collector.bodies[0]
    assert b"ithaca" in collector.bodies[0]
