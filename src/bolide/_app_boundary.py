"""The layers of an application that turn exceptions into responses, in one.

PERF: S1. `ServerErrorMiddleware` around `ExceptionMiddleware` around a router is what most
requests pass, and each layer costs them a frame. Where nothing stands between the three, this does
what they do. They stay what they are for all other cases, and the tests run every case on both.

Where errors are to be answered inside the user's middleware, the same stands there, as an
`InnerBoundary`. Around the middleware there is `ServerErrorMiddleware` then, for what the
middleware itself gets wrong.
"""

from __future__ import annotations

from typing import Final

from bolide._dispatch import HANDLERS_KEY, mark_answered
from bolide._exchange import Exchange, Handover, takes_handover
from bolide.middleware.errors import ServerErrorMiddleware
from bolide.middleware.exceptions import ExceptionMiddleware
from bolide.requests import Request
from bolide.routing import Router
from bolide.types import ASGIApp, ExceptionHandler, Receive, Scope, Send

__all__ = ["AppBoundary", "InnerBoundary"]

_ORIGINALS: Final = {cls: cls.__call__ for cls in (ServerErrorMiddleware, ExceptionMiddleware)}
_ROUTER_CALL: Final = Router.__call__


class AppBoundary(ServerErrorMiddleware):
    """`ServerErrorMiddleware` directly around `ExceptionMiddleware`; see there.

    Attributes:
        stands_in: Whether it is more than a `ServerErrorMiddleware`.
    """

    def __init__(
        self, app: ASGIApp, handler: ExceptionHandler | None = None, debug: bool = False
    ) -> None:
        super().__init__(app, handler, debug)
        self.stands_in = self.suits(app)

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
        if (
            scope["type"] != "http"
            or not self.stands_in
            or not isinstance(inner, ExceptionMiddleware)
        ):
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
                if isinstance(send, Handover):
                    send.take_error(unhandled)
                else:
                    raise


class InnerBoundary(AppBoundary):
    """Answers errors inside the user's middleware, which is to see the 500."""

    def takes_handover(self, scope: Scope) -> bool:
        """Say whether a request will be answered with `Handover.take`."""
        return self.stands_in and takes_handover(self.app, scope)

    async def recover(self, exc: Exception, scope: Scope, receive: Receive, send: Exchange) -> None:
        """Answer an exception, which the layers further out will then leave alone."""
        if isinstance(send, Handover):
            await send.take(await self.response_to(exc, Request(scope)), scope, receive)
        else:
            await super().recover(exc, scope, receive, send)
            mark_answered(exc)
