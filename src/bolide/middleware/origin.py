"""Refusing WebSockets that pages of other sites open.

SECURITY: a browser sends the cookies of a site along when a page of any other site opens a
WebSocket there, and the same-origin policy does not keep that page from reading what comes back
(RFC 6455, section 10.2). The Origin header tells where the page is from.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from bolide._data.headers import Headers
from bolide.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from bolide._http.origin import OriginList

__all__ = ["ORIGIN_CHECKED_KEY", "REFUSAL", "WebSocketOriginMiddleware"]

ORIGIN_CHECKED_KEY: Final = "bolide.origin_checked"
"""Where a scope says that the origin of a WebSocket has been found to be allowed."""

# Before it is accepted, a close is a 403 (ASGI, WebSocket close).
REFUSAL: Final[Message] = {
    "type": "websocket.close",
    "code": 1008,
    "reason": "Origin not allowed",
}


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
        from bolide._http.origin import OriginList

        self.app = app
        self.allowed_origins: OriginList = OriginList(allowed_origins)
        self.only_with_credentials = only_with_credentials

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
        elif self.allows(scope):
            # The check that an application makes by itself knows no other origins than its own.
            scope[ORIGIN_CHECKED_KEY] = True
            await self.app(scope, receive, send)
        elif (await receive())["type"] == "websocket.connect":
            await send(REFUSAL)

    def allows(self, scope: Scope) -> bool:
        """Say whether the origin of a handshake is allowed."""
        headers = Headers(scope=scope)
        origins = headers.getlist("origin")
        if not origins:
            return True
        if self.only_with_credentials and not ("cookie" in headers or "authorization" in headers):
            return True
        return len(origins) == 1 and self.allowed_origins.allows(
            origins[0], headers.getlist("host"), is_secure=scope.get("scheme") == "wss"
        )
