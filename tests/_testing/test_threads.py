"""Blocking functions, called from threads with and without an event loop."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import anyio
import pytest

from bolide._testing.threads import off_the_loop

variable: ContextVar[str] = ContextVar("variable", default="unset")


@off_the_loop
def where(suffix: str, *, fail: bool = False) -> tuple[int, str]:
    """Say in which thread this runs, and what it sees."""
    if fail:
        raise ValueError(suffix)
    return threading.get_ident(), variable.get() + suffix


def test_without_an_event_loop_the_call_stays_in_its_thread() -> None:
    assert where("!") == (threading.get_ident(), "unset!")


def test_a_worker_thread_has_no_event_loop(anyio_backend: str) -> None:
    def call() -> tuple[bool, str]:
        thread, seen = where("!")
        return thread == threading.get_ident(), seen

    async def main() -> tuple[bool, str]:
        return await anyio.to_thread.run_sync(call)

    assert anyio.run(main, backend=anyio_backend) == (True, "unset!")


@pytest.mark.anyio
async def test_with_an_event_loop_the_call_moves_to_another_thread() -> None:
    variable.set("set")
    thread, seen = where("!")
    assert thread != threading.get_ident()
    assert seen == "set!"


@pytest.mark.anyio
async def test_an_exception_comes_back() -> None:
    with pytest.raises(ValueError, match="mine"):
        where("mine", fail=True)


def test_the_function_keeps_its_name() -> None:
    assert where.__name__ == "where"
    assert where.__doc__ == "Say in which thread this runs, and what it sees."
