"""Applications of ASGI 2."""

from __future__ import annotations

from typing import Any

import pytest

from bolide._testing.asgi2 import WrapASGI2, as_asgi3, is_asgi3


async def three(scope: Any, receive: Any, send: Any) -> None:
    await send({"scope": scope, "received": await receive()})


def two(scope: Any) -> Any:
    async def instance(receive: Any, send: Any) -> None:
        await three(scope, receive, send)

    return instance


class Two:
    def __init__(self, scope: Any) -> None: ...

    async def __call__(self, receive: Any, send: Any) -> None: ...


class Awaitable:
    def __init__(self, scope: Any, receive: Any, send: Any) -> None: ...

    def __await__(self) -> Any: ...


class Callable3:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


@pytest.mark.parametrize(
    ("app", "expected"),
    [(three, True), (Callable3(), True), (Awaitable, True), (two, False), (Two, False)],
)
def test_an_application_shows_its_version(app: Any, expected: bool) -> None:
    assert is_asgi3(app) is expected
    assert (as_asgi3(app) is app) is expected


@pytest.mark.anyio
@pytest.mark.parametrize("app", [two, three])
async def test_both_versions_are_called_alike(app: Any) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "event"}

    async def send(message: Any) -> None:
        sent.append(message)

    await as_asgi3(app)({"type": "http"}, receive, send)
    assert sent == [{"scope": {"type": "http"}, "received": {"type": "event"}}]


def test_the_wrapper_knows_what_it_wraps() -> None:
    wrapped = as_asgi3(two)  # type: ignore[arg-type]
    assert isinstance(wrapped, WrapASGI2)
    assert wrapped.app is two
