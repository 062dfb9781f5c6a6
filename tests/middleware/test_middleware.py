"""A middleware and its arguments, and several of them around an application."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from bolide.middleware import Middleware, build_stack
from bolide.types import ASGIApp, Receive, Scope, Send


class CustomMiddleware:
    def __init__(self, app: ASGIApp, foo: str = "", *, bar: int = 0) -> None:
        self.app = app
        self.foo = foo
        self.bar = bar

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("must not be called")


async def innermost(scope: Scope, receive: Receive, send: Send) -> None:
    raise RuntimeError("must not be called")


def wrap(app: Any, name: str) -> Any:
    return (name, app)


def test_a_middleware_keeps_its_arguments() -> None:
    middleware = Middleware(CustomMiddleware, "foo", bar=123)

    assert middleware.cls is CustomMiddleware
    assert middleware.args == ("foo",)
    assert middleware.kwargs == {"bar": 123}


def test_a_middleware_can_be_unpacked() -> None:
    cls, args, kwargs = Middleware(CustomMiddleware, "foo", bar=123)

    assert (cls, args, kwargs) == (CustomMiddleware, ("foo",), {"bar": 123})
    assert list(Middleware(CustomMiddleware)) == [CustomMiddleware, (), {}]


class NoName:
    def __call__(self, app: ASGIApp) -> ASGIApp:
        return app


REPRS: list[tuple[Middleware, str]] = [
    (Middleware(CustomMiddleware), "Middleware(CustomMiddleware)"),
    (Middleware(CustomMiddleware, "foo", bar=123), "Middleware(CustomMiddleware, 'foo', bar=123)"),
    (Middleware(CustomMiddleware, bar=1), "Middleware(CustomMiddleware, bar=1)"),
    (Middleware(wrap, "x"), "Middleware(wrap, 'x')"),
    (Middleware(lambda app: app), "Middleware(<lambda>)"),
    (Middleware(NoName()), "Middleware()"),
    (Middleware(functools.partial(wrap, name="x")), "Middleware()"),
]


@pytest.mark.parametrize(("middleware", "text"), REPRS)
def test_a_middleware_shows_what_it_will_be_made_of(middleware: Middleware, text: str) -> None:
    assert repr(middleware) == text


def test_a_subclass_shows_its_own_name() -> None:
    class Layer(Middleware): ...

    assert repr(Layer(CustomMiddleware, "foo")) == "Layer(CustomMiddleware, 'foo')"


def test_the_first_middleware_is_outermost() -> None:
    stack: Any = build_stack(innermost, [Middleware(wrap, "first"), Middleware(wrap, name="last")])

    assert stack == ("first", ("last", innermost))


def test_without_middleware_the_application_is_the_stack() -> None:
    assert build_stack(innermost, []) is innermost


def test_the_middleware_may_come_from_a_generator() -> None:
    stack: Any = build_stack(innermost, (Middleware(wrap, name) for name in "ab"))

    assert stack == ("a", ("b", innermost))


def test_a_class_gets_its_arguments_behind_the_application() -> None:
    stack = build_stack(innermost, [Middleware(CustomMiddleware, "foo", bar=123)])

    assert isinstance(stack, CustomMiddleware)
    assert (stack.app, stack.foo, stack.bar) == (innermost, "foo", 123)


def test_every_stack_has_middleware_of_its_own() -> None:
    middleware = [Middleware(CustomMiddleware)]

    assert build_stack(innermost, middleware) is not build_stack(innermost, middleware)
