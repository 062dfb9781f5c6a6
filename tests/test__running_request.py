"""A request that is cancelled when its time is over, wherever it waits."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from bolide import _drain
from bolide._drain import DrainControl
from bolide._prompt_thread import call_in_thread
from bolide._running_request import RunningRequest
from bolide.requests import empty_receive
from bolide.types import Message

pytestmark = pytest.mark.anyio

SOON = 0.01
MAX_SECONDS = 5


def request_of(draining: DrainControl) -> RunningRequest:
    return RunningRequest(draining, empty_receive)


async def run(
    app: Callable[[], Awaitable[None]],
    draining: DrainControl,
    request: RunningRequest | None = None,
) -> RunningRequest:
    """Run an application as a request."""
    request = request or request_of(draining)
    running = app()
    with anyio.fail_after(MAX_SECONDS) as bound:
        if not draining.can_interrupt():
            await request.inside_scope(running)
        else:
            steps: Any = running.__await__()
            try:
                waits_for = next(steps)
            except StopIteration:
                return request
            await request.go_on(running, steps, waits_for)
    assert not bound.cancel_called
    return request


def drained(seconds: float = SOON) -> DrainControl:
    return DrainControl(request_seconds=seconds)


async def test_before_draining_it_waits_as_long_as_it_likes() -> None:
    draining, values = drained(), []
    event = anyio.Event()

    async def app() -> None:
        await anyio.lowlevel.checkpoint()
        await event.wait()
        values.append("done")

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(run, app, draining)
        await anyio.wait_all_tasks_blocked()
        assert len(draining.waits) == 1
        event.set()
    assert values == ["done"]
    assert draining.waits == set()


@pytest.mark.parametrize("before", [False, True])
async def test_it_is_cancelled_where_it_waits(before: bool) -> None:
    draining, values = drained(), []

    async def app() -> None:
        if not before:
            draining.begin()
        try:
            await anyio.sleep_forever()
        finally:
            values.append("cleaned up")

    if before:
        draining.begin()
    request = await run(app, draining)
    assert request.was_cancelled
    assert values == ["cleaned up"]


async def test_one_that_waits_already_when_draining_begins() -> None:
    draining = drained()
    ended: list[bool] = []

    async def whole() -> None:
        ended.append((await run(anyio.sleep_forever, draining)).was_cancelled)

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(whole)
        await anyio.wait_all_tasks_blocked()
        draining.begin()
    assert ended == [True]


async def test_scopes_may_be_entered_and_left_in_any_order() -> None:
    draining, values = drained(), []

    async def app() -> None:
        with anyio.CancelScope() as outer:
            with anyio.move_on_after(SOON) as inner:
                await anyio.sleep_forever()
            values.append(inner.cancelled_caught)
            async with anyio.create_task_group() as task_group:
                task_group.start_soon(anyio.sleep, SOON)
                await anyio.lowlevel.checkpoint()
            outer.cancel()
            await anyio.sleep_forever()
        values.append(outer.cancelled_caught)
        with pytest.raises(TimeoutError), anyio.fail_after(SOON):
            await anyio.sleep_forever()
        await anyio.lowlevel.checkpoint()

    request = await run(app, draining)
    assert values == [True, True]
    assert not request.was_cancelled


async def test_tasks_of_it_are_cancelled_as_well() -> None:
    draining, values = drained(), []
    draining.begin()

    async def child() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            values.append("child")

    async def app() -> None:
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(child)

    assert (await run(app, draining)).was_cancelled
    assert values == ["child"]


async def test_cleanup_may_take_its_time_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_drain, "CLEANUP_SECONDS", SOON)
    draining, values = drained(), []
    draining.begin()

    async def app() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            values.append("once")
            try:
                await anyio.sleep_forever()
            finally:
                values.append("twice")

    request = await run(app, draining)
    assert request.was_broken_off
    assert values == ["once", "twice"]


async def test_cleanup_that_is_shielded_takes_its_time() -> None:
    draining, values = drained(), []
    draining.begin()

    async def app() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(SOON)
            values.append("cleaned up")

    assert (await run(app, draining)).was_broken_off
    assert values == ["cleaned up"]


async def test_what_it_does_about_it_is_its_own_business() -> None:
    draining = drained()
    draining.begin()

    async def app() -> None:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            return

    request = await run(app, draining)
    assert request.was_cancelled
    assert not request.was_broken_off


async def test_an_error_of_its_cleanup_comes_out() -> None:
    draining = drained()
    draining.begin()

    async def fail() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise LookupError

    with pytest.raises(LookupError):
        await run(fail, draining)


async def cancelled_from_outside(
    draining: DrainControl, app: Callable[[], Awaitable[None]], when: Callable[[], Awaitable[None]]
) -> RunningRequest:
    request = request_of(draining)
    draining.begin()
    async with anyio.create_task_group() as task_group:
        with anyio.CancelScope() as scope:

            async def cancel() -> None:
                await when()
                scope.cancel()

            task_group.start_soon(cancel)
            await run(app, draining, request)
    assert scope.cancelled_caught
    return request


async def test_a_cancellation_by_somebody_else_is_not_taken_for_ours() -> None:
    request = await cancelled_from_outside(
        drained(MAX_SECONDS * 10), anyio.sleep_forever, anyio.wait_all_tasks_blocked
    )
    assert not request.was_cancelled


# On trio, cleanup that waits has to be shielded, and nobody else can cancel it then.
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_nor_is_one_during_cleanup_after_ours() -> None:
    cleaning_up = anyio.Event()

    async def app() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cleaning_up.set()
            await anyio.sleep_forever()

    request = await cancelled_from_outside(drained(), app, cleaning_up.wait)
    assert not request.was_cancelled
    assert not request.was_broken_off


async def test_a_thread_is_waited_for() -> None:
    draining = drained()
    draining.begin()
    begun, go_on = threading.Event(), threading.Event()
    values: list[str] = []

    def block() -> None:
        begun.set()
        go_on.wait(MAX_SECONDS)

    async def app() -> None:
        await call_in_thread(block)
        values.append("done")

    async def let_go_on() -> None:
        await anyio.to_thread.run_sync(begun.wait)
        await anyio.sleep(SOON * 5)
        assert values == []
        go_on.set()

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(let_go_on)
        request = await run(app, draining)
    assert values == ["done"]
    assert not request.was_broken_off


async def test_whether_one_can_interrupt_is_asked_once_for_each_event_loop(
    anyio_backend_name: str,
) -> None:
    draining = drained()
    for _ in range(2):
        assert draining.can_interrupt() == draining.interrupts == (anyio_backend_name == "asyncio")
        draining.reset()
        assert not draining.interrupts


@pytest.mark.parametrize("waits", [False, True])
async def test_one_that_is_exempt_goes_on(waits: bool) -> None:
    draining = drained()
    draining.begin()
    request, values = request_of(draining), []

    async def app() -> None:
        if not waits:
            request.exempt()
        await anyio.sleep(SOON * 5)
        values.append("done")

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(run, app, draining, request)
        if waits:
            await anyio.wait_all_tasks_blocked()
            request.exempt()
            assert draining.waits == set()
    assert values == ["done"]


def test_where_nothing_runs_nothing_has_to_be_interrupted() -> None:
    draining = drained()
    assert draining.can_interrupt()


async def test_one_that_nobody_waits_for_any_more_is_closed() -> None:
    values: list[str] = []

    async def app() -> None:
        try:
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
        finally:
            values.append("closed")

    running = app()
    steps: Any = running.__await__()
    request = request_of(drained())
    request.exempt()
    going_on: Any = request.go_on(running, steps, next(steps))
    going_on.send(None)
    going_on.close()
    assert values == ["closed"]


async def test_the_time_of_requests_is_not_less_than_that_of_streams() -> None:
    assert DrainControl(7, request_seconds=3).request_seconds == 7
    assert DrainControl(3, request_seconds=7).request_seconds == 7
    assert DrainControl(7).request_seconds == 0


async def test_who_is_told_that_the_client_has_left_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bolide._running_request.MARGIN_SECONDS", 0)
    events: list[Message] = [{"type": "http.request", "body": b"half", "more_body": True}]

    async def receive() -> Message:
        if not events:
            await anyio.sleep_forever()
        return events.pop()

    request = request_of(DrainControl(SOON))
    request.receive = receive
    assert (await request())["body"] == b"half"
    request.draining.begin()
    assert not request.was_told
    assert await request() == {"type": "http.disconnect"}
    assert request.was_told
