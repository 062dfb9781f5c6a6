"""What all layers around one request must agree on: has its response started, and who sends it?

THEORY OF OPERATION

Whoever handles an exception needs to know whether a response is already on its way. The outermost
layer that cares wraps `send` in an `Exchange`; a layer further in that is handed an `Exchange`
reads and shares it, and makes one of its own only where somebody in between has wrapped `send`
again (then the two flags differ rightly: what an inner layer sent may never have left).

A layer that rewrites responses wraps `send` once more. If that is an `Exchange` of its own kind, a
response that is there as a whole is sent past all such layers: `lead` shows them its start, and
tells where to send it to. Whatever they cannot decide by the start alone comes as messages.

A layer that wants to look at a response before it is sent would need two tasks, one for itself and
one in which the application stands still in the middle of `send`. Where the application is made of
nothing but our own parts, none is needed: the layer passes a `Handover` as `send`, and whoever has
the response gives it the object instead of sending its messages.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from bolide.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Exchange", "Handover", "takes_handover"]


class Exchange:
    """A `send` callable that remembers whether `http.response.start` went through it.

    Attributes:
        send: The callable that messages are handed on to.
        response_started: Whether a response start has been handed on.
    """

    # PERF: S1, without slots: CPython makes instances faster that have room for any attribute.

    send: Send
    response_started: bool

    def __init__(self, send: Send) -> None:
        self.send = send
        self.response_started = False

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.response_started = True
        return self.send(message)

    def lead(self, start: Message, size: int | None) -> tuple[Message, Send]:
        """Show the start of a response to all layers that share exchanges, in one go.

        PERF: S11, else each message would pass each layer for itself.

        Args:
            start: The start of the response, which is not to be changed.
            size: How many bytes the body has, if that is the one message that will follow; None if
                it comes in pieces.

        Returns:
            The start as it is to be sent, and the channel that all messages are to be sent to.
        """
        self.response_started = True
        send = self.send
        if isinstance(send, Exchange):
            return send.lead(start, size)
        return start, send


class Handover(Exchange):
    """A `send` for those who would rather have a response than its messages.

    Only applications that say so may be called with one; see `takes_handover`.
    """

    async def take(self, response: ASGIApp, scope: Scope, receive: Receive) -> None:
        """Take a response, which is then not to be sent."""
        raise NotImplementedError

    def take_error(self, exc: Exception) -> None:
        """Take an error, to be raised when the response, which was taken before, has been sent."""
        raise NotImplementedError


def takes_handover(app: ASGIApp, scope: Scope) -> bool:
    """Say whether an application will answer a request with `Handover.take`.

    A class says so with a method of the same name; without one, it will not.
    """
    # Of the class: an instance may pretend to have any attribute, as mocks do.
    method: Any = getattr(type(app), "takes_handover", None)
    return method is not None and method(app, scope)
