"""Running what a response leaves behind: each task for itself, and not for ever."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from bolide._cleanup import told_once
from bolide._drain import DRAINING_KEY, DrainControl
from bolide._policy import policy_of
from bolide._running_request import RUNNING_KEY, RunningRequest
from bolide._threads import run_abandonable
from bolide.background import BackgroundTask, BackgroundTasks
from bolide.types import Scope

if TYPE_CHECKING:
    import logging

__all__ = ["run_background"]


def _log() -> logging.Logger:
    import logging

    return logging.getLogger("bolide.background")


Background = Callable[[], Awaitable[Any]]


async def run_background(background: Background, scope: Scope) -> None:
    """Run the background task of a response, as the application's policy says.

    Args:
        background: A `BackgroundTask`, or anything that is called and awaited.
        scope: The scope of the request.

    Raises:
        Exception: What a task raised, unless tasks are isolated.
    """
    running: RunningRequest | None = scope.get(RUNNING_KEY)
    if running is not None:
        running.exempt()
    policy = policy_of(scope)
    isolated = policy.isolate_background_tasks
    draining: DrainControl | None = scope.get(DRAINING_KEY)
    if draining is None or not draining.background_seconds:
        if isolated:
            for task in _tasks(background):
                await _run_isolated(task)
        else:
            await background()
        return
    name = ""
    with draining.bounded(draining.background_seconds) as bound:
        for task in _tasks(background):
            name = _name(task)
            run = functools.partial(_run_abandoning, task)
            runs = _run_isolated(run, name) if isolated else run()
            await told_once(runs, policy.cleanup_seconds)
    if bound.cancelled_caught:
        _log().warning(
            "Background task %s was stopped %s seconds after the server was told to stop.",
            name,
            draining.background_seconds,
        )


def _tasks(background: Background) -> Iterator[Background]:
    """Give the tasks of a row one by one."""
    if isinstance(background, BackgroundTasks) and _call(background) is BackgroundTasks.__call__:
        for task in background.tasks:
            yield from _tasks(task)
    else:
        yield background


async def _run_isolated(task: Background, name: str | None = None) -> None:
    try:
        await task()
    except Exception:
        _log().exception("Background task %s failed.", name or _name(task))


async def _run_abandoning(task: Background) -> None:
    """Run a task, and when it is cancelled, do not wait for the worker thread that it runs in."""
    if isinstance(task, BackgroundTask) and _call(task) is BackgroundTask.__call__:
        if not task.is_async:
            await run_abandonable(cast(Any, task.func), *task.args, **task.kwargs)
            return
    await task()


def _call(task: BackgroundTask) -> Any:
    return type(task).__call__


def _name(task: Background) -> str:
    func: Any = task.func if isinstance(task, BackgroundTask) and hasattr(task, "func") else task
    while isinstance(func, functools.partial):
        func = func.func
    return str(getattr(func, "__qualname__", None) or repr(func))
