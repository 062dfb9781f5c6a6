"""Patterns of the seeds: what is opened before the first request and closed after the last."""

# The annotations of the patterns are evaluated, as `Request[State]` has to work at run time.

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypedDict, get_type_hints

from bolide.applications import Starlette
from bolide.middleware import Middleware
from bolide.middleware.gzip import GZipMiddleware
from bolide.requests import Request
from bolide.responses import JSONResponse, PlainTextResponse
from bolide.routing import Route, WebSocketRoute
from bolide.testclient import TestClient
from bolide.websockets import WebSocket

ClientFor = Callable[..., TestClient]


def test_startup_and_shutdown_are_the_two_halves_of_the_lifespan(client_for: ClientFor) -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(app):
        events.append("startup")
        yield
        events.append("shutdown")

    with client_for(Starlette(lifespan=lifespan)):
        assert events == ["startup"]
    assert events == ["startup", "shutdown"]


def test_a_client_in_the_lifespan_is_shared_through_the_application(
    client_for: ClientFor, httpx: Any
) -> None:
    @asynccontextmanager
    async def lifespan(app):
        # Startup: create shared resources
        async with httpx.AsyncClient() as client:
            app.state.http_client = client
            yield
        # Shutdown: cleanup happens automatically

    async def remote(request):
        response = await request.app.state.http_client.get("https://httpbin.org/get")
        return JSONResponse(response.json())

    routes = [Route("/", remote)]
    middleware = [
        Middleware(GZipMiddleware, minimum_size=1000, compresslevel=6),
    ]

    app = Starlette(routes=routes, middleware=middleware, lifespan=lifespan)

    with client_for(app) as client:
        assert client.get("/").json() == {"url": "https://httpbin.org/get"}
        assert not app.state.http_client.is_closed
    assert app.state.http_client.is_closed


def test_what_the_lifespan_yields_is_typed_state_of_each_request(
    client_for: ClientFor, httpx: Any
) -> None:
    class State(TypedDict):
        http_client: httpx.AsyncClient

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[State]:
        async with httpx.AsyncClient() as client:
            yield {"http_client": client}
        # Cleanup happens after yield

    async def homepage(request: Request[State]) -> PlainTextResponse:
        # Attribute-style access
        client = request.state.http_client
        assert client is request.state["http_client"]
        # Dictionary-style access
        client = request.state["http_client"]
        resp = await client.get("https://httpbin.org/get")
        return PlainTextResponse(resp.text)

    app = Starlette(lifespan=lifespan, routes=[Route("/", homepage)])

    assert get_type_hints(homepage)["request"] == Request[State]
    with client_for(app) as client:
        assert client.get("/").json() == {"url": "https://httpbin.org/get"}


def test_what_the_lifespan_yields_is_typed_state_of_each_websocket(client_for: ClientFor) -> None:
    class State(TypedDict):
        greeting: str

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[State]:
        yield {"greeting": "hello"}

    async def greet(websocket: WebSocket[State]) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.state.greeting)
        await websocket.send_text(websocket.state["greeting"])
        await websocket.close()

    app = Starlette(lifespan=lifespan, routes=[WebSocketRoute("/ws", greet)])

    assert get_type_hints(greet)["websocket"] == WebSocket[State]
    with client_for(app) as client, client.websocket_connect("/ws") as websocket:
        assert [websocket.receive_text(), websocket.receive_text()] == ["hello", "hello"]
