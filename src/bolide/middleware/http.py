"""Middleware from two methods: one that sees a request come in, one that sees a response go out.

THEORY OF OPERATION

`HTTPMiddleware` is a plain ASGI middleware: it calls the application in place, with a `send` that
stops at the start of the response. What the methods of a subclass are like is found out once, when
the middleware is put around an application; a method that is not overridden costs nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from bolide._async import is_async_callable
from bolide._data.headers import MutableHeaders
from bolide._inbox import Inbox
from bolide.middleware._filter import SendFilter, StartFilter, editable
from bolide.requests import Request
from bolide.responses import Response
from bolide.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HTTPMiddleware", "ResponseStart"]


class ResponseStart:
    """The status and the headers of a response that is about to be sent; both may be changed."""

    __slots__ = ("_headers", "_message")

    def __init__(self, message: Message) -> None:
        self._message = message
        self._headers: MutableHeaders | None = None

    @property
    def status(self) -> int:
        """The status code."""
        status: int = self._message["status"]
        return status

    @status.setter
    def status(self, status: int) -> None:
        self._message = {**self._message, "status": status}

    @property
    def headers(self) -> MutableHeaders:
        """The headers."""
        if self._headers is None:
            self._message, self._headers = editable(self._message)
        return self._headers

    @property
    def message(self) -> Message:
        """The ASGI message as it is now; the very one that came if nothing was asked for."""
        return self._message


class HTTPMiddleware:
    """Middleware for HTTP, made by overriding one or both of its methods.

    Each method may be plain or async; a plain one must not block. WebSockets and the lifespan pass
    by. A subclass with options of its own takes them after `app`, and hands `app` to this class.

    Args:
        app: The application to wrap.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        cls = type(self)
        self._on_request: Callable[..., Any] | None = None
        if cls.on_request is not HTTPMiddleware.on_request:
            self._on_request = self.on_request
        self._request_is_async = is_async_callable(self.on_request)
        self._on_start: Callable[..., Any] | None = None
        if cls.on_response_start is not HTTPMiddleware.on_response_start:
            self._on_start = self.on_response_start
        self._filter = _AsyncStart if is_async_callable(self.on_response_start) else _PlainStart

    def on_request(self, request: Request) -> Response | Awaitable[Response | None] | None:
        """Override to see a request before the application does.

        Args:
            request: The request. Its body may be read with `body()` or `json()`; the application
                will be given it again. Both methods get the same object.

        Returns:
            A response to send instead of calling the application, or None.
        """

    def on_response_start(self, request: Request, start: ResponseStart) -> Awaitable[None] | None:
        """Override to see a response before it is sent, also one that `on_request` gave.

        Args:
            request: The request.
            start: The status and the headers of the response.
        """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = _HookedRequest(scope, receive)
        if self._on_start is not None:
            send = self._filter(send, self._on_start, request)
        if self._on_request is not None:
            response = self._on_request(request)
            if self._request_is_async:
                response = await response
                receive = request.channel_on()
            if response is not None:
                await response(scope, receive, send)
                return
        await self.app(scope, receive, send)


class _PlainStart(StartFilter):
    """Shows the start of a response to a plain function."""

    def __init__(self, send: Send, hook: Callable[..., Any], request: Request) -> None:
        super().__init__(send)
        self._hook = hook
        self._request = request

    def on_start(self, start: Message) -> Message:
        """Call the function, and give what has become of the start."""
        response = ResponseStart(start)
        self._hook(self._request, response)
        return response.message


class _AsyncStart(SendFilter):
    """Shows the start of a response to an async function."""

    __slots__ = ("_hook", "_request")

    def __init__(self, send: Send, hook: Callable[..., Any], request: Request) -> None:
        super().__init__(send)
        self._hook = hook
        self._request = request

    async def on_start(self, message: Message) -> None:
        """Call the function, and send what has become of the start."""
        start = ResponseStart(message)
        await self._hook(self._request, start)
        await self.send(start.message)


class _HookedRequest(Request):
    """The request that the methods get."""

    def channel_on(self) -> Receive:
        """Give the channel that the application is to read."""
        if not (self._stream_consumed or hasattr(self, "_body")):
            return self._receive
        inbox = self._shared_inbox()
        if inbox.replays:
            return self._receive
        return _Again(getattr(self, "_body", b""), inbox)


class _Again:
    """A receive channel that gives a body again that has been read."""

    __slots__ = ("_body", "_inbox")

    def __init__(self, body: bytes, inbox: Inbox) -> None:
        self._body: bytes | None = body
        self._inbox = inbox

    async def __call__(self) -> Message:
        body, self._body = self._body, None
        if body is None:
            return await self._inbox.again()()
        return {"type": "http.request", "body": body, "more_body": False}
