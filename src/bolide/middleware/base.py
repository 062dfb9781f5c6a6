"""Middleware as one function: take a request, call what follows, return a response.

RULES

- `call_next` runs the application in a task of its own and returns when its response starts; the
  body then flows through `body_iterator` as it is asked for.
- What the application does after its last message (background tasks, leaving contexts) is done
  when the response has been sent, before the middleware returns, and whoever leaves.
- Of the request body each piece is given out once: to `dispatch` or to the application, whoever
  asks first. What `dispatch` has read with `body()` is given to the application again, whole.
- If `dispatch` returns some other response, the application is not listened to any more, and
  learns that the client is gone.
- Context variables that the application has set are set for `dispatch` after `call_next`.

THEORY OF OPERATION

Two tasks take turns. An `_AppRun` is the place where they meet: the application's `send` leaves a
message there and waits until it has been taken; `dispatch`, through `call_next` and the body
iterator, waits until there is one. On the side of the request, `_CachedRequest.wrapped_receive` is
a small machine over what the application has been given so far:

    NOTHING   the application may ask for the body
    ALL       it has all of it, and can only wait for the client to leave
    GONE      it knows that the client has left

For new code a plain ASGI middleware is simpler and much cheaper.
"""

from __future__ import annotations

import contextvars
import enum
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Mapping,
    MutableMapping,
)
from typing import Any, Final, TypeVar

import anyio
import anyio.lowlevel

from bolide._async import close_iterator
from bolide.background import BackgroundTask
from bolide.requests import ClientDisconnect, Request
from bolide.responses import Response
from bolide.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "ASGIApp",
    "AsyncContentStream",
    "BaseHTTPMiddleware",
    "BodyStreamGenerator",
    "ClientDisconnect",
    "DispatchFunction",
    "RequestResponseEndpoint",
]

T = TypeVar("T")

RequestResponseEndpoint = Callable[[Request], Awaitable[Response]]
"""The type of `call_next`."""

DispatchFunction = Callable[[Request, RequestResponseEndpoint], Awaitable[Response]]
"""The type of `dispatch`."""

BodyStreamGenerator = AsyncGenerator[bytes | MutableMapping[str, Any], None]
"""The body of a response from `call_next`: chunks, or a message to pass on as it is."""

AsyncContentStream = AsyncIterable[str | bytes | memoryview | MutableMapping[str, Any]]
"""What a response that is passed on may be made of."""

_UNSET: Final = object()


