"""Noticing that the client has left, while something goes on."""

from __future__ import annotations

import contextlib
from typing import Any

import anyio
import anyio.lowlevel
import pytest

pytestmark = pytest.mark.anyio


class Server:
    """A server of ASGI 2.3 that fails if it is asked for two events at a time."""

    def __init__(self, *pieces: bytes) -> None:
        self.events = [
            {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
            for number, piece in enumerate(pieces, 1)
        ]
        self.sent: list[Any] = []
        self.left = anyio.Event()
        self._busy = False

    async def receive(self) -> Any:
        assert not self._busy, "receive() was called while another call was under way"
        self._busy = True
        try:
            await anyio.lowlevel.checkpoint()
            if self.events:
                return self.events.pop(0)
            await self.left.wait()
            return {"type": "http.disconnect"}
        finally:
            self._busy = False

    async def send(self, message: Any) -> None:
        await anyio.lowlevel.checkpoint()
        self.sent.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    async def run(self, app: Any) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "path": "/",
            "raw_path": b"/",
            "root_path": "",
            "scheme": "http",
            "query_string": b"",
            "headers": [],
            "client": None,
            "server": None,
        }
        with anyio.fail_after(5):
            await app(scope, self.receive, self.send)


@pytest.fixture(params=["App", "Starlette"])
def make_app(api: Any, request: pytest.FixtureRequest) -> Any:
    """Make an application with an endpoint and middleware, of either kind."""

    def make(endpoint: Any, *dispatches: Any) -> Any:
        cls = api.App if request.param == "App" else api("applications").Starlette
        base = api("middleware.base").BaseHTTPMiddleware
        middleware = [api("middleware").Middleware(base, dispatch=each) for each in dispatches]
        route = api("routing").Route("/", endpoint, methods=["POST"])
        return cls(routes=[route], middleware=middleware)

    return make


async def pass_on(request: Any, call_next: Any) -> Any:
    return await call_next(request)


@pytest.mark.parametrize("layers", [0, 2])
async def test_asking_whether_the_client_has_left_takes_a_piece_of_the_body(
    api: Any, make_app: Any, layers: int
) -> None:
    async def endpoint(request: Any) -> Any:
        async def receive() -> Any:  # one that has an event ready at once
            return server.events.pop(0)

        request._receive = receive
        assert not await request.is_disconnected()
        return api("responses").PlainTextResponse(await request.body())

    server = Server(b"a", b"b", b"c")
    await server.run(make_app(endpoint, *[pass_on] * layers))
    assert server.body == b"abc"


@pytest.mark.parametrize("layers", [0, 2])
async def test_a_stream_that_reads_the_body_races_with_the_watch_for_a_disconnect(
    api: Any, make_app: Any, layers: int
) -> None:
    async def endpoint(request: Any) -> Any:
        async def echo() -> Any:
            async for piece in request.stream():
                yield piece
            assert not await request.is_disconnected()

        return api("responses").StreamingResponse(echo())

    server = Server(*[b"piece"] * 10)
    await server.run(make_app(endpoint, *[pass_on] * layers))
    assert server.body == b"piece" * 10


@pytest.mark.parametrize("layers", [0, 2])
async def test_work_goes_on_after_the_client_has_left(api: Any, make_app: Any, layers: int) -> None:
    log: list[str] = []

    async def endpoint(request: Any) -> Any:
        # Without anything better there is nothing to do but wait.
        if not hasattr(request, "cancel_on_disconnect"):
            server.left.set()
            await anyio.sleep(0.1)
            log.append("wasted")
        else:
            async with request.cancel_on_disconnect():
                log.append((await request.body()).decode())
                server.left.set()
                try:
                    await anyio.sleep(60)
                finally:
                    log.append("cancelled")
        log.append("went on")
        return api("responses").Response()

    server = Server(b"body")
    with contextlib.suppress(api("requests").ClientDisconnect):
        await server.run(make_app(endpoint, *[pass_on] * layers))
    assert log == ["body", "cancelled"]
