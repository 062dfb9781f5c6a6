"""A span for each request: what it is called, what it says, and when there is none."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import metrics, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

import bolide
from bolide.applications import Starlette
from bolide.exceptions import HTTPException, MissingExtra
from bolide.middleware import Middleware
from bolide.middleware.opentelemetry import OpenTelemetryMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import BaseRoute, Host, Match, Mount, Route, Router, WebSocketRoute
from bolide.testclient import TestClient
from bolide.types import ASGIApp, Message, Receive, Scope, Send
from bolide.websockets import WebSocket

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]

SCOPE_KEY = "starlette.opentelemetry"


class Spans:
    """A provider of tracers whose spans are kept here."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def all(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    @property
    def only(self) -> ReadableSpan:
        (span,) = self.all
        return span

    @property
    def attributes(self) -> dict[str, Any]:
        return dict(self.only.attributes or {})


@pytest.fixture
def spans() -> Spans:
    return Spans()


async def ok(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("OK")(scope, receive, send)


async def call(app: Any, **scope: Any) -> Scope:
    """Call an application with a scope, and give the scope."""
    full = {"type": "http", "method": "GET", "path": "/", "headers": [], **scope}

    async def receive() -> Message:
        raise RuntimeError("nothing is to be received")

    async def send(message: Message) -> None:
        pass

    await app(full, receive, send)
    return full


# What a span says


async def test_a_request_is_described(spans: Spans) -> None:
    await call(
        OpenTelemetryMiddleware(ok, tracer_provider=spans.provider),
        method="POST",
        path="/users/1",
        raw_path=b"/users/1",
        query_string=b"a=1&b=%C3%A9",
        scheme="https",
        http_version="1.1",
        server=("10.0.0.1", 8000),
        client=("192.0.2.7", 1234),
        headers=[
            (b"host", b"example.org:8443"),
            (b"user-agent", b"first"),
            (b"user-agent", b"second"),
        ],
    )

    assert spans.only.name == "POST"
    assert spans.only.kind is SpanKind.SERVER
    assert spans.only.parent is None
    assert spans.only.status.status_code is StatusCode.UNSET
    assert spans.attributes == {
        "http.request.method": "POST",
        "url.path": "/users/1",
        "url.scheme": "https",
        "url.query": "a=1&b=%C3%A9",
        "server.address": "example.org",
        "server.port": 8443,
        "network.protocol.version": "1.1",
        "client.address": "192.0.2.7",
        "user_agent.original": "first",
        "http.response.status_code": 200,
    }


@pytest.mark.parametrize("absent", [{}, {"server": None, "client": None, "query_string": b""}])
async def test_what_is_not_known_is_not_said(spans: Spans, absent: dict[str, Any]) -> None:
    await call(OpenTelemetryMiddleware(ok, tracer_provider=spans.provider), **absent)

    assert spans.attributes == {
        "http.request.method": "GET",
        "url.path": "/",
        "url.scheme": "http",
        "http.response.status_code": 200,
    }


async def test_a_method_is_written_in_capitals(spans: Spans) -> None:
    await call(OpenTelemetryMiddleware(ok, tracer_provider=spans.provider), method="get")

    assert spans.only.name == "GET"
    assert spans.attributes["http.request.method"] == "GET"
    assert spans.attributes["http.request.method_original"] == "get"


SERVERS: list[tuple[Any, bytes | None, str | None, int | None]] = [
    (("10.0.0.1", 8000), None, "10.0.0.1", 8000),
    (("10.0.0.1", 80), None, "10.0.0.1", 80),
    (("::1", 8000), None, "::1", 8000),
    (("10.0.0.1", 8000), b"example.org", "example.org", 8000),
    (("10.0.0.1", 8000), b"example.org:1", "example.org", 1),
    (("10.0.0.1", 8000), b"not a host", "10.0.0.1", 8000),
    (("/run/server.sock", None), b"example.org", "example.org", None),
    (("example.org", None), None, "example.org", None),
    (None, b"example.org", "example.org", None),
    (None, b"example.org:1", "example.org", 1),
]


@pytest.mark.parametrize(("server", "host", "address", "port"), SERVERS)
async def test_the_server_is_the_one_asked_for(
    spans: Spans, server: Any, host: bytes | None, address: str | None, port: int | None
) -> None:
    await call(
        OpenTelemetryMiddleware(ok, tracer_provider=spans.provider),
        server=server,
        headers=[] if host is None else [(b"host", host)],
    )

    attributes = spans.attributes
    assert (attributes.get("server.address"), attributes.get("server.port")) == (address, port)


async def test_a_server_on_a_unix_socket_has_no_port(spans: Spans) -> None:
    await call(
        OpenTelemetryMiddleware(ok, tracer_provider=spans.provider),
        server=("/run/server.sock", None),
    )

    assert "server.port" not in spans.attributes


@given(
    path=st.text().map("/{}".format),
    query=st.text().map(str.encode),
    headers=st.dictionaries(
        st.sampled_from([b"host", b"user-agent", b"traceparent", b"tracestate", b"baggage"]),
        st.binary() | st.sampled_from([b"[", b"[::1", b"a:65536", b"00-", b"x:y", b"@", b"//"]),
    ),
    server=st.sampled_from([None, ("::1", 8000), ("127.0.0.1", 80), ("/run/server.sock", None)]),
)
def test_whatever_a_client_sends_the_application_is_called(
    path: str, query: bytes, headers: dict[bytes, bytes], server: Any
) -> None:
    spans = Spans()
    middleware = OpenTelemetryMiddleware(
        ok, excluded_urls="never-found", tracer_provider=spans.provider
    )
    scope = {"path": path, "query_string": query, "headers": list(headers.items())}

    async def run() -> None:
        await call(middleware, server=server, **scope)

    anyio.run(run)

    assert spans.attributes["http.response.status_code"] == 200
    assert spans.attributes["url.path"] == path


async def test_the_span_is_that_of_the_application_while_it_runs(spans: Spans) -> None:
    seen: list[trace.Span] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(trace.get_current_span())
        with spans.provider.get_tracer("test").start_as_current_span("inner"):
            await ok(scope, receive, send)

    await call(OpenTelemetryMiddleware(app, tracer_provider=spans.provider))

    inner, outer = spans.all
    assert (inner.name, outer.name) == ("inner", "GET")
    assert seen[0].get_span_context() == outer.context
    assert inner.parent == outer.context
    assert not trace.get_current_span().get_span_context().is_valid


async def test_spans_say_what_made_them(spans: Spans) -> None:
    await call(OpenTelemetryMiddleware(ok, tracer_provider=spans.provider))

    scope = spans.only.instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.version) == ("bolide", bolide.__version__)


