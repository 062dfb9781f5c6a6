"""The outermost layer of an application on trio, whose server cancels by scopes alone."""

from __future__ import annotations

from collections.abc import Awaitable

from bolide._cleanup import told_once
from bolide.types import ASGIApp, Receive, Scope, Send

__all__ = ["CleanupBoundary"]


class CleanupBoundary:
    """Lets connections clean up when the server cancels them.

    Args:
        app: The application inside.
        seconds: How long their cleanup may take.
    """

    __slots__ = ("_app", "_seconds")

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Run as an ASGI application."""
        app = self._app(scope, receive, send)
        return app if scope["type"] == "lifespan" else told_once(app, self._seconds)
