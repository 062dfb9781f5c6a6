"""One WebSocket for a test that is not async: blocking calls into the portal it runs in."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Literal, NoReturn, Self, cast

from anyio.from_thread import BlockingPortal

from bolide._testing.portals import PortalFactory, running
from bolide._testing.threads import off_the_loop
from bolide._testing.websocket import Accepted, Denied, Refused, WebSocketConversation
from bolide.types import ASGIApp, Message, Scope
from bolide.websockets import WebSocketDisconnect

ABNORMAL_CLOSURE = 1006
"""The close code of a connection that ended without one (RFC 6455, section 7.1.5)."""


class BlockingWebSocket(ABC):
    """What `WebSocketTestSession` does without the HTTP library."""

    portal: BlockingPortal
    exit_stack: ExitStack

    def __init__(self, app: ASGIApp, scope: Scope, portal_factory: PortalFactory) -> None:
        self.app = app
        self.scope = scope
        self.portal_factory = portal_factory
        self.accepted_subprotocol: str | None = None
        self.extra_headers: Collection[tuple[bytes, bytes]] | None = None
        self._conversation = WebSocketConversation(app, scope)
        self._unclosed: set[Any] = set()
        self._closed: WebSocketDisconnect | None = None

    @off_the_loop
    def __enter__(self) -> Self:
        """Open the WebSocket.

        Raises:
            WebSocketDisconnect: The application closed instead of accepting.
            WebSocketDenialResponse: It answered with an HTTP response.
            AssertionError: It did not answer.
        """
        with ExitStack() as stack:
            self.portal = stack.enter_context(running(self._conversation, self.portal_factory))
            answer = self.portal.call(self._conversation.handshake)
            if not isinstance(answer, Accepted):
                self._raise_refusal(answer)
            self.accepted_subprotocol = answer.subprotocol
            self.extra_headers = answer.headers
            self._unclosed.add(self)
            stack.callback(self._unclosed.discard, self)
            self.exit_stack = stack.pop_all()
        return self

    @off_the_loop
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self.exit_stack:
            if not self._conversation.ended:
                self.portal.call(self._conversation.disconnect)
        if exc_value is None or isinstance(exc_value, Exception):
            self._conversation.raise_error()

    @off_the_loop
    def send(self, message: Message) -> None:
        """Send an ASGI message as it is."""
        self.portal.call(self._conversation.say, message)

    def send_text(self, data: str) -> None:
        """Send a text message."""
        self.send({"type": "websocket.receive", "text": data})

    def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        self.send({"type": "websocket.receive", "bytes": data})

    def send_json(self, data: Any, mode: Literal["text", "binary"] = "text") -> None:
        """Send a value as JSON, in a `"text"` or a `"binary"` message."""
        _check_mode(mode)
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        if mode == "text":
            self.send_text(text)
        else:
            self.send_bytes(text.encode("utf-8"))

    def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Disconnect, without waiting for the application to notice.

        Args:
            code: The close code that it sees (RFC 6455, section 7.4).
            reason: The reason that it sees.
        """
        self.send({"type": "websocket.disconnect", "code": code, "reason": reason})

    @off_the_loop
    def receive(self) -> Message:
        """Wait for the application's next ASGI message, which may be a `websocket.close`.

        Raises:
            WebSocketDisconnect: It has closed before, or has ended; code 1006 for the latter.
        """
        if self._closed is not None:
            raise self._closed
        message = self.portal.call(self._conversation.next_message)
        if message is None:
            self._conversation.raise_error()
            raise WebSocketDisconnect(ABNORMAL_CLOSURE, "The application has ended.")
        if message["type"] == "websocket.close":
            self._closed = WebSocketDisconnect(message.get("code", 1000), message.get("reason"))
        return message

    def receive_text(self) -> str:
        """Wait for the next message, which must be text.

        Raises:
            WebSocketDisconnect: The application has closed the WebSocket, or ended.
        """
        return cast(str, self._receive_data()["text"])

    def receive_bytes(self) -> bytes:
        """Wait for the next message, which must be binary; raises as `receive_text`."""
        return cast(bytes, self._receive_data()["bytes"])

    def receive_json(self, mode: Literal["text", "binary"] = "text") -> Any:
        """Wait for the next message and read it as JSON; raises as `receive_text`."""
        _check_mode(mode)
        message = self._receive_data()
        return json.loads(message["text"] if mode == "text" else message["bytes"].decode("utf-8"))

    @off_the_loop
    def abort(self) -> None:
        """Cancel the application without a goodbye."""
        self.exit_stack.close()
        self._conversation.raise_error()

    def _receive_data(self) -> Message:
        message = self.receive()
        if self._closed is not None:
            raise self._closed
        return message

    def _raise_refusal(self, answer: Refused | Denied | None) -> NoReturn:
        self.portal.call(self._conversation.disconnect)
        self._conversation.raise_error()
        if isinstance(answer, Refused):
            raise WebSocketDisconnect(answer.code, answer.reason)
        if isinstance(answer, Denied):
            raise self._denial(answer)
        raise AssertionError("The application ended without answering the WebSocket handshake.")

    @abstractmethod
    def _denial(self, answer: Denied) -> WebSocketDisconnect:
        """Make the exception for an HTTP response in place of a handshake."""


def _check_mode(mode: str) -> None:
    if mode not in ("text", "binary"):
        raise RuntimeError('The "mode" argument should be "text" or "binary".')
