"""HEAD gets the headers of GET and no body, and whoever would produce one is stopped."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from bolide.applications import Bolide, Starlette
from bolide.background import BackgroundTask
from bolide.middleware import Middleware
from bolide.middleware._head import HeadersOnly, run_for_head
from bolide.middleware.base import BaseHTTPMiddleware
from bolide.middleware.gzip import GZipMiddleware
from bolide.requests import Request
from bolide.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from bolide.routing import Mount, Route
from bolide.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

Outcome = tuple[int, dict[bytes, bytes], list[bytes]]


async def request(app: ASGIApp, method: str, path: str = "/") -> Outcome:
    """Give status, headers, and the body of each message that reaches the server."""
    sent: list[Message] = []

    async def receive() -> Message:
        if not started:
            started.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}
        await anyio.sleep_forever()
        raise NotImplementedError

    async def send(message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        sent.append(message)

    started: list[bool] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "root_path": "",
        "headers": [(b"accept-encoding", b"gzip")],
    }
    with anyio.fail_after(5):
        await app(scope, receive, send)
    start, *bodies = sent
    assert [message["type"] for message in bodies] == ["http.response.body"] * len(bodies)
    assert [message.get("more_body", False) for message in bodies][-1] is False
    return start["status"], dict(start["headers"]), [message["body"] for message in bodies]


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello" * 200)


class Endless:
    """An application that sends pieces of a body for ever, and notes how it ended."""

    def __init__(self) -> None:
        self.pieces = 0
        self.ended = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                self.pieces += 1
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
        finally:
            self.ended += 1


async def passed_on(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    response.headers["x-seen"] = "yes"
    return response


BASE = Middleware(BaseHTTPMiddleware, dispatch=passed_on)


@pytest.mark.parametrize("middleware", [[], [BASE], [Middleware(GZipMiddleware)]])
async def test_headers_are_those_of_get(middleware: list[Middleware]) -> None:
    app = Bolide(routes=[Route("/", hello)], middleware=middleware)
    status, headers, body = await request(app, "GET")
    assert len(b"".join(body)) == int(headers[b"content-length"])
    assert await request(app, "HEAD") == (status, headers, [b""])


async def test_starlette_sends_the_body_as_ever() -> None:
    app = Starlette(routes=[Route("/", hello)])
    assert await request(app, "HEAD") == await request(app, "GET")


@pytest.mark.parametrize("middleware", [[], [BASE, BASE]])
async def test_a_stream_is_closed_and_not_even_begun(middleware: list[Middleware]) -> None:
    done: list[str] = []

    async def numbers() -> AsyncGenerator[str, None]:
        done.append("begun")
        yield "1"

    stream = numbers()

    async def endpoint(request: Request) -> Response:
        task = BackgroundTask(done.append, "background")
        return StreamingResponse(stream, headers={"content-length": "1"}, background=task)

    app = Bolide(routes=[Route("/", endpoint)], middleware=middleware)
    _, headers, body = await request(app, "HEAD")
    assert (headers[b"content-length"], body) == (b"1", [b""])
    assert done == ["background"]
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


@pytest.mark.parametrize("mounted", [False, True])
@pytest.mark.parametrize("middleware", [[], [BASE]])
async def test_an_application_that_goes_on_is_stopped(
    mounted: bool, middleware: list[Middleware]
) -> None:
    endless = Endless()
    route = Mount("/", app=endless) if mounted else Route("/", endless)
    _, _, body = await request(Bolide(routes=[route], middleware=middleware), "HEAD")
    assert body == [b""]
    assert (endless.pieces, endless.ended) == (2, 1)


async def test_middleware_goes_on_when_the_application_is_stopped() -> None:
    done: list[str] = []

    class Noting:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(scope, receive, send)
            done.append("after")

    app = Bolide(routes=[Route("/", Endless())], middleware=[Middleware(Noting)])
    await request(app, "HEAD")
    assert done == ["after"]


async def test_pieces_that_come_to_an_end_are_let_there() -> None:
    done: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        done.append("background")

    route = Mount("/", app=app)
    _, _, body = await request(Bolide(routes=[route]), "HEAD")
    assert (body, done) == ([b""], ["background"])


async def test_what_middleware_sends_by_itself_is_dropped_too() -> None:
    class Streaming:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(3):
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    _, _, body = await request(Bolide(middleware=[Middleware(Streaming)]), "HEAD")
    assert body == [b""]


async def test_a_file_is_not_read(tmp_path: Any) -> None:
    path = tmp_path / "file.txt"
    path.write_text("hello")

    async def endpoint(request: Request) -> Response:
        return FileResponse(path)

    _, headers, body = await request(Bolide(routes=[Route("/", endpoint)]), "HEAD")
    assert (headers[b"content-length"], body) == (b"5", [b""])


async def test_a_refusal_has_no_body_either() -> None:
    status, headers, body = await request(Bolide(), "HEAD", "/nothing")
    assert (status, body) == (404, [b""])
    assert int(headers[b"content-length"]) > 0


@pytest.mark.parametrize("kind", ["http.response.pathsend", "http.response.zerocopysend"])
async def test_a_file_that_the_server_sends_is_a_body(kind: str) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    head = HeadersOnly(send)
    await head({"type": "http.response.early_hint", "links": []})
    await head({"type": "http.response.start", "status": 200})
    await head({"type": kind})
    assert [message["type"] for message in sent] == [
        "http.response.early_hint",
        "http.response.start",
        "http.response.body",
    ]


async def test_a_whole_body_passes_the_inner_place() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        sent.append(message)

    await run_for_head(PlainTextResponse("hello"), {"type": "http"}, receive, send)
    assert [message.get("body") for message in sent] == [None, b"hello"]
