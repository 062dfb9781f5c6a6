"""A limit on blocking endpoints: what hangs leaves a thread to others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._endpoint_limiter import EndpointLimiter
from bolide.exceptions import HTTPException

pytestmark = pytest.mark.anyio


class Calls:
    """Calls that run until they are told to end, by the name of their endpoint."""

    def __init__(self, limiter: EndpointLimiter, task_group: anyio.abc.TaskGroup) -> None:
        self.limiter = limiter
        self.running: list[str] = []
        self.refused: list[str] = []
        self._endpoints: dict[str, Callable[[], None]] = {}
        self._ends: dict[str, list[anyio.Event]] = {}
        self._task_group = task_group

    async def begin(self, *names: str, may_refuse: bool = True) -> anyio.CancelScope:
        for name in names:
            scope = anyio.CancelScope()
            self._task_group.start_soon(self._run, name, scope, may_refuse)
            await anyio.wait_all_tasks_blocked()
        return scope

    async def end(self, name: str) -> None:
        self._ends[name].pop(0).set()
        await anyio.wait_all_tasks_blocked()

    def end_all(self) -> None:
        self._call = self._return_at_once  # type: ignore[method-assign]
        for ends in self._ends.values():
            for end in ends:
                end.set()

    async def _run(self, name: str, scope: anyio.CancelScope, may_refuse: bool) -> None:
        endpoint = self._endpoints.setdefault(name, lambda: None)
        with scope:
            try:
                await self.limiter.run(lambda: self._call(name), endpoint, may_refuse)
            except HTTPException:
                self.refused.append(name)

    async def _call(self, name: str) -> None:
        end = anyio.Event()
        self._ends.setdefault(name, []).append(end)
        self.running.append(name)
        try:
            await end.wait()
        finally:
            self.running.remove(name)

    async def _return_at_once(self, name: str) -> None:
        pass


@asynccontextmanager
async def calls(*args: Any, **kwargs: Any) -> AsyncIterator[Calls]:
    async with anyio.create_task_group() as task_group:
        found = Calls(EndpointLimiter(*args, **kwargs), task_group)
        yield found
        found.end_all()
    assert found.limiter.running == 0


async def test_what_comes_first_runs_first() -> None:
    async with calls(2) as all_:
        await all_.begin("a", "a", "b", "a")
        assert all_.running == ["a", "a"]
        await all_.end("a")
        assert all_.running == ["a", "b"]
        await all_.end("a")
        assert all_.running == ["b", "a"]


async def test_an_endpoint_that_has_no_call_running_has_a_thread_of_the_reserve() -> None:
    async with calls(2, reserve=1) as all_:
        await all_.begin("a", "a", "a", "b")
        assert all_.running == ["a", "a", "b"]
        # One is all there is, for whoever it is.
        await all_.begin("b", "c")
        assert all_.running == ["a", "a", "b"]
        # Others may have what it leaves, in their order.
        await all_.end("b")
        assert all_.running == ["a", "a", "b"]
        await all_.end("b")
        assert all_.running == ["a", "a", "c"]
        await all_.end("c")
        assert all_.running == ["a", "a"]
        await all_.end("a")
        assert all_.running == ["a", "a"]


async def test_an_end_may_make_room_for_two() -> None:
    async with calls(2, reserve=1) as all_:
        await all_.begin("a", "b", "b", "a")
        assert all_.running == ["a", "b"]
        # The thread is for the first that waits, and "a" has none any more. Who goes on first is up
        # to the event loop.
        await all_.end("a")
        assert sorted(all_.running) == ["a", "b", "b"]


async def test_when_threads_are_free_again_the_reserve_is_not_filled_up() -> None:
    async with calls(2, reserve=2) as all_:
        await all_.begin("a", "a", "b", "c", "d", "d")
        assert all_.running == ["a", "a", "b", "c"]
        await all_.end("a")
        assert all_.running == ["a", "b", "c", "d"]
        # That would be one more than there are, and one of it runs.
        await all_.end("a")
        assert all_.running == ["b", "c", "d"]
        await all_.end("b")
        assert all_.running == ["c", "d"]
        await all_.end("c")
        assert all_.running == ["d", "d"]


async def test_methods_of_one_name_and_partials_are_endpoints() -> None:
    class Page:
        def get(self) -> None: ...

    limiter = EndpointLimiter(1, reserve=1)
    ran: list[str] = []

    async def run(endpoint: Any, name: str) -> None:
        async def call() -> None:
            ran.append(name)
            await anyio.sleep_forever()

        await limiter.run(call, endpoint)

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(run, Page().get, "first")
        await anyio.wait_all_tasks_blocked()
        task_group.start_soon(run, Page().get, "second")
        await anyio.wait_all_tasks_blocked()
        task_group.start_soon(run, partial(Page.get, Page()), "another")
        await anyio.wait_all_tasks_blocked()
        assert ran == ["first", "another"]
        task_group.cancel_scope.cancel()
    assert limiter.running == 0


async def test_requests_are_refused_when_too_many_wait_but_nothing_else_is() -> None:
    told: list[int] = []
    async with calls(1, reserve=1, max_waiting=1, tell=lambda: told.append(1)) as all_:
        await all_.begin("a")
        assert told == []
        await all_.begin("a", "a")
        assert all_.refused == ["a"]
        assert told == [1]
        await all_.begin("a", may_refuse=False)
        assert told == [1, 1]
        # It does not have to wait.
        await all_.begin("health")
        assert all_.running == ["a", "health"]
        assert all_.refused == ["a"]


async def test_who_is_refused_may_try_again() -> None:
    limiter = EndpointLimiter(0, max_waiting=0)
    with pytest.raises(HTTPException) as refusal:
        await limiter.run(anyio.sleep_forever, str, may_refuse=True)
    assert refusal.value.status_code == 503
    assert refusal.value.headers == {"Retry-After": "1"}


async def test_who_gives_up_waiting_leaves_its_place() -> None:
    async with calls(1) as all_:
        await all_.begin("a")
        given_up = await all_.begin("b")
        await all_.begin("c")
        given_up.cancel()
        await anyio.wait_all_tasks_blocked()
        await all_.end("a")
        assert all_.running == ["c"]


# A cancel scope would not cancel a task that is about to go on; servers do.
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_turn_that_comes_together_with_the_cancellation_is_passed_on() -> None:
    limiter, end, ran = EndpointLimiter(1), anyio.Event(), []

    async def note() -> None:
        ran.append("third")

    async def first() -> None:
        await limiter.run(end.wait, str)
        second.cancel()

    task = asyncio.ensure_future(first())
    await anyio.wait_all_tasks_blocked()
    second = asyncio.ensure_future(limiter.run(anyio.sleep_forever, str))
    await anyio.wait_all_tasks_blocked()
    third = asyncio.ensure_future(limiter.run(note, str))
    await anyio.wait_all_tasks_blocked()
    end.set()
    with pytest.raises(asyncio.CancelledError):
        await second
    await task
    await third
    assert ran == ["third"]
    assert limiter.running == 0


STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=60)


@given(STEPS, st.integers(1, 3), st.integers(0, 2))
def test_nobody_waits_who_could_run(
    steps: list[tuple[bool, int]], threads: int, reserve: int
) -> None:
    async def main() -> None:
        async with calls(threads, reserve) as all_:
            waiting: list[str] = []
            running: list[str] = []

            def room(name: str) -> bool:
                extra = 0 if name in running else reserve
                return len(running) < threads + extra

            for begins, number in steps:
                name = "abcd"[number]
                if begins:
                    await all_.begin(name)
                    (running if room(name) else waiting).append(name)
                elif name in running:
                    await all_.end(name)
                    running.remove(name)
                    for one in list(waiting):
                        if room(one):
                            waiting.remove(one)
                            running.append(one)
                assert sorted(all_.running) == sorted(running)
                assert not any(room(one) for one in waiting)

    anyio.run(main)
