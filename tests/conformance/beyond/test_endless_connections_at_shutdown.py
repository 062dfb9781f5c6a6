"""Reload and shutdown hang with SSE and WebSockets (sse-starlette#124, uvicorn#1950)."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

pytestmark = pytest.mark.anyio

MAX_SECONDS = 3


class Server:
    """Tells an application of its startup, and stops by a signal when connections have ended."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.sent: list[Any] = []
        self.started = anyio.Event()
        self.begun = anyio.Event()
        self.stopped = anyio.Event()

    def handle(self, number: int, frame: object) -> None:
        self.stopped.set()

    async def connect(self, kind: str) -> None:
        async def receive() -> Any:
            if not received:
                received.append(kind)
                return {"type": "websocket.connect" if kind == "websocket" else "http.request"}
            return await anyio.sleep_forever()

        async def send(message: Any) -> None:
            self.sent.append(message)
            self.begun.set()

        received: list[str] = []
        scope = {"type": kind, "path": "/", "method": "GET", "headers": [], "query_string": b""}
        await self.app(scope, receive, send)

    async def live(self) -> None:
        async def receive() -> Any:
            if self.started.is_set():
                await self.stopped.wait()
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            self.started.set()

        await self.app({"type": "lifespan", "state": {}}, receive, send)

    async def run(self, kind: str) -> Any:
        """Send SIGTERM in the middle of a connection, and give the last message of it."""
        before = signal.signal(signal.SIGTERM, self.handle)
        try:
            with anyio.fail_after(MAX_SECONDS):
                async with anyio.create_task_group() as task_group:
                    task_group.start_soon(self.live)
                    await self.started.wait()
                    task_group.start_soon(self.connect, kind)
                    await self.begun.wait()
                    signal.raise_signal(signal.SIGTERM)
        finally:
            signal.signal(signal.SIGTERM, before)
        return self.sent[-1]


def make_app(api: Any, *routes: Any) -> Any:
    app = api.App(routes=routes)
    if hasattr(app, "draining"):
        app = api.App(routes=routes, drain_seconds=0.01, background_drain_seconds=0.01)
    return app


async def test_an_endless_stream_ends_in_order(api: Any) -> None:
    cleaned_up = []

    async def endpoint(request: Any) -> Any:
        async def events() -> AsyncIterator[str]:
            try:
                yield "data: 1\n\n"
                await anyio.sleep_forever()
            finally:
                cleaned_up.append(True)

        return api("responses").StreamingResponse(events())

    server = Server(make_app(api, api("routing").Route("/", endpoint)))
    last = await server.run("http")
    assert last == {"type": "http.response.body", "body": b"", "more_body": False}
    assert cleaned_up == [True]


async def test_an_open_websocket_is_closed_for_a_restart(api: Any) -> None:
    async def endpoint(websocket: Any) -> None:
        await websocket.accept()
        await websocket.receive_text()

    server = Server(make_app(api, api("routing").WebSocketRoute("/", endpoint)))
    last = await server.run("websocket")
    assert (last["type"], last["code"]) == ("websocket.close", 1012)


async def test_a_stream_is_told_and_says_when_to_come_back(api: Any) -> None:
    async def endpoint(request: Any) -> Any:
        async def events() -> AsyncIterator[str]:
            yield "data: 1\n\n"
            if hasattr(request, "draining"):
                await request.draining.wait()
            else:
                await anyio.sleep_forever()
            yield "retry: 1000\n\n"

        return api("responses").StreamingResponse(events())

    # It needs no time at all to be told, so no test of the time that it has.
    server = Server(api.App(routes=[api("routing").Route("/", endpoint)]))
    await server.run("http")
    assert [message.get("body") for message in server.sent[1:]] == [
        b"data: 1\n\n",
        b"retry: 1000\n\n",
        b"",
    ]


async def test_a_background_task_without_end_is_stopped(
    api: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stopped: list[bool] = []

    async def sync_for_ever() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            stopped.append(True)

    async def endpoint(request: Any) -> Any:
        background = api("background").BackgroundTask(sync_for_ever)
        return api("responses").PlainTextResponse("ok", background=background)

    server = Server(make_app(api, api("routing").Route("/", endpoint)))
    assert (await server.run("http"))["body"] == b"ok"
    assert stopped == [True]
    assert "sync_for_ever was stopped" in caplog.text
