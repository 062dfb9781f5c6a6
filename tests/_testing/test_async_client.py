"""The async test client: what it sends, its lifespan, its WebSockets and events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import anyio
import httpx2
import pytest

from bolide._testing.asgi2 import WrapASGI2
from bolide._testing.lifespan import LifespanFailed
from bolide.applications import Starlette
from bolide.requests import Request
from bolide.responses import JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from bolide.routing import Route, WebSocketRoute
from bolide.testclient import AsyncTestClient
from bolide.testing import InvalidEvent, ReceivedEvent
from bolide.websockets import WebSocket

pytestmark = pytest.mark.anyio


class Recorder:
    """An application that keeps its scope, and answers everything."""

    def __init__(self) -> None:
        self.scope: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await PlainTextResponse("hello")(scope, receive, send)


async def scope_of(client: AsyncTestClient, **options: Any) -> Any:
    """Give the scope of a request that a client makes to a recorder."""
    await client.get(options.pop("url", "/"), **options)
    return client.app.scope  # type: ignore[attr-defined]


# Requests


def test_the_client_is_one_of_httpx2_and_no_test() -> None:
    assert issubclass(AsyncTestClient, httpx2.AsyncClient)
    assert AsyncTestClient.__test__ is False
    assert AsyncTestClient.__module__ == "bolide.testclient"


async def test_a_scope_has_everything() -> None:
    scope = await scope_of(AsyncTestClient(Recorder()), url="/a%20b?c=d")
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.3"}
    assert scope["server"] == ["testserver", 80]
    assert scope["client"] == ("testclient", 50000)
    assert (scope["path"], scope["raw_path"], scope["query_string"]) == ("/a b", b"/a%20b", b"c=d")
    assert (scope["root_path"], scope["state"]) == ("", {})
    assert (b"host", b"testserver") in scope["headers"]
    assert (b"user-agent", b"testclient") in scope["headers"]


async def test_a_client_takes_options() -> None:
    client = AsyncTestClient(
        Recorder(),
        "https://example.org/api",
        root_path="/api",
        cookies={"a": "b"},
        headers={"user-agent": "mine", "x-a": "1"},
        client=("h", 1),
    )
    scope = await scope_of(client, url="/path")
    assert (scope["scheme"], scope["server"]) == ("https", ["example.org", 443])
    assert (scope["path"], scope["root_path"], scope["client"]) == ("/api/path", "/api", ("h", 1))
    headers = dict(scope["headers"])
    assert (headers[b"user-agent"], headers[b"x-a"]) == (b"mine", b"1")
    assert headers[b"cookie"] == b"a=b"


@pytest.mark.parametrize("follow", [True, False])
async def test_redirects_are_followed_unless_told_otherwise(follow: bool) -> None:
    async def away(request: Request) -> RedirectResponse:
        return RedirectResponse("/here")

    async def here(request: Request) -> PlainTextResponse:
        return PlainTextResponse("here")

    app = Starlette(routes=[Route("/", away), Route("/here", here)])
    response = await AsyncTestClient(app, follow_redirects=follow).get("/")
    assert response.status_code == (200 if follow else 307)


async def test_cookies_are_kept() -> None:
    async def count(request: Request) -> PlainTextResponse:
        number = int(request.cookies.get("n", 0)) + 1
        response = PlainTextResponse(str(number))
        response.set_cookie("n", str(number))
        return response

    client = AsyncTestClient(Starlette(routes=[Route("/", count)]))
    assert [(await client.get("/")).text for _ in range(3)] == ["1", "2", "3"]


async def test_an_application_of_asgi_2_is_wrapped() -> None:
    def app(scope: Any) -> Any:
        async def instance(receive: Any, send: Any) -> None:
            await PlainTextResponse("two")(scope, receive, send)

        return instance

    client = AsyncTestClient(app)  # type: ignore[arg-type]
    assert isinstance(client.app, WrapASGI2)
    assert (await client.get("/")).text == "two"


async def test_requests_may_overlap() -> None:
    barrier = anyio.Event()

    async def first(request: Request) -> PlainTextResponse:
        await barrier.wait()
        return PlainTextResponse("first")

    async def second(request: Request) -> PlainTextResponse:
        barrier.set()
        return PlainTextResponse("second")

    client = AsyncTestClient(Starlette(routes=[Route("/1", first), Route("/2", second)]))
    for block in (False, True):
        barrier = anyio.Event()
        async with client if block else nullcontext(), anyio.create_task_group() as task_group:
            task_group.start_soon(client.get, "/1")
            assert (await client.get("/2")).text == "second"


# The lifespan


def stateful(log: list[str]) -> Starlette:
    """Make an application with a lifespan, and a route that tells the state."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        log.append("up")
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(anyio.sleep_forever)
            yield {"number": 1}
            task_group.cancel_scope.cancel()
        log.append("down")

    async def state(request: Request) -> JSONResponse:
        return JSONResponse(dict(request.scope["state"]))

    return Starlette(routes=[Route("/", state)], lifespan=lifespan)


