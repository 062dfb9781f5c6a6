"""Middleware: layers around an application, each an ASGI application itself."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Iterator
from typing import Any, ParamSpec, Protocol

from bolide.types import ASGIApp, Receive, Scope, Send

__all__ = ["Middleware", "MiddlewareFactory", "build_stack"]

P = ParamSpec("P")


class MiddlewareFactory(Protocol[P]):
    """Takes an application, and gives the application around it."""

    def __call__(self, app: ASGIApp, /, *args: P.args, **kwargs: P.kwargs) -> _ASGIApp:
        """Put the middleware around an application."""
        ...


class _ASGIApp(Protocol):
    """An ASGI application, written so that classes fit it whatever they name their parameters."""

    def __call__(self, scope: Scope, receive: Receive, send: Send, /) -> Awaitable[None]:
        """Handle one connection."""
        ...


# The name of the API.
_MiddlewareFactory = MiddlewareFactory


class Middleware:
    """A middleware and its arguments, before there is an application to put it around.

    Args:
        cls: A class, or any callable that takes an application first and gives one.
        args: Its other positional arguments.
        kwargs: Its keyword arguments.
    """

    def __init__(self, cls: MiddlewareFactory[P], *args: P.args, **kwargs: P.kwargs) -> None:
        self.cls = cls
        self.args = args
        self.kwargs = kwargs

    def __iter__(self) -> Iterator[Any]:
        return iter((self.cls, self.args, self.kwargs))

    def __repr__(self) -> str:
        name = getattr(self.cls, "__name__", "")
        arguments = [repr(value) for value in self.args]
        arguments += [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f"{type(self).__name__}({', '.join([name, *arguments])})"


def build_stack(app: ASGIApp, middleware: Iterable[Iterable[Any]]) -> ASGIApp:
    """Put middleware around an application, the first one outermost."""
    for factory, args, kwargs in reversed(list(middleware)):
        app = factory(app, *args, **kwargs)
    return app
