"""Running blocking code in worker threads, and racing coroutines."""

from __future__ import annotations

import functools
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from types import GeneratorType
from typing import Any, ParamSpec, TypeVar

import anyio

from bolide._threads import run_endpoint, run_in_thread
from bolide.exceptions import StarletteDeprecationWarning

__all__ = ["iterate_in_threadpool", "run_in_threadpool", "run_until_first_complete"]

P = ParamSpec("P")
T = TypeVar("T")


async def run_in_threadpool(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `func` in a worker thread and wait for its result.

    Context variables are visible in the thread; what it sets there stays there. The number of
    threads is bounded by AnyIO's default limiter (40 unless changed), whatever limits an
    application has of its own.
    """
    return await run_in_thread(functools.partial(func, *args, **kwargs))


class _Exhausted(Exception):
    """Stands in for StopIteration, which cannot be raised through a coroutine (PEP 479)."""


def _next(iterator: Iterator[T]) -> T:
    try:
        return next(iterator)
    except StopIteration:
        raise _Exhausted from None


async def iterate_in_threadpool(iterator: Iterable[T]) -> AsyncIterator[T]:
    """Iterate over a blocking iterable, taking each step in a worker thread.

    Each step counts as an endpoint where an application limits the threads of those. A generator
    that is not asked for all it has is closed in a worker thread, too.
    """
    source = iter(iterator)
    try:
        while True:
            try:
                item = await run_endpoint(_next, source)
            except _Exhausted:
                return
            yield item
    finally:
        # One that has ended has no frame any more, and nothing to close.
        if isinstance(source, GeneratorType) and source.gi_frame is not None:
            with anyio.CancelScope(shield=True):
                await run_endpoint(source.close)


async def run_until_first_complete(
    *args: tuple[Callable[..., Coroutine[Any, Any, Any]], dict[str, Any]],
) -> None:
    """Run async functions side by side; when one ends, cancel the others. Deprecated.

    Args:
        args: Pairs of an async function and its keyword arguments.
    """
    warnings.warn(
        "run_until_first_complete is deprecated and will be removed in a future version.",
        StarletteDeprecationWarning,
        stacklevel=2,
    )
    async with anyio.create_task_group() as task_group:

        async def run(
            func: Callable[..., Coroutine[Any, Any, Any]], kwargs: dict[str, Any]
        ) -> None:
            await func(**kwargs)
            task_group.cancel_scope.cancel()

        for func, kwargs in args:
            task_group.start_soon(run, func, kwargs)
