"""One WebSocket for a test that is async: the application runs in the test's own event loop."""

# The timeouts are those of `WebSocketTestSession`, and say more than `anyio.fail_after` could.
# ruff: noqa: ASYNC109

from __future__ import annotations

import math
from collections.abc import Collection
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Literal, Self, cast

from anyio.abc import TaskGroup

from bolide._testing import speech
from bolide._testing.denial import refusal
from bolide._testing.tasks import running_task
from bolide._testing.websocket import Accepted, WebSocketConversation
from bolide.types import ASGIApp, Message, Scope
from bolide.websockets import WebSocketDisconnect


class AsyncWebSocketTestSession:
    """One WebSocket, from the client's side, as an async context manager.

    Entering waits until the application has accepted. Leaving disconnects with code 1000, cancels
    the application if it goes on nevertheless, and raises its exception if it had one other than
    the `WebSocketDisconnect` that says so.

    Args:
        app: An ASGI 3 application.
        scope: The scope of the WebSocket.
        task_group: Where the application runs; by default in a task group of the session.
        timeout: How many seconds to wait for an event of the application; by default for ever.
        validate_events: Whether the application gets an `InvalidEvent` for each event that the
            ASGI specification forbids.

    Attributes:
        accepted_subprotocol: The subprotocol that the application chose.
        extra_headers: The headers that it added to the handshake, pairs of bytes.
    """

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope,
        *,
        task_group: TaskGroup | None = None,
        timeout: float = math.inf,
        validate_events: bool = False,
    ) -> None:
        self.app = app
        self.scope = scope
        self.accepted_subprotocol: str | None = None
        self.extra_headers: Collection[tuple[bytes, bytes]] = ()
        self._task_group = task_group
        self._conversation = WebSocketConversation(
            app, scope, timeout=timeout, validate_events=validate_events
        )
        self._hearing = speech.Hearing()
        self._exit_stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the WebSocket.

        Raises:
            WebSocketDisconnect: The application closed instead of accepting.
            WebSocketDenialResponse: It answered with an HTTP response.
            AssertionError: It did not answer.
            ReceiveTimeout: It took too long.
        """
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(running_task(self._conversation, self._task_group))
            answer = await self._conversation.handshake()
            if not isinstance(answer, Accepted):
                await self._conversation.disconnect()
                self._conversation.raise_error()
                raise refusal(answer)
            self.accepted_subprotocol = answer.subprotocol
            self.extra_headers = answer.headers
            self._exit_stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        async with self._exit_stack:
            if not self._conversation.ended:
                await self._conversation.disconnect()
        # Being told that the client is gone is no failure.
        told = self._conversation.left and isinstance(self._conversation.error, WebSocketDisconnect)
        if not told and (exc_value is None or isinstance(exc_value, Exception)):
            self._conversation.raise_error()

    async def send(self, message: Message) -> None:
        """Send an ASGI message as it is."""
        await self._conversation.say(message)

    async def send_text(self, data: str) -> None:
        """Send a text message."""
        await self.send(speech.text_event(data))

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        await self.send(speech.bytes_event(data))

    async def send_json(self, data: Any, mode: Literal["text", "binary"] = "text") -> None:
        """Send a value as JSON, in a `"text"` or a `"binary"` message."""
        await self.send(speech.json_event(data, mode))

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Disconnect, without waiting for the application to notice.

        Args:
            code: The close code that it sees (RFC 6455, section 7.4).
            reason: The reason that it sees.
        """
        await self.send(speech.disconnect_event(code, reason))

    async def receive(self, *, timeout: float | None = None) -> Message:
        """Wait for the application's next ASGI message, which may be a `websocket.close`.

        Args:
            timeout: How many seconds to wait; by default as many as the client's
                `websocket_timeout`.

        Raises:
            WebSocketDisconnect: It has closed before, or has ended; code 1006 for the latter.
            ReceiveTimeout: It took too long; the WebSocket stays open.
        """
        self._hearing.check_open()
        message = await self._conversation.next_message(timeout)
        if message is None:
            self._conversation.raise_error()
        return self._hearing.heard(message)

    async def receive_text(self, *, timeout: float | None = None) -> str:
        """Wait for the next message, which must be text.

        Args:
            timeout: How many seconds to wait, as for `receive`.

        Raises:
            WebSocketDisconnect: The application has closed the WebSocket, or ended.
            ReceiveTimeout: It took too long; the WebSocket stays open.
        """
        return cast(str, (await self._receive_data(timeout))["text"])

    async def receive_bytes(self, *, timeout: float | None = None) -> bytes:
        """Wait for the next message, which must be binary; otherwise as `receive_text`."""
        return cast(bytes, (await self._receive_data(timeout))["bytes"])

    async def receive_json(
        self, mode: Literal["text", "binary"] = "text", *, timeout: float | None = None
    ) -> Any:
        """Wait for the next message and read it as JSON; otherwise as `receive_text`."""
        speech.check_mode(mode)
        return speech.read_json(await self._receive_data(timeout), mode)

    async def _receive_data(self, timeout: float | None) -> Message:
        message = await self.receive(timeout=timeout)
        self._hearing.check_open()
        return message
