"""A bound on requests: who comes in, who waits, who is refused, and that no place gets lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st

from bolide.applications import Starlette
from bolide.middleware import Middleware
from bolide.middleware.concurrency import ConcurrencyMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse
from bolide.routing import Mount, Route
from bolide.testclient import TestClient
from bolide.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]


async def settle() -> None:
    """Let every other task go on until it has to wait."""
    for _ in range(25):
        await checkpoint()


async def never(*args: object) -> Any:
    raise AssertionError


class Caller:
    """A client with one request."""

    def __init__(self, *pieces: bytes, path: str = "/", root_path: str = "") -> None:
        self.scope: Scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "root_path": root_path,
            "headers": [],
        }
        self.pieces = list(pieces or (b"",))
        self.left = anyio.Event()
        self.cancel_scope = anyio.CancelScope()
        self.sent: list[Message] = []
        self.ended = False

    async def receive(self) -> Message:
        if self.pieces:
            piece = self.pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def call(self, app: ASGIApp) -> None:
        with self.cancel_scope:
            await app(self.scope, self.receive, self.send)
        self.ended = True

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None


class Busy:
    """An application that works until it is told to end."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.running = 0
        self.most = 0
        self.endings: dict[str, anyio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"]
        self.order.append(name)
        self.running += 1
        self.most = max(self.most, self.running)
        self.endings[name] = anyio.Event()
        try:
            await self.endings[name].wait()
            await PlainTextResponse(await Request(scope, receive).body())(scope, receive, send)
        finally:
            self.running -= 1

    async def end(self, name: str) -> None:
        self.endings[name].set()
        await settle()


async def idle(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("done")(scope, receive, send)


async def start(tasks: Any, app: ASGIApp, *callers: Caller) -> None:
    """Begin with requests in order."""
    for caller in callers:
        tasks.start_soon(caller.call, app)
        await settle()


async def expect_room(app: ASGIApp, rooms: int, busy: Busy) -> None:
    """Check that exactly so many requests have a place."""
    callers = [Caller(path=f"/room/{number}") for number in range(rooms + 1)]
    before = len(busy.order)
    async with anyio.create_task_group() as tasks:
        await start(tasks, app, *callers)
        assert len(busy.order) - before == rooms
        tasks.cancel_scope.cancel()


# Turns


async def test_requests_up_to_the_bound_come_in_and_more_wait_in_order() -> None:
    busy = Busy()
    app = ConcurrencyMiddleware(busy, 2, max_wait_seconds=60)
    callers = [Caller(path=path) for path in ("/a", "/b", "/c", "/d")]
    async with anyio.create_task_group() as tasks:
        await start(tasks, app, *callers)
        assert busy.order == ["/a", "/b"]

        await busy.end("/b")
        assert busy.order == ["/a", "/b", "/c"]
        await busy.end("/c")
        await busy.end("/a")
        await busy.end("/d")

    assert busy.order == ["/a", "/b", "/c", "/d"]
    assert busy.most == 2
    assert [caller.status for caller in callers] == [200] * 4
    await expect_room(app, 2, busy)


async def test_who_comes_later_does_not_overtake_who_waits() -> None:
    busy = Busy()
    app = ConcurrencyMiddleware(busy, 1, max_wait_seconds=60)
    async with anyio.create_task_group() as tasks:
        await start(tasks, app, Caller(path="/first"), Caller(path="/waiting"))
        # The place is free, and whose turn it is has not noticed yet.
        busy.endings["/first"].set()
        while busy.running:
            await checkpoint()
        tasks.start_soon(Caller(path="/late").call, app)
        await settle()

        assert busy.order == ["/first", "/waiting"]
        await busy.end("/waiting")
        await busy.end("/late")
    assert busy.most == 1


async def test_a_place_is_free_again_after_an_error() -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise OSError

    app = ConcurrencyMiddleware(fail, 1, max_waiting=0)
    for _ in range(3):
        with pytest.raises(OSError):
            await Caller().call(app)


async def test_a_place_is_free_again_after_a_cancellation() -> None:
    busy = Busy()
    app = ConcurrencyMiddleware(busy, 1, max_waiting=0)
    caller = Caller(path="/a")
    async with anyio.create_task_group() as tasks:
        await start(tasks, app, caller)
        caller.cancel_scope.cancel()

    await expect_room(app, 1, busy)


# Refusals


async def test_when_too_many_wait_a_request_is_refused_at_once() -> None:
    busy = Busy()
    app = ConcurrencyMiddleware(busy, 1, max_waiting=1, max_wait_seconds=60, retry_after_seconds=7)
    refused = Caller(path="/c")
    async with anyio.create_task_group() as tasks:
        await start(tasks, app, Caller(path="/a"), Caller(path="/b"))
        await refused.call(app)
        await busy.end("/a")
        await busy.end("/b")

    assert refused.status == 503
    assert (b"retry-after", b"7") in refused.sent[0]["headers"]
    assert refused.sent[1]["body"] == b"Service Unavailable"
    assert busy.order == ["/a", "/b"]


async def test_who_has_waited_too_long_is_refused() -> None:
    busy = Busy()
    app = ConcurrencyMiddleware(busy, 1, max_wait_seconds=0.01)
    refused = Caller(path="/b")
    async with anyio.create_task_group() as tasks:
        await start(tasks, app, Caller(path="/a"))
        await refused.call(app)
        assert refused.status == 503

        await busy.end("/a")
    assert busy.order == ["/a"]
    await expect_room(app, 1, busy)


async def test_a_wait_of_no_time_is_none() -> None:
    busy = Busy()
    app = ConcurrencyMiddleware(busy, 1, max_wait_seconds=0)
    refused = Caller(path="/b")
    async with anyio.create_task_group() as tasks:
        await start(tasks, app, Caller(path="/a"))
        await refused.call(app)
        await busy.end("/a")

    assert refused.status == 503


async def test_a_turn_that_comes_with_the_end_of_the_wait_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    busy = Busy()
    app = ConcurrencyMiddleware(busy, 1, max_wait_seconds=60)
    waits: list[anyio.CancelScope] = []
    move_on_after = anyio.move_on_after

    def remember(delay: float) -> anyio.CancelScope:
        waits.append(move_on_after(delay))
        return waits[-1]

    monkeypatch.setattr(anyio, "move_on_after", remember)
    async with anyio.create_task_group() as tasks:
        await start(tasks, app, Caller(path="/a"), Caller(path="/b"))
        busy.endings["/a"].set()
        while busy.running:
            await checkpoint()
        waits[-1].cancel()
        await settle()

        assert busy.order == ["/a", "/b"]
        await busy.end("/b")
    await expect_room(app, 1, busy)


# Clients that leave, or are cut off, while they wait


async def test_nothing_is_done_for_a_client_that_leaves_while_it_waits() -> None:
    busy = Busy()
    app = ConcurrencyMiddleware(busy, 1, max_wait_seconds=60)
    waiting = Caller(path="/b")
    async with anyio.create_task_group() as tasks:
        await start(tasks, app, Caller(path="/a"), waiting)
        waiting.left.set()
        await settle()
        assert waiting.ended

        await busy.end("/a")
    assert busy.order == ["/a"]
    await expect_room(app, 1, busy)


async def test_a_request_that_is_cancelled_while_it_waits_gives_up_its_turn() -> None:
    busy = Busy()
    app = ConcurrencyMiddleware(busy, 1, max_wait_seconds=60)
    waiting = Caller(path="/b")
    async with anyio.create_task_group() as tasks:
        await start(tasks, app, Caller(path="/a"), waiting)
        waiting.cancel_scope.cancel()
        await settle()
        await busy.end("/a")

    assert (busy.order, waiting.sent) == (["/a"], [])
    await expect_room(app, 1, busy)


async def test_a_turn_that_comes_with_a_cancellation_goes_to_the_next() -> None:
    busy = Busy()
    app = ConcurrencyMiddleware(busy, 1, max_wait_seconds=60)
    waiting = Caller(path="/b")
    async with anyio.create_task_group() as tasks:
        await start(tasks, app, Caller(path="/a"), waiting, Caller(path="/c"))
        busy.endings["/a"].set()
        while busy.running:
            await checkpoint()
        waiting.cancel_scope.cancel()
        await settle()
        # Whether it was cancelled before or after it came in, the next one is there now.
        assert busy.order[-1] == "/c"
        await busy.end("/c")

    await expect_room(app, 1, busy)


async def test_an_error_of_the_connection_comes_out_and_gives_up_the_turn() -> None:
    busy = Busy()
    app = ConcurrencyMiddleware(busy, 1, max_wait_seconds=60)
    broken = Caller(path="/b")

    async def receive() -> Message:
        raise OSError("reset")

    async with anyio.create_task_group() as tasks:
        await start(tasks, app, Caller(path="/a"))
        with pytest.raises(OSError, match="reset"):
            await app(broken.scope, receive, broken.send)
        await busy.end("/a")

    await expect_room(app, 1, busy)


async def test_the_body_that_came_while_it_waited_is_still_there() -> None:
    busy = Busy()
    app = ConcurrencyMiddleware(busy, 1, max_wait_seconds=60)
    waiting = Caller(b"one ", b"two ", b"three", path="/b")
    async with anyio.create_task_group() as tasks:
        await start(tasks, app, Caller(path="/a"), waiting)
        await busy.end("/a")
        await busy.end("/b")

    assert waiting.sent[1]["body"] == b"one two three"


MOVES = st.lists(st.tuples(st.sampled_from(["come", "end", "cancel", "leave"]), st.integers(0, 5)))


@settings(deadline=None, max_examples=60)
@given(MOVES, st.integers(1, 3), st.integers(0, 3))
async def test_whatever_happens_the_bounds_hold_and_no_place_gets_lost(
    moves: list[tuple[str, int]], max_requests: int, max_waiting: int
) -> None:
    busy = Busy()
    app = ConcurrencyMiddleware(busy, max_requests, max_waiting=max_waiting, max_wait_seconds=3600)
    callers: list[Caller] = []
    arrived: list[str] = []

    async def arrive(scope: Scope, receive: Receive, send: Send) -> None:
        arrived.append(scope["path"])
        await app(scope, receive, send)

    async with anyio.create_task_group() as tasks:
        for number, (move, place) in enumerate(moves):
            here = [caller for caller in callers if not caller.ended]
            chosen = here[place % len(here)] if here else None
            if move == "come":
                callers.append(Caller(path=f"/{number}"))
                tasks.start_soon(callers[-1].call, arrive)
            elif chosen is not None and move == "cancel":
                chosen.cancel_scope.cancel()
            elif chosen is not None and move == "leave":
                chosen.left.set()
            elif chosen is not None and chosen.scope["path"] in busy.endings:
                busy.endings[chosen.scope["path"]].set()
            # Often two things happen at once.
            if place % 2:
                await settle()
                assert busy.running <= max_requests
                waiting = sum(not caller.ended for caller in callers) - busy.running
                assert waiting <= max_waiting
                assert not waiting or busy.running == max_requests
        await settle()
        tasks.cancel_scope.cancel()

    assert busy.most <= max_requests
    # Two that come in at the same moment may begin in any order.
    assert max_requests > 1 or [path for path in arrived if path in busy.order] == busy.order
    await expect_room(app, max_requests, busy)


# What does not count


async def test_health_checks_never_wait_and_do_not_count() -> None:
    busy = Busy()
    app = ConcurrencyMiddleware(busy, 1, max_waiting=0)
    async with anyio.create_task_group() as tasks:
        await start(tasks, app, Caller(path="/health"), Caller(path="/healthz"))
        await start(tasks, app, Caller(path="/a"), Caller(path="/livez"))
        assert busy.order == ["/health", "/healthz", "/a", "/livez"]
        tasks.cancel_scope.cancel()


async def test_what_is_exempt_can_be_said() -> None:
    busy = Busy()
    by_path = ConcurrencyMiddleware(busy, 1, max_waiting=0, exempt=["/up"])
    by_function = ConcurrencyMiddleware(
        busy, 1, max_waiting=0, exempt=lambda scope: bool(scope["path"] == "/up")
    )
    for app in (by_path, by_function):
        refused = Caller(path="/health")
        async with anyio.create_task_group() as tasks:
            await start(tasks, app, Caller(path="/a"), Caller(path="/up"))
            await refused.call(app)
            tasks.cancel_scope.cancel()
        assert refused.status == 503

    assert busy.order == ["/a", "/up"] * 2


async def test_a_health_check_below_a_root_path_is_one() -> None:
    busy = Busy()
    app = ConcurrencyMiddleware(busy, 1, max_waiting=0)
    async with anyio.create_task_group() as tasks:
        await start(tasks, app, Caller(path="/a"), Caller(path="/api/health", root_path="/api"))
        assert busy.order == ["/a", "/api/health"]
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_anything_but_http_is_none_of_its_business(kind: str) -> None:
    calls: list[tuple[object, ...]] = []

    async def app(*args: object) -> None:
        calls.append(args)

    await ConcurrencyMiddleware(app, 1)({"type": kind}, never, never)

    assert calls == [({"type": kind}, never, never)]


async def test_two_middlewares_count_each_for_itself() -> None:
    busy = Busy()
    first = ConcurrencyMiddleware(busy, 1, max_waiting=0)
    second = ConcurrencyMiddleware(busy, 1, max_waiting=0)
    async with anyio.create_task_group() as tasks:
        await start(tasks, first, Caller(path="/a"))
        await start(tasks, second, Caller(path="/b"))
        assert busy.order == ["/a", "/b"]
        tasks.cancel_scope.cancel()


def test_one_middleware_may_meet_several_event_loops() -> None:
    app = ConcurrencyMiddleware(idle, 1, max_waiting=0)
    held = Busy()
    holding = ConcurrencyMiddleware(held, 1, max_waiting=0)

    async def leave_in_the_middle() -> None:
        async with anyio.create_task_group() as tasks:
            await start(tasks, holding, Caller(path="/a"))
            await Caller().call(app)
            tasks.cancel_scope.cancel()

    for backend in ("asyncio", "trio", "asyncio"):
        anyio.run(leave_in_the_middle, backend=backend)
    assert held.order == ["/a"] * 3


# Mistakes


@pytest.mark.parametrize(
    "options",
    [
        {"max_requests": 0},
        {"max_requests": -1},
        {"max_requests": 1, "max_waiting": -1},
        {"max_requests": 1, "max_wait_seconds": -0.1},
        {"max_requests": 1, "max_wait_seconds": float("nan")},
        {"max_requests": 1, "retry_after_seconds": -1},
        {"max_requests": 1, "exempt": "/health"},
    ],
)
def test_what_makes_no_sense_is_an_error(options: Any) -> None:
    with pytest.raises(ValueError):
        ConcurrencyMiddleware(idle, **options)


# In an application


def test_a_mount_may_have_a_bound_of_its_own(client_for: ClientFor) -> None:
    async def hello(request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    slow = Mount(
        "/slow",
        routes=[Route("/hello", hello)],
        middleware=[Middleware(ConcurrencyMiddleware, max_requests=1)],
    )
    client = client_for(Starlette(routes=[slow]))

    assert [client.get("/slow/hello").text for _ in range(3)] == ["hello"] * 3
