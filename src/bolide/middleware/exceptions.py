"""The layer that knows the exception handlers of an application, and answers with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

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
from bolide._exchange import Exchange, takes_handover
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] != "http":
            await self._other_than_http(scope, receive, send)
            return
        scope[HANDLERS_KEY] = self.tables
        if not isinstance(send, Exchange):
            send = Exchange(send)
        app: Any = self.app
        endpoint: FunctionEndpoint | None = None
        request: Any = None
        response: Any = None
        try:
            # PERF: S1, do what the router and the endpoint would do, without their coroutines;
            # but not where somebody has replaced the router's, as instrumentation does.
            if (
                app is self._bare_router
                and type(app).__call__ is self._router_call
                and type(send) is Exchange
            ):
                app = app.choose(scope)
                if type(app) is FunctionEndpoint:
                    endpoint = app
                    request = Request(scope, receive, send)
                    response = endpoint.func
                    if endpoint.is_async:
                        response = await endpoint.func(request)
                    else:
                        response = await start_endpoint(endpoint.func, request)
                    app = response
                elif app is reject and "app" in scope and self._answers_missing_itself():
                    # PERF: S5, what is not raised does not have to be caught.
                    app = missing_answer(scope)
            await app(scope, receive, send)
        except Exception as exc:
            try:
                if endpoint is None:
                    raise
                await endpoint.recover(exc, request, response, receive, send)
            except Exception as unanswered:
                if not await self.recover(unanswered, scope, receive, send):
                    raise

    def _answers_missing_itself(self) -> bool:
        """Say whether the handler of a 404 is `http_exception`."""
        return (
            404 not in self._status_handlers
            and self._exception_handlers.get(HTTPException) is self._own_handler
            and type(self).http_exception is _HTTP_EXCEPTION
        )

    async def _other_than_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        scope[HANDLERS_KEY] = self.tables
        guard = self.websocket_guard
        if guard is not None:
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
