"""The outermost layers of an application without middleware, in one.

PERF: S1. `ServerErrorMiddleware` around `ExceptionMiddleware` around a router is what most
requests pass, and each layer costs them a frame. Where nothing stands between the three, this does
what they do. They stay what they are for all other cases, and the tests run every case on both.
"""

from __future__ import annotations

from typing import Final

from bolide._dispatch import HANDLERS_KEY
from bolide._exchange import Exchange
from bolide.middleware.errors import ServerErrorMiddleware
from bolide.middleware.exceptions import ExceptionMiddleware
from bolide.routing import Router
from bolide.types import ASGIApp, Receive, Scope, Send

__all__ = ["AppBoundary"]

_ORIGINALS: Final = {cls: cls.__call__ for cls in (ServerErrorMiddleware, ExceptionMiddleware)}
_ROUTER_CALL: Final = Router.__call__


class AppBoundary(ServerErrorMiddleware):
    """`ServerErrorMiddleware` directly around `ExceptionMiddleware`; see there."""

    @staticmethod
    def suits(app: ASGIApp) -> bool:
        """Say whether it may stand in for `ServerErrorMiddleware` around this application.

        It must not where somebody has replaced what it would pass over (instrumentation does).
        """
        return type(app) is ExceptionMiddleware and all(
            cls.__call__ is original for cls, original in _ORIGINALS.items()
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        inner = self.app
        if scope["type"] != "http" or not isinstance(inner, ExceptionMiddleware):
            await super().__call__(scope, receive, send)
            return
        if not isinstance(send, Exchange):
            # PERF: S1, spares the frame of `Exchange.__init__`.
            exchange = Exchange.__new__(Exchange)
            exchange.send = send
            exchange.response_started = False
            send = exchange
        scope[HANDLERS_KEY] = inner.tables
        app = inner.app
        if isinstance(app, Router) and type(app).__call__ is _ROUTER_CALL:
            app = app.middleware_stack
        try:
            await app(scope, receive, send)
        except Exception as exc:
            try:
                if not await inner.recover(exc, scope, receive, send):
                    raise
            except Exception as unhandled:
                await self.recover(unhandled, scope, receive, send)
                raise
