"""Long work stops when the client leaves, whatever the server tells about that."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from bolide._connection import ClientDisconnect
from bolide._disconnect import (
    cancel_on_disconnect,
    reports_disconnect_on_send,
    run_until_disconnect,
    wait_for_disconnect,
    wait_until_client_left,
)
from bolide.requests import Request
from bolide.types import Message, Scope

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("scope", "reported"),
    [
        ({}, False),
        ({"asgi": {}}, False),
        ({"asgi": {"version": "3.0"}}, False),
        ({"asgi": {"spec_version": "2.0"}}, False),
        ({"asgi": {"spec_version": "2.3"}}, False),
        ({"asgi": {"spec_version": "2.4"}}, True),
        ({"asgi": {"spec_version": "2.5"}}, True),
        ({"asgi": {"spec_version": "2.10"}}, True),
        ({"asgi": {"spec_version": "3.0"}}, True),
    ],
)
def test_send_tells_of_a_disconnect_from_asgi_2_4_on(scope: Scope, reported: bool) -> None:
    assert reports_disconnect_on_send(scope) is reported


async def test_waiting_for_the_disconnect_drops_everything_else() -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request"},
        {"type": "http.disconnect"},
        {"type": "not asked for"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    await wait_for_disconnect(receive)

    assert messages == [{"type": "not asked for"}]


async def test_work_that_ends_ends_the_waiting() -> None:
    events: list[str] = []

    async def work() -> None:
        await anyio.lowlevel.checkpoint()
        events.append("worked")

    async def disconnected() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            events.append("watched")

    await run_until_disconnect(work, disconnected)

    assert events == ["worked", "watched"]


async def test_nobody_listens_during_work_that_waits_for_nothing() -> None:
    async def work() -> None:
        pass

    async def disconnected() -> None:
        raise AssertionError

    await run_until_disconnect(work, disconnected)


async def test_the_work_gets_what_it_waits_for() -> None:
    results: list[Any] = []

    async def work() -> None:
        results.append(await anyio.to_thread.run_sync(str.upper, "first"))
        with anyio.move_on_after(0.001) as scope:
            await anyio.sleep_forever()
        results.append(scope.cancelled_caught)
        try:
            await anyio.to_thread.run_sync(int, "no number")
        except ValueError as exc:
            results.append(exc.__context__)
        await anyio.lowlevel.checkpoint()
        results.append("last")

    await run_until_disconnect(work, anyio.sleep_forever)

    assert results == ["FIRST", True, None, "last"]


async def test_work_may_wait_first_inside_a_scope_of_its_own() -> None:
    async def work() -> None:
        with anyio.CancelScope():
            async with anyio.create_task_group() as task_group:
                task_group.start_soon(anyio.lowlevel.checkpoint)
                await anyio.lowlevel.checkpoint()

    await run_until_disconnect(work, anyio.sleep_forever)


async def test_a_disconnect_cancels_the_work_quietly() -> None:
    gone = anyio.Event()
    events: list[str] = []

    async def work() -> None:
        events.append("started")
        gone.set()
        try:
            await anyio.sleep_forever()
        finally:
            events.append("cancelled")

    await run_until_disconnect(work, gone.wait)

    assert events == ["started", "cancelled"]


async def test_the_work_is_done_in_the_task_of_the_caller() -> None:
    tasks: list[anyio.TaskInfo] = []

    async def work() -> None:
        tasks.append(anyio.get_current_task())

    await run_until_disconnect(work, anyio.sleep_forever)

    assert tasks == [anyio.get_current_task()]


@pytest.mark.parametrize("failing", ["work", "disconnected"])
async def test_a_failure_on_either_side_comes_out_bare(failing: str) -> None:
    error = ValueError("boom")

    async def fail() -> None:
        raise error

    sides: dict[str, Any] = {"work": anyio.sleep_forever, "disconnected": anyio.sleep_forever}
    sides[failing] = fail
    with pytest.raises(ValueError) as caught:
        await run_until_disconnect(**sides)

    assert caught.value is error


async def test_a_cancellation_from_outside_goes_through_both_sides() -> None:
    cancelled: list[str] = []
    running = anyio.Event()

    async def side(name: str) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(name)

    async def work() -> None:
        running.set()
        await side("work")

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as task_group:

            async def stop() -> None:
                await running.wait()
                await anyio.wait_all_tasks_blocked()
                scope.cancel()

            task_group.start_soon(stop)
            await run_until_disconnect(work, lambda: side("disconnected"))
            cancelled.append("went on")

    assert sorted(cancelled) == ["disconnected", "work"]


async def test_waiting_until_the_client_has_left_leaves_the_body_to_others() -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request", "body": b"b"},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    scope: Scope = {"type": "http"}
    request: Request[Any] = Request(scope, receive)
    assert await request.is_disconnected() is False

    await wait_until_client_left(scope, receive)

    assert messages == []
    assert await request.body() == b"ab"
    assert await request.is_disconnected() is True


async def test_what_is_done_in_a_context_is_cancelled_on_disconnect() -> None:
    gone = anyio.Event()
    events: list[str] = []

    async def work() -> None:
        async with cancel_on_disconnect(gone.wait):
            gone.set()
            try:
                await anyio.sleep_forever()
            finally:
                events.append("cancelled")
        events.append("went on")

    with pytest.raises(ClientDisconnect):
        await work()

    assert events == ["cancelled"]


async def test_a_context_that_comes_to_its_end_is_left_as_ever() -> None:
    async with cancel_on_disconnect(anyio.sleep_forever):
        await anyio.lowlevel.checkpoint()

    gone = anyio.Event()
    async with cancel_on_disconnect(gone.wait):
        await anyio.wait_all_tasks_blocked()
        # Too late to be cancelled: nothing here waits any more.
        gone.set()


@pytest.mark.parametrize("failing", ["work", "watching"])
async def test_a_failure_in_a_context_comes_out_bare(failing: str) -> None:
    error = ValueError("boom")

    async def fail() -> None:
        raise error

    async def run() -> None:
        async with cancel_on_disconnect(fail if failing == "watching" else anyio.sleep_forever):
            await (fail() if failing == "work" else anyio.sleep_forever())

    with pytest.raises(ValueError) as caught:
        await run()

    assert caught.value is error


async def test_a_cancellation_from_outside_is_no_disconnect() -> None:
    with anyio.move_on_after(0) as scope:
        async with cancel_on_disconnect(anyio.sleep_forever):
            await anyio.sleep_forever()

    assert scope.cancelled_caught
