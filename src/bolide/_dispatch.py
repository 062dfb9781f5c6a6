"""Calling endpoints, and the one boundary around them that turns exceptions into responses.

RULES

- An exception is answered by the handler for its status (HTTPException only), else by the handler
  of the nearest class in its method resolution order; without one it goes on, unchanged.
- A handler runs as near to the endpoint as possible, so that the middleware of a route or a mount
  sees the error response like any other. It gets the very request that the endpoint had.
- Once a response has started, there is nothing to answer with any more.

THEORY OF OPERATION

`ExceptionMiddleware` puts the tables of handlers into the scope. The wrapper of a function
endpoint is the boundary of most requests: it makes the request, calls the endpoint, sends the
response, and looks into the tables only when something was raised. What other ASGI applications,
middleware and the router raise is met by `ExceptionMiddleware`, with the same two functions.
Whether the response has started is known to the `Exchange` that `send` has been wrapped in.
"""

from __future__ import annotations

import http
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bolide._async import is_async_callable
from bolide._exchange import Exchange, Handover
from bolide.concurrency import run_in_threadpool
from bolide.exceptions import HTTPException
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.types import ASGIApp, ExceptionHandler, Receive, Scope, Send
from bolide.websockets import WebSocket

__all__ = [
    "HANDLERS_KEY",
    "ExceptionHandlers",
    "StatusHandlers",
    "answer",
    "find_handler",
    "is_endpoint",
    "lookup_by_class",
    "refusal",
    "request_response",
    "websocket_session",
    "wrap_app_handling_exceptions",
]

ExceptionHandlers = dict[Any, ExceptionHandler]
"""Handlers by class of exception."""

StatusHandlers = dict[int, ExceptionHandler]
"""Handlers by status code."""

HANDLERS_KEY = "starlette.exception_handlers"
"""Where a scope keeps both tables, as a tuple; other packages read it."""


def request_response(func: Callable[[Request], Awaitable[Response] | Response]) -> ASGIApp:
    """Make an ASGI application of a function that takes a request and returns a response.

    Args:
        func: An async function, or a blocking one, which runs in a worker thread.
    """
    is_async = is_async_callable(func)
    endpoint: Callable[..., Any] = func

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if not isinstance(send, Exchange):
            send = Exchange(send)
        request: Request = Request(scope, receive, send)
        response: Any = func  # callable, as a response should be
        try:
            if is_async:
                response = await endpoint(request)
            else:
                response = await run_in_threadpool(endpoint, request)
            if isinstance(send, Handover):
                await send.take(response, scope, receive)
            else:
                await response(scope, receive, send)
        except Exception as exc:
            if not callable(response):
                raise _not_a_response(func, response) from None
            handler = find_handler(exc, *scope.get(HANDLERS_KEY, ({}, {})))
            if handler is None:
                raise
            await answer(handler, exc, request, receive, send)

    return app


def is_endpoint(app: ASGIApp) -> bool:
    """Say whether an application is what `request_response` makes, and so takes a `Handover`."""
    return getattr(app, "__code__", None) is _ENDPOINT_CODE


_ENDPOINT_CODE: Any = getattr(request_response(lambda request: PlainTextResponse()), "__code__")  # noqa: B009


def websocket_session(func: Callable[[WebSocket], Awaitable[None]]) -> ASGIApp:
    """Make an ASGI application of a function that takes a WebSocket and returns an awaitable."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        websocket: WebSocket = WebSocket(scope, receive, send)
        try:
            await func(websocket)
        except Exception as exc:
            handler = find_handler(exc, *scope.get(HANDLERS_KEY, ({}, {})))
            if handler is None:
                raise
            await answer(handler, exc, websocket, receive, Exchange(send))

    return app


def wrap_app_handling_exceptions(app: ASGIApp, conn: Request | WebSocket) -> ASGIApp:
    """Put the exception boundary around an application that has made its own connection object.

    Args:
        app: The application to wrap.
        conn: Handlers are called with it, and its scope says which handlers there are.
    """

    async def wrapped_app(scope: Scope, receive: Receive, send: Send) -> None:
        exchange = send if isinstance(send, Exchange) else Exchange(send)
        handlers = conn.scope.get(HANDLERS_KEY, ({}, {}))
        try:
            await app(scope, receive, exchange)
        except Exception as exc:
            handler = find_handler(exc, *handlers)
            if handler is None:
                raise
            await answer(handler, exc, conn, receive, exchange)

    return wrapped_app


def find_handler(
    exc: Exception,
    by_class: Mapping[Any, ExceptionHandler],
    by_status: Mapping[int, ExceptionHandler],
) -> ExceptionHandler | None:
    """Give the handler that is to answer an exception, if there is one."""
    if isinstance(exc, HTTPException):
        handler = by_status.get(exc.status_code)
        if handler is not None:
            return handler
    return lookup_by_class(by_class, exc)


def lookup_by_class(
    exc_handlers: Mapping[Any, ExceptionHandler], exc: Exception
) -> ExceptionHandler | None:
    """Give the handler of the nearest class that the exception is an instance of."""
    for cls in type(exc).__mro__:
        if cls in exc_handlers:
            return exc_handlers[cls]
    return None


async def answer(
    handler: ExceptionHandler,
    exc: Exception,
    conn: Request | WebSocket,
    receive: Receive,
    exchange: Exchange,
) -> None:
    """Call an exception handler, and send the response that it gives, if any.

    Raises:
        RuntimeError: A response is already on its way.
    """
    if exchange.response_started:
        raise RuntimeError("Caught handled exception, but response already started.") from exc
    call: Callable[..., Any] = handler
    if is_async_callable(call):
        response = await call(conn, exc)
    else:
        response = await run_in_threadpool(call, conn, exc)
    if isinstance(exchange, Handover) and response is not None:
        await exchange.take(response, conn.scope, receive)
    elif response is not None:
        await response(conn.scope, receive, exchange)
    # An exception object may be raised again and again; each time it would gather more frames.
    exc.__traceback__ = None


def refusal(scope: Scope, status_code: int, headers: Mapping[str, str] | None = None) -> Response:
    """Refuse a request: raise inside an application, give a plain response when standing alone.

    Inside an application its exception handlers decide what the client sees.

    Raises:
        HTTPException: There is an application around.
    """
    if "app" in scope:
        raise HTTPException(status_code, headers=headers)
    return PlainTextResponse(http.HTTPStatus(status_code).phrase, status_code, headers)


def _not_a_response(func: Callable[..., Any], returned: object) -> TypeError:
    name = getattr(func, "__qualname__", None) or repr(func)
    return TypeError(
        f"The endpoint {name} returned {returned!r}, which is not a response. Return a Response"
        " object, such as JSONResponse(...) or PlainTextResponse(...)."
    )
