"""Applications of ASGI 2, in two calls, as ones of ASGI 3."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeGuard, cast

from bolide._async import is_async_callable
from bolide.types import ASGIApp, Receive, Scope, Send

ASGIInstance = Callable[[Receive, Send], Awaitable[None]]
"""What an ASGI 2 application gives for one connection."""

ASGI2App = Callable[[Scope], ASGIInstance]
"""An ASGI 2 application."""

ASGI3App = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI 3 application."""


class WrapASGI2:
    """Makes an ASGI 3 application of an ASGI 2 one."""

    def __init__(self, app: ASGI2App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope)(receive, send)


def as_asgi3(app: ASGIApp) -> ASGI3App:
    """Give the application, wrapped if it is of version 2."""
    return app if is_asgi3(app) else WrapASGI2(cast(ASGI2App, app))


def is_asgi3(app: ASGI2App | ASGI3App) -> TypeGuard[ASGI3App]:
    """Say whether an application is of version 3."""
    if inspect.isclass(app):
        return hasattr(app, "__await__")
    return is_async_callable(app)