async def test_the_block_runs_the_lifespan() -> None:
    log: list[str] = []
    async with AsyncTestClient(stateful(log)) as client:
        assert log == ["up"]
        assert client.app_state == {"number": 1}
        assert (await client.get("/")).json() == {"number": 1}
    assert log == ["up", "down"]


async def test_a_client_may_be_entered_again() -> None:
    log: list[str] = []
    client = AsyncTestClient(stateful(log))
    for _ in range(2):
        async with client:
            assert (await client.get("/")).status_code == 200
    assert log == ["up", "down"] * 2


async def test_without_a_block_there_is_no_lifespan() -> None:
    log: list[str] = []
    assert (await AsyncTestClient(stateful(log)).get("/")).json() == {}
    assert log == []


@pytest.mark.parametrize(
    ("answers", "error", "expected"),
    [
        (["lifespan.startup.failed"], None, LifespanFailed),
        (["lifespan.startup.failed"], ValueError("mine"), ValueError),
        ([], ValueError("mine"), ValueError),
        ([], None, AssertionError),
        (["lifespan.startup.finished"], None, InvalidEvent),
        (["lifespan.startup.complete"], None, InvalidEvent),
        (["lifespan.startup.complete"], ValueError("mine"), ValueError),
        (["lifespan.startup.complete", "lifespan.shutdown.failed"], None, LifespanFailed),
    ],
)
async def test_a_lifespan_that_fails_raises(answers: Any, error: Any, expected: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for answer in answers:
            await receive()
            await send({"type": answer})
        if error is not None:
            raise error

    async def enter() -> None:
        async with AsyncTestClient(app):
            pass

    with pytest.raises(expected):
        await enter()


async def fail_in_block(client: AsyncTestClient, error: Exception) -> None:
    async with client:
        raise error


async def test_an_exception_of_the_block_shuts_down_too() -> None:
    log: list[str] = []
    error = KeyError("mine")
    with pytest.raises(KeyError) as raised:
        await fail_in_block(AsyncTestClient(stateful(log)), error)
    assert raised.value is error
    assert log == ["up", "down"]


async def test_a_block_that_is_cancelled_ends() -> None:
    log: list[str] = []
    with anyio.CancelScope() as scope:
        async with AsyncTestClient(stateful(log)):
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert log == ["up"]


def endless(log: list[str], error: Exception | None = None) -> Any:
    """Make an application that goes on until it is cancelled, and may fail then."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if scope["type"] == "lifespan":
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200})
        try:
            await anyio.sleep_forever()
        finally:
            log.append("ended")
            if error is not None:
                raise error

    return app


async def open_stream(client: AsyncTestClient) -> httpx2.Response:
    return await client.send(client.build_request("GET", "/"), stream=True)


async def test_what_is_open_at_the_end_of_the_block_is_cancelled() -> None:
    log: list[str] = []
    async with AsyncTestClient(endless(log)) as client:
        response = await open_stream(client)
        assert log == []
    assert log == ["ended"]
    with pytest.raises(httpx2.StreamClosed):
        await response.aread()


async def test_closing_the_client_cancels_what_is_open() -> None:
    log: list[str] = []
    client = AsyncTestClient(endless(log))
    await open_stream(client)
    await client.aclose()
    assert log == ["ended"]


async def test_an_exception_of_what_is_open_is_raised_at_the_end() -> None:
    async def leave_open() -> None:
        async with AsyncTestClient(endless([], ValueError("theirs"))) as client:
            await open_stream(client)

    with pytest.raises(ValueError, match="theirs"):
        await leave_open()


async def test_an_exception_of_the_block_counts_for_more() -> None:
    async def leave_open() -> None:
        async with AsyncTestClient(endless([], ValueError("theirs"))) as client:
            await open_stream(client)
            raise KeyError("ours")

    with pytest.raises(KeyError, match="ours") as raised:
        await leave_open()
    assert raised.value.__notes__ == ["The application failed, too: ValueError('theirs')"]


# WebSockets


async def greet(websocket: WebSocket) -> None:
    await websocket.accept(subprotocol="b")
    await websocket.send_json(
        {
            "url": str(websocket.url),
            "subprotocols": websocket.scope["subprotocols"],
            "state": dict(websocket.scope["state"]),
        }
    )


@pytest.mark.parametrize(
    ("base_url", "url", "expected"),
    [
        ("http://testserver", "/ws", "ws://testserver/ws"),
        ("https://example.org/api", "/ws", "wss://example.org/api/ws"),
        ("http://testserver", "wss://other:99/ws", "wss://other:99/ws"),
        ("http://testserver", "http://other/ws", "ws://other/ws"),
    ],
)
async def test_the_url_of_a_websocket_is_joined(base_url: str, url: str, expected: str) -> None:
    app = Starlette(routes=[WebSocketRoute("/{path:path}", greet)])
    async with AsyncTestClient(app, base_url).websocket_connect(url) as websocket:
        assert (await websocket.receive_json())["url"] == expected


async def test_a_websocket_takes_the_options_of_requests() -> None:
    app = Recorder()
    client = AsyncTestClient(app, cookies={"a": "b"})
    async with client.websocket_connect(
        "/", ["c", "d"], params={"e": "f"}, headers={"x-a": "1"}
    ) as websocket:
        assert websocket.scope["subprotocols"] == ["c", "d"]
    headers = dict(app.scope["headers"])
    assert app.scope["query_string"] == b"e=f"
    assert (headers[b"cookie"], headers[b"x-a"]) == (b"a=b", b"1")
    assert headers[b"sec-websocket-version"] == b"13"
    assert app.scope["asgi"] == {"version": "3.0", "spec_version": "2.3"}


async def test_a_websocket_shares_the_state() -> None:
    app = stateful([])
    app.router.routes.append(WebSocketRoute("/ws", greet))
    async with AsyncTestClient(app) as client, client.websocket_connect("/ws") as websocket:
        assert (await websocket.receive_json())["state"] == {"number": 1}


async def test_another_url_opens_no_websocket() -> None:
    with pytest.raises(ValueError, match="Expected a ws or wss URL, got 'ftp://h/'"):
        await AsyncTestClient(Recorder()).websocket_connect("ftp://h/").__aenter__()


async def test_another_transport_opens_no_websocket() -> None:
    client = AsyncTestClient(Recorder())
    client._transport = httpx2.MockTransport(lambda request: httpx2.Response(200))
    with pytest.raises(RuntimeError, match="Another transport answered"):
        await client.websocket_connect("/").__aenter__()


# Events


def with_events(log: list[Any]) -> Starlette:
    async def stream() -> AsyncIterator[str]:
        try:
            yield "id: 1\ndata: one\n\n"
            await anyio.sleep_forever()
        finally:
            log.append("gone")

    async def events(request: Request) -> StreamingResponse:
        log.append({name: request.headers.get(name) for name in ("accept", "last-event-id")})
        return StreamingResponse(stream(), media_type="text/event-stream")

    return Starlette(routes=[Route("/", events, methods=["GET", "POST"])])


async def test_events_come_while_the_stream_goes_on() -> None:
    log: list[Any] = []
    async with AsyncTestClient(with_events(log)).sse("/") as events:
        assert events.response.status_code == 200
        assert await anext(events) == ReceivedEvent("one", id="1")
        assert log == [{"accept": "text/event-stream", "last-event-id": None}]
    assert log[-1] == "gone"


async def test_events_are_asked_for_with_options() -> None:
    log: list[Any] = []
    client = AsyncTestClient(with_events(log))
    async with client.sse("/", method="POST", last_event_id="7", headers={"accept": "*/*"}) as _:
        pass
    assert log == [{"accept": "*/*", "last-event-id": "7"}, "gone"]
