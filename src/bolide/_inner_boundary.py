"""The last resort of an application that answers errors inside the user's middleware.

Around the middleware there is `ServerErrorMiddleware` as well, for what the middleware itself gets
wrong.
"""

from __future__ import annotations

from bolide._dispatch import mark_answered
from bolide._error_answers import error_answer
from bolide._exchange import Exchange, Handover, takes_handover
from bolide._quiet_disconnects import is_disconnect
from bolide._running_request import RUNNING_KEY, RunningRequest, unavailable
from bolide.middleware.errors import ServerErrorMiddleware
from bolide.requests import Request
from bolide.types import Receive, Scope, Send

__all__ = ["InnerBoundary"]


class InnerBoundary(ServerErrorMiddleware):
    """Answers errors inside the user's middleware, which is to see the 500."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if not isinstance(send, Handover):
            await super().__call__(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        except Exception as exc:
            running: RunningRequest | None = scope.get(RUNNING_KEY)
            if running is not None and running.was_told and is_disconnect(exc):
                # The client has not left, but the application is about to.
                await send.take(error_answer(scope, unavailable(scope)), scope, receive)
                return
            await send.take(await self.response_to(exc, Request(scope)), scope, receive)
            send.take_error(exc)

    def takes_handover(self, scope: Scope) -> bool:
        """Say whether a request will be answered with `Handover.take`."""
        return takes_handover(self.app, scope)

    async def recover(self, exc: Exception, scope: Scope, receive: Receive, send: Exchange) -> None:
        """Answer an exception, which the layers further out will then leave alone."""
        await super().recover(exc, scope, receive, send)
        mark_answered(exc)
