"""One call of an application by a test client: what HTTP, WebSocket and lifespan have in common.

RULES

- `run` is the body of a task; the caller starts it, once, in a task group or a portal of its own.
- Everything else is called from other tasks of the same event loop. No threads here.
- No coroutine of a conversation raises an exception of the application. It is kept in `error`, and
  `raise_error` raises it, wherever the caller wants to see it.
- `run` ends when the application has ended, and no wait outlasts the application.

THEORY OF OPERATION

The state of a conversation is in plain attributes. Whoever changes one calls `notify`; whoever
waits says for which condition, with `until`. There is one event for all conditions, made where
somebody has to wait, so a conversation belongs to no event loop until then and leaves nothing to
close. A wait whose condition holds already returns at once, without a checkpoint: applications
poll `receive` inside a cancelled scope.

A wait with a limit goes on for `GRACE_STEPS` after its time is up: whoever stands at a breakpoint
stops the clock of the application, but not that of the event loop.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
from anyio.lowlevel import checkpoint

from bolide._testing.validation import EventValidator, InvalidEvent
from bolide.exceptions import BolideError
from bolide.types import ASGIApp, Message, Scope

GRACE_STEPS: Final = 100
"""How often every other task may run after its client has left, before it is cancelled."""


class ApplicationCancelled(BolideError, RuntimeError):
    """The application was cancelled, though not by its client."""


class Conversation(ABC):
    """One call of an application.

    Args:
        app: An ASGI 3 application.
        scope: What to call it with.
        raise_app_exceptions: Whether `raise_error` raises what the application raised. Exceptions
            that are no `Exception`, as `KeyboardInterrupt`, are raised in any case.
        validate_events: Whether the application gets an `InvalidEvent` for each event that the
            ASGI specification forbids.

    Attributes:
        ended: Whether the application has ended, in whichever way.
        left: Whether the client has left before that.
        error: What the application raised, or what it should have raised.
        call: What the application gave when it was called, to be awaited.
    """

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope,
        *,
        raise_app_exceptions: bool = True,
        validate_events: bool = False,
    ) -> None:
        self.app = app
        self.scope = scope
        self.raise_app_exceptions = raise_app_exceptions
        self.ended = False
        self.left = False
        self.error: BaseException | None = None
        self.call: Awaitable[None] | None = None
        self._validator = EventValidator(scope) if validate_events else None
        self._violation: InvalidEvent | None = None
        self._cancelled = False
        self._cancel_scope: anyio.CancelScope | None = None
        self._changed: anyio.Event | None = None

    async def run(self) -> None:
        """Run the application until it ends; the body of a task."""
        try:
            with anyio.CancelScope() as self._cancel_scope:
                if not self.ended:
                    await self._run_app()
        except BaseException as error:
            if not isinstance(error, anyio.get_cancelled_exc_class()):
                self.error = error
            else:
                self.error = ApplicationCancelled("The application was cancelled from outside.")
                self.error.__cause__ = error
                raise
        finally:
            # An application that swallows errors has not heard this one.
            self.error = self.error or self._violation
            self.ended = True
            self.notify()

    async def _run_app(self) -> None:
        if self._validator is None:
            self.call = self.app(self.scope, self.receive, self.send)
            await self.call
            return
        self.call = self.app(self.scope, self.receive, self._send_checked)
        await self.call
        if not (self.left or self._cancelled or self._violation):
            self._validator.finish()

    async def _send_checked(self, message: Message) -> None:
        assert self._validator is not None
        try:
            message = self._validator.checked(message)
        except InvalidEvent as violation:
            self._violation = self._violation or violation
            raise
        await self.send(message)

    @abstractmethod
    async def receive(self) -> Message:
        """Give the application the client's next event."""

    @abstractmethod
    async def send(self, message: Message) -> None:
        """Take an event of the application."""

    def raise_error(self) -> None:
        """Raise what the application raised, if that is wanted."""
        if self.error is None:
            return
        if self.raise_app_exceptions or not isinstance(self.error, Exception):
            raise self.error

    def cancel(self) -> None:
        """Cancel the application; one that was not started yet never will be."""
        self._cancelled = True
        if self._cancel_scope is None:
            self.ended = True
            self.notify()
        else:
            self._cancel_scope.cancel()

    async def abort(self) -> None:
        """Cancel the application and wait until it has ended."""
        self.cancel()
        await self.until(lambda: self.ended)

    async def leave(self) -> None:
        """Give the application `GRACE_STEPS` to end by itself, then `abort`."""
        self.left = True
        for _ in range(GRACE_STEPS):
            if self.ended:
                return
            await checkpoint()
        await self.abort()

    def notify(self) -> None:
        """Make everyone who waits look at their condition again."""
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition()` is true."""
        while not condition():
            if self._changed is None:
                self._changed = anyio.Event()
            await self._changed.wait()

    async def until_within(self, seconds: float, condition: Callable[[], bool]) -> bool:
        """Wait until `condition()` is true, but not for ever; say whether it is."""
        with anyio.move_on_after(seconds):
            await self.until(condition)
        for _ in range(GRACE_STEPS):
            if condition():
                break
            await checkpoint()
        return condition()
