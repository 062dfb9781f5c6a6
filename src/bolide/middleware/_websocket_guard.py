"""What stands between a WebSocket and its endpoint: origins, sizes, and no use after the end.

RULES

- A handshake with cookies or a password from a page of another site is refused, unless the
  application allows its origin.
- A message over the limit ends the WebSocket with code 1009, "message too big".
- A response to a WebSocket that has been accepted, such as an `HTTPException` gets, cannot be sent:
  it becomes a close with code 1011, "internal error", if its status is 500 or above, and else 1008,
  "policy violation" (RFC 6455, section 7.4.1). Its reason is that of the status.

THEORY OF OPERATION

An application makes one guard of its policy, and hands it to its `ExceptionMiddleware`, inside all
middleware: what believes a proxy has corrected the Host header by then.
"""

from __future__ import annotations

import http
from collections.abc import Collection
from typing import Final

from anyio.lowlevel import checkpoint

from bolide._policy import Policy
from bolide.exceptions import WebSocketException
from bolide.middleware.origin import ORIGIN_CHECKED_KEY, REFUSAL, WebSocketOriginMiddleware
from bolide.types import Message, Receive, Scope, Send

__all__ = ["MessageTooBig", "WebSocketGuard", "bounded"]

POLICY_VIOLATION: Final = 1008
MESSAGE_TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011

_BOUND_KEY: Final = "bolide.message_bound"


class MessageTooBig(WebSocketException):
    """A message of a WebSocket is over `max_message_size`."""

    def __init__(self, max_size: int) -> None:
        super().__init__(MESSAGE_TOO_BIG, f"Messages may have {max_size} bytes.")


class WebSocketGuard:
    """What an application checks of its WebSockets.

    Args:
        origins: Origins to take handshakes with credentials from, besides the server's own; None
            for any.
        max_message_size: The largest message, in bytes; None for any.
        closes: Whether a response that comes too late becomes a close.

    Raises:
        ValueError: One of the origins is none.
    """

    __slots__ = ("_closes", "_max_message_size", "_origins")

    def __init__(
        self, origins: Collection[str] | None, max_message_size: int | None, *, closes: bool
    ) -> None:
        self._origins = (
            None
            if origins is None
            else WebSocketOriginMiddleware(_nothing, origins, only_with_credentials=True)
        )
        self._max_message_size = max_message_size
        self._closes = closes

    @classmethod
    def of(cls, policy: Policy) -> WebSocketGuard | None:
        """Give the guard that a policy asks for, if any."""
        if (
            policy.websocket_origins is None
            and policy.max_message_size is None
            and not policy.check_websockets
        ):
            return None
        return cls(
            policy.websocket_origins,
            policy.max_message_size,
            closes=policy.check_websockets,
        )

    def allows(self, scope: Scope) -> bool:
        """Say whether the origin of a handshake is allowed, as far as is known here."""
        if self._origins is None or ORIGIN_CHECKED_KEY in scope:
            # Who is further out may allow more than the application does by itself.
            return True
        scope[ORIGIN_CHECKED_KEY] = allowed = self._origins.allows(scope)
        return allowed

    async def refuse(self, receive: Receive, send: Send) -> None:
        """Refuse a handshake."""
        if (await receive())["type"] == "websocket.connect":
            await send(REFUSAL)

    def receive(self, scope: Scope, receive: Receive) -> Receive:
        """Wrap the channel that messages come from."""
        max_size = self._max_message_size
        return receive if max_size is None else bounded(scope, receive, max_size)

    def send(self, send: Send) -> Send:
        """Wrap the channel that messages are sent to."""
        return _ClosingSend(send) if self._closes else send


class _BoundedReceive:
    """A `receive` that refuses messages that are too large.

    Attributes:
        max_size: The largest size in bytes; None for any.
    """

    __slots__ = ("_receive", "max_size")

    def __init__(self, receive: Receive, max_size: int | None) -> None:
        self._receive = receive
        self.max_size = max_size

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "websocket.receive" and self.max_size is not None:
            if _is_larger(message, self.max_size):
                raise MessageTooBig(self.max_size)
        return message


def bounded(scope: Scope, receive: Receive, max_size: int | None) -> Receive:
    """Bound the messages of a WebSocket.

    Where this has been done further out, that bound is changed: the innermost one holds.
    """
    bound: _BoundedReceive | None = scope.get(_BOUND_KEY)
    if bound is not None:
        bound.max_size = max_size
        return receive
    scope[_BOUND_KEY] = bound = _BoundedReceive(receive, max_size)
    return bound


class _ClosingSend:
    """A `send` that makes a close of a response that comes too late."""

    __slots__ = ("_accepted", "_closed", "_send")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._accepted = False
        self._closed = False

    async def __call__(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self._accepted = True
        elif kind == "websocket.close":
            self._closed = True
        elif self._accepted and kind.startswith("websocket.http.response."):
            await self._close_instead(message)
            return
        await self._send(message)

    async def _close_instead(self, message: Message) -> None:
        if self._closed:
            # The rest of the response; or one that comes after the end, to nobody.
            await checkpoint()
            return
        self._closed = True
        status = message["status"]
        code = INTERNAL_ERROR if status >= 500 else POLICY_VIOLATION
        reason = http.HTTPStatus(status).phrase if status in set(http.HTTPStatus) else ""
        await self._send({"type": "websocket.close", "code": code, "reason": reason})


def _is_larger(message: Message, max_size: int) -> bool:
    data = message.get("bytes")
    if data is not None:
        return len(data) > max_size
    text = message.get("text") or ""
    # No character has more than four bytes, and none has less than one.
    if len(text) * 4 <= max_size:
        return False
    return len(text) > max_size or len(text.encode(errors="surrogatepass")) > max_size


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotImplementedError
