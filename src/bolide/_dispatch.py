"""Calling endpoints, and the one boundary around them that turns exceptions into responses.

RULES

- An exception is answered by the handler for its status (HTTPException only), else by the handler
  of the nearest class in its method resolution order; without one it goes on, unchanged.
- A handler runs as near to the endpoint as possible, so that the middleware of a route or a mount
  sees the error response like any other. It gets the very request that the endpoint had.
- Handlers may be given in layers, to an application, a router, a mount or a route: all those of a
  nearer layer come before any of one further out.
- Once a response has started, there is nothing to answer with any more.

THEORY OF OPERATION

`ExceptionMiddleware` puts the tables of handlers into the scope. A `FunctionEndpoint` is the
boundary of most requests: it makes the request, calls the function, sends the response, and looks
into the tables only when something was raised. What other ASGI applications, middleware and the
router raise is met by `ExceptionMiddleware`, with the same two functions. A layer of handlers puts
tables of two `ChainMap`s there, with a map for each layer, nearest first.

PERF: S1, where nothing stands between `ExceptionMiddleware`, the router and the function, the
first of them does for the others what they would do, and spares two coroutines.

An error that nothing has a handler for is a bug: whoever answers it with the handler for 500 raises
it again, for the server to log. Layers further out must not answer it once more, so it is marked.
Whether the response has started is known to the `Exchange` that `send` has been wrapped in.
"""

from __future__ import annotations

import http
from collections import ChainMap
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bolide._async import is_async_callable
from bolide._cleanup import note_passing
from bolide._exchange import Exchange, Handover
from bolide._policy import policy_of
from bolide._threads import run_endpoint, start_endpoint
from bolide.exceptions import HTTPException
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.types import ASGIApp, ExceptionHandler, Receive, Scope, Send
from bolide.websockets import WebSocket, WebSocketClose

__all__ = [
    "ALLOWED_KEY",
    "HANDLERS_KEY",
    "ExceptionHandlers",
    "FunctionEndpoint",
    "StatusHandlers",
    "add_handler",
    "answer",
    "call_handler",
    "find_handler",
    "lookup_by_class",
    "mark_answered",
    "refusal",
    "refuse_method",
    "reject",
    "request_response",
    "was_answered",
    "websocket_session",
    "wrap_app_handling_exceptions",
]

ExceptionHandlers = dict[Any, ExceptionHandler]
"""Handlers by class of exception."""

StatusHandlers = dict[int, ExceptionHandler]
"""Handlers by status code."""

HANDLERS_KEY = "starlette.exception_handlers"
"""Where a scope keeps both tables, as a tuple; other packages read it."""

ALLOWED_KEY = "bolide.allowed_methods"
"""Where a scope keeps the methods of all routes of a path, if none of them has the right one."""


class FunctionEndpoint:
    """The ASGI application of a function that takes a request and returns a response.

    Attributes:
        func: The function.
        is_async: Whether it is async; a blocking one runs in a worker thread.
    """

    __slots__ = ("func", "is_async")

    def __init__(self, func: Callable[[Request], Any]) -> None:
        self.func = func
        self.is_async = is_async_callable(func)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if not isinstance(send, Exchange):
            send = Exchange(send)
        request: Request = Request(scope, receive, send)
        response: Any = self.func
        try:
            if self.is_async:
                response = await self.func(request)
            else:
                response = await start_endpoint(self.func, request)
            if isinstance(send, Handover):
                await send.take(response, scope, receive)
            else:
                await response(scope, receive, send)
        except Exception as exc:
            await self.recover(exc, request, response, receive, send)
        except BaseException as exc:
            note_passing(exc)
            raise

    async def recover(
        self, exc: Exception, request: Request, response: Any, receive: Receive, send: Exchange
    ) -> None:
        """Answer an exception that came of a request, or raise it again.

        Args:
            exc: What was raised, by the function or by its response.
            request: What the function was called with.
            response: What it returned; something callable, such as the function, if it did not.
            receive: The channel of the request.
            send: The channel of the response.
        """
        if not callable(response):
            raise _not_a_response(self.func, response) from None
        handler = find_handler(exc, *request.scope.get(HANDLERS_KEY, ({}, {})))
        if handler is None:
            raise exc
        await answer(handler, exc, request, receive, send)


