"""A request that is running, and what ends it when draining is over.

RULES

- What still waits when the time of requests is over is cancelled, wherever it waits. On asyncio
  that is done as a server does it: once, and whatever is shielded; cleanup may wait then, for
  `CLEANUP_SECONDS` at a time.
- A worker thread cannot be ended, and is waited for. What runs in the background has its own time.
- Who waits for more of the body when the time of streams is over is told that the client has left.

THEORY OF OPERATION

A cancel scope around every request would take half as long as a small one does altogether. But
most requests wait for nothing. So a request is begun by hand (see `DrainBoundary`), and only while
it waits is it in a cancel scope, whose deadline is infinite until draining begins. That is left
before the request goes on: so the request may have entered, and may leave, scopes of its own in
any order. What the scope has cancelled is raised where the request waits.

Where nobody can make a cancellation to be raised (trio), a scope around all of the request it is.

PERF: S1. The scope takes 3 µs each time, less than most of what is waited for.
"""

from __future__ import annotations

import types
from collections.abc import Awaitable, Generator
from math import inf
from typing import Any, Final

import anyio

from bolide._drain import MARGIN_SECONDS, DrainControl
from bolide._thread_wait import is_for_thread
from bolide.exceptions import HTTPException
from bolide.types import Message, Receive, Scope

__all__ = ["RUNNING_KEY", "RunningRequest", "unavailable"]

_RETRY_AFTER_SECONDS: Final = 1

RUNNING_KEY: Final = "bolide.running_request"
"""Where a scope keeps its `RunningRequest`."""


def unavailable(scope: Scope) -> HTTPException:
    """Give the error for a request that draining has ended (RFC 9110, section 15.6.4)."""
    headers = {"Retry-After": str(_RETRY_AFTER_SECONDS)}
    # HTTP/2 has no such header (RFC 9113, section 8.2.2).
    if scope.get("http_version", "1.1").startswith("1"):
        headers["Connection"] = "close"
    return HTTPException(503, headers=headers)


class RunningRequest:
    """An HTTP request, which is its own receive channel.

    Args:
        draining: What it goes by.
        receive: The channel of the server.

    Attributes:
        was_told: Whether somebody was told that the client has left, who has not.
        was_cancelled: Whether it has been cancelled here, and by nobody else afterwards.
        was_broken_off: Whether that was its end.
    """

    # Defaults of the class are not to be set for each request, as slots would have to be.
    was_told = False
    was_cancelled = False
    was_broken_off = False
    _has_received = False
    _is_exempt = False
    _scope: anyio.CancelScope | None = None

    def __init__(self, draining: DrainControl, receive: Receive) -> None:
        self.draining = draining
        self.receive = receive

    async def __call__(self) -> Message:
        """Receive what the client sends, until draining is over."""
        if not self._has_received:
            # PERF: most bodies come in one piece, and a bound costs more than to take that.
            self._has_received = True
            return await self.receive()
        message: Message = {"type": "http.disconnect"}
        with self.draining.bounded(self.draining.seconds + MARGIN_SECONDS) as bound:
            message = await self.receive()
        self.was_told = bound.cancelled_caught
        return message

    def exempt(self) -> None:
        """Let it go on for any time from now on: somebody else bounds it."""
        self._is_exempt = True
        if self._scope is not None:
            self.draining.waits.discard(self._scope)
            self._scope.deadline = inf

    @types.coroutine
    def go_on(
        self, coroutine: Awaitable[None], steps: Generator[Any, Any, None], waits_for: object
    ) -> Generator[Any, Any, None]:
        """Go on with what was begun by hand.

        Args:
            coroutine: What was begun; it is here for those who ask what it waits for.
            steps: Its steps.
            waits_for: What it waits for, to be handed on to the event loop.
        """
        try:
            while True:
                # Nothing is what lets other tasks run, on asyncio.
                if waits_for is not None and not self._is_exempt and not is_for_thread(waits_for):
                    self._scope = scope = anyio.CancelScope()
                    scope.__enter__()
                    self.draining.bound_wait(scope)
                error: BaseException | None = None
                value = None
                try:
                    value = yield waits_for
                except GeneratorExit:
                    # Not in its task: a scope could not be left here.
                    steps.close()
                    raise
                except BaseException as exc:
                    error = exc
                if self._scope is not None:
                    error = self._end_wait(self._scope, error)
                waits_for = steps.send(value) if error is None else steps.throw(error)
        except StopIteration:
            return
        except BaseException as exc:
            if not (self.was_cancelled and isinstance(exc, anyio.get_cancelled_exc_class())):
                raise
            self.was_broken_off = True

    def _end_wait(
        self, scope: anyio.CancelScope, error: BaseException | None
    ) -> BaseException | None:
        """Leave the scope, and give what is to be raised where the request waits."""
        self._scope = None
        self.draining.waits.discard(scope)
        own = scope.__exit__(type(error) if error else None, error, None)
        if error is None:
            return None
        self.was_cancelled = own
        # A bare one, so that no task group inside takes it for its own.
        return anyio.get_cancelled_exc_class()() if own else error

    async def inside_scope(self, running: Awaitable[None]) -> None:
        """Run all of it inside a scope."""
        with anyio.CancelScope() as scope:
            self._scope = scope
            self.draining.bound_wait(scope)
            try:
                await running
            finally:
                self.draining.waits.discard(scope)
        self.was_cancelled = scope.cancel_called
        self.was_broken_off = scope.cancelled_caught
