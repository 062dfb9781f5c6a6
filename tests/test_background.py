"""Calls made after a response, one or several."""

from __future__ import annotations

import threading

import anyio
import pytest

from bolide.background import BackgroundTask, BackgroundTasks

pytestmark = pytest.mark.anyio


async def test_an_async_function_is_awaited_in_the_same_thread() -> None:
    calls: list[object] = []

    async def note(*args: object, **kwargs: object) -> None:
        await anyio.lowlevel.checkpoint()
        calls.append((args, kwargs, threading.get_ident()))

    await BackgroundTask(note, 1, 2, a=3)()

    assert calls == [((1, 2), {"a": 3}, threading.get_ident())]


async def test_a_blocking_function_is_called_in_another_thread() -> None:
    calls: list[tuple[object, object]] = []
    threads: list[int] = []

    def note(*args: object, **kwargs: object) -> None:
        calls.append((args, kwargs))
        threads.append(threading.get_ident())

    await BackgroundTask(note, 1, 2, a=3)()

    assert calls == [((1, 2), {"a": 3})]
    assert threads != [threading.get_ident()]


async def test_a_task_tells_what_it_will_call() -> None:
    async def later(*args: object, **kwargs: object) -> None: ...

    task = BackgroundTask(later, 1, a=2)

    assert (task.func, task.args, task.kwargs, task.is_async) == (later, (1,), {"a": 2}, True)
    assert BackgroundTask(print).is_async is False


async def test_an_object_with_an_async_call_is_awaited() -> None:
    class Later:
        called = False

        async def __call__(self) -> None:
            self.called = True

    later = Later()
    await BackgroundTask(later)()

    assert later.called


async def test_a_task_can_be_run_again() -> None:
    calls: list[int] = []
    task = BackgroundTask(calls.append, 1)

    await task()
    await task()

    assert calls == [1, 1]


async def test_tasks_are_run_in_order() -> None:
    calls: list[str] = []

    async def note(name: str) -> None:
        await anyio.lowlevel.checkpoint()
        calls.append(name)

    tasks = BackgroundTasks([BackgroundTask(note, "a"), BackgroundTask(calls.append, "b")])
    tasks.add_task(note, name="c")
    tasks.add_task(calls.append, "d")
    await tasks()

    assert calls == ["a", "b", "c", "d"]


async def test_the_first_failure_ends_the_row_and_comes_out() -> None:
    calls: list[str] = []
    error = ValueError()

    async def fail() -> None:
        raise error

    tasks = BackgroundTasks()
    tasks.add_task(calls.append, "a")
    tasks.add_task(fail)
    tasks.add_task(calls.append, "b")
    with pytest.raises(ValueError) as caught:
        await tasks()

    assert caught.value is error
    assert calls == ["a"]


async def test_no_tasks_is_nothing_to_do() -> None:
    tasks = BackgroundTasks()
    await tasks()

    assert tasks.tasks == []


async def test_the_given_list_is_copied() -> None:
    given: list[BackgroundTask] = [BackgroundTask(print)]
    tasks = BackgroundTasks(given)
    tasks.add_task(print)

    assert len(given) == 1
    assert len(tasks.tasks) == 2


async def test_tasks_are_a_task_themselves() -> None:
    calls: list[str] = []
    inner = BackgroundTasks([BackgroundTask(calls.append, "a")])
    outer = BackgroundTasks([inner, BackgroundTask(calls.append, "b")])

    await outer()

    assert isinstance(inner, BackgroundTask)
    assert calls == ["a", "b"]
