"""A bound on how many requests are handled at a time.

RULES

- A request beyond the bound waits for its turn, first come, first served.
- When too many wait, or one has waited too long, it is refused with 503 and Retry-After
  (RFC 9110, section 10.2.3): a client that is told at once can go elsewhere.
- A client that leaves while it waits gives up its turn; nothing is done for it.
- Requests that are exempt are neither counted nor refused: an overloaded server is still healthy,
  and should not be killed for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import count
from typing import Final

import anyio
from anyio.lowlevel import RunVar

from bolide._disconnect import run_until_disconnect
from bolide._replay import inbox_of
from bolide.middleware._exempt import exemption
from bolide.responses import PlainTextResponse
from bolide.types import ASGIApp, Receive, Scope, Send

__all__ = ["ConcurrencyMiddleware"]

_NUMBERS: Final = count()


class ConcurrencyMiddleware:
    """Handles a bounded number of HTTP requests at a time.

    A request counts until its response has been sent and its background tasks are done.

    Args:
        app: The application to wrap.
        max_requests: How many requests are handled at a time, in each process.
        max_waiting: How many more may wait.
        max_wait_seconds: How long one may wait.
        retry_after_seconds: What a refused client is told to wait before it tries again.
        exempt: Paths that are always let through, such as health checks; or a function that is
            given the scope and says so.

    Raises:
        ValueError: A number is out of its range, or `exempt` is a single text.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_requests: int,
        *,
        max_waiting: int = 100,
        max_wait_seconds: float = 5.0,
        retry_after_seconds: int = 1,
        exempt: Collection[str] | Callable[[Scope], bool] = ("/health", "/healthz", "/livez"),
    ) -> None:
        if max_requests < 1:
            raise ValueError(f"At least one request has to be allowed, not {max_requests!r}.")
        for value in (max_waiting, max_wait_seconds, retry_after_seconds):
            # Not a number is neither more nor less.
            if not value >= 0:
                raise ValueError(f"Neither a number nor a time can be {value!r}.")
        self.app = app
        self.max_requests = max_requests
        self.max_waiting = max_waiting
        self.max_wait_seconds = max_wait_seconds
        self.retry_after_seconds = retry_after_seconds
        self.is_exempt: Callable[[Scope], bool] = exemption(exempt)
        # An application may meet several event loops, as in tests: each has a gate of its own.
        self._gate: RunVar[_Gate] = RunVar(f"bolide.concurrency.{next(_NUMBERS)}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] != "http" or self.is_exempt(scope):
            await self.app(scope, receive, send)
            return
        gate = self._gate.get(None)
        if gate is None:
            gate = _Gate(self.max_requests)
            self._gate.set(gate)
        channel = receive if gate.enter() else await self._wait(gate, scope, receive)
        if channel is None:
            headers = {"Retry-After": str(self.retry_after_seconds)}
            await PlainTextResponse("Service Unavailable", 503, headers)(scope, receive, send)
            return
        try:
            await self.app(scope, channel, send)
        finally:
            gate.leave()

    async def _wait(self, gate: _Gate, scope: Scope, receive: Receive) -> Receive | None:
        """Wait for a turn; give where the application is to receive from, or None if it is over."""
        if len(gate.waiting) >= self.max_waiting:
            return None
        turn = gate.queue()

        async def wait() -> None:
            with anyio.move_on_after(self.max_wait_seconds):
                await turn.wait()

        # What arrives meanwhile is held for the application.
        inbox = inbox_of(scope, receive)
        try:
            await run_until_disconnect(wait, inbox.wait_until_gone)
        except BaseException:
            gate.give_up(turn)
            raise
        # It may have come at the same moment as the end of the wait.
        if turn.is_set():
            return inbox.again()
        gate.give_up(turn)
        return None


class _Gate:
    """How many more may come in, and the turns of those who wait, in order.

    Who leaves hands the place over to the first one who waits: it is never free in between, so
    that nobody who comes later can take it.
    """

    __slots__ = ("free", "waiting")

    def __init__(self, size: int) -> None:
        self.free = size
        self.waiting: dict[anyio.Event, None] = {}

    def enter(self) -> bool:
        """Come in, if there is room."""
        if not self.free:
            return False
        self.free -= 1
        return True

    def leave(self) -> None:
        """Make room for another one."""
        if self.waiting:
            turn = next(iter(self.waiting))
            del self.waiting[turn]
            turn.set()
        else:
            self.free += 1

    def queue(self) -> anyio.Event:
        """Give the turn of one who waits: who is in when it is set."""
        turn = anyio.Event()
        self.waiting[turn] = None
        return turn

    def give_up(self, turn: anyio.Event) -> None:
        """Do without a turn, be it that it has come already."""
        if turn.is_set():
            self.leave()
        else:
            del self.waiting[turn]
