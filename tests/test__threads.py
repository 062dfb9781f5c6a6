"""Blocking code has the threads that its application gives it, and no others."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest

from bolide import _threads
from bolide._limited_file import LimitedFile
from bolide._policy import Policy
from bolide._settings import ACTIVE, Settings
from bolide._threads import (
    ThreadLimits,
    endpoint_limiter,
    file_limiter,
    open_file,
    run_abandonable,
    run_endpoint,
    run_file,
    run_in_thread,
    start_endpoint,
)
from bolide.applications import Bolide, Starlette
from bolide.concurrency import iterate_in_threadpool, run_in_threadpool
from bolide.exceptions import HTTPException

pytestmark = pytest.mark.anyio


@pytest.fixture
def limits() -> Any:
    """Limits of one thread for endpoints, and of two for files, that are in force."""
    limits = ThreadLimits.of(Policy(max_endpoint_threads=1, max_file_threads=2))
    before = ACTIVE.set(Settings(limits=limits))
    yield limits
    ACTIVE.reset(before)


def sizes(limiters: Any) -> list[int | None]:
    endpoints, files = limiters
    return [endpoints and endpoints.threads, files and files.total_tokens]


class Gate:
    """Blocking code that says when it runs, and goes on when it is told to."""

    def __init__(self) -> None:
        self.running = 0
        self._open = threading.Event()

    def __call__(self) -> str:
        self.running += 1
        self._open.wait(5)
        return "done"

    async def until_running(self, number: int) -> None:
        with anyio.fail_after(5):
            while self.running < number:  # noqa: ASYNC110 - a thread cannot set such an event
                await anyio.sleep(0.001)

    def open(self) -> None:
        self._open.set()


async def test_calls_have_their_arguments_and_results(limits: Any) -> None:
    def func(*args: int, **kwargs: int) -> Any:
        return args, kwargs, threading.current_thread() is threading.main_thread()

    assert await run_endpoint(func, 1, 2, a=3) == ((1, 2), {"a": 3}, False)
    assert await run_file(func, 1, 2, a=3) == ((1, 2), {"a": 3}, False)


async def test_without_limits_there_is_no_limiter_but_that_of_anyio() -> None:
    assert ACTIVE.get().limits is None
    assert endpoint_limiter() is None
    assert file_limiter() is None
    assert ThreadLimits.of(Policy()) is None


@pytest.mark.parametrize(
    ("policy", "endpoints", "files"),
    [
        (Policy(max_endpoint_threads=3), 3, None),
        (Policy(max_file_threads=4), None, 4),
        (Policy(max_endpoint_threads=3, max_file_threads=4), 3, 4),
    ],
)
async def test_each_limit_is_there_if_it_is_set(
    policy: Policy, endpoints: int | None, files: int | None
) -> None:
    before = ACTIVE.set(Settings(limits=ThreadLimits.of(policy)))
    try:
        limiters = endpoint_limiter(), file_limiter()
    finally:
        ACTIVE.reset(before)
    assert sizes(limiters) == [endpoints, files]


async def test_a_limiter_lasts(limits: Any) -> None:
    assert endpoint_limiter() is endpoint_limiter()
    assert endpoint_limiter() is not file_limiter()


def test_each_event_loop_has_its_own(anyio_backend: str) -> None:
    limits = ThreadLimits.of(Policy(max_endpoint_threads=1))
    found = []

    async def look() -> None:
        ACTIVE.set(Settings(limits=limits))
        found.append(endpoint_limiter())

    for _ in range(2):
        anyio.run(look, backend=anyio_backend)
    assert found[0] is not found[1]


async def test_files_do_not_wait_for_endpoints(limits: Any) -> None:
    gate = Gate()
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(run_endpoint, gate)
        await gate.until_running(1)
        assert await run_file(str.upper, "file") == "FILE"
        assert await run_in_threadpool(str.upper, "others") == "OTHERS"
        gate.open()


async def test_no_more_run_than_the_limit(limits: Any) -> None:
    gate = Gate()
    async with anyio.create_task_group() as task_group:
        for _ in range(3):
            task_group.start_soon(run_file, gate)
        await gate.until_running(2)
        await anyio.wait_all_tasks_blocked()
        assert gate.running == 2
        gate.open()
    assert gate.running == 3


@pytest.mark.parametrize("default", [False, True])
async def test_a_call_holds_a_token_as_long_as_it_runs(default: bool) -> None:
    own = None if default else anyio.CapacityLimiter(2)
    limiter = own or anyio.to_thread.current_default_thread_limiter()
    gate = Gate()
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(run_in_thread, gate, own)
        await gate.until_running(1)
        assert limiter.borrowed_tokens == 1
        gate.open()
    assert limiter.borrowed_tokens == 0
    with pytest.raises(ZeroDivisionError):
        await run_in_thread(lambda: 1 // 0, own)
    assert limiter.borrowed_tokens == 0


async def test_a_call_waits_for_a_token_of_anyio() -> None:
    limiter = anyio.CapacityLimiter(1)
    async with anyio.create_task_group() as task_group, limiter:
        task_group.start_soon(run_in_thread, str, limiter)
        await anyio.wait_all_tasks_blocked()
        assert limiter.statistics().tasks_waiting == 1
    assert limiter.borrowed_tokens == 0


async def test_who_waits_for_a_thread_can_be_cancelled(limits: Any) -> None:
    gate = Gate()
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(run_endpoint, gate)
        await gate.until_running(1)
        with anyio.move_on_after(0.001) as scope:
            await run_endpoint(gate)
        assert scope.cancelled_caught
        gate.open()
    assert gate.running == 1
    assert await run_endpoint(str.upper, "free") == "FREE"


async def test_others_get_their_turn_during_each_call() -> None:
    turns: list[str] = []

    async def note() -> None:
        turns.append("other")

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(note)
        await run_in_thread(lambda: None)
        turns.append("called")
    assert turns == ["other", "called"]


async def test_a_call_that_is_cancelled_is_waited_for(limits: Any) -> None:
    gate = Gate()
    ended: list[str] = []

    async def call() -> None:
        ended.append(await run_endpoint(gate))

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(call)
        await gate.until_running(1)
        task_group.cancel_scope.cancel()
        gate.open()
    assert ended in ([], ["done"])
    assert gate.running == 1


async def test_a_call_can_ask_whether_it_is_cancelled_and_come_back_to_the_event_loop() -> None:
    checked: list[str] = []

    async def come_back() -> str:
        await anyio.lowlevel.checkpoint()
        return "back"

    def call() -> None:
        checked.append(anyio.from_thread.run(come_back))
        anyio.from_thread.run_sync(scope.cancel)
        try:
            anyio.from_thread.check_cancelled()
        except BaseException:
            checked.append("cancelled")
            raise

    with anyio.CancelScope() as scope:
        await run_endpoint(call)
    assert checked == ["back", "cancelled"]


async def test_steps_of_a_blocking_iterator_count_as_endpoints(limits: Any) -> None:
    def steps() -> Any:
        limiter: Any = anyio.from_thread.run_sync(endpoint_limiter)
        yield limiter.running

    assert [taken async for taken in iterate_in_threadpool(steps())] == [1]


async def test_a_limit_that_is_too_small_is_told_once_a_minute(
    limits: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(_threads, "monotonic", lambda: now[0])
    caplog.set_level(logging.WARNING, "bolide.threads")
    gate = Gate()
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(run_endpoint, gate)
        await gate.until_running(1)
        assert caplog.messages == []
        for second in (0, 59, 61, 100):
            now[0] = 1000.0 + second
            task_group.start_soon(run_endpoint, gate)
            await anyio.wait_all_tasks_blocked()
        gate.open()
    message = "All 1 threads are busy, and more calls are waiting for one (max_endpoint_threads)."
    assert caplog.messages == [message] * 2


@pytest.mark.parametrize("limited", [False, True])
async def test_a_file_is_read(limited: bool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    await anyio.Path(path).write_bytes(b"0123456789")
    limits = ThreadLimits.of(Policy(max_file_threads=1)) if limited else None
    before = ACTIVE.set(Settings(limits=limits))
    try:
        file = await open_file(path)
        assert type(file) is (LimitedFile if limited else anyio.AsyncFile)
        assert await file.read(2) == b"01"
        assert await file.seek(5) == 5
        assert await file.seek(1, 1) == 6
        assert await file.read() == b"6789"
        await file.aclose()
        assert file.wrapped.closed
    finally:
        ACTIVE.reset(before)


# Applications.


def limiters_in(app: Any, client_for: Callable[..., Any]) -> Any:
    """Give the sizes of the limiters that hold in an endpoint of an application."""
    found: list[Any] = []

    async def inside(scope: Any, receive: Any, send: Any) -> None:
        found.extend(sizes((endpoint_limiter(), file_limiter())))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    app.mount("/inside", inside)
    client_for(app).get("/inside")
    return found


def test_an_application_has_the_limits_of_its_policy(client_for: Callable[..., Any]) -> None:
    assert limiters_in(Bolide(), client_for) == [40, 20]
    assert limiters_in(Bolide(max_endpoint_threads=3), client_for) == [3, 20]
    none = Bolide(max_endpoint_threads=None, max_file_threads=None)
    assert limiters_in(none, client_for) == [None, None]
    assert limiters_in(Starlette(), client_for) == [None, None]
    one = Starlette(policy=Policy(max_file_threads=5))
    assert limiters_in(one, client_for) == [None, 5]


async def test_limits_end_with_the_application() -> None:
    app = Bolide(routes=[])

    async def receive() -> Any:
        raise AssertionError

    async def send(message: Any) -> None:
        assert ACTIVE.get().limits is not None

    await app(
        {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": [],
            "query_string": b"",
            "root_path": "",
        },
        receive,
        send,
    )
    assert ACTIVE.get().limits is None


# Those who wait.


async def test_the_queue_is_as_long_as_the_policy_says() -> None:
    assert ThreadLimits(Policy(max_waiting_endpoints=5)).endpoints is None
    limits = ThreadLimits(Policy(max_endpoint_threads=1, max_waiting_endpoints=1))
    before = ACTIVE.set(Settings(limits=limits))
    gate = Gate()
    try:
        async with anyio.create_task_group() as task_group:
            for _ in range(2):
                task_group.start_soon(start_endpoint, gate)
            await gate.until_running(1)
            with pytest.raises(HTTPException) as refusal:
                await start_endpoint(gate)
            assert refusal.value.status_code == 503
            assert refusal.value.headers == {"Retry-After": "1"}
            gate.open()
        # One that has failed counts no more, either.
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await start_endpoint(divmod, 1, 0)
    finally:
        ACTIVE.reset(before)


@pytest.mark.parametrize("limited", [False, True])
async def test_what_may_be_abandoned_is_not_waited_for(limited: bool) -> None:
    limits = ThreadLimits(Policy(max_endpoint_threads=1)) if limited else None
    before = ACTIVE.set(Settings(limits=limits))
    gate = Gate()
    try:
        assert await run_abandonable(divmod, 7, 2) == (3, 1)
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(run_abandonable, gate)
            await gate.until_running(1)
            task_group.cancel_scope.cancel()
    finally:
        ACTIVE.reset(before)
        gate.open()


async def test_limiters_end_with_their_application() -> None:
    limits = ThreadLimits(Policy(max_endpoint_threads=1, max_file_threads=1))
    before = ACTIVE.set(Settings(limits=limits))
    references = [weakref.ref(limits.endpoints), weakref.ref(limits.files)]
    assert endpoint_limiter()
    assert file_limiter()
    ACTIVE.reset(before)
    del limits, before
    gc.collect()
    assert [reference() for reference in references] == [None, None]


async def test_without_a_queue_all_may_wait() -> None:
    assert await start_endpoint(str.upper, "a") == "A"


async def test_limits_over_others_leave_those_for_files() -> None:
    own = ThreadLimits(Policy(max_endpoint_threads=1, max_waiting_endpoints=1))
    outer = ThreadLimits(Policy(max_endpoint_threads=3, max_file_threads=4))
    limits = own.over(outer)
    assert (limits.endpoints, limits.files) == (own.endpoints, outer.files)
    assert own.over(None).files is None
