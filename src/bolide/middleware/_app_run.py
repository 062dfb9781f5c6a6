"""An application that runs in a task of its own, and stands still while its response is looked at.

THEORY OF OPERATION

Two tasks take turns. An `AppRun` is the place where they meet: the application's `send` leaves a
message there and waits until it has been taken; `dispatch`, through `start` and the iterator over
the body, waits until there is one.
"""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import anyio
import anyio.lowlevel

from bolide._cleanup import is_cancellation, told_once
from bolide._policy import policy_of
from bolide._replay import like
from bolide.middleware._passing_on import BodyStreamGenerator, PassedOn
from bolide.types import ASGIApp, Message, Receive, Scope

__all__ = ["AppRun"]

_UNSET: Final = object()


class AppRun:
    """One run of an application, and the place where it and `dispatch` meet.

    Args:
        app: The application.
        scope: Its scope.
        receive: Gives what the client sends.
        send_out: Sends what is not held up, past `dispatch`.

    Attributes:
        error: What the application raised, if that was not raised by `call_next`.
    """

    __slots__ = (
        "_app",
        "_breaks_off",
        "_cleanup_seconds",
        "_context",
        "_ended",
        "_info",
        "_last",
        "_message",
        "_ready",
        "_receive",
        "_receiving",
        "_released",
        "_scope",
        "_send_out",
        "_start",
        "_taken",
        "error",
    )

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope,
        receive: Receive,
        send_out: Callable[[Message], Awaitable[None]],
    ) -> None:
        policy = policy_of(scope)
        self._app = app
        self._breaks_off = policy.break_off_bodies
        self._cleanup_seconds = policy.cleanup_seconds
        self._scope = scope
        self._receive = receive
        self._send_out = send_out
        self._start: Message | None = None
        self._message: Message | None = None
        self._info: Mapping[str, Any] | None = None
        self._ready = anyio.Event()  # set when there is something for `dispatch`
        self._taken: anyio.Event | None = None  # set when a message has been taken
        self._released = anyio.Event()  # set when the response has been sent
        self._receiving: set[anyio.CancelScope] = set()
        self._last = False
        self._ended = False
        self._context = contextvars.copy_context()
        self.error: Exception | None = None

    # The side of the application, in a task of its own.

    async def __call__(self) -> None:
        """Run the application."""
        try:
            app = self._app(self._scope, like(self._receive, self.receive), self.send)
            await told_once(app, self._cleanup_seconds)
        except Exception as exc:
            self.error = exc
        except BaseException as exc:
            # Who has opened the task group is told by who told us, or has told us. The group must
            # not tell it too, while it cleans up.
            if not (self._cleanup_seconds and is_cancellation(exc)):
                raise
        finally:
            self._context = contextvars.copy_context()
            self._ended = True
            self._ready.set()

    async def receive(self) -> Message:
        """Give the application its next event, or a disconnect once the response was sent."""
        if not self._released.is_set():
            # Not a wait for two things in two tasks: `release` cancels the one.
            with anyio.CancelScope() as scope:
                self._receiving.add(scope)
                try:
                    return await self._receive()
                finally:
                    self._receiving.discard(scope)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Leave a message of the application for `dispatch`."""
        if self._last or self._released.is_set():
            # Dropped; but let others run, since the application may go on for ever like this.
            await anyio.lowlevel.checkpoint()
            return
        kind = message["type"]
        if kind == "http.response.early_hint":
            await self._send_out(message)
        elif self._start is not None:
            await self._send_body(kind, message)
        elif kind == "http.response.debug":
            self._info = message["info"]
        elif kind == "http.response.start":
            self._start = message
            self._context = contextvars.copy_context()
            self._ready.set()
        else:
            raise AssertionError(f"Unexpected message before the response started: {message}")

    async def _send_body(self, kind: str, message: Message) -> None:
        if kind == "http.response.body":
            self._last = not message.get("more_body", False)
            if not self._last and not message.get("body"):
                await anyio.lowlevel.checkpoint()
                return
        elif kind == "http.response.pathsend":
            self._last = True
        else:
            raise AssertionError(f"Unexpected message: {message}")
        self._message = message
        self._taken = None if self._last else anyio.Event()
        self._ready.set()
        # What follows the last message has to wait until that is out.
        await (self._taken or self._released).wait()

    # The side of `dispatch`.

    async def start(self) -> PassedOn:
        """Wait for the response to start.

        Raises:
            Exception: What the application raised before.
            RuntimeError: The application has ended without a response.
        """
        await self._ready.wait()
        self.hand_over_context()
        if self._start is None:
            if self.error is None:
                raise RuntimeError("No response returned.")
            error, self.error = self.error, None
            raise error from error.__cause__ or error.__context__
        response = PassedOn(self._body(), status_code=self._start["status"], info=self._info)
        response.raw_headers = list(self._start.get("headers", ()))
        response.on_sent = self.release
        return response

    async def _body(self) -> BodyStreamGenerator:
        while True:
            message, self._message = self._message, None
            if message is None:
                if self._last:
                    return
                if self._ended:
                    if self.error is None or not self._breaks_off:
                        return
                    # Who is passing the body on breaks off, too.
                    error, self.error = self.error, None
                    raise error
                self._ready = anyio.Event()
                await self._ready.wait()
                continue
            if self._taken is not None:
                self._taken.set()
            if message["type"] == "http.response.pathsend":
                yield message
            elif body := message.get("body", b""):
                yield body

    def release(self) -> None:
        """Let the application go on to its end: nobody listens to it any more."""
        self._released.set()
        if self._taken is not None:
            self._taken.set()
        for scope in self._receiving:
            scope.cancel()

    def hand_over_context(self) -> None:
        """Set the context variables here that the application has set in its task."""
        for variable, value in self._context.items():
            if variable.get(_UNSET) is not value:
                variable.set(value)
