"""The few things about callables, awaitables and task groups that every layer needs."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import FunctionType, MethodType, TracebackType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeGuard, TypeVar, overload

import anyio

from bolide._cleanup import note_passing
from bolide.types import Receive, Scope, Send

if TYPE_CHECKING:
    import anyio.abc

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
P = ParamSpec("P")
S = TypeVar("S")
AwaitableCallable = Callable[..., Awaitable[T]]


def _is_coroutine_function(obj: Any) -> bool:
    if sys.version_info >= (3, 13):
        return inspect.iscoroutinefunction(obj)
    # Mocks and markers tell what they are in a way that only asyncio's question knows; it is the
    # same on every backend.
    import asyncio

    return asyncio.iscoroutinefunction(obj)  # pyright: ignore[reportDeprecated]


@overload
def is_async_callable(obj: AwaitableCallable[T]) -> TypeGuard[AwaitableCallable[T]]: ...
@overload
def is_async_callable(obj: Any) -> TypeGuard[AwaitableCallable[Any]]: ...
def is_async_callable(obj: Any) -> Any:
    """Say whether calling `obj` gives an awaitable.

    Looks through `functools.partial` and at the `__call__` of objects. A plain function that
    returns a coroutine does not count: nothing but a call would tell.
    """
    # PERF: S18, most endpoints are functions without marks, which are quick to tell.
    func = obj.__func__ if type(obj) is MethodType else obj
    if type(func) is FunctionType and not func.__dict__:
        return bool(func.__code__.co_flags & inspect.CO_COROUTINE)
    while isinstance(obj, functools.partial):
        obj = obj.func
    return _is_coroutine_function(obj) or (callable(obj) and _is_coroutine_function(obj.__call__))


def hands_on(function: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Let a function that hands on somebody else's awaitable count as a coroutine function.

    PERF: S11, a layer that has nothing to wait for itself spares a coroutine. Servers ask what
    `__call__` of an application is, though, to know which interface it has.
    """
    if sys.version_info >= (3, 12):
        return inspect.markcoroutinefunction(function)

    # Here a mark would be known to asyncio only.
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return await function(*args, **kwargs)

    functools.update_wrapper(call, function)
    # Else it would be looked through, and found not to be one.
    del call.__wrapped__  # type: ignore[attr-defined]
    call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return call


def asgi_call(
    call: Callable[[S, Scope, Receive, Send], Awaitable[None]],
) -> Callable[[S, Scope, Receive, Send], Awaitable[None]]:
    """Do what `hands_on` does, for `__call__` of an ASGI application."""
    if sys.version_info >= (3, 12):
        return hands_on(call)

    # With its parameters, since servers find out by an error whether an application can be called
    # without any, and would take it for a factory.
    async def call_and_wait(self: S, scope: Scope, receive: Receive, send: Send) -> None:
        await call(self, scope, receive, send)

    functools.update_wrapper(call_and_wait, call)
    del call_and_wait.__wrapped__  # type: ignore[attr-defined]
    return call_and_wait


@asynccontextmanager
async def create_collapsing_task_group() -> AsyncGenerator[anyio.abc.TaskGroup, None]:
    """Open an AnyIO task group that raises a single failure bare, not wrapped in a group.

    Raises:
        BaseExceptionGroup: Only when more than one exception comes out of the group.
    """
    async with CollapsingTaskGroup() as task_group:
        yield task_group


class CollapsingTaskGroup:
    """What `create_collapsing_task_group` opens, where each request opens one."""

    # PERF: S12, a generator would take a quarter of what the whole group does.

    __slots__ = ("_task_group",)

    async def __aenter__(self) -> anyio.abc.TaskGroup:
        self._task_group = anyio.create_task_group()
        return await self._task_group.__aenter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        try:
            return await self._task_group.__aexit__(exc_type, exc_value, traceback)
        except BaseExceptionGroup as group:
            if len(group.exceptions) != 1:
                raise
            error = group.exceptions[0]
            # The bare exception must not point at its wrapper: keep the chain it came with.
            cause = error.__cause__
            context = error.__context__
            suppress = error.__suppress_context__
            try:
                raise error
            finally:
                error.__context__ = context
                error.__cause__ = cause
                error.__suppress_context__ = suppress
                del group, error, cause, context
        except BaseException as exc:
            note_passing(exc)
            raise


class SupportsAsyncClose(Protocol):
    """Something with an async `close`."""

    async def close(self) -> None: ...


SupportsAsyncCloseType = TypeVar(
    "SupportsAsyncCloseType", bound=SupportsAsyncClose, covariant=False
)


class Begun(Generator[Any, Any, T]):
    """A coroutine that was begun by hand and waits for something, to be awaited from there on.

    Args:
        work: The coroutine.
        waits_for: What its first step has given.
    """

    __slots__ = ("_waits_for", "work")

    def __init__(self, work: Coroutine[Any, Any, T] | Generator[Any, Any, T], waits_for: object):
        self.work = work
        self._waits_for = [waits_for]

    def __await__(self) -> Generator[Any, Any, T]:
        return self

    def send(self, value: Any) -> Any:
        """Take the next step."""
        # The event loop has to be told first what is waited for.
        return self._waits_for.pop() if self._waits_for else self.work.send(value)

    def throw(self, *args: Any) -> Any:
        """Take the next step with an exception."""
        return self.work.throw(*args)


class AwaitableOrContextManager(Awaitable[T_co], AbstractAsyncContextManager[T_co], Protocol[T_co]):
    """What `await` and `async with` both accept."""


class AwaitableOrContextManagerWrapper(Generic[SupportsAsyncCloseType]):
    """Lets the result of `aw` be awaited, or entered and closed on leaving.

    Args:
        aw: The awaitable; it is awaited once, by whichever way is taken.
    """

    __slots__ = ("aw", "entered")

    def __init__(self, aw: Awaitable[SupportsAsyncCloseType]) -> None:
        self.aw = aw

    def __await__(self) -> Generator[Any, None, SupportsAsyncCloseType]:
        return self.aw.__await__()

    async def __aenter__(self) -> SupportsAsyncCloseType:
        self.entered = await self.aw
        return self.entered

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.entered.close()


class OnItsWay(Generic[T]):
    """Lets what a coroutine gives be awaited, or entered and closed on leaving.

    PERF: S8. Neither entering nor leaving takes a coroutine of its own, as would that of
    `AwaitableOrContextManagerWrapper`.

    Args:
        work: The coroutine; it is awaited once, by whichever way is taken.
        close: What is called and awaited on leaving.
    """

    __slots__ = ("_close", "_work")

    def __init__(
        self, work: Coroutine[Any, Any, T], close: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        self._work = work
        self._close = close

    def __await__(self) -> Generator[Any, None, T]:
        return self._work.__await__()

    def __aenter__(self) -> Coroutine[Any, Any, T]:
        return self._work

    def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> Coroutine[Any, Any, None]:
        return self._close()


CLEANUP_SECONDS = 5.0
"""How long the cleanup of something that was cancelled may take."""


async def close_iterator(iterator: object) -> None:
    """Run the cleanup of an async generator that is not asked for more, now and to its end.

    Left to the garbage collector, it would run at some other time, in some other task, or never.
    """
    aclose = getattr(iterator, "aclose", None)
    if aclose is not None:
        with anyio.move_on_after(CLEANUP_SECONDS, shield=True):
            await aclose()
