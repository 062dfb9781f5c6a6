"""Random middleware around random endpoints, with clients that leave and servers that cancel.

Whatever happens, in whatever order: what goes out is legal ASGI, and afterwards nothing is left: no
task, no file, no generator that was not closed.
"""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bolide.applications import Bolide, Starlette
from bolide.background import BackgroundTask
from bolide.exceptions import HTTPException
from bolide.middleware import Middleware
from bolide.middleware.base import BaseHTTPMiddleware
from bolide.middleware.body_limit import RequestBodyLimitMiddleware
from bolide.middleware.concurrency import ConcurrencyMiddleware
from bolide.middleware.cors import CORSMiddleware
from bolide.middleware.csrf import CSRFMiddleware
from bolide.middleware.gzip import GZipMiddleware
from bolide.middleware.security_headers import SecurityHeadersMiddleware
from bolide.middleware.sessions import SessionMiddleware
from bolide.middleware.timeout import TimeoutMiddleware
from bolide.middleware.trustedhost import TrustedHostMiddleware
from bolide.requests import ClientDisconnect, Request
from bolide.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from bolide.routing import Mount, Route
from bolide.types import ASGIApp, Message, Receive, Scope, Send

OPEN: list[str] = []
"""What was entered and has not been left."""


# Middleware


async def pass_on(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    return response


async def read_and_pass_on(request: Request, call_next: Any) -> Response:
    await request.body()
    response: Response = await call_next(request)
    return response


async def replace(request: Request, call_next: Any) -> Response:
    await call_next(request)
    return PlainTextResponse("replaced")


class NotOurs:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        OPEN.append("middleware")
        try:
            await self.app(scope, receive, send)
        finally:
            OPEN.remove("middleware")


MIDDLEWARE: dict[str, Middleware] = {
    "pass on": Middleware(BaseHTTPMiddleware, dispatch=pass_on),
    "read and pass on": Middleware(BaseHTTPMiddleware, dispatch=read_and_pass_on),
    "replace": Middleware(BaseHTTPMiddleware, dispatch=replace),
    "not ours": Middleware(NotOurs),
    "gzip": Middleware(GZipMiddleware, minimum_size=1),
    "cors": Middleware(CORSMiddleware, allow_origins=["*"]),
    "sessions": Middleware(SessionMiddleware, secret_key="a key that nobody knows"),
    "hosts": Middleware(TrustedHostMiddleware, allowed_hosts=["localhost"]),
    "body limit": Middleware(RequestBodyLimitMiddleware, max_body_size=50),
    "timeout": Middleware(TimeoutMiddleware, 60),
    "concurrency": Middleware(ConcurrencyMiddleware, 10),
    "csrf": Middleware(CSRFMiddleware, "a key that nobody knows"),
    "headers": Middleware(SecurityHeadersMiddleware),
}


# Endpoints


async def plain(request: Request) -> Response:
    return PlainTextResponse("plain", background=BackgroundTask(background))


async def background() -> None:
    OPEN.append("background")
    try:
        await anyio.lowlevel.checkpoint()
    finally:
        OPEN.remove("background")


async def pieces() -> AsyncIterator[bytes]:
    OPEN.append("generator")
    try:
        for _ in range(4):
            await anyio.lowlevel.checkpoint()
            yield b"piece"
    finally:
        OPEN.remove("generator")


async def stream(request: Request) -> Response:
    return StreamingResponse(pieces())


async def broken_stream(request: Request) -> Response:
    async def broken() -> AsyncIterator[bytes]:
        async with aclosing(pieces()) as source:
            yield await anext(source)
            raise ValueError("in the middle")

    return StreamingResponse(broken())


async def echo(request: Request) -> Response:
    return Response(await request.body())


async def form(request: Request) -> Response:
    async with request.form() as data:
        return PlainTextResponse(str(len(data)))


async def session(request: Request) -> Response:
    request.scope.get("session", {})["a"] = "b"
    return PlainTextResponse("session")


async def refused(request: Request) -> Response:
    raise HTTPException(403)


async def broken(request: Request) -> Response:
    raise ValueError("broken")


async def file(request: Request) -> Response:
    return FileResponse(Path(__file__))


async def poll(request: Request) -> Response:
    return PlainTextResponse(str(await request.is_disconnected()))


ENDPOINTS: dict[str, Callable[..., Any]] = {
    endpoint.__name__: endpoint
    for endpoint in (
        plain, stream, broken_stream, echo, form, session, refused, broken, file, poll
    )
}  # fmt: skip


# The server


class Gone(OSError):
    """The client has left, and the server says so (ASGI 2.4)."""


@dataclass
class Server:
    """One connection. Counts its awaits, so that things can happen at any of them."""

    chunks: list[bytes]
    leaves_at: int | None
    cancels_at: int | None
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    sent: list[Message] = field(default_factory=list)
    awaits: int = 0
    ended: anyio.Event = field(default_factory=anyio.Event)

    async def step(self) -> None:
        self.awaits += 1
        if self.awaits == self.cancels_at:
            self.scope.cancel()
        await anyio.lowlevel.checkpoint()

    @property
    def is_gone(self) -> bool:
        return self.leaves_at is not None and self.awaits >= self.leaves_at

    async def receive(self) -> Message:
        await self.step()
        if self.is_gone:
            return {"type": "http.disconnect"}
        if self.chunks:
            body = self.chunks.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(self.chunks)}
        # A client that says nothing more, until it leaves, or has its response.
        while self.leaves_at is not None and not self.is_gone:
            await self.step()
        if self.leaves_at is None:
            await self.ended.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.step()
        if self.is_gone:
            raise Gone
        self.sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.ended.set()

    def check(self) -> None:
        """Check that what was sent is legal, as far as it goes."""
        kinds = [message["type"] for message in self.sent]
        assert kinds.count("http.response.start") <= 1
        if kinds:
            assert kinds[0] == "http.response.start"
            for name, value in self.sent[0]["headers"]:
                assert isinstance(name, bytes)
                assert name == name.lower()
                assert isinstance(value, bytes)
        ended = False
        for message in self.sent[1:]:
            assert message["type"] == "http.response.body"
            assert not ended
            ended = not message.get("more_body", False)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - in a hot loop


