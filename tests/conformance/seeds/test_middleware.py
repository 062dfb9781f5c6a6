"""Patterns of the seeds: middleware of our own, where it stands, and the order it runs in."""

from __future__ import annotations

import contextvars
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from bolide.applications import Starlette
from bolide.datastructures import MutableHeaders
from bolide.exceptions import HTTPException
from bolide.middleware import Middleware
from bolide.middleware.base import BaseHTTPMiddleware
from bolide.middleware.cors import CORSMiddleware
from bolide.middleware.gzip import GZipMiddleware
from bolide.middleware.sessions import SessionMiddleware
from bolide.responses import JSONResponse, PlainTextResponse
from bolide.routing import Mount, Route, WebSocketRoute
from bolide.testclient import TestClient
from bolide.types import ASGIApp, Message, Receive, Scope, Send

ClientFor = Callable[..., TestClient]

settings = SimpleNamespace(SECRET_KEY="a key")


async def homepage(request):
    return JSONResponse({"hello": "world"})


async def long_page(request):
    return PlainTextResponse("x" * 2000)


async def set_session(request):
    request.session["username"] = "alice"
    return JSONResponse({"ok": True})


async def get_session(request):
    username = request.session.get("username", "anonymous")
    return JSONResponse({"user": username})


async def talk(websocket):
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


session_routes = [Route("/set", set_session), Route("/get", get_session)]


def test_a_pure_asgi_class_measures_requests_and_lets_the_rest_pass(
    client_for: ClientFor,
) -> None:
    times: list[float] = []

    class TimingMiddleware:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            if scope["type"] != "http":
                await self.app(scope, receive, send)
                return

            start_time = time.time()
            try:
                await self.app(scope, receive, send)
            finally:
                process_time = time.time() - start_time
                # Log timing without affecting response
                times.append(process_time)

    routes = [Route("/", homepage), *session_routes, WebSocketRoute("/ws", talk)]
    middleware = [
        Middleware(TimingMiddleware),
        Middleware(SessionMiddleware, secret_key=settings.SECRET_KEY),
    ]

    app = Starlette(routes=routes, middleware=middleware)
    # Global CORS wrapper
    app = CORSMiddleware(app, allow_origins=["*"])

    with client_for(app) as client:
        assert times == []
        response = client.get("/", headers={"Origin": "https://example.org"})
        assert response.json() == {"hello": "world"}
        assert response.headers["access-control-allow-origin"] == "*"
        assert len(times) == 1
        client.get("/set")
        assert client.get("/get").json() == {"user": "alice"}
        with client.websocket_connect("/ws") as websocket:
            assert websocket.receive_text() == "hello"
    assert len(times) == 3


def tracing(name: str, calls: list[str]) -> type:
    class Tracing:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            calls.append(name)
            await self.app(scope, receive, send)

    return Tracing


def test_middleware_runs_from_top_to_bottom(client_for: ClientFor) -> None:
    calls: list[str] = []

    async def endpoint(request):
        calls.append("endpoint")
        return PlainTextResponse("OK")

    middleware = [Middleware(tracing(name, calls)) for name in ("first", "second")]
    client_for(Starlette(routes=[Route("/", endpoint)], middleware=middleware)).get("/")

    assert calls == ["first", "second", "endpoint"]


def test_errors_of_any_middleware_are_caught_outermost_and_those_expected_innermost(
    client_for: ClientFor,
) -> None:
    class Failing:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] == "/middleware":
                raise HTTPException(404)
            await self.app(scope, receive, send)

    async def endpoint(request):
        raise HTTPException(404)

    async def not_found(request, exc):
        return PlainTextResponse("innermost", status_code=404)

    async def server_error(request, exc):
        return PlainTextResponse("outermost", status_code=500)

    app = Starlette(
        routes=[Route("/endpoint", endpoint)],
        middleware=[Middleware(Failing)],
        exception_handlers={404: not_found, 500: server_error},
    )
    client = client_for(app, raise_server_exceptions=False)

    assert client.get("/endpoint").text == "innermost"
    assert client.get("/middleware").text == "outermost"