TRACE, PARENT = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331


@pytest.mark.parametrize("name", [b"traceparent", b"TraceParent"])
async def test_a_span_continues_the_trace_of_the_client(spans: Spans, name: bytes) -> None:
    value = f"00-{TRACE:032x}-{PARENT:016x}-01".encode()

    await call(
        OpenTelemetryMiddleware(ok, tracer_provider=spans.provider),
        headers=[(name, value), (b"tracestate", b"a=1"), (b"TRACESTATE", b"b=2")],
    )

    parent = spans.only.parent
    assert parent is not None
    assert (parent.trace_id, parent.span_id, parent.is_remote) == (TRACE, PARENT, True)
    # Of a header that is sent in pieces all of them count.
    assert dict(parent.trace_state) == {"a": "1", "b": "2"}
    assert spans.only.context is not None
    assert spans.only.context.trace_id == TRACE


# Outcomes


@pytest.mark.parametrize("status", [200, 404, 499])
async def test_an_error_of_the_client_is_no_error_of_the_server(spans: Spans, status: int) -> None:
    app = PlainTextResponse("", status_code=status)

    await call(OpenTelemetryMiddleware(app, tracer_provider=spans.provider))

    assert spans.attributes["http.response.status_code"] == status
    assert "error.type" not in spans.attributes
    assert spans.only.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("status", [500, 503])
async def test_a_server_error_is_an_error(spans: Spans, status: int) -> None:
    app = PlainTextResponse("", status_code=status)

    await call(OpenTelemetryMiddleware(app, tracer_provider=spans.provider))

    assert spans.attributes["http.response.status_code"] == status
    assert spans.attributes["error.type"] == str(status)
    assert spans.only.status.status_code is StatusCode.ERROR
    assert spans.only.events == ()


class Outer:
    class InnerError(Exception):
        pass


async def test_an_exception_is_recorded_and_comes_out(spans: Spans) -> None:
    error = Outer.InnerError("broken")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    with pytest.raises(Outer.InnerError) as caught:
        await call(OpenTelemetryMiddleware(app, tracer_provider=spans.provider))

    assert caught.value is error
    assert spans.attributes["error.type"] == "Outer.InnerError"
    assert "http.response.status_code" not in spans.attributes
    assert spans.only.status.status_code is StatusCode.ERROR
    assert [event.name for event in spans.only.events] == ["exception"]