def request_response(func: Callable[[Request], Awaitable[Response] | Response]) -> ASGIApp:
    """Make an ASGI application of a function that takes a request and returns a response.

    Args:
        func: An async function, or a blocking one, which runs in a worker thread.
    """
    return FunctionEndpoint(func)


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
    if isinstance(by_class, ChainMap) and isinstance(by_status, ChainMap):
        layers: Any = zip(by_class.maps, by_status.maps, strict=True)
        found = (find_handler(exc, *layer) for layer in layers)
        return next((handler for handler in found if handler is not None), None)
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


def add_handler(
    by_class: dict[Any, ExceptionHandler],
    by_status: dict[int, ExceptionHandler],
    key: object,
    handler: ExceptionHandler,
) -> None:
    """Put an exception handler into the table that its key belongs to.

    Raises:
        AssertionError: The key is neither a status code nor a class of exceptions.
    """
    if isinstance(key, int):
        by_status[key] = handler
    elif isinstance(key, type) and issubclass(key, Exception):
        by_class[key] = handler
    else:
        raise AssertionError(
            "An exception handler is registered for a status code or a class of exceptions, not"
            f" for {key!r}."
        )


async def reject(scope: Scope, receive: Receive, send: Send) -> None:
    """Say that there is nothing here: 404, or a closed WebSocket."""
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
    else:
        await refusal(scope, 404)(scope, receive, send)


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
    response = await call_handler(handler, conn, exc)
    if isinstance(exchange, Handover) and response is not None:
        await exchange.take(response, conn.scope, receive)
    elif response is not None:
        await response(conn.scope, receive, exchange)
    # An exception object may be raised again and again; each time it would gather more frames.
    exc.__traceback__ = None


async def call_handler(
    handler: ExceptionHandler, conn: Request | WebSocket, exc: Exception
) -> ASGIApp | None:
    """Call an exception handler, and give its response, if any."""
    call: Callable[..., Any] = handler
    response: ASGIApp | None
    if is_async_callable(call):
        response = await call(conn, exc)
    else:
        response = await run_endpoint(call, conn, exc)
    return response


def mark_answered(exc: Exception) -> None:
    """Note that an error has been answered, and is raised again only to be known further out."""
    # Not in the scope, which middleware may have copied. The class may forbid to set attributes.
    vars(exc)[_ANSWERED] = True


def was_answered(exc: Exception, scope: Scope, exchange: Exchange) -> bool:
    """Say whether an error has been answered by a layer further in."""
    # The mark alone may be that of an earlier request, which the same object was raised in.
    return _ANSWERED in vars(exc) and (exchange.response_started or scope["type"] == "websocket")


_ANSWERED = "__bolide_answered__"


def refusal(scope: Scope, status_code: int, headers: Mapping[str, str] | None = None) -> Response:
    """Refuse a request: raise inside an application, give a plain response when standing alone.

    Inside an application its exception handlers decide what the client sees.

    Raises:
        HTTPException: There is an application around.
    """
    if "app" in scope:
        raise HTTPException(status_code, headers=headers)
    return PlainTextResponse(http.HTTPStatus(status_code).phrase, status_code, headers)


def refuse_method(scope: Scope, allowed: Sequence[str]) -> Response:
    """Answer a request whose method is none of those that its path allows.

    Where the application's policy has it so, the methods of all routes of the path count, and an
    OPTIONS request is told them. Otherwise the status is 405 (RFC 9110, sections 9.3.7, 15.5.6).

    Raises:
        HTTPException: Status 405, inside an application.
    """
    if not policy_of(scope).answer_options:
        return refusal(scope, 405, {"Allow": ", ".join(allowed)})
    methods = {*allowed, *scope.get(ALLOWED_KEY, ()), "OPTIONS"}
    headers = {"Allow": ", ".join(sorted(methods))}
    if scope["method"] == "OPTIONS":
        return Response(status_code=204, headers=headers)
    return refusal(scope, 405, headers)


def _not_a_response(func: Callable[..., Any], returned: object) -> TypeError:
    name = getattr(func, "__qualname__", None) or repr(func)
    return TypeError(
        f"The endpoint {name} returned {returned!r}, which is not a response. Return a Response"
        " object, such as JSONResponse(...) or PlainTextResponse(...)."
    )