def test_a_dispatch_method_changes_the_response(client_for: ClientFor) -> None:
    class TimingMiddleware(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            import time

            start = time.time()
            response = await call_next(request)
            duration = time.time() - start
            response.headers["X-Process-Time"] = str(duration)
            return response

    middleware = [Middleware(TimingMiddleware)]
    app = Starlette(routes=[Route("/", homepage)], middleware=middleware)

    response = client_for(app).get("/")
    assert response.json() == {"hello": "world"}
    assert float(response.headers["x-process-time"]) >= 0


def test_what_an_endpoint_sets_in_a_context_is_seen_by_middleware_of_either_kind(
    client_for: ClientFor,
) -> None:
    var: contextvars.ContextVar[str] = contextvars.ContextVar("var", default="unset")
    seen: dict[str, str] = {}

    class Base(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            response = await call_next(request)
            seen["base"] = var.get()
            return response

    class Pure:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(scope, receive, send)
            seen["pure"] = var.get()

    async def endpoint(request):
        var.set("by the endpoint")
        return PlainTextResponse("OK")

    for cls in (Base, Pure):
        app = Starlette(routes=[Route("/", endpoint)], middleware=[Middleware(cls)])
        assert client_for(app).get("/").text == "OK"
    assert seen == {"base": "by the endpoint", "pure": "by the endpoint"}


def test_a_pure_asgi_class_adds_headers(client_for: ClientFor) -> None:
    class SecurityHeadersMiddleware:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await self.app(scope, receive, send)
                return

            async def send_with_headers(message: Message) -> None:
                if message["type"] == "http.response.start":
                    headers = MutableHeaders(scope=message)
                    headers.append("X-Content-Type-Options", "nosniff")
                    headers.append("X-Frame-Options", "DENY")
                await send(message)

            await self.app(scope, receive, send_with_headers)

    app = Starlette(
        routes=[Route("/", homepage)], middleware=[Middleware(SecurityHeadersMiddleware)]
    )

    headers = client_for(app).get("/").headers
    assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")


def test_a_mount_and_a_route_have_middleware_of_their_own(client_for: ClientFor) -> None:
    routes = [
        Mount(
            "/api",
            routes=[
                Route("/data", long_page),
            ],
            middleware=[Middleware(GZipMiddleware)],
        ),
        Route("/health", long_page, middleware=[Middleware(GZipMiddleware)]),
        Route("/plain", long_page),
    ]
    client = client_for(Starlette(routes=routes))

    assert client.get("/api/data").headers["content-encoding"] == "gzip"
    assert client.get("/health").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in client.get("/plain").headers


@pytest.mark.parametrize("kind", ["route", "mount"])
def test_middleware_of_a_route_is_handled_by_that_of_the_application(
    kind: str, client_for: ClientFor
) -> None:
    passed: list[str] = []

    class Noting:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await self.app(scope, receive, send)
            except HTTPException:
                passed.append("error")
                raise

    class Refusing:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise HTTPException(403, "refused")

    middleware = [Middleware(Noting), Middleware(Refusing)]
    route: Any = Route("/foo", homepage, middleware=middleware)
    if kind == "mount":
        route = Mount("/foo", routes=[Route("/", homepage)], middleware=middleware)

    response = client_for(Starlette(routes=[route])).get("/foo")

    # No handler stands inside the route; the one of the application answers.
    assert passed == ["error"]
    assert (response.status_code, response.text) == (403, "refused")


def test_a_function_that_returns_an_application_is_a_middleware(client_for: ClientFor) -> None:
    def timing(app, header):
        async def middleware(scope, receive, send):
            async def send_with_header(message):
                if message["type"] == "http.response.start":
                    MutableHeaders(scope=message)[header] = "0"
                await send(message)

            await app(scope, receive, send_with_header)

        return middleware

    app = Starlette(
        routes=[Route("/", homepage)], middleware=[Middleware(timing, header="X-Process-Time")]
    )

    assert client_for(app).get("/").headers["x-process-time"] == "0"
