"""The outermost layer of an application that ends its long connections before it stops.

RULES

When draining is over, a WebSocket is cancelled and closed with code 1012, "service restart" (the
IANA registry of close codes). An HTTP request is told that its client has left, a little later:
streams of ours have ended by then, and others listen to that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable
from typing import Final

from bolide._cleanup import told_once
from bolide._drain import DRAINING_KEY, MARGIN_SECONDS, DrainControl
from bolide._policy import policy_of
from bolide.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["SERVICE_RESTART", "DrainBoundary"]

SERVICE_RESTART: Final = 1012


class DrainBoundary:
    """Puts bounds to connections.

    Args:
        app: The application inside.
        draining: When its connections are to end.
    """

    __slots__ = ("_app", "_draining")

    def __init__(self, app: ASGIApp, draining: DrainControl) -> None:
        self._app = app
        self._draining = draining

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Run as an ASGI application."""
        # PERF: S1, not a coroutine function, so that a request passes no further coroutine.
        if DRAINING_KEY in scope:
            return self._app(scope, receive, send)
        scope[DRAINING_KEY] = self._draining
        if self._draining.seconds:
            if scope["type"] == "http":
                # PERF: S1, spares the frame of a constructor.
                bounded = _BoundedReceive.__new__(_BoundedReceive)
                bounded.draining = self._draining
                bounded.receive = receive
                bounded.has_received = False
                receive = bounded
            elif scope["type"] == "websocket":
                return self._hold(scope, receive, send)
        return self._app(scope, receive, send)

    async def _hold(self, scope: Scope, receive: Receive, send: Send) -> None:
        open_ = True

        def note(message: Message) -> Awaitable[None]:
            nonlocal open_
            if message["type"] != "websocket.accept" and message["type"] != "websocket.send":
                open_ = False  # a close, or a denial response
            return send(message)

        with self._draining.held():
            try:
                with self._draining.bounded(self._draining.seconds):
                    seconds = policy_of(scope).cleanup_seconds
                    await told_once(self._app(scope, receive, note), seconds)
            finally:
                # Some servers say to us that the client has left, and leave it to us to say why.
                if open_ and self._draining.is_set():
                    with contextlib.suppress(OSError):
                        message = {"type": "websocket.close", "code": SERVICE_RESTART, "reason": ""}
                        await send(message)


class _BoundedReceive:
    """Receives what the client sends, until draining is over."""

    __slots__ = ("draining", "has_received", "receive")

    draining: DrainControl
    receive: Receive
    has_received: bool

    async def __call__(self) -> Message:
        if not self.has_received:
            # PERF: most bodies come in one piece, and a bound costs more than to take that.
            self.has_received = True
            return await self.receive()
        message: Message = {"type": "http.disconnect"}
        with self.draining.bounded(self.draining.seconds + MARGIN_SECONDS):
            message = await self.receive()
        return message  # noqa: RET504 - the deadline may have come before
