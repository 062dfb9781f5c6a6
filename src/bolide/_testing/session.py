"""One WebSocket for a test that is not async: blocking calls into the portal it runs in."""

from __future__ import annotations

import math
from collections.abc import Collection
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Literal, NoReturn, Self, cast

from anyio.from_thread import BlockingPortal

from bolide._testing import speech
from bolide._testing.denial import refusal
from bolide._testing.portals import PortalFactory, running
from bolide._testing.threads import off_the_loop
from bolide._testing.websocket import Accepted, Denied, Refused, WebSocketConversation
from bolide.types import ASGIApp, Message, Scope


class WebSocketTestSession:
    """One WebSocket, from the client's side, as a context manager.

    Entering waits until the application has accepted. Leaving disconnects with code 1000, cancels
    the application if it goes on nevertheless, and raises its exception if it had one.

    Args:
        app: An ASGI 3 application.
        scope: The scope of the WebSocket.
        portal_factory: Makes the context manager that gives the portal to run the application in.
        timeout: How many seconds to wait for an event of the application; by default for ever.
        validate_events: Whether the application gets an `InvalidEvent` for each event that the
            ASGI specification forbids.

    Attributes:
        accepted_subprotocol: The subprotocol that the application chose.
        extra_headers: The headers that it added to the handshake, pairs of bytes.
    """

    portal: BlockingPortal
    exit_stack: ExitStack

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope,
        portal_factory: PortalFactory,
        *,
        timeout: float = math.inf,
        validate_events: bool = False,
    ) -> None:
        self.app = app
        self.scope = scope
        self.portal_factory = portal_factory
        self.accepted_subprotocol: str | None = None
        self.extra_headers: Collection[tuple[bytes, bytes]] | None = None
        self._conversation = WebSocketConversation(
            app, scope, timeout=timeout, validate_events=validate_events
        )
        self._unclosed: set[Any] = set()
        self._hearing = speech.Hearing()

    @off_the_loop
    def __enter__(self) -> Self:
        """Open the WebSocket.

        Raises:
            WebSocketDisconnect: The application closed instead of accepting.
            WebSocketDenialResponse: It answered with an HTTP response.
            AssertionError: It did not answer.
            ReceiveTimeout: It took too long.
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
        self.send(speech.text_event(data))

    def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        self.send(speech.bytes_event(data))

    def send_json(self, data: Any, mode: Literal["text", "binary"] = "text") -> None:
        """Send a value as JSON, in a `"text"` or a `"binary"` message."""
        self.send(speech.json_event(data, mode))

    def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Disconnect, without waiting for the application to notice.

        Args:
            code: The close code that it sees (RFC 6455, section 7.4).
            reason: The reason that it sees.
        """
        self.send(speech.disconnect_event(code, reason))

    @off_the_loop
    def receive(self, *, timeout: float | None = None) -> Message:
        """Wait for the application's next ASGI message, which may be a `websocket.close`.

        Args:
            timeout: How many seconds to wait; by default as many as the client's
                `websocket_timeout`.

        Raises:
            WebSocketDisconnect: It has closed before, or has ended; code 1006 for the latter.
            ReceiveTimeout: It took too long; the WebSocket stays open.
        """
        self._hearing.check_open()
        message = self.portal.call(self._conversation.next_message, timeout)
        if message is None:
            self._conversation.raise_error()
        return self._hearing.heard(message)

    def receive_text(self, *, timeout: float | None = None) -> str:
        """Wait for the next message, which must be text.

        Args:
            timeout: How many seconds to wait, as for `receive`.

        Raises:
            WebSocketDisconnect: The application has closed the WebSocket, or ended.
            ReceiveTimeout: It took too long; the WebSocket stays open.
        """
        return cast(str, self._receive_data(timeout)["text"])

    def receive_bytes(self, *, timeout: float | None = None) -> bytes:
        """Wait for the next message, which must be binary; otherwise as `receive_text`."""
        return cast(bytes, self._receive_data(timeout)["bytes"])

    def receive_json(
        self, mode: Literal["text", "binary"] = "text", *, timeout: float | None = None
    ) -> Any:
        """Wait for the next message and read it as JSON; otherwise as `receive_text`."""
        speech.check_mode(mode)
        return speech.read_json(self._receive_data(timeout), mode)

    @off_the_loop
    def abort(self) -> None:
        """Cancel the application without a goodbye."""
        self.exit_stack.close()
        self._conversation.raise_error()

    def _receive_data(self, timeout: float | None) -> Message:
        message = self.receive(timeout=timeout)
        self._hearing.check_open()
        return message

    def _raise_refusal(self, answer: Refused | Denied | None) -> NoReturn:
        self.portal.call(self._conversation.disconnect)
        self._conversation.raise_error()
        raise refusal(answer)
