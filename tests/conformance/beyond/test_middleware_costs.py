"""Middleware from hooks, that costs little: starlette#1678, #2943."""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import anyio

ClientFor = Callable[..., Any]


def hooked(api: Any) -> Any:
    """Make a middleware that sets a header, in the shortest way that there is."""
    try:
        base = api("middleware.http").HTTPMiddleware
    except ImportError:
        base = None
    if base is None:

        class Slow(api("middleware.base").BaseHTTPMiddleware):  # type: ignore[misc]
            async def dispatch(self, request: Any, call_next: Any) -> Any:
                response = await call_next(request)
                response.headers["x-a"] = "1"
                return response

        return Slow

    class Hooked(base):  # type: ignore[misc,valid-type]
        def on_response_start(self, request: Any, start: Any) -> None:
            start.headers["x-a"] = "1"

    return Hooked


def test_a_middleware_that_sets_a_header_takes_few_calls(api: Any, client_for: ClientFor) -> None:
    async def hello(request: Any) -> Any:
        return api("responses").PlainTextResponse("hello")

    layers = [api("middleware").Middleware(hooked(api))] * 5
    client = client_for(api.App(routes=[api("routing").Route("/", hello)], middleware=layers))
    assert client.get("/").headers["x-a"] == "1"

    calls = 0

    def note(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal calls
        calls += event == "call"

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [],
    }

    async def run() -> None:
        async def receive() -> Any:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            pass

        before = sys.getprofile()
        sys.setprofile(note)
        try:
            await client.app(scope, receive, send)
        finally:
            sys.setprofile(before)

    anyio.run(run)
    assert calls < 200


def test_what_is_set_further_in_is_known_to_the_middleware(api: Any, client_for: ClientFor) -> None:
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")

    async def hello(request: Any) -> Any:
        user.set("ann")
        return api("responses").PlainTextResponse("hello")

    async def dispatch(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["x-user"] = user.get()
        return response

    base = api("middleware.base").BaseHTTPMiddleware
    app = api.App(
        routes=[api("routing").Route("/", hello)],
        middleware=[api("middleware").Middleware(base, dispatch=dispatch)],
    )
    assert client_for(app).get("/").headers["x-user"] == "ann"
