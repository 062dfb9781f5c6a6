"""Long connections of an application that is to stop: streams, WebSockets, and those of others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from bolide._drain import DRAINING_KEY, DrainControl
from bolide._exchange import Exchange
from bolide.applications import Bolide, Starlette
from bolide.middleware._draining import DrainBoundary
from bolide.requests import Request
from bolide.responses import Response, StreamingResponse
from bolide.routing import Mount, Route, WebSocketRoute
from bolide.types import Message, Receive, Scope, Send
from bolide.websockets import WebSocket, WebSocketDisconnect

ClientFor = Callable[..., Any]
SOON = 0.02
MAX_SECONDS = 5


class Endless:
    """An endpoint whose stream never ends, and that has the application drained itself."""

    def __init__(self) -> None:
        self.cleaned_up = False

    async def __call__(self, request: Request) -> Response:
        return StreamingResponse(self.stream(request))

    async def stream(self, request: Request) -> AsyncIterator[str]:
        try:
            yield "begin, "
            request.app.drain()
            await request.draining.wait()
            yield "told, "
            while True:
                await anyio.sleep_forever()
        finally:
            self.cleaned_up = True


class Busy(Endless):
    """One that has no other point where it could be stopped than the sending."""

    async def stream(self, request: Request) -> AsyncIterator[str]:
        try:
            request.app.drain()
            while True:
                yield ""
        finally:
            await anyio.lowlevel.checkpoint()
            self.cleaned_up = True


def test_a_stream_ends_in_order(client_for: ClientFor) -> None:
    endless = Endless()
    app = Bolide(routes=[Route("/", endless.__call__)], drain_seconds=SOON)
    with client_for(app) as client:
        assert client.get("/").text == "begin, told, "
    assert endless.cleaned_up


def test_a_stream_that_sends_all_the_time_ends_in_order(client_for: ClientFor) -> None:
    busy = Busy()
    app = Bolide(routes=[Route("/", busy.__call__)], drain_seconds=SOON)
    with client_for(app) as client:
        assert client.get("/").text == ""
    assert busy.cleaned_up


@pytest.mark.anyio
async def test_a_client_that_takes_nothing_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bolide.responses.CLEANUP_SECONDS", SOON)

    async def produce() -> AsyncIterator[str]:
        yield "begin"

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            draining.begin()
            await anyio.sleep_forever()

    async def receive() -> Message:
        return await anyio.sleep_forever() or {}

    draining = DrainControl(seconds=SOON)
    with anyio.fail_after(MAX_SECONDS):
        scope = {"type": "http", DRAINING_KEY: draining}
        await StreamingResponse(produce())(scope, receive, send)


def test_a_stream_that_ends_by_itself_is_let_alone(client_for: ClientFor) -> None:
    async def polite(request: Request) -> Response:
        async def produce() -> AsyncIterator[str]:
            request.app.drain()
            await request.draining.wait()
            yield "bye"

        return StreamingResponse(produce())

    app = Bolide(routes=[Route("/", polite)], drain_seconds=MAX_SECONDS)
    with client_for(app) as client:
        assert client.get("/").text == "bye"


@pytest.mark.parametrize(
    "app",
    [
        lambda routes: Starlette(routes=routes),
        lambda routes: Bolide(routes=routes, drain_seconds=0, background_drain_seconds=0),
        lambda routes: Bolide(routes=routes, drain_seconds=0),
    ],
)
def test_without_bounds_nothing_is_ended(app: Any, client_for: ClientFor) -> None:
    async def slow(request: Request) -> Response:
        async def produce() -> AsyncIterator[str]:
            request.app.drain()
            assert request.draining.is_set()
            await anyio.sleep(SOON)
            yield "done"

        return StreamingResponse(produce())

    with client_for(app([Route("/", slow)])) as client:
        assert client.get("/").text == "done"


def test_a_stream_of_an_inner_application_goes_by_the_outer_one(client_for: ClientFor) -> None:
    endless = Endless()
    for inner in (Starlette, Bolide):
        routes = [Mount("/a", app=inner(routes=[Route("/", endless.__call__)]))]
        app = Bolide(routes=routes, drain_seconds=SOON)
        with client_for(app) as client:

            async def drain_soon(app: Bolide = app) -> None:
                app.drain()

            client.portal.start_task_soon(drain_soon)
            assert client.get("/a/").text == "begin, told, "


def test_a_websocket_is_told_and_then_closed_for_a_restart(client_for: ClientFor) -> None:
    events = []

    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()
        websocket.app.drain()
        await websocket.draining.wait()
        await websocket.send_text("We are about to stop.")
        try:
            await websocket.receive_text()
        finally:
            events.append("cleanup")

    app = Bolide(routes=[WebSocketRoute("/", chat)], drain_seconds=SOON)
    with client_for(app) as client, client.websocket_connect("/") as websocket:
        assert websocket.receive_text() == "We are about to stop."
        with pytest.raises(WebSocketDisconnect) as caught:
            websocket.receive_text()
    assert caught.value.code == 1012
    assert events == ["cleanup"]


def test_a_websocket_that_closes_itself_is_closed_once(client_for: ClientFor) -> None:
    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()
        websocket.app.drain()
        await websocket.draining.wait()
        await websocket.close(4000)

    app = Bolide(routes=[WebSocketRoute("/", chat)], drain_seconds=SOON)
    with (
        client_for(app) as client,
        client.websocket_connect("/") as websocket,
        pytest.raises(WebSocketDisconnect) as caught,
    ):
        websocket.receive_text()
    assert caught.value.code == 4000


class Connection:
    """One connection, with a client that says nothing, or has left."""

    def __init__(self, app: Any, draining: DrainControl, *, gone: bool = False) -> None:
        self.app = DrainBoundary(app, draining)
        self.sent: list[Message] = []
        self.gone = gone
        self.first: Message | None = None

    async def receive(self) -> Message:
        first, self.first = self.first, None
        return first or await anyio.sleep_forever() or {}

    async def send(self, message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        if self.gone:
            raise OSError
        self.sent.append(message)

    async def run(self, kind: str) -> None:
        with anyio.fail_after(MAX_SECONDS):
            await self.app({"type": kind}, self.receive, self.send)


@pytest.mark.anyio
class TestBoundary:
    async def test_one_that_bounds_nothing_leaves_all_as_it_is(self) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append((receive, send))

        seen: list[Any] = []
        for kind in ("http", "websocket"):
            connection = Connection(app, DrainControl())
            await connection.app({"type": kind}, connection.receive, connection.send)
            assert seen.pop() == (connection.receive, connection.send)

    async def test_a_send_that_knows_whether_it_has_begun_is_shared(self) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            assert send is exchange

        connection = Connection(app, DrainControl(request_seconds=SOON))
        exchange = Exchange(connection.send)
        await connection.app({"type": "http"}, connection.receive, exchange)

    async def test_an_application_that_answers_nothing_is_left_to_the_server(self) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await anyio.lowlevel.checkpoint()

        connection = Connection(app, DrainControl(request_seconds=SOON))
        await connection.run("http")
        assert connection.sent == []

    async def test_others_are_told_that_the_client_has_left(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bolide._running_request.MARGIN_SECONDS", 0)
        received = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            draining.begin()
            received.extend([(await receive())["type"] for _ in range(3)])

        draining = DrainControl(seconds=SOON)
        connection = Connection(app, draining)
        connection.first = {"type": "http.request", "body": b"", "more_body": True}
        await connection.run("http")
        assert received == ["http.request", "http.disconnect", "http.disconnect"]

    async def test_what_arrives_before_is_handed_on(self) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            received.extend([await receive(), await receive()])

        async def receive() -> Message:
            return {"type": "http.request"}

        received: list[Message] = []
        boundary = DrainBoundary(app, DrainControl(seconds=SOON))
        await boundary({"type": "http"}, receive, receive)  # type: ignore[arg-type]
        assert received == [{"type": "http.request"}] * 2

    @pytest.mark.parametrize("kind", ["http", "websocket", "lifespan"])
    async def test_the_outermost_one_counts(self, kind: str) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append((scope[DRAINING_KEY], receive, send))

        seen: list[Any] = []
        outer, inner = DrainControl(), DrainControl(seconds=SOON)
        connection = Connection(DrainBoundary(app, inner), outer)
        receive, send = connection.receive, connection.send
        await connection.app({"type": kind}, receive, send)
        assert seen == [(outer, receive, send)]

    async def test_a_client_that_has_left_is_told_nothing(self) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            draining.begin()

        draining = DrainControl(seconds=SOON)
        connection = Connection(app, draining, gone=True)
        await connection.run("websocket")
        assert connection.sent == []

    async def test_before_draining_the_end_of_an_endpoint_is_left_to_the_server(self) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "websocket.accept"})

        connection = Connection(app, DrainControl(seconds=SOON))
        await connection.run("websocket")
        assert [message["type"] for message in connection.sent] == ["websocket.accept"]

    async def test_what_is_not_accepted_yet_is_refused(self) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            draining.begin()
            await receive()

        draining = DrainControl(seconds=SOON)
        connection = Connection(app, draining)
        await connection.run("websocket")
        assert connection.sent == [{"type": "websocket.close", "code": 1012, "reason": ""}]

    async def test_an_error_does_not_keep_the_client_uninformed(self) -> None:
        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "websocket.accept"})
            draining.begin()
            raise WebSocketDisconnect(1005)

        draining = DrainControl(seconds=SOON)
        connection = Connection(app, draining)
        with pytest.raises(WebSocketDisconnect):
            await connection.run("websocket")
        assert connection.sent[-1]["code"] == 1012
