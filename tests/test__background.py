"""What a response leaves behind: isolated, logged, and stopped in time."""

from __future__ import annotations

import functools
import logging
import threading
from typing import Any

import anyio
import anyio.from_thread
import pytest

from bolide._background import run_background
from bolide._drain import DRAINING_KEY, DrainControl
from bolide._policy import BOLIDE, STARLETTE, Policy
from bolide._settings import ACTIVE, Settings
from bolide._threads import ThreadLimits, endpoint_limiter
from bolide.background import BackgroundTask, BackgroundTasks
from bolide.types import Scope

pytestmark = pytest.mark.anyio

MAX_SECONDS = 5
SOON = 0.01


class App:
    def __init__(self, policy: Policy) -> None:
        self.policy = policy


def scope_of(policy: Policy, draining: DrainControl | None = None) -> Scope:
    scope: Scope = {"type": "http", "app": App(policy)}
    if draining is not None:
        scope[DRAINING_KEY] = draining
    return scope


ISOLATED = [
    pytest.param(lambda: scope_of(BOLIDE), id="without bounds"),
    pytest.param(lambda: scope_of(BOLIDE, DrainControl(background_seconds=9)), id="with bounds"),
]


async def fail() -> None:
    raise ValueError("no luck")


@pytest.mark.parametrize("make_scope", ISOLATED)
async def test_a_task_that_fails_does_not_keep_the_next_from_running(
    make_scope: Any, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []
    inner = BackgroundTasks([BackgroundTask(fail), BackgroundTask(calls.append, "b")])
    tasks = BackgroundTasks([BackgroundTask(calls.append, "a"), inner])
    tasks.add_task(functools.partial(functools.partial(fail)))
    tasks.add_task(calls.append, "c")

    await run_background(tasks, make_scope())

    assert calls == ["a", "b", "c"]
    records = [record for record in caplog.records if record.name == "bolide.background"]
    assert [record.getMessage() for record in records] == ["Background task fail failed."] * 2
    assert [record.levelno for record in records] == [logging.ERROR] * 2
    assert [record.exc_info[0] for record in records if record.exc_info] == [ValueError] * 2


@pytest.mark.parametrize(
    "draining",
    [None, DrainControl(), DrainControl(background_seconds=9)],
    ids=["no", "none", "some"],
)
async def test_without_isolation_the_first_failure_comes_out(draining: DrainControl | None) -> None:
    calls: list[str] = []
    tasks = BackgroundTasks([BackgroundTask(fail), BackgroundTask(calls.append, "a")])
    with pytest.raises(ValueError):
        await run_background(tasks, scope_of(STARLETTE, draining))
    assert calls == []


class Job:
    """Something that is called and awaited like a task, and is none of ours."""

    async def __call__(self) -> None:
        raise ValueError("no luck")

    def __repr__(self) -> str:
        return "<job>"


class Row(BackgroundTasks):
    """A row with an idea of its own of how it is run."""

    async def __call__(self) -> None:
        await super().__call__()


@pytest.mark.parametrize("task", [Job(), Row([BackgroundTask(fail)])])
async def test_what_is_no_task_of_ours_is_one_task(
    task: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await run_background(task, scope_of(BOLIDE))
    await run_background(task, scope_of(BOLIDE, DrainControl(background_seconds=9)))
    assert caplog.text.count(f"Background task {task!r} failed.") == 2


async def test_a_task_is_stopped_in_time(caplog: pytest.LogCaptureFixture) -> None:
    draining, calls = DrainControl(background_seconds=SOON), []
    begun = anyio.Event()

    async def last() -> None:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            calls.append("cleanup")

    tasks = BackgroundTasks([BackgroundTask(last), BackgroundTask(calls.append, "next")])
    with anyio.fail_after(MAX_SECONDS):
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(run_background, tasks, scope_of(BOLIDE, draining))
            await begun.wait()
            draining.begin()
    assert calls == ["cleanup"]
    assert "last was stopped 0.01 seconds after the server was told to stop" in caplog.text


async def test_a_thread_is_not_waited_for() -> None:
    draining = DrainControl(background_seconds=SOON)
    go_on, begun, ended = threading.Event(), threading.Event(), threading.Event()

    def block(*, seconds: float) -> None:
        begun.set()
        go_on.wait(seconds)
        ended.set()

    draining.begin()
    with anyio.fail_after(MAX_SECONDS):
        task = BackgroundTask(block, seconds=MAX_SECONDS)
        await run_background(task, scope_of(BOLIDE, draining))
    assert begun.is_set()
    assert not ended.is_set()
    go_on.set()
    await anyio.to_thread.run_sync(ended.wait, MAX_SECONDS)


async def test_a_thread_counts_against_the_limit_of_endpoints() -> None:
    token = ACTIVE.set(Settings(limits=ThreadLimits(BOLIDE.changed({"max_endpoint_threads": 1}))))
    try:
        counts: list[int] = []

        def count() -> None:
            limiter = anyio.from_thread.run_sync(endpoint_limiter)
            assert limiter is not None
            counts.append(limiter.threads - limiter.running)

        draining = DrainControl(background_seconds=9)
        await run_background(BackgroundTask(count), scope_of(BOLIDE, draining))
        assert counts == [0]
    finally:
        ACTIVE.reset(token)
