"""A response to HEAD: what GET would have said, without its body (RFC 9110, section 9.3.2).

THEORY OF OPERATION

There are two places. Right around the endpoint, `run_for_head` stops whatever would go on
producing a body. A body that is there at once passes on: middleware may have to see it, since what
it says in the headers should be what it says of GET. At the edge, `HeadersOnly` drops that too.
"""

from __future__ import annotations

from collections.abc import Awaitable

import anyio
import anyio.lowlevel

from bolide.middleware._filter import SendFilter
from bolide.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HeadersOnly", "run_for_head"]

_NO_BODY: Message = {"type": "http.response.body", "body": b"", "more_body": False}

_BODIES = ("http.response.pathsend", "http.response.zerocopysend")
"""Messages of ASGI extensions that stand for a body."""


class HeadersOnly(SendFilter):
    """A `send` that lets the start of a response through, and none of its body."""

    __slots__ = ("_ended",)

    def __init__(self, send: Send) -> None:
        super().__init__(send)
        self._ended = False

    def on_body(self, message: Message) -> Awaitable[None]:
        """End the response with the first piece of its body."""
        if self._ended:
            return anyio.lowlevel.checkpoint()
        self._ended = True
        return self.send(dict(_NO_BODY))

    def on_other(self, message: Message) -> Awaitable[None]:
        """Take a file for the body that it is."""
        if message["type"] in _BODIES:
            return self.on_body(message)
        return self.send(message)


class _Stopper(SendFilter):
    """A `send` that stops an application once its body comes in pieces."""

    __slots__ = ("_ended", "_running")

    def __init__(self, send: Send, running: anyio.CancelScope) -> None:
        super().__init__(send)
        self._running = running
        self._ended = False

    def on_body(self, message: Message) -> Awaitable[None]:
        more = message.get("more_body", False)
        if self._ended:
            # An end is welcome: there may be background tasks to come.
            if more:
                self._running.cancel()
            return anyio.lowlevel.checkpoint()
        self._ended = True
        return self.send(dict(_NO_BODY) if more else message)


async def run_for_head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run an application for a HEAD request, no longer than it takes to know the headers."""
    with anyio.CancelScope() as running:
        await app(scope, receive, _Stopper(send, running))
