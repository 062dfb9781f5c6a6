"""What all layers around one request must agree on: has its response started?

THEORY OF OPERATION

Whoever handles an exception needs to know whether a response is already on its way. The outermost
layer that cares wraps `send` in an `Exchange`; a layer further in that is handed an `Exchange`
reads and shares it, and makes one of its own only where somebody in between has wrapped `send`
again (then the two flags differ rightly: what an inner layer sent may never have left).
"""

from __future__ import annotations

from collections.abc import Awaitable

from bolide.types import Message, Send

__all__ = ["Exchange"]


class Exchange:
    """A `send` callable that remembers whether `http.response.start` went through it.

    Attributes:
        send: The callable that messages are handed on to.
        response_started: Whether a response start has been handed on.
    """

    __slots__ = ("response_started", "send")

    send: Send
    response_started: bool

    def __init__(self, send: Send) -> None:
        self.send = send
        self.response_started = False

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.response_started = True
        return self.send(message)
