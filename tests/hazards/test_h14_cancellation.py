"""Cancellation at every await: what cleans up is run, and nothing is left.

Each scenario is run again and again, and cancelled at its first, its second, its third await, until
it comes to its end before. The awaits are counted at the border of the application: each event that
it receives or sends, and each pause of the endpoint. What cleans up waits itself, in several ways.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
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
from bolide.types import ASGIApp, Message, Receive, Scope, Send

MAX_AWAITS = 100

FORM = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    + b"x" * 1536 * 1024
    + b"\r\n--x--\r\n"
)
CHUNK = 512 * 1024


class Trace:
    """What a scenario has entered and left, and when it is cancelled.

    Args:
        cancels_at: The number of the await at which it is cancelled; 0 for none.
        cancel: Cancels it, by itself; None if another task does.
        waits_in_cleanup: Whether cleanup waits.
    """

    def __init__(
        self,
        cancels_at: int = 0,
        cancel: Callable[[], Any] | None = None,
        *,
        waits_in_cleanup: bool = False,
    ) -> None:
        self.entered: list[str] = []
        self.left: list[str] = []
        self.broken_off = 0
        self.awaits = 0
        self.waits = anyio.Event()
        self.cancels_at = cancels_at
        self._cancel = cancel
        self._waits_in_cleanup = waits_in_cleanup

    @asynccontextmanager
    async def block(self, name: str) -> AsyncIterator[None]:
        """Be something that cleans up."""
        self.entered.append(name)
        try:
            yield
        except BaseException:
            self.broken_off += 1
            if self._waits_in_cleanup:
                await clean_up()
            raise
        finally:
            self.left.append(name)

    async def step(self) -> None:
        self.awaits += 1
        if self.awaits == self.cancels_at:
            if self._cancel is None:
                await wait_forever()
            else:
                self._cancel()
        await anyio.lowlevel.checkpoint()


async def wait_forever() -> None:
    TRACE[0].waits.set()
    await anyio.sleep_forever()


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


async def run(app: ASGIApp, scenario: str, left: anyio.Event | None = None) -> list[Message]:
    """Run a scenario, whose every event is a step, until a client leaves."""
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
            await (anyio.Event() if left is None else left).wait()
            return {"type": "http.disconnect"}
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


async def cancel_when_it_waits(scope: anyio.CancelScope) -> None:
    await TRACE[0].waits.wait()
    scope.cancel()


@pytest.mark.usefixtures("quick_collections")
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize("cls", [Bolide, Starlette])
@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("by", ["itself", "another"])
def test_whenever_it_is_cancelled_all_is_cleaned_up(
    cls: type[Starlette], layers: int, backend: str, scenario: str, by: str
) -> None:
    app = app_of(cls, layers)
    # On trio, who cancels its own surroundings is told by them and not by us.
    told = scenario != "lifespan" and (backend == "asyncio" or by == "another")
    waits = cls is Bolide and told

    async def once(cancels_at: int) -> bool:
        await anyio.to_thread.run_sync(gc.collect)
        tasks, before = running(), descriptors()
        with anyio.CancelScope() as scope:
            cancel = scope.cancel if by == "itself" else None
            TRACE[:] = [Trace(cancels_at, cancel, waits_in_cleanup=waits)]
            async with anyio.create_task_group() as task_group:
                task_group.start_soon(cancel_when_it_waits, scope)
                await run(app, scenario)
                task_group.cancel_scope.cancel()
        # What was told to end may take a moment to do so.
        await anyio.wait_all_tasks_blocked()
        cleanup = CLEANUP * TRACE[0].broken_off if waits else []
        assert sorted(TRACE[0].left) == sorted(TRACE[0].entered + cleanup)
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
    """Wait in all the ways that there are: for nothing, for an event, for others, for a thread."""
    await anyio.lowlevel.checkpoint()
    TRACE[0].left.append("cleanup 0")
    async with anyio.create_task_group() as task_group:
        event = anyio.Event()
        task_group.start_soon(anyio.lowlevel.checkpoint)
        task_group.start_soon(tell, event)
        await event.wait()
    TRACE[0].left.append("cleanup 1")
    await anyio.to_thread.run_sync(gc.isenabled)
    await anyio.lowlevel.checkpoint()
    TRACE[0].left.append("cleanup 2")


async def tell(event: anyio.Event) -> None:
    await anyio.lowlevel.checkpoint()
    event.set()


CLEANUP = ["cleanup 0", "cleanup 1", "cleanup 2"]


def cleaned_up() -> list[str]:
    return [name for name in TRACE[0].left if name.startswith("cleanup")]


async def wait(request: Request) -> Response:
    try:
        await wait_forever()
    finally:
        await clean_up()
    raise AssertionError


async def wait_in_a_context(request: Request) -> Response:
    async with AsyncExitStack() as stack:
        stack.push_async_callback(clean_up)
        await wait_forever()
    raise AssertionError


async def wait_and_catch(request: Request) -> Response:
    try:
        await wait_forever()
    except anyio.get_cancelled_exc_class():
        await clean_up()
        raise
    raise AssertionError


async def wait_inside_a_scope(request: Request) -> Response:
    try:
        with anyio.move_on_after(60):
            await wait_forever()
    finally:
        await clean_up()
    raise AssertionError


async def wait_inside_a_group(request: Request) -> Response:
    # With another task in it, which ends by being cancelled, the group would cancel this one, too.
    async with anyio.create_task_group():
        try:
            await wait_forever()
        finally:
            await clean_up()
    raise AssertionError


async def wait_shielded(request: Request) -> Response:
    try:
        await wait_forever()
    finally:
        with anyio.move_on_after(5, shield=True):
            await clean_up()
    raise AssertionError


async def wait_in_a_stream(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"piece"
            await wait_forever()
        finally:
            await clean_up()

    return StreamingResponse(pieces())


async def wait_in_a_stream_inside_a_scope(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            with anyio.fail_after(60):
                yield b"piece"
                await wait_forever()
        finally:
            await clean_up()

    return StreamingResponse(pieces())


async def give_and_wait(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                TRACE[0].waits.set()
                yield b"piece"
        finally:
            # It is closed by what sends it, which has a shield for that.
            await clean_up()

    return StreamingResponse(pieces())


STREAMS = [wait_in_a_stream, wait_in_a_stream_inside_a_scope, give_and_wait]

WAITS = [
    wait,
    wait_in_a_context,
    wait_and_catch,
    wait_inside_a_scope,
    wait_inside_a_group,
    wait_shielded,
    *STREAMS,
]


def behind(
    cls: type[Starlette], layers: int, endpoint: Any, *outside: Middleware, **options: Any
) -> Starlette:
    return cls(
        routes=[Route("/", endpoint)],
        middleware=[*outside, *[Middleware(BaseHTTPMiddleware, dispatch=pass_on)] * layers],
        **options,
    )


ANY_TIME = Middleware(TimeoutMiddleware, None)
"""What never cancels anything, but lets everything inside clean up."""


async def until_it_waits() -> None:
    await TRACE[0].waits.wait()
    # A few turns of the event loop more, until everything does.
    for _ in range(10):
        await anyio.lowlevel.checkpoint()


BY_THE_SERVER = [
    (cls, layers, endpoint)
    for cls, layers, endpoint in itertools.product([Bolide, Starlette], [0, 1, 3], WAITS)
    # There, a stream behind middleware is told by a scope.
    if not (cls is Starlette and layers and endpoint in STREAMS[:2])
]


@pytest.mark.parametrize(("cls", "layers", "endpoint"), BY_THE_SERVER)
def test_who_is_cancelled_by_the_server_may_wait_in_the_cleanup(
    cls: type[Starlette], layers: int, endpoint: Any
) -> None:
    """On asyncio a task is told once. Middleware between does not tell the endpoint again."""

    async def main() -> None:
        TRACE[:] = [Trace()]
        task = asyncio.ensure_future(run(behind(cls, layers, endpoint), "/"))
        await until_it_waits()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert cleaned_up() == CLEANUP


async def cancelled_by_a_scope(app: ASGIApp) -> None:
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(run, app, "/")
            await until_it_waits()
            scope.cancel()
    # It has gone all the way.
    assert scope.cancelled_caught


BY_A_SCOPE = [
    (layers, backend, outside, endpoint)
    for layers, backend, outside, endpoint in itertools.product(
        [0, 1, 2, 3], ["asyncio", "trio"], [(), (ANY_TIME,)], WAITS
    )
    # Servers cancel no endpoint by a scope there, and to notice it would cost every request.
    if layers or outside or backend == "trio" or endpoint not in WAITS[:5]
]


@pytest.mark.parametrize(("layers", "backend", "outside", "endpoint"), BY_A_SCOPE)
def test_who_is_cancelled_by_a_scope_may_wait_in_the_cleanup(
    layers: int, backend: str, outside: tuple[Middleware, ...], endpoint: Any
) -> None:
    async def main() -> None:
        TRACE[:] = [Trace()]
        await cancelled_by_a_scope(behind(Bolide, layers, endpoint, *outside))

    anyio.run(main, backend=backend)
    assert cleaned_up() == CLEANUP


def remember_timeouts(monkeypatch: pytest.MonkeyPatch) -> list[anyio.CancelScope]:
    """Give the cancel scopes with a deadline, in the order in which they are made."""
    made: list[anyio.CancelScope] = []
    move_on_after = anyio.move_on_after

    def remember(delay: float | None, shield: bool = False) -> anyio.CancelScope:
        made.append(move_on_after(delay, shield=shield))
        return made[-1]

    monkeypatch.setattr(anyio, "move_on_after", remember)
    return made


async def timed_out(app: ASGIApp, timeouts: list[anyio.CancelScope]) -> None:
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(run_for_too_long, app)
        await until_it_waits()
        timeouts[0].deadline = anyio.current_time() - 1


async def run_for_too_long(app: ASGIApp) -> None:
    with suppress(TimeoutError):
        sent = await run(app, "/")
        assert sent[0]["status"] == 504


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("endpoint", WAITS[:6])
def test_who_takes_too_long_may_wait_in_the_cleanup(
    layers: int, backend: str, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    timeouts = remember_timeouts(monkeypatch)

    async def main() -> None:
        TRACE[:] = [Trace()]
        await timed_out(behind(Bolide, layers, endpoint, Middleware(TimeoutMiddleware)), timeouts)

    anyio.run(main, backend=backend)
    assert cleaned_up() == CLEANUP


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("outside", [(), (ANY_TIME,)], ids=["alone", "timed"])
@pytest.mark.parametrize("endpoint", STREAMS)
def test_a_stream_whose_client_leaves_may_wait_in_the_cleanup(
    layers: int, backend: str, outside: tuple[Middleware, ...], endpoint: Any
) -> None:
    async def main() -> None:
        TRACE[:] = [Trace()]
        left = anyio.Event()
        async with anyio.create_task_group() as task_group:
            app = behind(Bolide, layers, endpoint, *outside)
            task_group.start_soon(run, app, "/", left)
            await until_it_waits()
            left.set()

    anyio.run(main, backend=backend)
    assert cleaned_up() == CLEANUP


async def clean_up_after(request: Request, call_next: Any) -> Response:
    try:
        response: Response = await call_next(request)
        return response
    finally:
        await clean_up()


class CleansUp:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        finally:
            if scope["type"] == "http":
                await clean_up()


MIDDLEWARE = [Middleware(BaseHTTPMiddleware, dispatch=clean_up_after), Middleware(CleansUp)]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("middleware", MIDDLEWARE, ids=["ours", "plain"])
@pytest.mark.parametrize("inside", [0, 2])
@pytest.mark.parametrize("endpoint", [wait, wait_inside_a_group, wait_in_a_stream])
@pytest.mark.parametrize("how", ["scope", "time"])
def test_middleware_may_wait_in_its_cleanup_too(
    backend: str,
    number: int,
    middleware: Middleware,
    inside: int,
    endpoint: Any,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timeouts = remember_timeouts(monkeypatch)
    app = behind(
        Bolide,
        inside,
        endpoint,
        Middleware(TimeoutMiddleware, None if how == "scope" else 60, whole=True),
        *[middleware] * number,
    )

    async def main() -> None:
        TRACE[:] = [Trace()]
        if how == "scope":
            await cancelled_by_a_scope(app)
        else:
            await timed_out(app, timeouts)

    anyio.run(main, backend=backend)
    assert sorted(cleaned_up()) == sorted(CLEANUP * (number + 1))


async def never_clean(request: Request) -> Response:
    try:
        await wait_forever()
    finally:
        await anyio.sleep_forever()
    raise AssertionError


async def never_clean_in_a_stream(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"piece"
            await wait_forever()
        finally:
            await anyio.sleep_forever()

    return StreamingResponse(pieces())


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("endpoint", [never_clean, never_clean_in_a_stream])
def test_cleanup_that_never_ends_is_ended(layers: int, backend: str, endpoint: Any) -> None:
    async def main() -> None:
        TRACE[:] = [Trace()]
        app = behind(Bolide, layers, endpoint, ANY_TIME, cleanup_seconds=0.01)
        with anyio.fail_after(2):
            await cancelled_by_a_scope(app)

    anyio.run(main, backend=backend)
