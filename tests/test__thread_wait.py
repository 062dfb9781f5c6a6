"""Waiting for a worker thread is told from all other waiting."""

from __future__ import annotations

import types
from collections.abc import Generator
from typing import Any

import anyio
import pytest

from bolide._prompt_thread import call_in_thread
from bolide._thread_wait import is_for_thread, note, note_end

pytestmark = pytest.mark.anyio


@types.coroutine
def watch(steps: Generator[Any, Any, Any], seen: list[bool]) -> Generator[Any, Any, None]:
    """Await something, and note of each time that it waits whether it is for a thread."""
    value: Any = None
    try:
        while True:
            waits_for = steps.send(value)
            if waits_for is not None:
                seen.append(is_for_thread(waits_for))
            value = yield waits_for
    except StopIteration:
        pass


async def test_a_call_in_a_thread_says_so() -> None:
    seen: list[bool] = []
    await watch(call_in_thread(lambda: None), seen)
    assert seen == [True]


async def test_nothing_else_does() -> None:
    seen: list[bool] = []
    await watch(anyio.sleep(0.001).__await__(), seen)
    assert seen == [False]


async def test_a_call_lets_go_of_what_was_noted() -> None:
    waits_for = object()
    note(waits_for)
    assert is_for_thread(waits_for)
    note_end()
    assert not is_for_thread(waits_for)
    await call_in_thread(lambda: None)
    assert is_for_thread(None)
