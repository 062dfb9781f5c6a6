"""Finding out who is asking, before the application is called."""

from __future__ import annotations

from collections.abc import Callable

from bolide._error_answers import error_answer
from bolide.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    UnauthenticatedUser,
)
from bolide.exceptions import HTTPException
from bolide.requests import HTTPConnection
from bolide.responses import Response
from bolide.types import ASGIApp, Receive, Scope, Send

__all__ = ["AuthenticationMiddleware"]


class AuthenticationMiddleware:
    """Puts the user and their permissions into the scope, for `request.user` and `request.auth`.

    Args:
        app: The application to wrap.
        backend: Finds out who a client is.
        on_error: `on_error(connection, exc)` gives the response for bad credentials; it is not
            async. By default the text of the error with status 400.
    """

    def __init__(
        self,
        app: ASGIApp,
        backend: AuthenticationBackend,
        on_error: Callable[[HTTPConnection, AuthenticationError], Response] | None = None,
    ) -> None:
        self.app = app
        self.backend = backend
        self.on_error: Callable[[HTTPConnection, AuthenticationError], Response] = (
            self.default_on_error if on_error is None else on_error
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        conn: HTTPConnection = HTTPConnection(scope)
        try:
            found = await self.backend.authenticate(conn)
        except AuthenticationError as exc:
            response = self.on_error(conn, exc)
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1000})
            else:
                await response(scope, receive, send)
            return
        scope["auth"], scope["user"] = found or (AuthCredentials(), UnauthenticatedUser())
        await self.app(scope, receive, send)

    @staticmethod
    def default_on_error(conn: HTTPConnection, exc: Exception) -> Response:
        """Answer with status 400 and the text of the error."""
        return error_answer(conn.scope, HTTPException(400, str(exc)))