async def test_a_cancelled_request_is_no_error(spans: Spans) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep_forever()

    with anyio.move_on_after(0) as cancel_scope:
        await call(OpenTelemetryMiddleware(app, tracer_provider=spans.provider))

    assert cancel_scope.cancelled_caught
    assert "error.type" not in spans.attributes
    assert spans.only.end_time is not None


@pytest.mark.parametrize("fail", [False, True])
async def test_messages_reach_the_server_as_they_are(spans: Spans, fail: bool) -> None:
    messages: list[Message] = [
        {"type": "http.response.early_hint", "links": []},
        {"type": "http.response.start", "status": 500 if fail else 200},
        {"type": "http.response.body", "body": b"OK"},
    ]
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    async def receive() -> Message:
        raise RuntimeError("nothing is to be received")

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await OpenTelemetryMiddleware(app, tracer_provider=spans.provider)(scope, receive, send)

    assert [id(message) for message in sent] == [id(message) for message in messages]
    assert sent[1] == {"type": "http.response.start", "status": 500 if fail else 200}


# Which requests get a span


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_only_http_gets_a_span(spans: Spans, kind: str) -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(dict(scope))

    async def channel(*args: Any) -> Any: ...

    await OpenTelemetryMiddleware(app, tracer_provider=spans.provider)(
        {"type": kind}, channel, channel
    )

    assert scopes == [{"type": kind}]
    assert spans.all == ()


EXCLUDED: list[tuple[str | Sequence[str], str, bool]] = [
    ((), "/health", False),
    ("", "/health", False),
    (" , ,", "/health", False),
    ("health", "/health", True),
    ("health", "/users", False),
    ("users, health$", "/health", True),
    ("users, health$", "/health/live", False),
    (["^http://example.org/health$"], "/health", True),
    (["^/health"], "/health", False),
    ([r"a=\d"], "/users?a=1", True),
    (["a,b"], "/a,b", True),
    (["x", "y"], "/y", True),
    (("HEALTH",), "/health", False),
]


@pytest.mark.parametrize(("excluded_urls", "url", "excluded"), EXCLUDED)
async def test_urls_can_be_excluded(
    spans: Spans, excluded_urls: str | Sequence[str], url: str, excluded: bool
) -> None:
    calls: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(scope[SCOPE_KEY])

    path, _, query = url.partition("?")
    scope = await call(
        OpenTelemetryMiddleware(app, excluded_urls=excluded_urls, tracer_provider=spans.provider),
        path=path,
        query_string=query.encode(),
        headers=[(b"host", b"example.org")],
    )

    assert calls == [True]
    assert (spans.all == ()) is excluded
    assert SCOPE_KEY not in scope


async def test_of_several_the_outermost_makes_the_span() -> None:
    outer, inner = Spans(), Spans()
    middleware = OpenTelemetryMiddleware(
        OpenTelemetryMiddleware(ok, tracer_provider=inner.provider), tracer_provider=outer.provider
    )

    await call(middleware)

    assert (len(outer.all), len(inner.all)) == (1, 0)


async def test_what_the_outermost_excludes_gets_no_span_from_inside(spans: Spans) -> None:
    inner = OpenTelemetryMiddleware(ok, tracer_provider=spans.provider)
    outer = OpenTelemetryMiddleware(inner, excluded_urls="/", tracer_provider=spans.provider)

    await call(outer)

    assert spans.all == ()


async def test_a_request_made_inside_has_a_scope_and_a_span_of_its_own(spans: Spans) -> None:
    inside = OpenTelemetryMiddleware(ok, tracer_provider=spans.provider)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await call(inside, path="/inside")
        await ok(scope, receive, send)

    await call(OpenTelemetryMiddleware(app, tracer_provider=spans.provider), path="/outside")

    first, second = spans.all
    # Only headers make one the parent of the other, and there were none.
    assert (first.parent, second.parent) == (None, None)
    assert [dict(span.attributes or {})["url.path"] for span in spans.all] == [
        "/inside",
        "/outside",
    ]


async def test_the_mark_on_the_scope_is_gone_afterwards(spans: Spans) -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)
        assert scope[SCOPE_KEY] is True
        raise LookupError

    middleware = OpenTelemetryMiddleware(app, tracer_provider=spans.provider)
    with pytest.raises(LookupError):
        await call(middleware)

    assert SCOPE_KEY not in scopes[0]


# Providers


async def test_without_tracing_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(dict(scope))

    class Counting(trace.NoOpTracerProvider):
        def get_tracer(self, *args: Any, **kwargs: Any) -> trace.Tracer:
            raise RuntimeError("must not be called")

    await call(OpenTelemetryMiddleware(app, tracer_provider=Counting()))
    monkeypatch.setattr(trace, "get_tracer_provider", Counting)
    await call(OpenTelemetryMiddleware(app))

    assert [SCOPE_KEY in scope for scope in scopes] == [False, False]


