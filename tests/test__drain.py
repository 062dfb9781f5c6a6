"""The time before an application stops: who is told, what ends, and for what the stop waits."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from bolide._drain import DRAINING_KEY, DrainControl, draining_of
from bolide.applications import Bolide, Starlette
from bolide.requests import Request
from bolide.websockets import WebSocket

pytestmark = pytest.mark.anyio

MAX_SECONDS = 5
SOON = 0.01


async def test_those_who_wait_are_told() -> None:
    draining, told = DrainControl(), []

    async def wait() -> None:
        await draining.wait()
        told.append(draining.is_set())

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(wait)
        task_group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert told == []
        assert not draining.is_set()
        draining.begin()
    assert told == [True, True]


async def test_who_comes_late_does_not_wait() -> None:
    draining = DrainControl()
    draining.begin()
    draining.begin()
    with anyio.fail_after(MAX_SECONDS):
        await draining.wait()


async def test_what_is_bounded_is_cancelled_in_time() -> None:
    draining = DrainControl()
    with anyio.fail_after(MAX_SECONDS):
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(anyio.sleep, 0)
            with draining.bounded(SOON) as short, draining.bounded(MAX_SECONDS * 10) as long:
                await anyio.wait_all_tasks_blocked()
                draining.begin()
                await anyio.sleep_forever()
    assert short.cancelled_caught
    assert not long.cancelled_caught


async def test_what_begins_later_has_the_same_deadline() -> None:
    draining = DrainControl()
    draining.begin()
    with anyio.fail_after(MAX_SECONDS), draining.bounded(SOON) as first:
        await anyio.sleep_forever()
    with anyio.fail_after(MAX_SECONDS), draining.bounded(SOON) as second:
        await anyio.sleep_forever()
    assert first.deadline == second.deadline


async def test_what_has_ended_is_forgotten() -> None:
    draining = DrainControl()
    with pytest.raises(ZeroDivisionError), draining.bounded(SOON):
        _ = 1 / 0
    with draining.bounded(SOON):
        pass
    draining.begin()
    await anyio.sleep(2 * SOON)


async def test_the_end_waits_for_what_is_held() -> None:
    draining, order = DrainControl(seconds=MAX_SECONDS), []

    async def live() -> None:
        async with draining.watched():
            await stop.wait()
        order.append("end of the lifespan")

    async def connect() -> None:
        with draining.bounded(MAX_SECONDS):
            held.set()
            await draining.wait()
            await anyio.wait_all_tasks_blocked()
            order.append("end of the connection")

    stop, held = anyio.Event(), anyio.Event()
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(live)
        task_group.start_soon(connect)
        await held.wait()
        assert not draining.is_set()
        stop.set()
    assert order == ["end of the connection", "end of the lifespan"]


async def test_the_end_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bolide._drain.MARGIN_SECONDS", 0)
    monkeypatch.setattr("bolide._drain.CLEANUP_SECONDS", SOON)
    draining = DrainControl(seconds=SOON)
    with anyio.fail_after(MAX_SECONDS), draining.held():
        async with draining.watched():
            pass


async def test_an_error_ends_it_at_once() -> None:
    draining = DrainControl(seconds=MAX_SECONDS * 10)
    with pytest.raises(ZeroDivisionError), anyio.fail_after(MAX_SECONDS), draining.held():
        async with draining.watched():
            _ = 1 / 0


async def test_another_thread_may_begin_it_while_the_lifespan_runs() -> None:
    draining = DrainControl()
    async with draining.watched():
        await anyio.to_thread.run_sync(draining.begin)
        assert draining.is_set()
        with anyio.fail_after(MAX_SECONDS):
            with draining.bounded(SOON):
                await anyio.sleep_forever()
        for _ in range(3):
            draining.begin()


async def test_a_bell_that_nobody_has_time_to_hear_may_be_rung_for_ever() -> None:
    draining = DrainControl()
    async with draining.watched():
        for _ in range(100_000):
            draining.begin()


async def test_a_new_lifespan_begins_anew() -> None:
    draining = DrainControl()
    for _ in range(2):
        async with draining.watched():
            assert not draining.is_set()
        assert draining.is_set()


async def test_one_follows_another() -> None:
    outer, inner = DrainControl(), DrainControl()
    inner.begin()
    with outer.followed_by(inner):
        assert not inner.is_set()
        outer.begin()
        assert inner.is_set()
    outer.reset()
    inner.reset()
    outer.begin()
    assert not inner.is_set()


class Server:
    """Hears SIGTERM."""

    def __init__(self) -> None:
        self.heard = 0

    def handle(self, number: int, frame: object) -> None:
        self.heard += 1


@pytest.fixture
def server() -> Iterator[Server]:
    server, before = Server(), signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, server.handle)
    yield server
    signal.signal(signal.SIGTERM, before)


async def test_the_server_hears_of_a_signal_when_all_has_ended(server: Server) -> None:
    draining = DrainControl(seconds=MAX_SECONDS)
    async with draining.watched():
        with anyio.fail_after(MAX_SECONDS):
            with draining.bounded(MAX_SECONDS):
                signal.raise_signal(signal.SIGTERM)
                await draining.wait()
                await anyio.wait_all_tasks_blocked()
                assert server.heard == 0
            while not server.heard:
                await anyio.lowlevel.checkpoint()
            assert server.heard == 1
            # From now on it hears all of them itself.
            signal.raise_signal(signal.SIGTERM)
            assert server.heard == 2
            draining.begin()
            await anyio.wait_all_tasks_blocked()
    assert server.heard == 2


async def test_a_second_signal_of_another_kind_waits_for_the_same(server: Server) -> None:
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, server.handle)
    try:
        draining = DrainControl(seconds=MAX_SECONDS)
        async with draining.watched():
            with draining.bounded(MAX_SECONDS):
                signal.raise_signal(signal.SIGTERM)
                await draining.wait()
                signal.raise_signal(signal.SIGINT)
                await anyio.wait_all_tasks_blocked()
                assert server.heard == 0
        assert server.heard == 2
    finally:
        signal.signal(signal.SIGINT, before)


async def test_a_signal_of_another_kind_begins_nothing(server: Server) -> None:
    before = signal.signal(signal.SIGUSR1, server.handle)
    try:
        draining = DrainControl()
        async with draining.watched():
            signal.raise_signal(signal.SIGUSR1)
            await anyio.wait_all_tasks_blocked()
            assert server.heard == 1
            assert not draining.is_set()
    finally:
        signal.signal(signal.SIGUSR1, before)


async def test_no_signal_is_lost_at_the_end(server: Server) -> None:
    draining = DrainControl()
    async with draining.watched():
        signal.raise_signal(signal.SIGTERM)
    assert server.heard == 1


def test_an_application_has_the_bounds_of_its_policy() -> None:
    app = Bolide(drain_seconds=3, background_drain_seconds=4)
    assert (app.draining.seconds, app.draining.background_seconds) == (3, 4)
    assert app.draining is app.draining
    assert Starlette().draining.seconds == 0


async def test_a_connection_has_the_draining_of_the_outermost_application() -> None:
    app, draining = Starlette(), DrainControl()
    scope: dict[str, Any] = {"type": "http", "app": app}
    assert Request(scope).draining is app.draining
    app.drain()
    assert Request(scope).draining.is_set()
    assert Request({**scope, DRAINING_KEY: draining}).draining is draining

    async def nothing(*args: Any) -> Any: ...

    assert WebSocket({"type": "websocket", "app": app}, nothing, nothing).draining is app.draining


@pytest.mark.parametrize("scope", [{}, {"app": object()}])
async def test_without_an_application_nothing_is_ever_drained(scope: dict[str, Any]) -> None:
    assert not draining_of(scope).is_set()


def test_without_a_lifespan_it_begins_in_the_event_loop_only() -> None:
    errors = []

    def begin() -> None:
        try:
            DrainControl().begin()
        except BaseException as exc:
            errors.append(type(exc).__name__)

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join()
    assert len(errors) == 1
