"""Where a coroutine waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from typing import Any

import pytest

from bolide._async import Begun
from bolide._cleanup import told_once
from bolide._testing.whereabouts import whereabouts


class Stop:
    """An awaitable that goes nowhere."""

    def __await__(self) -> Generator[None]:
        yield


async def inner() -> None:
    await Stop()


async def outer() -> None:
    await inner()


def started(coroutine: Any) -> Any:
    coroutine.send(None)
    return coroutine


def line_of(function: Any) -> str:
    code = function.__code__
    return f"at {code.co_filename}:{code.co_firstlineno + 1}, in {code.co_qualname}"


def test_the_innermost_coroutine_is_told() -> None:
    coroutine = started(outer())
    assert whereabouts(coroutine) == line_of(Stop.__await__)
    coroutine.close()


LIBRARY = """
class Pause:
    def __await__(self):
        yield

async def pause():
    await Pause()
"""


def test_code_of_the_toolkit_is_passed_over() -> None:
    library: dict[str, Any] = {"__name__": "bolide.module"}
    exec(LIBRARY, library)

    async def endpoint() -> None:
        await library["pause"]()

    coroutine = started(endpoint())
    assert whereabouts(coroutine) == line_of(endpoint)
    coroutine.close()
    coroutine = started(library["pause"]())
    assert whereabouts(coroutine) == "at a place that cannot be told"
    coroutine.close()


def test_async_generators_hide_what_is_inside() -> None:
    async def events() -> AsyncIterator[int]:
        await Stop()
        yield 1

    async def reader() -> None:
        async for _ in events():
            raise AssertionError

    coroutine = started(reader())
    assert whereabouts(coroutine) == line_of(reader)
    coroutine.close()


@pytest.mark.parametrize("nowhere", [None, object()])
def test_somewhere_else_is_nowhere(nowhere: object) -> None:
    assert whereabouts(nowhere) == "at a place that cannot be told"


def test_a_coroutine_that_has_ended_is_nowhere() -> None:
    coroutine = inner()
    coroutine.close()
    assert whereabouts(coroutine) == "at a place that cannot be told"


def test_what_was_begun_by_hand_is_looked_into() -> None:
    work = started(outer())
    assert whereabouts(Begun(work, None)) == line_of(Stop.__await__)


@pytest.mark.anyio
async def test_what_is_driven_is_looked_into() -> None:
    running = told_once(outer(), 1.0)
    started(running)
    assert whereabouts(running) == line_of(Stop.__await__)
