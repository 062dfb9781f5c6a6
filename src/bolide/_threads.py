"""In which threads blocking code runs: some for endpoints, others for files.

RULES

- An application may have limits of its own, in each event loop that it runs in. What is blocking
  in endpoints, exception handlers and background tasks counts against the one, what is done with
  files against the other: neither has to wait for the other, which may be waiting for it.
- Without a limit, and for whoever calls `run_in_threadpool`, AnyIO's limit holds, which everything
  in the event loop shares.
- When too many calls wait for a thread, further requests are refused with 503 and Retry-After
  (RFC 9110, section 10.2.3). What has begun is never refused: neither the steps of a stream, nor
  exception handlers, nor background tasks.
- What hangs does not keep all others waiting: `_endpoint_limiter` says why.
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
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from bolide._policy import Policy
from bolide._settings import current_settings

if TYPE_CHECKING:
    from bolide._endpoint_limiter import EndpointLimiter

__all__ = [
    "ThreadLimits",
    "endpoint_limiter",
    "file_limiter",
    "open_file",
    "run_abandonable",
    "run_endpoint",
    "run_file",
    "run_in_thread",
    "start_endpoint",
]

P = ParamSpec("P")
T = TypeVar("T")
L = TypeVar("L")

_WARN_AGAIN_SECONDS: Final = 60.0


class ThreadLimits:
    """The limits of one application.

    Attributes:
        endpoints: The one on blocking endpoints; None for AnyIO's limit.
        files: The one on operations on files; likewise.
    """

    __slots__ = ("endpoints", "files")

    def __init__(self, policy: Policy) -> None:
        self.endpoints: _Limit[EndpointLimiter] | None = None
        self.files: _Limit[_FileLimiter] | None = None
        threads = policy.max_endpoint_threads
        if threads is not None:
            from bolide._endpoint_limiter import EndpointLimiter

            too_few = _Shortage("max_endpoint_threads", threads)
            reserve, waiting = policy.reserved_endpoint_threads, policy.max_waiting_endpoints
            self.endpoints = _Limit(
                lambda: EndpointLimiter(threads, reserve, waiting, too_few.tell)
            )
        files = policy.max_file_threads
        if files is not None:
            too_few_for_files = _Shortage("max_file_threads", files)
            self.files = _Limit(lambda: _FileLimiter(files, too_few_for_files))

    def over(self, outer: ThreadLimits | None) -> ThreadLimits:
        """Give these limits for endpoints, with those for files that hold further out."""
        limits = ThreadLimits.__new__(ThreadLimits)
        limits.endpoints = self.endpoints
        limits.files = self.files if outer is None else outer.files
        return limits

    @classmethod
    def of(cls, policy: Policy) -> ThreadLimits | None:
        """Give the limits that a policy sets, if any."""
        limits = cls(policy)
        return limits if limits.endpoints or limits.files else None


class _Shortage:
    """Tells the log that there are too few threads, but not all the time."""

    __slots__ = ("_name", "_size", "_told_at")

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._told_at = -math.inf

    def tell(self) -> None:
        now = monotonic()
        if now >= self._told_at + _WARN_AGAIN_SECONDS:
            self._told_at = now
            import logging

            logging.getLogger("bolide.threads").warning(
                "All %d threads are busy, and more calls are waiting for one (%s).",
                self._size,
                self._name,
            )


class _FileLimiter:
    """The limit on operations on files, in one event loop."""

    __slots__ = ("limiter", "shortage")

    def __init__(self, threads: int, shortage: _Shortage) -> None:
        self.limiter = anyio.CapacityLimiter(threads)
        self.shortage = shortage


class _Limit(Generic[L]):
    """A limit on threads, counted for each event loop apart.

    Args:
        make: Makes what counts; it must not refer to this object.
    """

    __slots__ = ("__weakref__", "_make")

    def __init__(self, make: Callable[[], L]) -> None:
        self._make = make

    def limiter(self) -> L:
        """Give what counts in this event loop."""
        limiters = _limiters.get(None)
        if limiters is None:
            limiters = _Limiters()
            _limiters.set(limiters)
        limiter: L | None = limiters.get(self)
        if limiter is None:
            limiter = limiters[self] = self._make()
        return limiter


if TYPE_CHECKING:
    # Evaluated, it would import much of AnyIO.
    _Limiters = WeakKeyDictionary[_Limit[Any], Any]
else:
    _Limiters = WeakKeyDictionary

_limiters: Final[RunVar[_Limiters]] = RunVar("bolide.thread_limiters")


def endpoint_limiter() -> EndpointLimiter | None:
    """Give what limits blocking endpoints."""
    limits = current_settings().limits
    return limits.endpoints.limiter() if limits is not None and limits.endpoints else None


def file_limiter() -> anyio.CapacityLimiter | None:
    """Give the limiter for an operation on a file, to somebody who is about to do one."""
    limits = current_settings().limits
    if limits is None or limits.files is None:
        return None
    files = limits.files.limiter()
    if files.limiter.available_tokens <= 0:
        files.shortage.tell()
    return files.limiter


async def run_in_thread(call: Callable[[], T], limiter: anyio.CapacityLimiter | None = None) -> T:
    """Call something in a worker thread, as `anyio.to_thread.run_sync` does.

    Args:
        call: What to call.
        limiter: What the thread counts against; by default AnyIO's limit.
    """
    # What it needs of AnyIO takes long to import, and not every application blocks.
    from bolide._prompt_thread import call_in_thread

    limiter = limiter or anyio.to_thread.current_default_thread_limiter()
    borrower = object()
    try:
        limiter.acquire_on_behalf_of_nowait(borrower)
    except anyio.WouldBlock:
        await limiter.acquire_on_behalf_of(borrower)
    try:
        return await call_in_thread(call)
    finally:
        limiter.release_on_behalf_of(borrower)


# Not async: PERF, S14, that would be one frame more.


def run_endpoint(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
    """Call a blocking endpoint, or something like it, in a worker thread."""
    return _run_endpoint(func, functools.partial(func, *args, **kwargs))


def start_endpoint(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
    """Call a blocking endpoint for a request that may still be refused.

    Raises:
        HTTPException: While it is awaited: status 503, too many are waiting.
    """
    return _run_endpoint(func, functools.partial(func, *args, **kwargs), may_refuse=True)


def _run_endpoint(
    func: Callable[..., T], call: Callable[[], T], may_refuse: bool = False
) -> Awaitable[T]:
    limiter = endpoint_limiter()
    if limiter is None:
        return run_in_thread(call)
    from bolide._prompt_thread import call_in_thread

    return limiter.run(functools.partial(call_in_thread, call), func, may_refuse)


def run_abandonable(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
    """Call something like a blocking endpoint; when cancelled, do not wait for its end."""
    call = functools.partial(func, *args, **kwargs)
    limiter = endpoint_limiter()
    if limiter is None:
        return anyio.to_thread.run_sync(call, abandon_on_cancel=True)
    from bolide._prompt_thread import call_in_thread

    return limiter.run(functools.partial(call_in_thread, call, abandon_on_cancel=True), func)


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