class BaseHTTPMiddleware:
    """Middleware as a method or a function `dispatch(request, call_next) -> response`.

    Args:
        app: The application to wrap.
        dispatch: The function; without it the method `dispatch` is called, to be overridden.
    """

    def __init__(self, app: ASGIApp, dispatch: DispatchFunction | None = None) -> None:
        self.app = app
        self.dispatch_func: DispatchFunction = self.dispatch if dispatch is None else dispatch

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Override to handle a request.

        Args:
            request: The request. Its body may be read.
            call_next: Gives the response of the application; pass it the request.
        """
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = _CachedRequest(scope, receive, send)
        run: _AppRun | None = None
        error: Exception | None = None
        try:
            async with anyio.create_task_group() as task_group:

                async def call_next(_: Request) -> Response:
                    nonlocal run
                    if run is not None:
                        run.release()
                    run = _AppRun(self.app, request)
                    task_group.start_soon(run)
                    return await run.start()

                try:
                    response = await self.dispatch_func(request, call_next)
                    await response(scope, request.wrapped_receive, send)
                except Exception as exc:
                    error = exc
                    task_group.cancel_scope.cancel()
                if run is not None:
                    run.release()
        except BaseExceptionGroup as group:
            # Only what is no Exception gets here, such as KeyboardInterrupt in one of the tasks.
            raise group.exceptions[0] from None
        if run is not None:
            run.hand_over_context()
            error = error or run.error
        if error is not None:
            raise error


class _Given(enum.Enum):
    """How much of the request the application has been given."""

    NOTHING = enum.auto()
    ALL = enum.auto()
    GONE = enum.auto()


class _CachedRequest(Request):
    """The request that `dispatch` gets; the application reads through it."""

    _given = _Given.NOTHING

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, receive, send)

    async def send_out(self, message: Message) -> None:
        """Send past `dispatch`."""
        await self._send(message)

    def rewind(self) -> None:
        """Let another run of the application have the body too, if it was kept."""
        if hasattr(self, "_body") and self._given is _Given.ALL:
            self._given = _Given.NOTHING

    async def wrapped_receive(self) -> Message:
        """Give the application its next event.

        Raises:
            RuntimeError: The server goes on with a body that was complete.
        """
        if self._given is _Given.NOTHING:
            if hasattr(self, "_body"):
                return self._give_all(self._body)
            if self._stream_consumed:
                return self._give_all(b"")
            message = await self._receive()
            if message["type"] != "http.disconnect":
                if not message.get("more_body", False):
                    self._given = _Given.ALL
                    self._stream_consumed = True
                return message
            self._is_disconnected = True
        elif self._given is _Given.ALL and not self._is_disconnected:
            message = await self._receive()
            if message["type"] != "http.disconnect":
                raise RuntimeError(f"Unexpected message received: {message['type']}")
            self._is_disconnected = True
        self._given = _Given.GONE
        return {"type": "http.disconnect"}

    def _give_all(self, body: bytes) -> Message:
        self._given = _Given.ALL
        return {"type": "http.request", "body": body, "more_body": False}


class _AppRun:
    """One run of the application, and the place where it and `dispatch` meet.

    Attributes:
        error: What the application raised, if that was not raised by `call_next`.
    """

    __slots__ = (
        "_app",
        "_context",
        "_ended",
        "_info",
        "_last",
        "_message",
        "_ready",
        "_receiving",
        "_released",
        "_request",
        "_start",
        "_taken",
        "error",
    )

    def __init__(self, app: ASGIApp, request: _CachedRequest) -> None:
        self._app = app
        self._request = request
        self._start: Message | None = None
        self._message: Message | None = None
        self._info: Mapping[str, Any] | None = None
        self._ready = anyio.Event()  # set when there is something for `dispatch`
        self._taken: anyio.Event | None = None  # set when a message has been taken
        self._released = anyio.Event()  # set when the response has been sent
        self._receiving: set[anyio.CancelScope] = set()
        self._last = False
        self._ended = False
        self._context = contextvars.copy_context()
        self.error: Exception | None = None

    # The side of the application, in a task of its own.

    async def __call__(self) -> None:
        """Run the application."""
        self._request.rewind()
        try:
            await self._app(self._request.scope, self.receive, self.send)
        except Exception as exc:
            self.error = exc
        finally:
            self._context = contextvars.copy_context()
            self._ended = True
            self._ready.set()

    async def receive(self) -> Message:
        """Give the application its next event, or a disconnect once the response was sent."""
        if not self._released.is_set():
            # Not a wait for two things in two tasks: `release` cancels the one.
            with anyio.CancelScope() as scope:
                self._receiving.add(scope)
                try:
                    return await self._request.wrapped_receive()
                finally:
                    self._receiving.discard(scope)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Leave a message of the application for `dispatch`."""
        if self._last or self._released.is_set():
            # Dropped; but let others run, since the application may go on for ever like this.
            await anyio.lowlevel.checkpoint()
            return
        kind = message["type"]
        if kind == "http.response.early_hint":
            await self._request.send_out(message)
        elif self._start is not None:
            await self._send_body(kind, message)
        elif kind == "http.response.debug":
            self._info = message["info"]
        elif kind == "http.response.start":
            self._start = message
            self._context = contextvars.copy_context()
            self._ready.set()
        else:
            raise AssertionError(f"Unexpected message before the response started: {message}")

    async def _send_body(self, kind: str, message: Message) -> None:
        if kind == "http.response.body":
            self._last = not message.get("more_body", False)
            if not self._last and not message.get("body"):
                await anyio.lowlevel.checkpoint()
                return
        elif kind == "http.response.pathsend":
            self._last = True
        else:
            raise AssertionError(f"Unexpected message: {message}")
        self._message = message
        self._taken = None if self._last else anyio.Event()
        self._ready.set()
        # What follows the last message has to wait until that is out.
        await (self._taken or self._released).wait()

    # The side of `dispatch`.

    async def start(self) -> Response:
        """Wait for the response to start.

        Raises:
            Exception: What the application raised before.
            RuntimeError: The application has ended without a response.
        """
        await self._ready.wait()
        self.hand_over_context()
        if self._start is None:
            if self.error is None:
                raise RuntimeError("No response returned.")
            error, self.error = self.error, None
            raise error from error.__cause__ or error.__context__
        response = _StreamingResponse(
            self._body(), status_code=self._start["status"], info=self._info
        )
        response.raw_headers = list(self._start.get("headers", ()))
        response.on_sent = self.release
        return response

    async def _body(self) -> BodyStreamGenerator:
        while True:
            message, self._message = self._message, None
            if message is None:
                if self._ended or self._last:
                    return
                self._ready = anyio.Event()
                await self._ready.wait()
                continue
            if self._taken is not None:
                self._taken.set()
            if message["type"] == "http.response.pathsend":
                yield message
            elif body := message.get("body", b""):
                yield body

    def release(self) -> None:
        """Let the application go on to its end: nobody listens to it any more."""
        self._released.set()
        if self._taken is not None:
            self._taken.set()
        for scope in self._receiving:
            scope.cancel()

    def hand_over_context(self) -> None:
        """Set the context variables here that the application has set in its task."""
        for variable, value in self._context.items():
            if variable.get(_UNSET) is not value:
                variable.set(value)


class _StreamingResponse(Response):
    """A response that is passed on.

    Attributes:
        info: What the application told a test client, if anything.
        body_iterator: The chunks of the body.
    """

    def __init__(
        self,
        content: AsyncContentStream,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        self.info = info
        self.body_iterator = content
        self.status_code = status_code
        self.media_type = media_type
        self.background: BackgroundTask | None = None
        self.on_sent: Callable[[], None] | None = None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response: run as an ASGI application."""
        if self.info is not None:
            await send({"type": "http.response.debug", "info": self.info})
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        has_body = True
        try:
            async for chunk in self.body_iterator:
                if isinstance(chunk, MutableMapping):
                    has_body = False
                    await send(chunk)
                    continue
                if not isinstance(chunk, bytes | memoryview):
                    chunk = chunk.encode(self.charset)
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except BaseException:
            await close_iterator(self.body_iterator)
            raise
        if has_body:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        if self.on_sent is not None:
            self.on_sent()
        if self.background is not None:
            await self.background()
