"""WebSockets: a conversation of messages, with both sides' state kept (RFC 6455).

RULES

The client's side and the application's side each have a state, and each message is allowed in one
state only. `receive` follows the client's side, `send` the application's side::

    client_state        allowed from the server             then
    CONNECTING          websocket.connect                   CONNECTED
    CONNECTED           websocket.receive                   CONNECTED
                        websocket.disconnect                DISCONNECTED

    application_state   allowed from the application        then
    CONNECTING          websocket.accept                    CONNECTED
                        websocket.close                     DISCONNECTED
                        websocket.http.response.start       RESPONSE
    CONNECTED           websocket.send                      CONNECTED
                        websocket.close                     DISCONNECTED
    RESPONSE            websocket.http.response.body        RESPONSE, or DISCONNECTED at the last

THEORY OF OPERATION

The tables below are the machine; the two methods only look up and change state. A state changes
before the message is handed on: whatever the server answers, the message has been said.
"""

from __future__ import annotations

import enum
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final, cast

from bolide._connection import HTTPConnection, StateT
from bolide._data.headers import refuse_illegal
from bolide._json_codec import STANDARD
from bolide._settings import current_settings
from bolide._websocket_data import data_of, json_of
from bolide.exceptions import BolideError
from bolide.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "HTTPConnection",
    "StateT",
    "WebSocket",
    "WebSocketClose",
    "WebSocketDisconnect",
    "WebSocketDisconnected",
    "WebSocketState",
]


class WebSocketState(enum.Enum):
    """Where one side of a WebSocket is."""

    CONNECTING = 0
    CONNECTED = 1
    DISCONNECTED = 2
    RESPONSE = 3


RECEIVABLE: Final[dict[WebSocketState, dict[str, WebSocketState]]] = {
    WebSocketState.CONNECTING: {"websocket.connect": WebSocketState.CONNECTED},
    WebSocketState.CONNECTED: {
        "websocket.receive": WebSocketState.CONNECTED,
        "websocket.disconnect": WebSocketState.DISCONNECTED,
    },
}

SENDABLE: Final[dict[WebSocketState, dict[str, WebSocketState]]] = {
    WebSocketState.CONNECTING: {
        "websocket.accept": WebSocketState.CONNECTED,
        "websocket.close": WebSocketState.DISCONNECTED,
        "websocket.http.response.start": WebSocketState.RESPONSE,
    },
    WebSocketState.CONNECTED: {
        "websocket.send": WebSocketState.CONNECTED,
        "websocket.close": WebSocketState.DISCONNECTED,
    },
    WebSocketState.RESPONSE: {"websocket.http.response.body": WebSocketState.RESPONSE},
}


class WebSocketDisconnect(BolideError):
    """The other side has closed the WebSocket.

    Args:
        code: The close code (RFC 6455, section 7.4); 1006 if the connection was lost.
        reason: The text that came with it, empty by default.
    """

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        self.code = code
        self.reason: str = reason or ""

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}" if self.reason else f"{self.code}"


class WebSocketDisconnected(BolideError, RuntimeError):
    """A WebSocket was used that is closed, or not accepted yet."""


