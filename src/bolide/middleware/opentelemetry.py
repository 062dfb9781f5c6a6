"""A span for each request (OpenTelemetry semantic conventions for HTTP servers). Experimental.

Needs the extra `otel`, and costs nothing while no tracer provider is set up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from bolide import __version__
from bolide._data.url import URL
from bolide.exceptions import MissingExtra
from bolide.middleware._filter import StartFilter
from bolide.types import ASGIApp, Message, Receive, Scope, Send


class _MissingOpenTelemetry(MissingExtra, ImportError):
    """The API of OpenTelemetry is not installed."""


try:
    from opentelemetry import metrics, propagate, trace
except ModuleNotFoundError:
    raise _MissingOpenTelemetry(
        "The `opentelemetry-api` package is required to use `OpenTelemetryMiddleware`.",
        extra="otel",
    ) from None

__all__ = ["OpenTelemetryMiddleware"]

_SCOPE_KEY: Final = "starlette.opentelemetry"


class OpenTelemetryMiddleware:
    """Makes a span of each request, named after its route.

    Of several around one another, the outermost makes the span.

    Args:
        app: The application to wrap.
        excluded_urls: Expressions; a request whose URL one of them is found in gets no span. They
            may be written as one text, with commas between.
        tracer_provider: Where spans go; by default the global provider.
        meter_provider: Kept for metrics to come.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        excluded_urls: str | Sequence[str] = (),
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
    ) -> None:
        self.app = app
        if isinstance(excluded_urls, str):
            excluded_urls = [part.strip() for part in excluded_urls.split(",") if part.strip()]
        self._excluded_urls = [re.compile(pattern) for pattern in excluded_urls]
        self._tracer_provider = (
            trace.get_tracer_provider() if tracer_provider is None else tracer_provider
        )
        self._meter_provider = meter_provider

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if (
            scope["type"] != "http"
            or scope.get(_SCOPE_KEY)
            or isinstance(self._tracer_provider, trace.NoOpTracerProvider)
        ):
            await self.app(scope, receive, send)
            return
        scope[_SCOPE_KEY] = True
        try:
            url = URL(scope=scope)
            if any(pattern.search(str(url)) for pattern in self._excluded_urls):
                await self.app(scope, receive, send)
            else:
                await self._call_in_span(url, scope, receive, send)
        finally:
            scope.pop(_SCOPE_KEY, None)

    async def _call_in_span(self, url: URL, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _header_lists(scope)
        method = scope["method"].upper()
        # A proxy for a provider that is set up later gives real tracers from then on.
        tracer = self._tracer_provider.get_tracer("bolide", __version__)
        with tracer.start_as_current_span(
            method,
            context=propagate.extract(headers),
            kind=trace.SpanKind.SERVER,
            attributes=_request_attributes(url, scope, headers),
        ) as span:
            try:
                await self.app(scope, receive, _StatusFilter(send, span))
            except Exception as exc:
                span.set_attribute("error.type", type(exc).__qualname__)
                raise
            finally:
                route = _route_template(scope)
                if route is not None:
                    span.update_name(f"{method} {route}")
                    span.set_attribute("http.route", route)


class _StatusFilter(StartFilter):
    def __init__(self, send: Send, span: trace.Span) -> None:
        super().__init__(send)
        self._span = span

    def on_start(self, start: Message) -> Message:
        status = start["status"]
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(trace.Status(trace.StatusCode.ERROR))
        return start


def _header_lists(scope: Scope) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return headers


def _request_attributes(url: URL, scope: Scope, headers: dict[str, list[str]]) -> dict[str, Any]:
    method = scope["method"]
    server = scope.get("server")
    client = scope.get("client")
    attributes = {
        "http.request.method": method.upper(),
        "http.request.method_original": method if method != method.upper() else None,
        "url.path": scope["path"],
        "url.scheme": scope.get("scheme", "http"),
        "url.query": scope.get("query_string", b"").decode("latin-1") or None,
        "server.address": url.hostname,
        "server.port": _port(url) or (None if server is None else server[1]),
        "network.protocol.version": scope.get("http_version"),
        "client.address": None if client is None else client[0],
        "user_agent.original": headers.get("user-agent", [None])[0],
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _port(url: URL) -> int | None:
    try:
        return url.port
    except ValueError:
        # A server on a Unix socket has none.
        return None


def _route_template(scope: Scope) -> str | None:
    """Give the path of the route that was taken, as it was written, with its mounts in front."""
    route = scope.get("route")
    path_format = getattr(route, "path_format", None)
    if not isinstance(path_format, str):
        return None
    root_path: str = scope.get("root_path", "").rstrip("/")
    if hasattr(route, "routes"):
        # A mount, under which no route was found.
        return root_path or "/"
    return f"{root_path}{path_format}" or "/"
