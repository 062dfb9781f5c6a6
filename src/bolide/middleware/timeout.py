"""An end to waiting: for an application that takes too long, and a body that does not come.

RULES

- An application that has not begun to answer in time is cancelled, and the client gets 504.
  Whatever it sends from then on is dropped.
- A client that sends nothing of its body for so long gets 408 (RFC 9110, section 15.5.9): the
  application's `receive` raises it, as an HTTPException, so that handlers may answer otherwise.
- A response that has begun may take as long as it likes, unless `whole` is said.
"""

from __future__ import annotations

from collections.abc import Awaitable
from math import inf

import anyio
from anyio.lowlevel import checkpoint

from bolide._body_timeout import RequestBodyTimeout, body_timeout
from bolide._cleanup import told_once
from bolide._exports import publish
from bolide._policy import policy_of
from bolide.exceptions import BolideError
from bolide.responses import PlainTextResponse
from bolide.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["RequestBodyTimeout", "ResponseTimeout", "TimeoutMiddleware"]


class ResponseTimeout(BolideError, TimeoutError):
    """A response had begun and was not done in time; the server breaks the connection off."""


class TimeoutMiddleware:
    """Ends HTTP requests that take too long.

    A blocking function that runs in a thread cannot be cancelled: the answer waits for its end.

    Args:
        app: The application to wrap.
        seconds: How long it may take until the response begins. None for any time.
        body_idle_seconds: How long each piece of the request body may take to come, once the
            application asks for it. None for any time.
        whole: Count until the end of the response; background tasks are part of it.

    Raises:
        ValueError: A time is not positive.
    """

    def __init__(
        self,
        app: ASGIApp,
        seconds: float | None = 60.0,
        *,
        body_idle_seconds: float | None = 30.0,
        whole: bool = False,
    ) -> None:
        for value in (seconds, body_idle_seconds):
            # Not a number is neither more nor less.
            if value is not None and not value > 0:
                raise ValueError(f"A time out is a positive number of seconds, not {value!r}.")
        self.app = app
        self.seconds = seconds
        self.body_idle_seconds = body_idle_seconds
        self.whole = whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = _TimedRequest(self, scope, receive, send)
        try:
            with request.cancel_scope:
                app = self.app(scope, request.receive, request.send)
                await told_once(app, policy_of(scope).cleanup_seconds)
        except RequestBodyTimeout as error:
            # Nothing between here and the application has answered it.
            if request.has_started:
                raise
            response = PlainTextResponse(error.detail, error.status_code, error.headers)
        else:
            if request.has_started and request.cancel_scope.cancelled_caught:
                raise ResponseTimeout(f"The response was not done after {self.seconds} seconds.")
            # Also if the application took no notice of its being cancelled.
            if request.has_started or not request.cancel_scope.cancel_called:
                return
            response = PlainTextResponse("Gateway Timeout", 504)
        await response(scope, receive, send)


class _TimedRequest:
    """One request, and whether its response has begun."""

    __slots__ = (
        "_body_is_there",
        "_middleware",
        "_receive",
        "_scope",
        "_send",
        "cancel_scope",
        "has_started",
    )

    def __init__(
        self, middleware: TimeoutMiddleware, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._middleware = middleware
        self._scope = scope
        self._receive = receive
        self._send = send
        self._body_is_there = False
        self.has_started = False
        self.cancel_scope: anyio.CancelScope = anyio.move_on_after(middleware.seconds)

    async def receive(self) -> Message:
        if self._body_is_there:
            # Nothing more is due: what comes now is the end of the connection.
            return await self._receive()
        with anyio.move_on_after(self._middleware.body_idle_seconds):
            message = await self._receive()
            self._body_is_there = not message.get("more_body", False)
            return message
        raise body_timeout(self._scope)

    def send(self, message: Message) -> Awaitable[None]:
        if not self.has_started:
            if self.cancel_scope.cancel_called:
                # The application has not been told yet, or is cleaning up.
                return checkpoint()
            if message["type"] == "http.response.start":
                self.has_started = True
                if not self._middleware.whole:
                    self.cancel_scope.deadline = inf
        return self._send(message)


publish(globals(), ["RequestBodyTimeout"])