async def test_the_global_provider_is_the_default(
    spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: spans.provider)
    middleware = OpenTelemetryMiddleware(ok)
    monkeypatch.undo()

    await call(middleware)

    # It is asked for when the middleware is made.
    assert spans.only.name == "GET"


async def test_a_provider_that_is_set_up_later_is_used_from_then_on(
    spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    middleware = OpenTelemetryMiddleware(ok, tracer_provider=trace.ProxyTracerProvider())
    await call(middleware, path="/before")
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", spans.provider)
    await call(middleware, path="/after")

    assert spans.attributes["url.path"] == "/after"


async def test_a_meter_provider_is_accepted_and_not_used_yet(spans: Spans) -> None:
    class Unused(metrics.NoOpMeterProvider):
        def get_meter(self, *args: Any, **kwargs: Any) -> metrics.Meter:
            raise RuntimeError("must not be called")

    meter_provider = Unused()
    middleware = OpenTelemetryMiddleware(
        ok, tracer_provider=spans.provider, meter_provider=meter_provider
    )
    await call(middleware)

    assert spans.only.name == "GET"
    assert middleware._meter_provider is meter_provider


def test_the_library_has_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] == "opentelemetry":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "bolide.middleware.opentelemetry")

    with pytest.raises(ImportError) as caught:
        importlib.import_module("bolide.middleware.opentelemetry")

    assert str(caught.value) == (
        "The `opentelemetry-api` package is required to use `OpenTelemetryMiddleware`."
    )
    assert isinstance(caught.value, MissingExtra)
    assert caught.value.extra == "otel"


# Routes


async def endpoint(request: Request) -> Response:
    return PlainTextResponse("OK")


async def unavailable(request: Request) -> Response:
    raise HTTPException(503)


async def broken(request: Request) -> Response:
    raise RuntimeError("broken")


