"""Sending clients from HTTP to HTTPS, and from WS to WSS."""

from __future__ import annotations

from typing import Final

from bolide._data.url import URL
from bolide._error_answers import error_answer
from bolide.exceptions import HTTPException
from bolide.responses import RedirectResponse
from bolide.types import ASGIApp, Receive, Scope, Send

__all__ = ["HTTPSRedirectMiddleware"]

_SECURE: Final = {"http": "https", "ws": "wss"}


class HTTPSRedirectMiddleware:
    """Answers a request that is not secure with a redirect to the same URL, secure.

    Args:
        app: The application to wrap.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] not in ("http", "websocket") or scope["scheme"] not in _SECURE:
            await self.app(scope, receive, send)
            return
        url = URL(scope=scope)
        if not url.netloc:
            refusal = error_answer(scope, HTTPException(400, "Invalid host header"))
            await refusal(scope, receive, send)
            return
        url = url.replace(scheme=_SECURE[scope["scheme"]])
        if url.port in (80, 443):
            # The default port of the old scheme is not that of the new one.
            url = url.replace(port=None)
        await RedirectResponse(url)(scope, receive, send)
