"""What a route, a mount or a router may have around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bolide.middleware import Middleware, build_stack
from bolide.middleware._handlers import HandlersLayer
from bolide.middleware._limits_layer import LimitOptions, LimitsLayer
from bolide.middleware.body_limit import RequestBodyLimitMiddleware
from bolide.types import ASGIApp, ExceptionHandler

__all__ = ["add_layers"]


def add_layers(
    app: ASGIApp,
    middleware: Sequence[Middleware] | None,
    exception_handlers: Mapping[Any, ExceptionHandler] | None = None,
    max_body_size: int | None = None,
    limits: LimitOptions | None = None,
) -> ASGIApp:
    """Put layers around an application: from the outside in, limits, middleware and handlers.

    Args:
        app: The application.
        middleware: The middleware, the first one outermost. It sees what the handlers answer.
        exception_handlers: Handlers by status code or class of exception.
        max_body_size: The largest request body that is taken, in bytes.
        limits: Other limits.
    """
    if exception_handlers:
        app = HandlersLayer(app, exception_handlers)
    if middleware:
        app = build_stack(app, middleware)
    if max_body_size is not None:
        app = RequestBodyLimitMiddleware(app, max_body_size)
    if limits:
        app = LimitsLayer(app, limits)
    return app
