"""Cancellation at every await: what cleans up is run, and nothing is left.

Each scenario is run again and again, and cancelled at its first, its second, its third await, until
it comes to its end before. The awaits are counted at the border of the application: each event that
it receives or sends, and each pause of the endpoint.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from bolide.applications import Bolide, Starlette
from bolide.background import BackgroundTask
from bolide.middleware import Middleware
from bolide.middleware.base import BaseHTTPMiddleware
from bolide.middleware.timeout import TimeoutMiddleware
from bolide.requests import Request
from bolide.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from bolide.routing import Route
from bolide.types import ASGIApp, Message

MAX_AWAITS = 100

FORM = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    + b"x" * 1536 * 1024
    + b"\r\n--x--\r\n"
)
CHUNK = 512 * 1024


class Trace:
    """What a scenario has entered and left, and when it is cancelled."""

    def __init__(self, cancels_at: int, cancel: Callable[[], Any]) -> None:
        self.entered: list[str] = []
        self.left: list[str] = []
        self.awaits = 0
        self.cancels_at = cancels_at
        self._cancel = cancel

    @asynccontextmanager
    async def block(self, name: str) -> AsyncIterator[None]:
        """Be something that cleans up, without waiting for anything."""
        self.entered.append(name)
        try:
            yield
        finally:
            self.left.append(name)

    async def step(self) -> None:
        self.awaits += 1
        if self.awaits == self.cancels_at:
            self._cancel()
        await anyio.lowlevel.checkpoint()


TRACE: list[Trace] = []


async def endpoint(request: Request) -> Response:
    async with TRACE[0].block("endpoint"):
        await TRACE[0].step()
        return PlainTextResponse("answer", background=BackgroundTask(background))


async def background() -> None:
    async with TRACE[0].block("background"):
        await TRACE[0].step()


async def stream(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        async with TRACE[0].block("generator"):
            for _ in range(3):
                await TRACE[0].step()
                yield b"piece"

    return StreamingResponse(pieces())


async def upload(request: Request) -> Response:
    async with TRACE[0].block("endpoint"), request.form() as form:
        file: Any = form["file"]
        await TRACE[0].step()
        return PlainTextResponse(str(len(await file.read())))


async def file(request: Request) -> Response:
    return FileResponse(__file__)


async def pass_on(request: Request, call_next: Any) -> Response:
    async with TRACE[0].block("middleware"):
        response: Response = await call_next(request)
        await TRACE[0].step()
        return response


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with TRACE[0].block("lifespan"):
        await TRACE[0].step()
        yield
        await TRACE[0].step()


SCENARIOS = ["/endpoint", "/stream", "/upload", "/file", "lifespan"]


def app_of(cls: type[Starlette], layers: int) -> Starlette:
    return cls(
        routes=[
            Route(f"/{each.__name__}", each, methods=["GET", "POST"])
            for each in (endpoint, stream, upload, file)
        ],
        middleware=[
            *[Middleware(BaseHTTPMiddleware, dispatch=pass_on)] * layers,
            Middleware(TimeoutMiddleware, 60),
        ],
        lifespan=lifespan,
    )


async def run(app: ASGIApp, scenario: str) -> list[Message]:
    """Run a scenario, whose every event is a step."""
    sent: list[Message] = []
    body = FORM if scenario == "/upload" else b""
    chunks = [body[at : at + CHUNK] for at in range(0, len(body), CHUNK)] or [b""]
    events: list[Message] = [
        {"type": "http.request", "body": chunk, "more_body": at < len(chunks)}
        for at, chunk in enumerate(chunks, 1)
    ]
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST" if body else "GET",
        "scheme": "http",
        "path": scenario,
        "raw_path": scenario.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=x")],
        "client": ("127.0.0.1", 1234),
        "server": ("127.0.0.1", 80),
    }
    if scenario == "lifespan":
        scope = {"type": "lifespan", "asgi": scope["asgi"], "state": {}}
        events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Message:
        await TRACE[0].step()
        if not events:
            await anyio.sleep_forever()
        return events.pop(0)

    async def send(message: Message) -> None:
        await TRACE[0].step()
        sent.append(message)

    await app(scope, receive, send)
    return sent


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - in a hot loop


def running() -> set[int]:
    return {task.id for task in anyio.get_running_tasks()}


@pytest.mark.usefixtures("quick_collections")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize("cls", [Bolide, Starlette])
@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_whenever_it_is_cancelled_all_is_cleaned_up(
    cls: type[Starlette], layers: int, backend: str, scenario: str
) -> None:
    app = app_of(cls, layers)

    async def once(cancels_at: int) -> bool:
        await anyio.to_thread.run_sync(gc.collect)
        tasks, before = running(), descriptors()
        with anyio.CancelScope() as scope:
            TRACE[:] = [Trace(cancels_at, scope.cancel)]
            await run(app, scenario)
        # What was told to end may take a moment to do so.
        await anyio.wait_all_tasks_blocked()
        assert sorted(TRACE[0].left) == sorted(TRACE[0].entered)
        assert running() <= tasks
        assert descriptors() <= before
        return TRACE[0].awaits >= cancels_at

    number = 1
    while anyio.run(once, number, backend=backend):
        number += 1
        assert number < MAX_AWAITS
    assert number > 2


# Cleanup that has to wait


async def clean_up() -> None:
    for number in range(3):
        await anyio.lowlevel.checkpoint()
        TRACE[0].left.append(f"cleanup {number}")


async def wait(request: Request) -> Response:
    try:
        await anyio.sleep_forever()
    finally:
        await clean_up()
    raise AssertionError


async def wait_shielded(request: Request) -> Response:
    try:
        await anyio.sleep_forever()
    finally:
        with anyio.move_on_after(5, shield=True):
            await clean_up()
    raise AssertionError


async def wait_in_a_stream(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"piece"
            await anyio.sleep_forever()
        finally:
            with anyio.move_on_after(5, shield=True):
                await clean_up()

    return StreamingResponse(pieces())


async def give_and_wait(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"piece"
        finally:
            # It is closed by what sends it, which has a shield for that.
            await clean_up()

    return StreamingResponse(pieces())


def behind(cls: type[Starlette], layers: int, endpoint: Any) -> Starlette:
    return cls(
        routes=[Route("/", endpoint)],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=pass_on)] * layers,
    )


CLEANUP = ["cleanup 0", "cleanup 1", "cleanup 2"]


def cleaned_up() -> list[str]:
    return [name for name in TRACE[0].left if name.startswith("cleanup")]


@pytest.mark.parametrize("cls", [Bolide, Starlette])
@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("endpoint", [wait, wait_shielded, wait_in_a_stream, give_and_wait])
def test_who_is_cancelled_by_the_server_may_wait_in_the_cleanup(
    cls: type[Starlette], layers: int, endpoint: Any
) -> None:
    """On asyncio a task is told once. Middleware between does not tell the endpoint again."""

    async def main() -> None:
        TRACE[:] = [Trace(0, lambda: None)]
        task = asyncio.ensure_future(run(behind(cls, layers, endpoint), "/"))
        while not task.done():
            # A few turns of the event loop, until everything waits.
            for _ in range(50):
                await asyncio.sleep(0)
            if not cleaned_up():
                task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert cleaned_up() == CLEANUP


@pytest.mark.parametrize("cls", [Bolide, Starlette])
@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("endpoint", [wait_shielded, wait_in_a_stream, give_and_wait])
def test_who_is_cancelled_by_a_scope_may_with_a_shield(
    cls: type[Starlette], layers: int, backend: str, endpoint: Any
) -> None:
    """As everywhere with AnyIO: a scope cancels each await, also one in a block `finally`."""

    async def main() -> None:
        TRACE[:] = [Trace(0, lambda: None)]
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(run, behind(cls, layers, endpoint), "/")
            for _ in range(50):
                await anyio.lowlevel.checkpoint()
            task_group.cancel_scope.cancel()

    anyio.run(main, backend=backend)
    assert cleaned_up() == CLEANUP
