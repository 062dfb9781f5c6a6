"""The layer that knows the exception handlers of an application, and answers with them."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from functools import partial
from types import FunctionType, MethodType
from typing import Any, Final, Protocol, cast

from bolide._async import asgi_call
from bolide._background import run_background
from bolide._cleanup import note_passing
from bolide._dispatch import (
    HANDLERS_KEY,
    ExceptionHandlers,
    FunctionEndpoint,
    StatusHandlers,
    add_handler,
    answer,
    find_handler,
    reject,
    was_answered,
    wrap_app_handling_exceptions,
)
from bolide._error_answers import error_answer, missing_answer
from bolide._exchange import Exchange, Handover, takes_handover
from bolide._response import BODILESS
from bolide._threads import start_endpoint
from bolide.exceptions import HTTPException, WebSocketException
from bolide.middleware._websocket_guard import WebSocketGuard
from bolide.requests import Request
from bolide.responses import Response
from bolide.types import ASGIApp, ExceptionHandler, Receive, Scope, Send
from bolide.websockets import WebSocket

__all__ = [
    "ExceptionHandlers",
    "ExceptionMiddleware",
    "StatusHandlers",
    "wrap_app_handling_exceptions",
]


class ErrorBoundary(Protocol):
    """A layer that is called with exceptions that nothing further in has answered."""

    async def settle(self, exc: Exception, scope: Scope, receive: Receive, send: Exchange) -> bool:
        """Answer an exception; say whether that is all there is to it, or it has to be raised."""
        ...


class ExceptionMiddleware:
    """Turns exceptions into responses, by status or by class.

    `HTTPException` and `WebSocketException` have handlers from the start.

    Args:
        app: The application to wrap.
        handlers: Handlers by status code or class of exception.
        debug: Kept for the application's use.

    Attributes:
        tables: The handlers by class, and those by status; what endpoints find in their scope.
        websocket_guard: What the application checks of its WebSockets, if anything.
    """

    websocket_guard: WebSocketGuard | None = None

    def __init__(
        self,
        app: ASGIApp,
        handlers: Mapping[Any, ExceptionHandler] | None = None,
        debug: bool = False,
    ) -> None:
        self.app = app
        self.debug = debug
        self._own_handler = self.http_exception
        self._status_handlers: StatusHandlers = {}
        # Other packages wrap what is in this table, so it keeps its name.
        self._exception_handlers: ExceptionHandlers = {
            HTTPException: self._own_handler,
            WebSocketException: self.websocket_exception,
        }
        self.tables: tuple[ExceptionHandlers, StatusHandlers] = (
            self._exception_handlers,
            self._status_handlers,
        )
        # Of the class: an instance may pretend to have any attribute, as mocks do.
        is_bare = hasattr(type(app), "is_bare") and cast(Any, app).is_bare
        self._bare_router: Any = app if is_bare else None
        self._router_call = type(app).__call__
        for key, handler in (handlers or {}).items():
            self.add_exception_handler(key, handler)

    def add_exception_handler(
        self, exc_class_or_status_code: int | type[Exception], handler: ExceptionHandler
    ) -> None:
        """Register a handler.

        Args:
            exc_class_or_status_code: What to handle: the status of an HTTPException, or a class.
            handler: `handler(connection, exc)`, async or blocking, gives a response or None.

        Raises:
            AssertionError: The key is neither.
        """
        add_handler(
            self._exception_handlers, self._status_handlers, exc_class_or_status_code, handler
        )

    @asgi_call
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Run as an ASGI application."""
        # PERF: S11n, `isinstance` takes its time to say no.
        if scope["type"] == "http" and (type(send) is Exchange or not isinstance(send, Handover)):
            return self.respond(scope, receive, send, None)
        return self._call(scope, receive, send)

    async def respond(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        outside: ErrorBoundary | None,
    ) -> None:
        """Answer an HTTP request, and what comes of it.

        Args:
            scope: The scope of the request.
            receive: Its receive channel.
            send: Its send channel.
            outside: Who would be called next with an exception that is not answered here.
        """
        scope[HANDLERS_KEY] = self.tables
        app: Any = self.app
        kind = type(send)
        exchange: Any = send if kind is Exchange else None
        endpoint: FunctionEndpoint | None = None
        request: Any = None
        response: Any = None
        started = False
        try:
            # PERF: S1, do what the router, the endpoint and the response would do, without their
            # coroutines; but not where somebody has replaced theirs, as instrumentation does.
            if app is self._bare_router and type(app).__call__ is self._router_call:
                app = app.choose(scope)
                if type(app) is FunctionEndpoint and Request.__init__ is _REQUEST_INIT:
                    endpoint = app
                    request = _new_request()
                    request.scope = scope
                    request._receive = receive
                    request._sender = exchange
                    request._wire = send
                    response = endpoint.func
                    if endpoint.is_async:
                        response = await endpoint.func(request)
                    else:
                        response = await start_endpoint(endpoint.func, request)
                    if type(response).__call__ is _RESPONSE_CALL:
                        status = response.status_code
                        if status == 200 or status not in BODILESS:
                            started = True
                            start: Any = {
                                "type": "http.response.start",
                                "status": status,
                                "headers": response.raw_headers,
                            }
                            if exchange is not None:
                                exchange.response_started = True
                                send = exchange.send
                            # PERF: S1, `isinstance` takes its time to say no.
                            elif not (kind is FunctionType or kind is MethodType) and isinstance(
                                send, Exchange
                            ):
                                start, send = send.lead(start, len(response.body))
                            await send(start)
                            await send({"type": "http.response.body", "body": response.body})
                            if response.background is not None:
                                await run_background(response.background, scope)
                            return
                    app, exchange = response, request._send
                elif app is reject and "app" in scope and self._answers_missing_itself():
                    # PERF: S5, what is not raised does not have to be caught.
                    app = missing_answer(scope)
            if exchange is None:
                exchange = Exchange(send)
            await app(scope, receive, exchange)
        except Exception as exc:
            channel: Exchange = exchange or (Exchange(send) if request is None else request._send)
            if started:
                channel.response_started = True
            try:
                try:
                    if endpoint is None or request is None:
                        raise
                    await endpoint.recover(exc, request, response, receive, channel)
                except Exception as unanswered:
                    if not await self.recover(unanswered, scope, receive, channel):
                        raise
            except Exception as unanswered:
                if outside is None or not await outside.settle(unanswered, scope, receive, channel):
                    raise
        except BaseException as exc:
            note_passing(exc)
            raise

    def _answers_missing_itself(self) -> bool:
        """Say whether the handler of a 404 is `http_exception`."""
        return (
            404 not in self._status_handlers
            and self._exception_handlers.get(HTTPException) is self._own_handler
            and type(self).http_exception is _HTTP_EXCEPTION
        )

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call what is inside, whatever the scope is, and whoever sends the response."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        scope[HANDLERS_KEY] = self.tables
        guard = self.websocket_guard
        if guard is not None and scope["type"] == "websocket":
            if not guard.allows(scope):
                await guard.refuse(receive, send)
                return
            receive, send = guard.receive(scope, receive), guard.send(send)
        exchange = send if isinstance(send, Exchange) else Exchange(send)
        try:
            await self.app(scope, receive, exchange)
        except Exception as exc:
            if not await self.recover(exc, scope, receive, exchange):
                raise
        except BaseException as exc:
            note_passing(exc)
            raise

    def takes_handover(self, scope: Scope) -> bool:
        """Say whether a request will be answered with `Handover.take`."""
        # Not when somebody has replaced the method, as instrumentation does.
        return type(self).__call__ is _CALL and takes_handover(self.app, scope)

    async def recover(self, exc: Exception, scope: Scope, receive: Receive, send: Exchange) -> bool:
        """Answer an exception; say whether there was a handler for it."""
        # Not from the scope: an application further in may have put its own tables there.
        handler = find_handler(exc, self._exception_handlers, self._status_handlers)
        if handler is None or was_answered(exc, scope, send):
            return False
        conn: Request | WebSocket
        if scope["type"] == "http":
            conn = Request(scope, receive, send)
        else:
            conn = WebSocket(scope, receive, send)
        await answer(handler, exc, conn, receive, send)
        return True

    async def http_exception(self, request: Request, exc: Exception) -> Response:
        """Answer an HTTPException, in plain text if the application has no other policy."""
        assert isinstance(exc, HTTPException)
        if exc.status_code in (204, 304):
            return Response(status_code=exc.status_code, headers=exc.headers)
        return error_answer(request.scope, exc)

    async def websocket_exception(self, websocket: WebSocket, exc: Exception) -> None:
        """Close the WebSocket as a WebSocketException says."""
        assert isinstance(exc, WebSocketException)
        await websocket.close(code=exc.code, reason=exc.reason)


_HTTP_EXCEPTION: Final = ExceptionMiddleware.http_exception
_CALL: Final = ExceptionMiddleware.__call__
_REQUEST_INIT: Final = Request.__init__
_RESPONSE_CALL: Final = Response.__call__
_new_request: Final = partial(object.__new__, Request)