async def handle(app: ASGIApp, server: Server, method: str, path: str, version: str) -> None:
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": version},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [
            (b"host", b"localhost"),
            (b"accept-encoding", b"gzip"),
            (b"content-type", b"application/x-www-form-urlencoded"),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    own = anyio.get_current_task().id
    with server.scope:
        try:
            await app(scope, server.receive, server.send)
        except (Gone, ClientDisconnect, ValueError):
            pass
        else:
            if not server.is_gone and server.cancels_at is None:
                assert server.sent[-1].get("more_body", False) is False
    # Let what was told to end come to its end.
    for _ in range(10):
        await anyio.lowlevel.checkpoint()
    # Whatever the event loop runs for itself was there before.
    left = [task for task in anyio.get_running_tasks() if task.parent_id == own]
    assert left == []


def clean() -> None:
    OPEN.clear()
    gc.collect()


@pytest.mark.usefixtures("quick_collections")
@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc")  # noqa: PTH110
@pytest.mark.parametrize("face", [Starlette, Bolide])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@settings(
    max_examples=50,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    stack=st.lists(st.sampled_from(sorted(MIDDLEWARE)), max_size=5),
    endpoint=st.sampled_from(sorted(ENDPOINTS)),
    mounted=st.booleans(),
    method=st.sampled_from(["GET", "POST", "HEAD"]),
    chunks=st.lists(st.sampled_from([b"", b"a=b", b"&c=d", b"x" * 40]), min_size=1, max_size=4),
    leaves_at=st.none() | st.integers(1, 12),
    cancels_at=st.none() | st.integers(1, 12),
    version=st.sampled_from(["2.0", "2.4"]),
)
def test_whatever_happens_the_protocol_holds_and_nothing_is_left(
    face: type[Starlette],
    backend: str,
    stack: list[str],
    endpoint: str,
    mounted: bool,
    method: str,
    chunks: list[bytes],
    leaves_at: int | None,
    cancels_at: int | None,
    version: str,
) -> None:
    route = Route("/e", ENDPOINTS[endpoint], methods=["GET", "POST"])
    app = face(
        routes=[Mount("/m", routes=[route]), route],
        middleware=[MIDDLEWARE[name] for name in stack],
    )
    clean()

    async def run() -> tuple[Server, int, int]:
        # Worker threads and what else is made once is made now.
        await anyio.to_thread.run_sync(clean)
        before = descriptors()
        server = Server(list(chunks), leaves_at, cancels_at)
        await handle(app, server, method, "/m/e" if mounted else "/e", version)
        gc.collect()
        return server, before, descriptors()

    server, before, after = anyio.run(run, backend=backend)
    server.check()
    assert OPEN == []
    assert after == before
