"""Work that is done after a response has been sent, within the same request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec

from bolide._async import is_async_callable
from bolide._threads import run_endpoint

__all__ = ["BackgroundTask", "BackgroundTasks"]

P = ParamSpec("P")


class BackgroundTask:
    """One call to make once the response is out.

    Args:
        func: An async function, awaited, or a blocking one, run in a worker thread.
        args: Positional arguments of the call.
        kwargs: Keyword arguments of the call.
    """

    def __init__(self, func: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> None:
        self.func = func
        self.args = args
        self.kwargs = kwargs
        self.is_async: bool = is_async_callable(func)

    async def __call__(self) -> None:
        """Make the call and wait until it is done."""
        if self.is_async:
            await self.func(*self.args, **self.kwargs)
        else:
            await run_endpoint(self.func, *self.args, **self.kwargs)


class BackgroundTasks(BackgroundTask):
    """Several calls, made one after another; the first that raises ends the row.

    Args:
        tasks: Tasks to begin with.
    """

    def __init__(self, tasks: Sequence[BackgroundTask] | None = None) -> None:
        self.tasks: list[BackgroundTask] = list(tasks) if tasks else []

    def add_task(self, func: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> None:
        """Append a call to the row; arguments as for `BackgroundTask`."""
        self.tasks.append(BackgroundTask(func, *args, **kwargs))

    async def __call__(self) -> None:
        """Make the calls and wait until the last is done."""
        for task in self.tasks:
            await task()
