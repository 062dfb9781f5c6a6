"""Blocking code in threads, and racing coroutines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing
from contextvars import ContextVar

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from bolide.concurrency import (
    iterate_in_threadpool,
    run_in_threadpool,
    run_until_first_complete,
)
from bolide.exceptions import StarletteDeprecationWarning

pytestmark = pytest.mark.anyio

variable: ContextVar[str] = ContextVar("variable", default="unset")


# A call in a thread


async def test_the_call_gets_its_arguments_and_gives_its_result() -> None:
    def join(*parts: str, by: str) -> str:
        return by.join(parts)

    assert await run_in_threadpool(join, "a", "b", by="-") == "a-b"


async def test_the_call_is_made_in_another_thread() -> None:
    assert await run_in_threadpool(threading.get_ident) != threading.get_ident()


async def test_an_exception_comes_through() -> None:
    error = ValueError()

    def fail() -> None:
        raise error

    with pytest.raises(ValueError) as caught:
        await run_in_threadpool(fail)

    assert caught.value is error


async def test_context_variables_go_in_but_not_out() -> None:
    def read_and_change() -> str:
        seen = variable.get()
        variable.set("thread")
        return seen

    variable.set("task")

    assert await run_in_threadpool(read_and_change) == "task"
    assert variable.get() == "task"


async def test_the_default_limiter_of_anyio_counts_the_call() -> None:
    limiter = anyio.to_thread.current_default_thread_limiter()

    assert await run_in_threadpool(lambda: limiter.borrowed_tokens) == 1
    assert limiter.borrowed_tokens == 0


# An iterator in threads


@pytest.mark.parametrize("kind", [list, tuple, iter], ids=["list", "tuple", "iterator"])
async def test_any_iterable_can_be_iterated(kind: Callable[[range], Iterable[int]]) -> None:
    iterable = kind(range(1, 4))

    assert [item async for item in iterate_in_threadpool(iterable)] == [1, 2, 3]


async def test_a_generator_that_is_left_is_closed_in_a_worker_thread() -> None:
    closed_in: list[int] = []

    def numbers() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            closed_in.append(threading.get_ident())

    async with aclosing(iterate_in_threadpool(numbers())) as iterator:
        assert await anext(iterator) == 0
    assert len(closed_in) == 1
    assert closed_in != [threading.get_ident()]


async def test_a_generator_that_is_left_is_closed_also_when_that_is_cancelled() -> None:
    closed: list[bool] = []

    def numbers() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            closed.append(True)

    with anyio.CancelScope() as scope:
        async with aclosing(iterate_in_threadpool(numbers())) as iterator:
            await anext(iterator)
            scope.cancel()
            await anyio.lowlevel.checkpoint()
    assert closed == [True]


async def test_nothing_is_iterated_over_quietly() -> None:
    assert [item async for item in iterate_in_threadpool(range(0))] == []


async def test_each_step_is_taken_in_another_thread() -> None:
    def threads() -> Iterator[int]:
        yield threading.get_ident()
        yield threading.get_ident()

    idents = [ident async for ident in iterate_in_threadpool(threads())]

    assert len(idents) == 2
    assert threading.get_ident() not in idents


async def test_no_step_is_taken_before_it_is_asked_for() -> None:
    taken: list[int] = []

    def steps() -> Iterator[int]:
        for step in range(3):
            taken.append(step)
            yield step

    iterator = iterate_in_threadpool(steps())

    assert taken == []
    assert await anext(iterator) == 0
    assert taken == [0]
    assert [item async for item in iterator] == [1, 2]


async def test_an_exception_of_a_step_comes_through() -> None:
    error = ValueError()

    def fail() -> Iterator[int]:
        yield 1
        raise error

    iterator = iterate_in_threadpool(fail())

    assert await anext(iterator) == 1
    with pytest.raises(ValueError) as caught:
        await anext(iterator)
    assert caught.value is error


# A race


async def test_the_first_to_end_cancels_the_others() -> None:
    events: list[str] = []

    async def runner(name: str) -> None:
        await anyio.lowlevel.checkpoint()
        events.append(name)

    async def sleeper(name: str) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            events.append(f"{name} cancelled")

    with pytest.warns(StarletteDeprecationWarning):
        await run_until_first_complete((sleeper, {"name": "b"}), (runner, {"name": "a"}))

    assert events == ["a", "b cancelled"]


async def test_the_race_is_deprecated() -> None:
    async def stop() -> None: ...

    with pytest.warns(StarletteDeprecationWarning) as caught:
        await run_until_first_complete((stop, {}))

    assert [str(warning.message) for warning in caught] == [
        "run_until_first_complete is deprecated and will be removed in a future version."
    ]
    assert caught[0].filename == __file__
