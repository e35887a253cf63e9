"""Traces for OpenTelemetry: a span for each request, and below it one for each operation on the database.

Spans are named by routes' patterns and by operations. There is no text in them, no id and no address. Nothing of
OpenTelemetry's SDK is imported unless traces are wanted; it needs `ithaca[otel]`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ithaca import ConfigurationError, __version__
from ithaca.observing import AROUND
from ithaca.service.around import TRACE_ID
from ithaca.service.methods import METHODS
from ithaca.service.paths import route_path
from ithaca.service.settings import ServiceSettings

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider

#: Requests that have no end of their own, or that nobody wants to see.
_NOT_TRACED = frozenset(("/api/events", "/api/admin/events", "/healthz", "/readyz", "/metrics"))


@contextmanager
def exporting(settings: ServiceSettings) -> "Iterator[TracerProvider | None]":
    """What spans are given to, which sends them as `OTEL_EXPORTER_OTLP_ENDPOINT` says; None where none are wanted.

    https://opentelemetry.io/docs/specs/otel/protocol/exporter/
    """
    if settings.traces == "off":
        yield None
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise ConfigurationError("traces", f"it needs {error.name}: pip install 'ithaca[otel]'") from None
    name = os.environ.get("OTEL_SERVICE_NAME") or "ithaca"
    provider = TracerProvider(resource=Resource.create({"service.name": name, "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield provider
    finally:
        provider.shutdown()


class Traces:
    """Makes a span of each request."""

    def __init__(self, app: ASGIApp, provider: "TracerProvider") -> None:
        from opentelemetry import propagate, trace

        self._app = app
        self._tracer = provider.get_tracer("ithaca", __version__)
        self._extract = propagate.extract
        self._server, self._error = trace.SpanKind.SERVER, trace.StatusCode.ERROR

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or route_path(scope) in _NOT_TRACED:
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        with self._span("HTTP", context=self._extract(headers), kind=self._server) as span:
            scope[TRACE_ID] = f"{span.get_span_context().trace_id:032x}"
            status = Status(send)
            before = AROUND.set(self._span)
            try:
                await self._app(scope, receive, status)
            finally:
                AROUND.reset(before)
                self._describe(span, scope, status.code)

    def _span(self, name: str, **options: Any) -> Any:
        return self._tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False, **options
        )

    def _describe(self, span: "Span", scope: Scope, status: int | None) -> None:
        """By the conventions (https://opentelemetry.io/docs/specs/semconv/http/http-spans/)."""
        route, method = getattr(scope.get("route"), "path", None), scope["method"]
        known = method in METHODS
        span.update_name(" ".join(filter(None, (method if known else "HTTP", route))))
        told = {
            "http.request.method": method if known else "_OTHER",
            "http.route": route,
            "http.response.status_code": status,
            "error.type": str(status or "cut") if status is None or status >= 500 else None,
        }
        span.set_attributes({name: value for name, value in told.items() if value is not None})
        if status is None or status >= 500:
            span.set_status(self._error)


class Status:
    """Sends, and remembers the status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.code: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.code = message["status"]
        await self._send(message)
