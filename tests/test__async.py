"""What every layer needs to know of callables, awaitables and task groups."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any
from unittest.mock import AsyncMock, MagicMock, create_autospec

import anyio
import pytest

from bolide import _async
from bolide._async import (
    AwaitableOrContextManagerWrapper,
    OnItsWay,
    asgi_call,
    close_iterator,
    create_collapsing_task_group,
    hands_on,
    is_async_callable,
)
from bolide.types import Receive, Scope, Send


async def async_function(*args: object) -> None: ...


def sync_function(*args: object) -> None: ...


def returns_a_coroutine() -> Coroutine[Any, Any, None]:
    return async_function()


async def async_generator() -> Any:
    yield


class AsyncMethods:
    async def method(self) -> None: ...

    @staticmethod
    async def static() -> None: ...

    @classmethod
    async def of_class(cls) -> None: ...

    async def __call__(self) -> None: ...


class SyncCall:
    async def method(self) -> None: ...

    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    "obj",
    [
        async_function,
        functools.partial(async_function, 1),
        functools.partial(functools.partial(async_function, 1), 2),
        AsyncMethods(),
        functools.partial(AsyncMethods()),
        AsyncMethods().method,
        AsyncMethods.static,
        AsyncMethods.of_class,
        AsyncMock(),
        create_autospec(async_function),
        functools.partial(create_autospec(async_function)),
    ],
    ids=repr,
)
def test_calling_it_gives_an_awaitable(obj: object) -> None:
    assert is_async_callable(obj) is True


@pytest.mark.parametrize(
    "obj",
    [
        sync_function,
        functools.partial(sync_function, 1),
        functools.partial(functools.partial(sync_function)),
        SyncCall(),
        SyncCall,
        lambda: async_function(),
        returns_a_coroutine,
        async_generator,
        MagicMock(),
        create_autospec(sync_function),
        None,
        5,
    ],
    ids=repr,
)
def test_calling_it_gives_something_else(obj: object) -> None:
    assert is_async_callable(obj) is False


# Task groups


async def fail_with(error: BaseException) -> None:
    raise error


@pytest.mark.anyio
async def test_a_task_group_without_failure_runs_its_tasks() -> None:
    done: list[str] = []

    async def note(name: str) -> None:
        done.append(name)

    async with create_collapsing_task_group() as task_group:
        task_group.start_soon(note, "a")
        task_group.start_soon(note, "b")

    assert sorted(done) == ["a", "b"]


@pytest.mark.anyio
async def test_a_single_failure_of_a_task_comes_out_bare() -> None:
    error = ValueError("task")

    with pytest.raises(ValueError) as caught:
        async with create_collapsing_task_group() as task_group:
            task_group.start_soon(fail_with, error)

    assert caught.value is error


@pytest.mark.anyio
async def test_a_single_failure_of_the_body_comes_out_bare() -> None:
    error = ValueError("body")

    with pytest.raises(ValueError) as caught:
        async with create_collapsing_task_group():
            raise error

    assert caught.value is error


@pytest.mark.anyio
async def test_a_bare_failure_does_not_point_at_the_group_it_came_in() -> None:
    with pytest.raises(ValueError) as caught:
        async with create_collapsing_task_group() as task_group:
            task_group.start_soon(fail_with, ValueError())

    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


@pytest.mark.anyio
async def test_a_bare_failure_keeps_its_cause() -> None:
    cause = KeyError("cause")

    async def fail() -> None:
        raise ValueError from cause

    with pytest.raises(ValueError) as caught:
        async with create_collapsing_task_group() as task_group:
            task_group.start_soon(fail)

    assert caught.value.__cause__ is cause
    assert caught.value.__suppress_context__ is True


@pytest.mark.anyio
async def test_a_bare_failure_keeps_its_context() -> None:
    context = KeyError("context")

    async def fail() -> None:
        try:
            raise context
        except KeyError:
            raise ValueError  # noqa: B904 - the context is the point

    with pytest.raises(ValueError) as caught:
        async with create_collapsing_task_group() as task_group:
            task_group.start_soon(fail)

    assert caught.value.__context__ is context
    assert caught.value.__suppress_context__ is False


@pytest.mark.anyio
async def test_several_failures_stay_a_group() -> None:
    errors = {ValueError("a"), KeyError("b")}

    async def fail_together() -> None:
        async with create_collapsing_task_group() as task_group:
            for error in errors:
                task_group.start_soon(fail_with, error)

    with pytest.raises(ExceptionGroup) as caught:
        await fail_together()

    assert set(caught.value.exceptions) == errors


@pytest.mark.anyio
async def test_a_group_of_the_users_own_stays_one() -> None:
    error = ValueError()

    with pytest.raises(ExceptionGroup) as caught:
        async with create_collapsing_task_group() as task_group:
            task_group.start_soon(fail_with, ExceptionGroup("mine", [error]))

    assert caught.value.message == "mine"
    assert caught.value.exceptions == (error,)


@pytest.mark.anyio
async def test_cancelling_from_within_ends_quietly() -> None:
    async with create_collapsing_task_group() as task_group:
        task_group.start_soon(anyio.sleep_forever)
        task_group.cancel_scope.cancel()

    assert task_group.cancel_scope.cancelled_caught


@pytest.mark.anyio
async def test_cancelling_from_outside_goes_through() -> None:
    with anyio.CancelScope() as scope:
        async with create_collapsing_task_group() as task_group:
            task_group.start_soon(anyio.sleep_forever)
            scope.cancel()

    assert scope.cancelled_caught


# Await it, or enter it


class Closable:
    closed = False

    async def close(self) -> None:
        self.closed = True


def wrapped(resource: Closable) -> AwaitableOrContextManagerWrapper[Closable]:
    async def get() -> Closable:
        await anyio.lowlevel.checkpoint()
        return resource

    return AwaitableOrContextManagerWrapper(get())


@pytest.mark.anyio
async def test_awaiting_gives_the_result_and_leaves_it_open() -> None:
    resource = Closable()

    assert await wrapped(resource) is resource
    assert not resource.closed


@pytest.mark.anyio
async def test_entering_gives_the_result_and_leaving_closes_it() -> None:
    resource = Closable()

    async with wrapped(resource) as entered:
        assert entered is resource
        assert not resource.closed

    assert resource.closed


@pytest.mark.anyio
async def test_the_result_is_closed_after_an_error_too() -> None:
    resource = Closable()

    with pytest.raises(ValueError):
        async with wrapped(resource):
            raise ValueError

    assert resource.closed


# Closing what was iterated over


def interrupted_generator(
    cleanup: Callable[[], Coroutine[Any, Any, None]],
) -> AsyncGenerator[int, None]:
    async def generate() -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            await cleanup()

    return generate()


@pytest.mark.anyio
async def test_closing_runs_the_cleanup_of_a_generator() -> None:
    done: list[bool] = []

    async def cleanup() -> None:
        await anyio.lowlevel.checkpoint()
        done.append(True)

    generator = interrupted_generator(cleanup)
    await anext(generator)

    await close_iterator(generator)

    assert done == [True]


@pytest.mark.anyio
async def test_cancelling_does_not_cut_the_cleanup_short() -> None:
    done: list[bool] = []

    async def cleanup() -> None:
        await anyio.lowlevel.checkpoint()
        done.append(True)

    generator = interrupted_generator(cleanup)
    await anext(generator)

    with anyio.CancelScope() as scope:
        scope.cancel()
        await close_iterator(generator)

    assert done == [True]


@pytest.mark.anyio
async def test_a_cleanup_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_async, "CLEANUP_SECONDS", 0)
    given_up: list[bool] = []

    async def cleanup() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            given_up.append(True)

    generator = interrupted_generator(cleanup)
    await anext(generator)

    await close_iterator(generator)

    assert given_up == [True]


@pytest.mark.anyio
async def test_an_iterator_that_cannot_be_closed_is_left_alone() -> None:
    class Numbers:
        async def __anext__(self) -> int:
            return 1

    numbers = Numbers()

    await close_iterator(numbers)

    assert await numbers.__anext__() == 1


class Layer:
    @hands_on
    def __call__(self, number: int, *, more: int = 0) -> Coroutine[Any, Any, int]:
        """Add."""
        return self.add(number, more)

    async def add(self, number: int, more: int) -> int:
        return number + more


@pytest.mark.anyio
async def test_what_hands_on_an_awaitable_gives_what_that_gives() -> None:
    assert await Layer()(1, more=2) == 3


def test_servers_take_what_hands_on_an_awaitable_for_a_coroutine_function() -> None:
    call = Layer().__call__

    assert inspect.iscoroutinefunction(call)
    assert is_async_callable(Layer())
    assert inspect.iscoroutinefunction(inspect.unwrap(call))
    assert (call.__name__, call.__doc__) == ("__call__", "Add.")
    assert list(inspect.signature(call).parameters) == ["number", "more"]


class Application:
    def __init__(self) -> None:
        self.called_with: tuple[object, ...] = ()

    @asgi_call
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """Answer."""
        return self.answer(scope, receive, send)

    async def answer(self, *args: object) -> None:
        self.called_with = args


@pytest.mark.anyio
async def test_an_application_that_hands_on_an_awaitable_is_awaited() -> None:
    app = Application()
    await app({"type": "http"}, async_generator, async_function)
    assert app.called_with == ({"type": "http"}, async_generator, async_function)


def test_an_application_that_hands_on_is_a_coroutine_function() -> None:
    call = Application().__call__

    assert inspect.iscoroutinefunction(call)
    assert (call.__name__, call.__doc__) == ("__call__", "Answer.")
    assert list(inspect.signature(call).parameters) == ["scope", "receive", "send"]


def test_an_application_that_hands_on_is_no_factory() -> None:
    app: Any = Application()
    with pytest.raises(TypeError, match="missing 3 required positional arguments"):
        app()


@pytest.mark.anyio
async def test_what_is_on_its_way_is_awaited_or_entered_and_closed() -> None:
    closed: list[str] = []

    async def work() -> str:
        return "done"

    async def close() -> None:
        closed.append("closed")

    assert await OnItsWay(work(), close) == "done"
    assert closed == []
    async with OnItsWay(work(), close) as result:
        assert result == "done"
    assert closed == ["closed"]
