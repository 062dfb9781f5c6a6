"""A limit on the size of request bodies, counted as they arrive.

RULES

- The limit of the innermost place that sets one holds, be it larger or smaller, from the moment
  the request gets there until the request ends.
- A `Content-Length` over the limit is refused without asking the server for the body: the first
  `receive` raises, and should nobody read the body, the response is replaced.
- What arrives is counted too, since a length may be absent or wrong.

THEORY OF OPERATION

The outermost limit makes one `RequestBodyLimitResponder` for the request, which wraps `receive`
and `send`, and leaves itself in the scope. A limit further in finds it there (a copy of the scope
still holds the same object) and only moves the limit. The error is an HTTPException, so inside an
application its handlers answer.
"""

from __future__ import annotations

from typing import Final

from bolide._body_limits import MAX_BODY_SIZE_SCOPE_KEY
from bolide._data.headers import Headers
from bolide._error_answers import error_answer
from bolide._replay import like
from bolide.exceptions import HTTPException
from bolide.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["MAX_BODY_SIZE_SCOPE_KEY", "RequestBodyLimitMiddleware", "RequestBodyLimitResponder"]

_RESPONDER_SCOPE_KEY: Final = "bolide.body_limit_responder"
_MISSING: Final = object()


class _RequestBodyTooLarge(HTTPException):
    """The body of the request is over the limit."""

    def __init__(self) -> None:
        super().__init__(status_code=413, detail="Content Too Large")


class RequestBodyLimitMiddleware:
    """Refuses requests whose body is too large, with status 413.

    Args:
        app: The application to wrap.
        max_body_size: The largest size allowed, in bytes.
    """

    def __init__(self, app: ASGIApp, max_body_size: int) -> None:
        self.app = app
        self.max_body_size = max_body_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        outer_limit = scope.get(MAX_BODY_SIZE_SCOPE_KEY, _MISSING)
        responder = scope.get(_RESPONDER_SCOPE_KEY)
        scope[MAX_BODY_SIZE_SCOPE_KEY] = self.max_body_size
        try:
            if responder is None:
                await RequestBodyLimitResponder(self.app, self.max_body_size)(scope, receive, send)
            else:
                responder.max_body_size = self.max_body_size
                # What was announced is left to `receive`: a limit further in may be larger.
                if responder.total_size > self.max_body_size:
                    raise _RequestBodyTooLarge
                await self.app(scope, receive, send)
        finally:
            if outer_limit is _MISSING:
                scope.pop(MAX_BODY_SIZE_SCOPE_KEY, None)
            else:
                scope[MAX_BODY_SIZE_SCOPE_KEY] = outer_limit


class RequestBodyLimitResponder:
    """Counts the body of one request.

    Attributes:
        max_body_size: The limit in force, in bytes.
        content_length: What the client announced, or None.
        total_size: How many bytes have arrived.
        response_started: Whether a response has been let through.
    """

    __slots__ = (
        "app",
        "content_length",
        "max_body_size",
        "receive",
        "replaced",
        "response_started",
        "scope",
        "send",
        "total_size",
    )

    app: ASGIApp
    max_body_size: int
    content_length: int | None
    total_size: int
    response_started: bool
    replaced: bool
    scope: Scope
    receive: Receive
    send: Send

    def __init__(self, app: ASGIApp, max_body_size: int) -> None:
        self.app = app
        self.max_body_size = max_body_size
        self.content_length = None
        self.total_size = 0
        self.response_started = False
        self.replaced = False

    @property
    def announced_too_large(self) -> bool:
        """Whether the announced length alone is over the limit."""
        return self.content_length is not None and self.content_length > self.max_body_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application, for one request."""
        self.scope, self.receive, self.send = scope, receive, send
        length = Headers(scope=scope).get("content-length", "")
        # Digits only (RFC 9110, section 8.6); twenty of them are beyond any limit.
        if length.isascii() and length.isdigit():
            self.content_length = int(length.lstrip("0")[:20] or "0")
        scope[_RESPONDER_SCOPE_KEY] = self
        try:
            receive = like(self.receive, self.receive_with_limit)
            await self.app(scope, receive, self.send_with_limit)
        except _RequestBodyTooLarge:
            if self.response_started:
                raise
            await self._replace_response()
        finally:
            scope.pop(_RESPONDER_SCOPE_KEY, None)

    async def receive_with_limit(self) -> Message:
        """Receive, and raise once the body is known to be too large."""
        # Nothing more may come of a body that was too large in its last piece.
        if self.announced_too_large or self.total_size > self.max_body_size:
            raise _RequestBodyTooLarge
        message = await self.receive()
        if message["type"] == "http.request":
            self.total_size += len(message.get("body", b""))
            if self.total_size > self.max_body_size:
                raise _RequestBodyTooLarge
        return message

    async def send_with_limit(self, message: Message) -> None:
        """Send; a response to a body that was announced too large is replaced."""
        if message["type"] == "http.response.start" and not self.response_started:
            if self.announced_too_large:
                await self._replace_response()
                return
            self.response_started = True
        if not self.replaced:
            await self.send(message)

    async def _replace_response(self) -> None:
        if not self.replaced:
            self.replaced = True
            response = error_answer(self.scope, HTTPException(413, "Content Too Large"))
            await response(self.scope, self.receive, self.send)
