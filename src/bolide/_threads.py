"""In which threads blocking code runs: some for endpoints, others for files.

RULES

- An application may have limits of its own, in each event loop that it runs in. What is blocking
  in endpoints, exception handlers and background tasks counts against the one, what is done with
  files against the other: neither has to wait for the other, which may be waiting for it.
- Without a limit, and for whoever calls `run_in_threadpool`, AnyIO's limit holds, which everything
  in the event loop shares.
- When too many requests wait for a thread, the next ones are refused with 503 and Retry-After
  (RFC 9110, section 10.2.3). What has begun is never refused: neither the steps of a stream, nor
  exception handlers, nor background tasks.
- Once a minute the log says that a limit is too small: somebody had to wait for a thread.

THEORY OF OPERATION

Files are read and background tasks run where no scope is at hand, so an application puts its limits
into a context variable. An application that has none, mounted in one that has, shares those.

The threads are AnyIO's: docs/explanation/decisions/threads.md says why, and what one costs.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Awaitable, Callable
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from bolide._policy import Policy
from bolide._settings import current_settings
from bolide.exceptions import HTTPException

__all__ = [
    "ThreadLimits",
    "endpoint_limiter",
    "file_limiter",
    "open_file",
    "run_endpoint",
    "run_file",
    "run_in_thread",
    "start_endpoint",
]

P = ParamSpec("P")
T = TypeVar("T")

_WARN_AGAIN_SECONDS: Final = 60.0

_RETRY_AFTER_SECONDS: Final = 1

_NUMBERS: Final = count()


class ThreadLimits:
    """The limits of one application.

    Attributes:
        endpoints: How many threads blocking endpoints may take; None for AnyIO's limit.
        files: The same for operations on files.
        queue: How many requests for blocking endpoints there may be; None for any number.
    """

    __slots__ = ("endpoints", "files", "queue")

    def __init__(self, policy: Policy) -> None:
        self.endpoints = _limit("max_endpoint_threads", policy.max_endpoint_threads)
        self.files = _limit("max_file_threads", policy.max_file_threads)
        self.queue: _Queue | None = None
        if policy.max_endpoint_threads is not None and policy.max_waiting_endpoints is not None:
            self.queue = _Queue(policy.max_endpoint_threads + policy.max_waiting_endpoints)

    def over(self, outer: ThreadLimits | None) -> ThreadLimits:
        """Give these limits for endpoints, with those for files that hold further out."""
        limits = ThreadLimits.__new__(ThreadLimits)
        limits.endpoints, limits.queue = self.endpoints, self.queue
        limits.files = self.files if outer is None else outer.files
        return limits

    @classmethod
    def of(cls, policy: Policy) -> ThreadLimits | None:
        """Give the limits that a policy sets, if any."""
        limits = cls(policy)
        return limits if limits.endpoints or limits.files else None


class _Limit:
    """A limit on threads, counted for each event loop apart."""

    __slots__ = ("__weakref__", "_name", "_size", "_warned_at")

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._warned_at = -math.inf

    def limiter(self) -> anyio.CapacityLimiter:
        """Give what counts in this event loop, to somebody who is about to ask it for a thread."""
        limiters = _limiters.get(None)
        if limiters is None:
            limiters = _Limiters()
            _limiters.set(limiters)
        limiter = limiters.get(self)
        if limiter is None:
            limiter = limiters[self] = anyio.CapacityLimiter(self._size)
        if limiter.available_tokens <= 0:
            self._warn()
        return limiter

    def _warn(self) -> None:
        now = monotonic()
        if now >= self._warned_at + _WARN_AGAIN_SECONDS:
            self._warned_at = now
            import logging

            logging.getLogger("bolide.threads").warning(
                "All %d threads are busy, and more calls are waiting for one (%s).",
                self._size,
                self._name,
            )


class _Queue:
    """A limit on requests for blocking endpoints, those that wait and those that run.

    They are counted here, since many may ask for a thread before the first one of them waits for
    it. Each event loop has a count of its own.
    """

    __slots__ = ("_count", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._count: RunVar[int] = RunVar(f"bolide.thread_queue.{next(_NUMBERS)}", 0)

    async def run(self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a blocking endpoint.

        Raises:
            HTTPException: Status 503: too many are waiting.
        """
        if self._count.get() >= self._size:
            raise HTTPException(503, headers={"Retry-After": str(_RETRY_AFTER_SECONDS)})
        self._count.set(self._count.get() + 1)
        try:
            return await run_endpoint(func, *args, **kwargs)
        finally:
            self._count.set(self._count.get() - 1)


def _limit(name: str, size: int | None) -> _Limit | None:
    return None if size is None else _Limit(name, size)


if TYPE_CHECKING:
    # Evaluated, it would import much of AnyIO.
    _Limiters = WeakKeyDictionary[_Limit, anyio.CapacityLimiter]
else:
    _Limiters = WeakKeyDictionary

_limiters: Final[RunVar[_Limiters]] = RunVar("bolide.thread_limiters")


def endpoint_limiter() -> anyio.CapacityLimiter | None:
    """Give the limiter for a blocking endpoint, to somebody who is about to call one."""
    limits = current_settings().limits
    if limits is None or limits.endpoints is None:
        return None
    return limits.endpoints.limiter()


def file_limiter() -> anyio.CapacityLimiter | None:
    """Give the limiter for an operation on a file, to somebody who is about to do one."""
    limits = current_settings().limits
    if limits is None or limits.files is None:
        return None
    return limits.files.limiter()


# Not async: PERF, S14, that would be one frame more.


def run_in_thread(
    call: Callable[[], T], limiter: anyio.CapacityLimiter | None = None
) -> Awaitable[T]:
    """Call something in a worker thread, as `anyio.to_thread.run_sync` does.

    Args:
        call: What to call.
        limiter: What the thread counts against; by default AnyIO's limit.
    """
    # Its base class takes long to import, and not every application blocks.
    from bolide._prompt_limiter import PromptLimiter

    limiter = limiter or anyio.to_thread.current_default_thread_limiter()
    return anyio.to_thread.run_sync(call, limiter=PromptLimiter(limiter))


def run_endpoint(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
    """Call a blocking endpoint, or something like it, in a worker thread."""
    return run_in_thread(functools.partial(func, *args, **kwargs), endpoint_limiter())


def start_endpoint(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
    """Call a blocking endpoint for a request that may still be refused."""
    limits = current_settings().limits
    if limits is None or limits.queue is None:
        return run_endpoint(func, *args, **kwargs)
    return limits.queue.run(func, *args, **kwargs)


def run_file(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
    """Do an operation on a file in a worker thread."""
    return run_in_thread(functools.partial(func, *args, **kwargs), file_limiter())


async def open_file(path: str | os.PathLike[str]) -> anyio.AsyncFile[bytes]:
    """Open a file for reading."""
    if file_limiter() is None:
        return await anyio.open_file(path, mode="rb")
    # Its base class takes long to import, and not every application reads files.
    from bolide._limited_file import LimitedFile

    return LimitedFile(await run_file(open, path, "rb"), run_file)
