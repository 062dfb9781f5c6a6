"""Being told of a cancellation once, and having some seconds for the cleanup."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from bolide._async import create_collapsing_task_group
from bolide._cleanup import MAX_SPINS, is_cancellation, told_once

pytestmark = pytest.mark.anyio

DONE: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_done() -> None:
    DONE.clear()


@asynccontextmanager
async def cleanup(name: str = "cleanup") -> AsyncGenerator[None, None]:
    """Wait in the cleanup: for nothing, for another task, for a thread."""
    try:
        yield
    finally:
        await anyio.lowlevel.checkpoint()
        async with anyio.create_task_group() as task_group:
            event = anyio.Event()
            task_group.start_soon(anyio.lowlevel.checkpoint)
            task_group.start_soon(set_later, event)
            await event.wait()
        await anyio.to_thread.run_sync(sys.getrefcount, None)
        await anyio.lowlevel.checkpoint()
        DONE.append(name)


async def set_later(event: anyio.Event) -> None:
    await anyio.lowlevel.checkpoint()
    event.set()


async def cancelled(code: Awaitable[Any]) -> Any:
    """Run some code that is cancelled when it waits; give what it returned, or None."""
    result: Any = None

    async def run() -> None:
        nonlocal result
        result = await code
        DONE.append("went on")

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(run)
            for _ in range(10):
                await anyio.lowlevel.checkpoint()
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
    return result


# What it may be in when it is told


async def event() -> None:
    async with cleanup():
        await anyio.Event().wait()


async def a_long_time() -> None:
    async with cleanup():
        await anyio.sleep(1000)


async def a_scope() -> None:
    async with cleanup():
        with anyio.fail_after(1000), anyio.CancelScope():
            await anyio.sleep_forever()


async def a_scope_left_before() -> None:
    with anyio.move_on_after(0):
        await anyio.sleep_forever()
    async with cleanup():
        await anyio.sleep_forever()


async def a_group() -> None:
    async with anyio.create_task_group(), cleanup():
        await anyio.sleep_forever()


async def a_group_with_a_wait_in_a_cleanup_around_it() -> None:
    async with cleanup(), create_collapsing_task_group(), cleanup():
        await anyio.sleep_forever()


async def a_group_whose_tasks_end() -> None:
    async with cleanup("around"), create_collapsing_task_group() as task_group:
        task_group.start_soon(anyio.sleep_forever)
        await told_once(event(), 5)
    DONE.append("went on")


async def one_that_is_told_in_another() -> None:
    async with cleanup("around"):
        await told_once(event(), 5)


async def a_scope_of_its_own_in_another() -> None:
    async with cleanup("around"):
        with anyio.CancelScope():
            await told_once(event(), 5)


async def not_a_coroutine() -> None:
    class Wait:
        def __await__(self) -> Generator[Any, Any, None]:
            return event().__await__()

    async with cleanup("around"):
        await told_once(Wait(), 5)


async def a_cleanup_in_which_a_group_fails() -> None:
    async with cleanup("around"):
        try:
            await anyio.sleep_forever()
        finally:
            await fail_in_a_group()
            DONE.append("cleanup")


async def fail_in_a_group() -> None:
    with suppress(ExceptionGroup):
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(anyio.sleep_forever)
            await anyio.lowlevel.checkpoint()
            raise ValueError


ONCE = [event, a_long_time, a_scope, a_scope_left_before, a_group]
TWICE = [
    a_group_whose_tasks_end,
    one_that_is_told_in_another,
    a_scope_of_its_own_in_another,
    not_a_coroutine,
    a_cleanup_in_which_a_group_fails,
]


@pytest.mark.parametrize("code", ONCE)
async def test_cleanup_may_wait(code: Callable[[], Awaitable[None]]) -> None:
    await cancelled(told_once(code(), 5))

    assert DONE == ["cleanup"]


@pytest.mark.parametrize("code", TWICE)
async def test_cleanup_may_wait_at_every_level(code: Callable[[], Awaitable[None]]) -> None:
    await cancelled(told_once(code(), 5))

    assert sorted(DONE) == ["around", "cleanup"]


async def test_without_any_seconds_a_scope_cancels_each_await() -> None:
    code = event()
    assert told_once(code, 0) is code

    await cancelled(code)

    assert DONE == []


async def test_a_scope_that_is_there_may_become_the_shield() -> None:
    async def code() -> None:
        async with anyio.create_task_group() as task_group:
            await told_once(event(), 5, task_group.cancel_scope)

    await cancelled(code())

    assert DONE == ["cleanup"]


async def test_what_is_not_cancelled_is_as_ever() -> None:
    async def give() -> int:
        await anyio.lowlevel.checkpoint()
        return 1

    async def fail() -> int:
        await anyio.lowlevel.checkpoint()
        raise ValueError

    assert await told_once(give(), 5) == 1
    with pytest.raises(ValueError):
        await told_once(fail(), 5)


async def test_what_catches_a_cancellation_may_return() -> None:
    async def code() -> int:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            return 1
        raise AssertionError

    assert await cancelled(told_once(code(), 5)) == 1
    assert DONE == ["went on"]


async def test_what_catches_a_cancellation_may_fail() -> None:
    async def code() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise ValueError

    with pytest.raises(ExceptionGroup):
        await cancelled(told_once(code(), 5))


async def test_a_scope_of_its_own_cancels_as_ever() -> None:
    async def code() -> int:
        with anyio.CancelScope() as scope:
            try:
                scope.cancel()
                await anyio.sleep_forever()
            finally:
                try:
                    await anyio.sleep_forever()
                finally:
                    DONE.append("again")
        return 1

    assert await told_once(code(), 5) == 1
    assert DONE == ["again"]


async def test_a_scope_that_it_has_left_does_not_count_as_told() -> None:
    async def code() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await anyio.sleep_forever()
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            DONE.append("told")
            raise

    await cancelled(told_once(code(), 1000))

    assert DONE == ["told"]


async def test_cleanup_that_never_ends_is_ended() -> None:
    async def code() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            try:
                await anyio.sleep_forever()
            finally:
                DONE.append("ended")
                await anyio.sleep_forever()

    await cancelled(told_once(code(), 0.01))
    assert DONE == ["ended"]


async def test_cleanup_that_never_ends_is_ended_at_every_level() -> None:
    async def code() -> None:
        try:
            await told_once(told_once(never_ends(), 0.01), 0.01)
        finally:
            DONE.append("around")

    async def never_ends() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            await anyio.sleep_forever()

    await cancelled(told_once(code(), 0.01))
    assert DONE == ["around"]


async def test_who_is_told_when_it_does_not_wait_is_told_at_its_next_wait() -> None:
    async def code() -> None:
        await anyio.to_thread.run_sync(release.wait)
        DONE.append("thread")
        await event()

    release = threading.Event()
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(told_once, code(), 5)
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
            release.set()

    assert DONE == ["thread", "cleanup"]


async def test_a_loop_that_does_not_wait_is_told(anyio_backend_name: str) -> None:
    turns = 0

    async def code() -> None:
        nonlocal turns
        async with cleanup():
            while True:
                turns += 1
                await anyio.lowlevel.checkpoint()

    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(told_once, code(), 5)
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
            before = turns
            scope.cancel()

    assert turns <= before + MAX_SPINS + 2
    # On trio, `checkpoint()` sees by itself that it is cancelled, each time.
    assert (["cleanup"] if anyio_backend_name == "asyncio" else []) == DONE


async def test_who_cancels_its_surroundings_is_told() -> None:
    event = anyio.Event()

    async def code(scope: anyio.CancelScope) -> None:
        scope.cancel()
        try:
            await anyio.lowlevel.checkpoint()
        finally:
            DONE.append("told")
            await event.wait()
            DONE.append("waited")
        raise AssertionError

    async def run() -> None:
        with anyio.CancelScope() as scope:
            await told_once(code(scope), 5)

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(run)
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        event.set()

    assert DONE == ["told", "waited"]


async def test_who_leaves_a_group_of_its_own_is_shielded_from_its_first_wait() -> None:
    told, event = anyio.Event(), anyio.Event()

    async def code() -> None:
        try:
            async with anyio.create_task_group() as task_group:
                task_group.start_soon(anyio.sleep_forever)
                await anyio.sleep_forever()
        finally:
            told.set()
            await event.wait()
            await anyio.lowlevel.checkpoint()
            DONE.append("waited")
        raise AssertionError

    async def go_on() -> None:
        await told.wait()
        event.set()

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(go_on)
        await cancelled(told_once(code(), 5))

    assert DONE == ["waited"]


async def test_an_async_generator_may_wait_in_its_cleanup() -> None:
    async def pieces() -> AsyncGenerator[int, None]:
        async with cleanup():
            yield 1
            await anyio.sleep_forever()

    async def code() -> None:
        async for _ in pieces():
            pass

    await cancelled(told_once(code(), 5))

    assert DONE == ["cleanup"]


def test_what_is_closed_ends_without_an_event_loop() -> None:
    async def code() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            DONE.append("closed")

    async def begin() -> Coroutine[Any, Any, None]:
        async def drive() -> None:
            await told_once(code(), 5, anyio.CancelScope())

        coroutine = drive()
        coroutine.send(None)
        return coroutine

    asyncio.run(begin()).close()

    assert DONE == ["closed"]


async def test_a_generator_exit_is_no_cancellation() -> None:
    assert not is_cancellation(GeneratorExit())
    assert not is_cancellation(ValueError())
    assert not is_cancellation(KeyboardInterrupt())
    with anyio.CancelScope() as scope:
        scope.cancel()
        with pytest.raises(anyio.get_cancelled_exc_class()) as raised:
            await anyio.lowlevel.checkpoint()
    assert is_cancellation(raised.value)


# Tasks that are cancelled by others than AnyIO


def test_a_task_that_is_cancelled_by_itself_has_any_time() -> None:
    async def main() -> None:
        task = asyncio.ensure_future(told_once(event(), 0.001))  # type: ignore[arg-type]
        await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert DONE == ["cleanup"]


def test_a_task_that_is_cancelled_in_its_cleanup_stops_that() -> None:
    async def code() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            waits.set()
            await anyio.sleep_forever()

    async def main() -> None:
        async def run() -> None:
            with anyio.CancelScope() as scope:
                scopes.append(scope)
                await told_once(code(), 1000)
            raise AssertionError("It was cancelled for good.")

        task = asyncio.ensure_future(run())
        await asyncio.sleep(0.001)
        scopes[0].cancel()
        await waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    scopes: list[anyio.CancelScope] = []
    waits = asyncio.Event()
    asyncio.run(main())


def test_what_was_written_for_another_event_loop_says_so() -> None:
    async def main() -> None:
        with pytest.raises(TypeError):
            await told_once(foreign(), 5)

    class Foreign:
        def __await__(self) -> Generator[Any, Any, None]:
            yield "not of trio"

    async def foreign() -> None:
        await Foreign()

    anyio.run(main, backend="trio")
