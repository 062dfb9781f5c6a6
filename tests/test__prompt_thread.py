"""A call in a worker thread, which is asked for without letting other tasks run first."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from bolide._prompt_thread import call_in_thread

pytestmark = pytest.mark.anyio

MAX_SECONDS = 5


async def test_a_call_has_its_result_or_its_error() -> None:
    assert await call_in_thread(threading.current_thread) is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        await call_in_thread(lambda: 1 // 0)


async def test_a_thread_works_before_other_tasks_have_their_turn() -> None:
    begun = threading.Event()
    seen: list[bool] = []

    async def other() -> None:
        # AnyIO would ask for the thread after this.
        seen.append(begun.wait(MAX_SECONDS))  # blockbuster: a wait of no time, or a failure

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(other)
        await call_in_thread(begun.set)
    assert seen == [True]


async def test_context_variables_go_along_and_do_not_come_back() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="")
    variable.set("outside")

    def call() -> str:
        before = variable.get()
        variable.set("inside")
        return before

    assert await call_in_thread(call) == "outside"
    assert variable.get() == "outside"


async def test_no_limiter_of_anyio_counts_it() -> None:
    limiter = anyio.to_thread.current_default_thread_limiter()

    def call() -> int:
        return anyio.from_thread.run_sync(lambda: limiter.borrowed_tokens)

    assert await call_in_thread(call) == 0


async def test_who_has_been_cancelled_gets_no_thread() -> None:
    called: list[Any] = []
    with anyio.CancelScope() as scope:
        scope.cancel()
        await call_in_thread(lambda: called.append(1))
    assert scope.cancelled_caught
    assert called == []


@pytest.mark.parametrize("abandon", [False, True])
async def test_a_call_is_waited_for_or_abandoned(abandon: bool) -> None:
    begun, go_on = threading.Event(), threading.Event()
    ended: list[str] = []

    def call() -> None:
        anyio.from_thread.run_sync(scope.cancel)
        begun.set()
        go_on.wait(MAX_SECONDS)
        ended.append("call")

    with anyio.CancelScope() as scope:
        if not abandon:
            go_on.set()
        await call_in_thread(call, abandon)
    assert ended == ([] if abandon else ["call"])
    assert scope.cancelled_caught == abandon
    go_on.set()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_one_that_nobody_waits_for_any_more_is_closed() -> None:
    # Trio wants to wake whoever has asked for a thread.
    calling: Any = call_in_thread(lambda: None)
    calling.send(None)
    calling.close()
    with pytest.raises(StopIteration):
        calling.send(None)
