"""Tests of applications: an async client (#1717), time limits of WebSockets (#1140)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest

ClientFor = Callable[..., Any]

DEADLINE = 0.5
"""How many seconds a client gets that would wait for ever, and never takes if it would not."""


def async_client(api: Any, app: Any) -> Any:
    """Make the async client of the package, or the one that its documentation recommends."""
    cls = getattr(api("testclient"), "AsyncTestClient", None)
    if cls is not None:
        return cls(app)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://testserver")


@pytest.mark.anyio
async def test_an_async_client_runs_the_lifespan(api: Any) -> None:
    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, Any]]:
        yield {"number": 1}

    async def number(request: Any) -> Any:
        state = request.scope.get("state", {})
        return api("responses").JSONResponse(state.get("number"))

    app = api.App(routes=[api("routing").Route("/", number)], lifespan=lifespan)
    async with async_client(api, app) as client:
        assert (await client.get("/")).json() == 1


@pytest.mark.anyio
async def test_an_async_client_reads_while_the_application_runs(api: Any) -> None:
    read = anyio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        await read.wait()
        yield b"two"

    async def stream(request: Any) -> Any:
        return api("responses").StreamingResponse(chunks())

    app = api.App(routes=[api("routing").Route("/", stream)])
    with anyio.fail_after(DEADLINE):
        async with (
            async_client(api, app) as client,
            client.stream("GET", "/") as response,
            aclosing(response.aiter_bytes()) as body,
        ):
            assert await anext(body) == b"one"
            read.set()
            assert [chunk async for chunk in body] == [b"two"]


@pytest.mark.anyio
async def test_an_async_client_that_goes_is_noticed(api: Any) -> None:
    ended = anyio.Event()

    async def events() -> AsyncIterator[bytes]:
        try:
            yield b"data: one\n\n"
            await anyio.sleep_forever()
        finally:
            ended.set()

    async def stream(request: Any) -> Any:
        return api("responses").StreamingResponse(events(), media_type="text/event-stream")

    app = api.App(routes=[api("routing").Route("/", stream)])
    with anyio.fail_after(DEADLINE):
        async with async_client(api, app) as client:
            async with client.stream("GET", "/") as response:
                assert response.status_code == 200
            await ended.wait()


@pytest.mark.anyio
async def test_an_async_client_says_what_asgi_does_not_allow(api: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"Upper-Case", b"1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    with pytest.raises(AssertionError, match="Upper-Case"):
        await async_client(api, app).get("/")


def test_receiving_from_a_websocket_has_a_time_limit(api: Any, client_for: ClientFor) -> None:
    async def quiet(websocket: Any) -> None:
        await websocket.accept()
        async for _ in websocket.iter_text():
            pass

    app = api.App(routes=[api("routing").WebSocketRoute("/", quiet)])
    # Without the limit this would wait for ever, so there it has to fail for the want of one.
    with (
        client_for(app).websocket_connect("/") as session,
        pytest.raises(TimeoutError, match="in .*quiet"),
    ):
        session.receive_text(timeout=0)