async def ws(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


class CustomRoute(BaseRoute):
    """A route that goes by no path at all; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        self.asked += 1
        return (Match.FULL if scope["path"] == "/custom" else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await ok(scope, receive, send)


class Rewriting:
    """Takes a prefix from the path."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["path"] = scope["path"].removeprefix("/rewritten")
        await self.app(scope, receive, send)


def application(spans: Spans) -> Starlette:
    users = [Route("/", endpoint), Route("/{username}", endpoint), Route("/{id:int}/x", endpoint)]
    return Starlette(
        routes=[
            Route("/", endpoint, methods=["GET", "POST"]),
            Route("/users/{user_id:int}", endpoint),
            Route("/unavailable/{id}", unavailable),
            Route("/broken/{id}", broken),
            Mount("/api", routes=[Mount("/users", routes=users)]),
            Mount("/raw", app=ok),
            Mount("/sub", app=Starlette(routes=[Route("/{name}", endpoint)])),
            Host("api.example.org", app=Router(routes=[Route("/hosted/{id}", endpoint)])),
            Host("raw.example.org", app=ok),
            CustomRoute(),
            WebSocketRoute("/ws", ws),
        ],
        middleware=[
            Middleware(OpenTelemetryMiddleware, tracer_provider=spans.provider),
            Middleware(Rewriting),
        ],
    )


ROUTED: list[tuple[str, str | None]] = [
    ("http://testserver/", "/"),
    ("http://testserver/users/42", "/users/{user_id}"),
    ("http://testserver/api/users/", "/api/users/"),
    ("http://testserver/api/users/anna", "/api/users/{username}"),
    ("http://testserver/api/users/7/x", "/api/users/{id}/x"),
    ("http://testserver/api/users/a/b/c", "/api/users"),
    ("http://testserver/api/missing", "/api"),
    ("http://testserver/raw/any/thing", "/raw"),
    ("http://testserver/sub/thing", "/sub/{name}"),
    ("http://testserver/sub/a/b", "/sub"),
    ("http://api.example.org/hosted/1", "/hosted/{id}"),
    ("http://raw.example.org/hosted/1", None),
    ("http://testserver/custom", None),
    ("http://testserver/missing", None),
    ("http://testserver/rewritten/users/42", "/users/{user_id}"),
    ("http://testserver/unavailable/1", "/unavailable/{id}"),
]


@pytest.mark.parametrize(("url", "route"), ROUTED)
def test_a_span_is_named_after_its_route(
    spans: Spans, client_for: ClientFor, url: str, route: str | None
) -> None:
    client_for(application(spans)).get(url)

    assert spans.only.name == ("GET" if route is None else f"GET {route}")
    assert spans.attributes.get("http.route") == route


def test_a_wrong_method_is_named_after_the_route_that_has_others(
    spans: Spans, client_for: ClientFor
) -> None:
    response = client_for(application(spans)).delete("/users/42")

    assert response.status_code == 405
    assert spans.only.name == "DELETE /users/{user_id}"


def test_a_failed_request_is_named_after_its_route(spans: Spans, client_for: ClientFor) -> None:
    client = client_for(application(spans), raise_server_exceptions=False)
    response = client.get("/broken/1")

    assert response.status_code == 500
    assert spans.only.name == "GET /broken/{id}"
    assert spans.attributes["error.type"] == "RuntimeError"
    assert [event.name for event in spans.only.events] == ["exception"]


def test_around_the_whole_application_the_status_of_a_failure_is_seen(
    spans: Spans, client_for: ClientFor
) -> None:
    app = OpenTelemetryMiddleware(
        Starlette(routes=[Route("/broken/{id}", broken)]), tracer_provider=spans.provider
    )
    client = client_for(app, raise_server_exceptions=False)
    client.get("/broken/1")

    assert spans.only.name == "GET /broken/{id}"
    assert spans.attributes["http.response.status_code"] == 500
    assert spans.attributes["error.type"] == "RuntimeError"
    assert spans.only.status.status_code is StatusCode.ERROR


def test_a_mounted_application_makes_no_span_of_its_own(
    spans: Spans, client_for: ClientFor
) -> None:
    inner = Starlette(
        routes=[Route("/{name}", endpoint)],
        middleware=[Middleware(OpenTelemetryMiddleware, tracer_provider=spans.provider)],
    )
    outer = Starlette(
        routes=[Mount("/sub", app=inner)],
        middleware=[Middleware(OpenTelemetryMiddleware, tracer_provider=spans.provider)],
    )

    assert client_for(outer).get("/sub/thing").status_code == 200
    assert spans.only.name == "GET /sub/{name}"


@pytest.mark.parametrize(
    ("path", "root_path", "route"),
    [
        ("/proxy/users/1", "/proxy", "/proxy/users/{id}"),
        ("/raw/x", "", "/raw"),
        ("/unmatched", "", None),
    ],
)
async def test_the_path_that_the_application_is_under_belongs_to_the_route(
    spans: Spans, path: str, root_path: str, route: str | None
) -> None:
    router = Router(routes=[Route("/users/{id}", endpoint), Mount("/raw", app=ok)])

    await call(
        OpenTelemetryMiddleware(router, tracer_provider=spans.provider),
        path=path,
        root_path=root_path,
    )

    assert spans.attributes.get("http.route") == route


@pytest.mark.parametrize(("url", "route"), [("/", "/"), ("/any", "/")])
async def test_what_is_mounted_at_the_root_is_named_after_it(
    spans: Spans, url: str, route: str
) -> None:
    router = Router(routes=[Mount("", app=ok)])

    await call(OpenTelemetryMiddleware(router, tracer_provider=spans.provider), path=url)

    assert spans.only.name == f"GET {route}"


@pytest.mark.parametrize(
    ("path_format", "root_path", "name"),
    [
        ("/a/{b}", None, "GET /a/{b}"),
        ("/a/{b}", "/", "GET /a/{b}"),
        ("/a/{b}", "/proxy/", "GET /proxy/a/{b}"),
        ("", "/proxy/", "GET /proxy"),
        ("", "", "GET /"),
        (None, "/proxy", "GET"),
        (b"/bytes", "/proxy", "GET"),
    ],
)
async def test_a_route_of_somebody_else_is_named_if_it_has_a_format(
    spans: Spans, path_format: object, root_path: str | None, name: str
) -> None:
    class Other:
        def __init__(self) -> None:
            self.path_format = path_format

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = Other()

    root: dict[str, Any] = {} if root_path is None else {"root_path": root_path}
    await call(OpenTelemetryMiddleware(app, tracer_provider=spans.provider), **root)

    assert spans.only.name == name
    assert spans.attributes.get("http.route") == (name.partition(" ")[2] or None)


async def test_a_route_is_matched_once(spans: Spans) -> None:
    route = CustomRoute()
    app = OpenTelemetryMiddleware(Router(routes=[route]), tracer_provider=spans.provider)

    await call(app, path="/custom")

    assert route.asked == 1
    assert spans.only.name == "GET"


def test_a_websocket_in_an_application_gets_no_span(spans: Spans, client_for: ClientFor) -> None:
    with client_for(application(spans)).websocket_connect("/ws") as websocket:
        assert websocket.receive()["type"] == "websocket.close"

    assert spans.all == ()