class WebSocket(HTTPConnection[StateT]):
    """A WebSocket, from the server's side.

    One task may receive while another sends.

    Args:
        scope: The scope of the WebSocket.
        receive: Where the client's messages come from.
        send: Where the application's messages go.

    Attributes:
        client_state: Where the client's side is.
        application_state: Where the application's side is.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            raise AssertionError(f"Expected a websocket scope, got {scope['type']!r}.")
        self.scope = scope
        self._receive = receive
        self._send = send
        self.client_state: WebSocketState = WebSocketState.CONNECTING
        self.application_state: WebSocketState = WebSocketState.CONNECTING

    async def receive(self) -> Message:
        """Wait for the client's next ASGI message.

        Raises:
            WebSocketDisconnected: The client has already disconnected.
            RuntimeError: The server sent something else than the protocol allows now.
        """
        if self.client_state not in RECEIVABLE:
            raise WebSocketDisconnected(
                'Cannot call "receive" once a disconnect message has been received.'
            )
        message = await self._receive()
        self.client_state = _next_state(RECEIVABLE[self.client_state], message)
        return message

    async def send(self, message: Message) -> None:
        """Send an ASGI message to the client.

        Raises:
            WebSocketDisconnected: The application has already closed.
            WebSocketDisconnect: The connection was lost; code 1006.
            RuntimeError: The protocol does not allow this message now.
        """
        state = self.application_state
        if state not in SENDABLE:
            raise WebSocketDisconnected('Cannot call "send" once a close message has been sent.')
        self.application_state = _next_state(SENDABLE[state], message)
        if state is WebSocketState.RESPONSE and not message.get("more_body", False):
            self.application_state = WebSocketState.DISCONNECTED
        try:
            await self._send(message)
        except OSError:
            if state is not WebSocketState.CONNECTED:
                raise
            self.application_state = WebSocketState.DISCONNECTED
            raise WebSocketDisconnect(code=1006) from None

    async def accept(
        self,
        subprotocol: str | None = None,
        headers: Iterable[tuple[bytes, bytes]] | None = None,
    ) -> None:
        """Accept the connection; nothing can be sent or received before.

        Args:
            subprotocol: The one chosen from `scope["subprotocols"]`, if any.
            headers: Pairs of bytes to add to the handshake response.

        Raises:
            ValueError: A header, or the subprotocol, has a line break or a null byte in it.
        """
        raw_headers = list(headers or ())
        refuse_illegal(raw_headers)
        if subprotocol is not None:
            refuse_illegal([(b"sec-websocket-protocol", subprotocol.encode("latin-1", "replace"))])
        if self.client_state is WebSocketState.CONNECTING:
            await self.receive()
        await self.send(
            {"type": "websocket.accept", "subprotocol": subprotocol, "headers": raw_headers}
        )

    async def receive_text(self) -> str:
        """Wait for the next message, which must be text.

        Raises:
            WebSocketDisconnect: The client has closed.
            WebSocketDisconnected: Not accepted yet, or already closed by the application.
            KeyError: It is binary. Where the policy of the application is to check messages, the
                error closes the WebSocket with code 1003 unless it is caught.
        """
        return cast(str, data_of(self.scope, await self._receive_data(), "text"))

    async def receive_bytes(self) -> bytes:
        """Wait for the next message, which must be binary; raises as `receive_text`."""
        return cast(bytes, data_of(self.scope, await self._receive_data(), "bytes"))

    async def receive_json(self, mode: str = "text") -> Any:
        """Wait for the next message and read it as JSON; raises as `receive_text`.

        Args:
            mode: Whether the JSON comes as a `"text"` or a `"binary"` (UTF-8) message.

        Raises:
            ValueError: The message is not JSON; a json.JSONDecodeError by the standard codec. Where
                the policy of the application is to check messages, the error closes the WebSocket
                with code 1007 unless it is caught.
            RuntimeError: `mode` is neither of the two.
        """
        _check_mode(mode)
        kind = "text" if mode == "text" else "bytes"
        return json_of(self.scope, data_of(self.scope, await self._receive_data(), kind))

    async def iter_text(self) -> AsyncIterator[str]:
        """Give text messages until the client closes."""
        try:
            while True:
                yield await self.receive_text()
        except WebSocketDisconnect:
            pass

    async def iter_bytes(self) -> AsyncIterator[bytes]:
        """Give binary messages until the client closes."""
        try:
            while True:
                yield await self.receive_bytes()
        except WebSocketDisconnect:
            pass

    async def iter_json(self) -> AsyncIterator[Any]:
        """Give text messages, read as JSON, until the client closes."""
        try:
            while True:
                yield await self.receive_json()
        except WebSocketDisconnect:
            pass

    async def send_text(self, data: str) -> None:
        """Send a text message; raises as `send`."""
        await self.send({"type": "websocket.send", "text": data})

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message; raises as `send`."""
        await self.send({"type": "websocket.send", "bytes": data})

    async def send_json(self, data: Any, mode: str = "text") -> None:
        """Send a value as JSON; raises as `send`.

        Args:
            data: What the JSON codec of the application accepts.
            mode: Whether to send a `"text"` or a `"binary"` (UTF-8) message.
        """
        _check_mode(mode)
        codec = current_settings().codec
        encoded: str | bytes
        if codec is STANDARD:
            # Unlike that of a response, this JSON may hold NaN, as on Starlette.
            encoded = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        else:
            encoded = codec.dumps(data)
        if mode == "text":
            await self.send_text(encoded if isinstance(encoded, str) else encoded.decode())
        else:
            await self.send_bytes(encoded.encode() if isinstance(encoded, str) else encoded)

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close the WebSocket; before it is accepted, refuse it (the client sees HTTP 403).

        Args:
            code: The close code (RFC 6455, section 7.4).
            reason: A short text for the client, empty by default.
        """
        await self.send({"type": "websocket.close", "code": code, "reason": reason or ""})

    async def send_denial_response(self, response: ASGIApp) -> None:
        """Refuse the connection with an HTTP response of one's own, before accepting it.

        Args:
            response: Any response object.

        Raises:
            RuntimeError: The server cannot do that.
        """
        if "websocket.http.response" not in self.scope.get("extensions", {}):
            raise RuntimeError(
                "The server doesn't support the Websocket Denial Response extension."
            )
        await response(self.scope, self.receive, self.send)

    async def _receive_data(self) -> Message:
        if self.application_state is not WebSocketState.CONNECTED:
            raise WebSocketDisconnected('WebSocket is not connected. Need to call "accept" first.')
        message = await self.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005), message.get("reason"))
        return message


class WebSocketClose:
    """An ASGI application that does nothing but close the WebSocket.

    Args:
        code: The close code (RFC 6455, section 7.4).
        reason: A short text for the client, empty by default.
    """

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        self.code = code
        self.reason: str = reason or ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        await send({"type": "websocket.close", "code": self.code, "reason": self.reason})


def _next_state(allowed: dict[str, WebSocketState], message: Message) -> WebSocketState:
    """Look up where a message leads, or say what would have been allowed."""
    try:
        return allowed[message["type"]]
    except KeyError:
        *most, last = (f'"{name}"' for name in allowed)
        expected = f"{', '.join(most)} or {last}" if most else last
        raise RuntimeError(
            f"Expected ASGI message {expected}, but got {message['type']!r}"
        ) from None


def _check_mode(mode: str) -> None:
    if mode not in ("text", "binary"):
        raise RuntimeError('The "mode" argument should be "text" or "binary".')
