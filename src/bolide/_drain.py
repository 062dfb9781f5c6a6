"""The time before an application stops, in which what goes on for long is to come to its end.

RULES

    before            `is_set()` is false
    draining begins   by a signal, by `app.drain()`, or at the latest with the lifespan's shutdown:
                      `wait()` returns; what is bounded gets a deadline
    at its deadline   what is bounded is cancelled

The server is told of the signal, and the lifespan ends, when all that is bounded has ended.

THEORY OF OPERATION

What is to end has a cancel scope, whose deadline is infinite until draining begins: no task has to
wait for that. A signal handler and other threads must not touch the event loop; they ring a bell,
which is a byte in a socket that a task of the lifespan reads.

Servers close connections, or forget them, as soon as they hear of a signal, and tell the
application at the end. Therefore signals are held back meanwhile; see `_signals`.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

import anyio
import anyio.lowlevel

from bolide._async import CLEANUP_SECONDS, create_collapsing_task_group

if TYPE_CHECKING:
    import socket

    from bolide._signals import HeldSignals

__all__ = ["DRAINING_KEY", "MARGIN_SECONDS", "DrainControl", "Draining", "draining_of"]

DRAINING_KEY: Final = "bolide.draining"
"""Where a scope keeps the `DrainControl` of the outermost application that bounds anything."""

MARGIN_SECONDS: Final = 1.0
"""How much later than the rest what we cannot end ourselves is told that its client has left."""

MAX_HEARD: Final = 4096
"""How many signals are taken from the socket at a time."""


class Draining:
    """Whether an application is about to stop."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: set[anyio.Event] = set()

    def is_set(self) -> bool:
        """Say whether it is."""
        return self._is_set

    async def wait(self) -> None:
        """Wait until it is."""
        if self._is_set:
            await anyio.lowlevel.checkpoint()
            return
        event = anyio.Event()
        self._waiting.add(event)
        try:
            await event.wait()
        finally:
            self._waiting.discard(event)


