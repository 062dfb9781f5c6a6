"""What a route, a mount or a router has around it, and in which order."""

from __future__ import annotations

from typing import Any

from bolide.middleware import Middleware
from bolide.middleware._handlers import HandlersLayer
from bolide.middleware._layers import add_layers
from bolide.middleware.body_limit import RequestBodyLimitMiddleware
from bolide.types import ASGIApp, Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotImplementedError


class Around:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise NotImplementedError


async def handler(request: Any, exc: Exception) -> None:
    raise NotImplementedError


def test_nothing_is_put_around_for_nothing() -> None:
    assert add_layers(app, None) is app
    assert add_layers(app, [], {}, None) is app


def test_the_limit_is_outermost_and_the_handlers_are_innermost() -> None:
    stack: Any = add_layers(app, [Middleware(Around)], {404: handler}, 10)
    layers = []
    while stack is not app:
        layers.append(type(stack))
        stack = stack.app
    assert layers == [RequestBodyLimitMiddleware, Around, HandlersLayer]
