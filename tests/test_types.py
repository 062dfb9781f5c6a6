"""The names of the ASGI interface."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import Any, get_args, get_origin

import pytest

from bolide import types


@pytest.mark.parametrize("name", types.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert hasattr(types, name)


def test_the_types_of_the_asgi_specification() -> None:
    assert types.Scope == MutableMapping[str, Any]
    assert types.Message == MutableMapping[str, Any]
    assert types.Receive == Callable[[], Awaitable[MutableMapping[str, Any]]]
    assert types.Send == Callable[[MutableMapping[str, Any]], Awaitable[None]]
    assert types.ASGIApp == Callable[[types.Scope, types.Receive, types.Send], Awaitable[None]]


class App: ...


def test_a_lifespan_is_made_for_a_kind_of_application() -> None:
    stateless = Callable[[App], AbstractAsyncContextManager[None]]
    stateful = Callable[[App], AbstractAsyncContextManager[Mapping[str, Any]]]

    assert types.StatelessLifespan[App] == stateless
    assert types.StatefulLifespan[App] == stateful
    assert types.Lifespan[App] == stateless | stateful


def test_an_exception_handler_is_for_requests_or_for_websockets() -> None:
    assert get_args(types.ExceptionHandler) == (
        types.HTTPExceptionHandler,
        types.WebSocketExceptionHandler,
    )
    assert get_origin(types.HTTPExceptionHandler) is Callable