class DrainControl(Draining):
    """What has an application drain, and puts bounds to what goes on meanwhile.

    Args:
        seconds: How long streams and WebSockets may go on; 0 for as long as they like.
        background_seconds: The same for background tasks.
        request_seconds: The same for all other requests. Never less than streams may go on.

    Attributes:
        waits: The cancel scopes of requests that wait for something.
        interrupts: Whether it is known that it can interrupt.
    """

    def __init__(
        self,
        seconds: float = 0.0,
        background_seconds: float = 0.0,
        request_seconds: float = 0.0,
    ) -> None:
        super().__init__()
        self.seconds = seconds
        self.background_seconds = background_seconds
        self.request_seconds = max(request_seconds, seconds) if request_seconds else 0.0
        self.waits: set[anyio.CancelScope] = set()
        self.interrupts = False
        self._since: float | None = None
        self._bell: socket.socket | None = None
        self._signals: HeldSignals | None = None
        self._bounded: dict[anyio.CancelScope, float] = {}
        self._held: set[anyio.Event] = set()
        self._followers: list[DrainControl] = []

    def begin(self) -> None:
        """Begin; see `Starlette.drain`."""
        bell = self._bell
        if bell is None:
            self._begin_here()
        else:
            self._is_set = True
            # A full buffer has been heard of, and a closed socket is of a lifespan that has ended.
            with contextlib.suppress(OSError):
                bell.send(b"\0")

    def _begin_here(self) -> float:
        """Begin, unless it has begun, and give the time at which it has."""
        if self._since is None:
            self._since = anyio.current_time()
            self._is_set = True
            for event in self._waiting:
                event.set()
            for scope, seconds in self._bounded.items():
                scope.deadline = self._since + seconds
            for scope in self.waits:
                scope.deadline = self._since + self.request_seconds
            for follower in self._followers:
                follower.begin()
        return self._since

    @contextmanager
    def bounded(self, seconds: float) -> Generator[anyio.CancelScope, None, None]:
        """Cancel what is inside so many seconds after draining has begun; until then, hold it."""
        with self.held(), anyio.CancelScope() as scope:
            self._bounded[scope] = seconds
            if self._since is not None:
                scope.deadline = self._since + seconds
            try:
                yield scope
            finally:
                del self._bounded[scope]

    def bound_wait(self, scope: anyio.CancelScope) -> None:
        """Cancel a scope when the time of requests is over.

        Whoever leaves it takes it out of `waits`.
        """
        self.waits.add(scope)
        if self._since is not None:
            deadline, now = self._since + self.request_seconds, anyio.current_time()
            # What has been cancelled before may clean up, and what begins later have its turn.
            scope.deadline = deadline if now < deadline else now + CLEANUP_SECONDS

    def can_interrupt(self) -> bool:
        """Say whether one can make a cancellation here, and raise it somewhere."""
        try:
            anyio.get_cancelled_exc_class()()
        except TypeError:
            return False
        except RuntimeError:
            # There is no event loop, and so nothing waits.
            pass
        self.interrupts = True
        return True

    @contextmanager
    def held(self) -> Generator[None, None, None]:
        """Hold up the shutdown for what is inside."""
        if self._signals is not None:
            self._signals.hold()
        ended = anyio.Event()
        self._held.add(ended)
        try:
            yield
        finally:
            self._held.discard(ended)
            ended.set()

    @asynccontextmanager
    async def watched(self) -> AsyncGenerator[None, None]:
        """Listen to signals and to the bell, from the lifespan's startup to its shutdown."""
        from socket import socketpair

        from bolide._signals import HeldSignals

        self.reset()
        reader, writer = socketpair()
        with reader, writer:
            reader.setblocking(False)
            writer.setblocking(False)
            signals = self._signals = HeldSignals(writer)
            signals.install()
            self._bell = writer
            try:
                async with create_collapsing_task_group() as task_group:
                    task_group.start_soon(self._listen, reader, signals)
                    yield
                    # Not every server stops by a signal, or waits for what goes on.
                    self._begin_here()
                    await self._wait_for_held()
                    task_group.cancel_scope.cancel()
            finally:
                self._bell = self._signals = None
                signals.release()

    async def _listen(self, reader: socket.socket, signals: HeldSignals) -> None:
        async with anyio.create_task_group() as task_group:
            released = False
            while True:
                await anyio.wait_readable(reader)
                signals.pass_on(reader.recv(MAX_HEARD))
                if self._is_set or signals.pending:
                    self._begin_here()
                if signals.pending and not released:
                    released = True
                    task_group.start_soon(self._release, signals)

    async def _release(self, signals: HeldSignals) -> None:
        await self._wait_for_held()
        signals.release()

    async def _wait_for_held(self) -> None:
        """Wait for all that goes on now; what begins later has little time anyway."""
        longest = max(self.seconds + MARGIN_SECONDS, self.background_seconds) + CLEANUP_SECONDS
        with anyio.CancelScope(deadline=self._begin_here() + longest):
            for ended in list(self._held):
                await ended.wait()

    @contextmanager
    def followed_by(self, follower: DrainControl) -> Generator[None, None, None]:
        """Let another one begin with this one: that of an application inside."""
        follower.reset()
        self._followers.append(follower)
        try:
            yield
        finally:
            self._followers.remove(follower)

    def reset(self) -> None:
        """Forget that it has begun: the application is about to start, maybe not the first time."""
        self._is_set = False
        self._since = None
        # Maybe in another kind of event loop.
        self.interrupts = False


def draining_of(scope: Mapping[str, Any]) -> Draining:
    """Give what a connection goes by; where there is no application, it never begins."""
    draining = scope.get(DRAINING_KEY)
    if draining is None:
        draining = getattr(scope.get("app"), "draining", None)
    return draining if isinstance(draining, Draining) else Draining()
