"""Blocking calls of the test client from a thread that runs an event loop itself.

A test or an endpoint that is async may use the blocking client: its own loop stands still
meanwhile, and the client's loop runs in another thread. But trio refuses to be called from a thread
that runs trio, even into another loop, and the portal could then neither be used nor be stopped.
So the blocking part moves to a thread without a loop.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

import anyio

P = ParamSpec("P")
T = TypeVar("T")


def off_the_loop(function: Callable[P, T]) -> Callable[P, T]:
    """Run a blocking function in a thread of its own, if this one runs an event loop.

    The other thread sees the context variables of this one, in a copy.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        if not _runs_event_loop():
            return function(*args, **kwargs)
        call = functools.partial(copy_context().run, function, *args, **kwargs)
        with ThreadPoolExecutor(1, thread_name_prefix="testclient") as executor:
            return executor.submit(call).result()

    return wrapper


def _runs_event_loop() -> bool:
    try:
        anyio.current_time()
    except RuntimeError:
        return False
    return True
