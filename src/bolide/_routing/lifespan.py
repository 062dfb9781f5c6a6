"""What an application does before its first request and after its last one.

RULES

A lifespan is an async context manager, entered when the server starts and left when it stops, both
in the same task. What it yields is the state that each request gets a copy of.

Whoever enters the lifespan of a mounted application does it in the place of the one around it,
which has to know. So each router notes that its lifespan has been entered, whenever and wherever
somebody got hold of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, TypeVar

from bolide._callsite import warn_caller
from bolide.exceptions import StarletteDeprecationWarning
from bolide.types import Lifespan, Receive, Scope, Send

__all__ = [
    "ENTERED",
    "AsyncLiftContextManager",
    "NoLifespan",
    "NotedLifespan",
    "bare",
    "lift_generator",
    "normalise",
    "run",
]

T = TypeVar("T")

ENTERED: Final[ContextVar[set[int] | None]] = ContextVar("bolide.entered", default=None)
"""The ids of those whose lifespans have been entered, while an application is starting."""


class NoLifespan:
    """The lifespan of an application that has none.

    Args:
        router: The router that it stands in for; not used.
    """

    def __init__(self, router: object) -> None:
        self._router = router

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, *exc_info: object) -> None:
        pass

    def __call__(self, app: object) -> AbstractAsyncContextManager[None]:
        """Give the context: this object."""
        return self


class NotedLifespan:
    """A lifespan that notes when it is entered.

    Args:
        lifespan: The lifespan.
        owner: Whose it is.

    Attributes:
        lifespan: The lifespan.
        owner_id: The id of its owner.
    """

    __slots__ = ("__weakref__", "lifespan", "owner_id")

    def __init__(self, lifespan: Lifespan[Any], owner: object) -> None:
        self.lifespan = lifespan
        self.owner_id = id(owner)

    def __call__(self, app: Any) -> AbstractAsyncContextManager[Any]:
        """Give the context."""
        entered = ENTERED.get()
        if entered is not None:
            entered.add(self.owner_id)
        return self.lifespan(app)


def bare(lifespan: Any) -> Any:
    """Give a lifespan as its user made it."""
    while isinstance(lifespan, NotedLifespan):
        lifespan = lifespan.lifespan
    return lifespan


class AsyncLiftContextManager(AbstractAsyncContextManager[T]):
    """A context manager, as an async one.

    Args:
        cm: The context manager.
    """

    def __init__(self, cm: AbstractContextManager[T]) -> None:
        self._cm = cm

    async def __aenter__(self) -> T:
        return self._cm.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return self._cm.__exit__(exc_type, exc_value, traceback)


def lift_generator(
    lifespan_context: Callable[[Any], Generator[Any, Any, Any]],
) -> Callable[[Any], AbstractAsyncContextManager[Any]]:
    """Make a lifespan of a generator function."""
    manager = contextmanager(lifespan_context)

    def lifespan(app: Any) -> AbstractAsyncContextManager[Any]:
        return AsyncLiftContextManager(manager(app))

    return lifespan


def normalise(lifespan: Any) -> Lifespan[Any]:
    """Make a lifespan of what the user gave; undecorated generator functions are deprecated."""
    if inspect.isasyncgenfunction(lifespan):
        warn_caller(
            "async generator function lifespans are deprecated, use an"
            " @contextlib.asynccontextmanager function instead",
            StarletteDeprecationWarning,
        )
        return asynccontextmanager(lifespan)
    if inspect.isgeneratorfunction(lifespan):
        warn_caller(
            "generator function lifespans are deprecated, use an"
            " @contextlib.asynccontextmanager function instead",
            StarletteDeprecationWarning,
        )
        return lift_generator(lifespan)
    context: Lifespan[Any] = lifespan
    return context


async def run(lifespan: Lifespan[Any], scope: Scope, receive: Receive, send: Send) -> None:
    """Go through the life of an application, as the server says when (ASGI lifespan protocol).

    Raises:
        BaseException: What the lifespan raised, after the server was told.
        RuntimeError: The lifespan yields state, and the server cannot keep it.
    """
    phase = "startup"
    await receive()
    try:
        async with lifespan(scope.get("app")) as state:
            if state is not None:
                _keep(state, scope)
            await send({"type": "lifespan.startup.complete"})
            phase = "shutdown"
            await receive()
    except BaseException:
        from traceback import format_exc

        await send({"type": f"lifespan.{phase}.failed", "message": format_exc()})
        raise
    await send({"type": "lifespan.shutdown.complete"})


def _keep(state: Mapping[str, Any], scope: Scope) -> None:
    if "state" not in scope:
        raise RuntimeError('The server does not support "state" in the lifespan scope.')
    scope["state"].update(state)
