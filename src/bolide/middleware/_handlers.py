"""Exception handlers for a part of an application: a router, a mount, or a single route.

RULES

- Handlers of a nearer layer come before those further out, be they by status or by class.
- The handler for 500 or `Exception` is the last resort of its layer: it answers what no layer has
  another handler for. The exception is then raised again, as an application does.

THEORY OF OPERATION

Inside, the layer puts its handlers before those that are in the scope, where endpoints find them.
What other parts raise comes out of them and is met here, with the handlers of this layer alone;
those further out have a layer of their own to meet it.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from bolide._dispatch import (
    HANDLERS_KEY,
    ExceptionHandlers,
    FunctionEndpoint,
    StatusHandlers,
    add_handler,
    answer,
    call_handler,
    find_handler,
    mark_answered,
    was_answered,
)
from bolide._exchange import Exchange, Handover, takes_handover
from bolide.requests import Request
from bolide.types import ASGIApp, ExceptionHandler, Receive, Scope, Send
from bolide.websockets import WebSocket

__all__ = ["HandlersLayer"]

Tables = tuple[Mapping[Any, ExceptionHandler], Mapping[int, ExceptionHandler]]


class HandlersLayer:
    """Puts exception handlers around an application that is part of another one.

    Args:
        app: The application to wrap.
        handlers: Handlers by status code or class of exception.

    Raises:
        AssertionError: A key is neither.
    """

    def __init__(self, app: ASGIApp, handlers: Mapping[Any, ExceptionHandler]) -> None:
        self.app = app
        by_class: ExceptionHandlers = {}
        by_status: StatusHandlers = {}
        for key, handler in handlers.items():
            add_handler(by_class, by_status, key, handler)
        self.last_resort: ExceptionHandler | None = by_class.pop(Exception, by_status.get(500))
        self.tables = by_class, by_status
        # The tables inside, together with those outside that they were made from.
        self._layered: tuple[object, Tables] = (None, self.tables)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        if not isinstance(send, Exchange):
            send = Exchange(send)
        outer = scope.get(HANDLERS_KEY)
        scope[HANDLERS_KEY] = tables = self._over(outer)
        try:
            await self.app(scope, receive, send)
        except Exception as exc:
            if not await self._recover(exc, tables, scope, receive, send):
                raise
        finally:
            # Middleware may call the application again.
            if outer is None:
                scope.pop(HANDLERS_KEY, None)
            else:
                scope[HANDLERS_KEY] = outer

    def takes_handover(self, scope: Scope) -> bool:
        """Say whether a request will be answered with `Handover.take`."""
        return type(self.app) is FunctionEndpoint or takes_handover(self.app, scope)

    def _over(self, outer: Tables | None) -> Tables:
        """Give the tables of this layer before those further out."""
        if outer is None:
            return self.tables
        layered_over, tables = self._layered
        if layered_over is not outer:
            by_class, by_status = self.tables
            tables = _before(by_class, outer[0]), _before(by_status, outer[1])
            self._layered = outer, tables
        return tables

    async def _recover(
        self, exc: Exception, tables: Tables, scope: Scope, receive: Receive, send: Exchange
    ) -> bool:
        """Answer an exception; say whether there is no more to do with it."""
        if was_answered(exc, scope, send):
            return False
        handler = find_handler(exc, *self.tables)
        if handler is None and (self.last_resort is None or find_handler(exc, *tables)):
            return False
        conn: Request | WebSocket
        if scope["type"] == "http":
            conn = Request(scope, receive, send)
        else:
            conn = WebSocket(scope, receive, send)
        if handler is not None:
            await answer(handler, exc, conn, receive, send)
            return True
        assert self.last_resort is not None
        response = await call_handler(self.last_resort, conn, exc)
        if isinstance(send, Handover):
            if response is not None:
                await send.take(response, scope, receive)
            send.take_error(exc)
            return True
        if response is not None and not send.response_started:
            await response(scope, receive, send)
        mark_answered(exc)
        return False


def _before(handlers: dict[Any, ExceptionHandler], outer: Any) -> ChainMap[Any, ExceptionHandler]:
    further_out: list[Any] = getattr(outer, "maps", [outer])
    return ChainMap(handlers, *further_out)
