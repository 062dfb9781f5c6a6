"""What the client of a WebSocket says, as ASGI events, and how it understands the application."""

from __future__ import annotations

import json
from collections.abc import Iterable, MutableMapping
from typing import Any, Literal

from bolide.types import Message
from bolide.websockets import WebSocketDisconnect

Mode = Literal["text", "binary"]

ABNORMAL_CLOSURE = 1006
"""The close code of a connection that ended without one (RFC 6455, section 7.1.5)."""


def add_handshake_headers(
    headers: MutableMapping[str, str], subprotocols: Iterable[str] | None
) -> None:
    """Add the headers that open a WebSocket (RFC 6455, section 4.1), where they are missing."""
    headers.setdefault("connection", "upgrade")
    headers.setdefault("sec-websocket-key", "testserver==")
    headers.setdefault("sec-websocket-version", "13")
    if offered := ", ".join(subprotocols or ()):
        headers.setdefault("sec-websocket-protocol", offered)


def text_event(data: str) -> Message:
    """Say something as a text message."""
    return {"type": "websocket.receive", "text": data}


def bytes_event(data: bytes) -> Message:
    """Say something as a binary message."""
    return {"type": "websocket.receive", "bytes": data}


def json_event(data: Any, mode: Mode) -> Message:
    """Say a value as JSON.

    Raises:
        RuntimeError: There is no such mode.
    """
    check_mode(mode)
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return text_event(text) if mode == "text" else bytes_event(text.encode("utf-8"))


def disconnect_event(code: int, reason: str | None) -> Message:
    """Say goodbye."""
    return {"type": "websocket.disconnect", "code": code, "reason": reason}


def read_json(message: Message, mode: Mode) -> Any:
    """Understand a message as JSON."""
    return json.loads(message["text"] if mode == "text" else message["bytes"].decode("utf-8"))


def check_mode(mode: str) -> None:
    """Raise RuntimeError if there is no such mode."""
    if mode not in ("text", "binary"):
        raise RuntimeError('The "mode" argument should be "text" or "binary".')


class Hearing:
    """The application's events, which end when it has closed the WebSocket."""

    def __init__(self) -> None:
        self._closed: WebSocketDisconnect | None = None

    def check_open(self) -> None:
        """Raise WebSocketDisconnect if the application has closed before."""
        if self._closed is not None:
            raise self._closed

    def heard(self, message: Message | None) -> Message:
        """Take the next event; None if the application has ended.

        Raises:
            WebSocketDisconnect: It has ended; code 1006.
        """
        if message is None:
            raise WebSocketDisconnect(ABNORMAL_CLOSURE, "The application has ended.")
        if message["type"] == "websocket.close":
            self._closed = WebSocketDisconnect(message.get("code", 1000), message.get("reason"))
        return message
