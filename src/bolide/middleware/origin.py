"""Refusing WebSockets that pages of other sites open.

SECURITY: a browser sends the cookies of a site along when a page of any other site opens a
WebSocket there, and the same-origin policy does not keep that page from reading what comes back
(RFC 6455, section 10.2). The Origin header tells where the page is from.
"""

from __future__ import annotations

from collections.abc import Iterable

from bolide._data.headers import Headers
from bolide._http.origin import OriginList
from bolide.types import ASGIApp, Receive, Scope, Send

__all__ = ["WebSocketOriginMiddleware"]


class WebSocketOriginMiddleware:
    """Refuses handshakes from other origins, with status 403.

    Clients that are no browsers send no Origin; they are let through, as they could say anything.

    Args:
        app: The application to wrap.
        allowed_origins: Origins to let through besides the server's own, which is known by the
            Host header: behind a proxy that changes that one, name it here.
        only_with_credentials: Look only at handshakes that carry cookies or an Authorization
            header, since without them a page can do no more than anybody. Not for servers that
            trust whoever can reach them.

    Raises:
        ValueError: One of the origins is none.
    """

    def __init__(
        self,
        app: ASGIApp,
        allowed_origins: Iterable[str] = (),
        *,
        only_with_credentials: bool = False,
    ) -> None:
        self.app = app
        self.allowed_origins: OriginList = OriginList(allowed_origins)
        self.only_with_credentials = only_with_credentials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] != "websocket" or self._allows(scope):
            await self.app(scope, receive, send)
            return
        message = await receive()
        if message["type"] == "websocket.connect":
            # Before it is accepted, a close is a 403 (ASGI, WebSocket close).
            await send({"type": "websocket.close", "code": 1008, "reason": "Origin not allowed"})

    def _allows(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        origins = headers.getlist("origin")
        if not origins:
            return True
        if self.only_with_credentials and not ("cookie" in headers or "authorization" in headers):
            return True
        return len(origins) == 1 and self.allowed_origins.allows(
            origins[0], headers.getlist("host"), is_secure=scope.get("scheme") == "wss"
        )
