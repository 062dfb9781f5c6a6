"""Conversations: running an application, keeping its exception, cancelling it, waiting."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from bolide._testing.conversation import GRACE_STEPS, ApplicationCancelled, Conversation
from bolide._testing.validation import InvalidEvent
from bolide.types import Message

pytestmark = pytest.mark.anyio


class Silent(Conversation):
    """A conversation in which nobody says anything."""

    async def receive(self) -> Message:
        return {"type": "nothing"}

    async def send(self, message: Message) -> None:
        self.sent = message


def silent(body: Callable[[], Awaitable[Any]], **options: Any) -> Silent:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await body()

    return Silent(app, {"type": "test"}, **options)


async def test_the_application_is_called_with_scope_receive_and_send() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend((scope, await receive()))
        await send({"type": "answer"})

    conversation = Silent(app, {"type": "test"})
    assert not conversation.ended
    await conversation.run()
    assert conversation.ended
    assert seen == [{"type": "test"}, {"type": "nothing"}]
    assert conversation.sent == {"type": "answer"}
    conversation.raise_error()


async def fail() -> None:
    raise ValueError("mine")


async def interrupt() -> None:
    raise KeyboardInterrupt


async def test_an_exception_is_kept_and_raised_when_asked_for() -> None:
    conversation = silent(fail)
    await conversation.run()
    assert isinstance(conversation.error, ValueError)
    with pytest.raises(ValueError, match="mine"):
        conversation.raise_error()
    with pytest.raises(ValueError, match="mine"):
        conversation.raise_error()


async def test_an_exception_is_not_raised_if_that_is_not_wanted() -> None:
    conversation = silent(fail, raise_app_exceptions=False)
    await conversation.run()
    conversation.raise_error()
    assert isinstance(conversation.error, ValueError)


@pytest.mark.parametrize("wanted", [True, False])
async def test_an_interrupt_is_kept_too_and_raised_in_any_case(wanted: bool) -> None:
    conversation = silent(interrupt, raise_app_exceptions=wanted)
    await conversation.run()
    with pytest.raises(KeyboardInterrupt):
        conversation.raise_error()


async def test_aborting_cancels_the_application_and_waits_for_its_end() -> None:
    log: list[str] = []

    async def body() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await checkpoint()
            log.append("cleaned up")

    conversation = silent(body)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(conversation.run)
        await anyio.wait_all_tasks_blocked()
        await conversation.abort()
        assert conversation.ended
        assert log == ["cleaned up"]
    conversation.raise_error()


async def test_an_exception_while_being_cancelled_is_kept() -> None:
    async def body() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise ValueError("cleanup")

    conversation = silent(body)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(conversation.run)
        await anyio.wait_all_tasks_blocked()
        await conversation.abort()
    with pytest.raises(ValueError, match="cleanup"):
        conversation.raise_error()


async def test_an_application_cancelled_before_it_starts_is_never_called() -> None:
    conversation = silent(fail)
    woken: list[str] = []

    async def wait() -> None:
        await conversation.until(lambda: conversation.ended)
        woken.append("ended")

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        await conversation.abort()
    assert woken == ["ended"]
    await conversation.run()
    assert conversation.error is None


async def test_a_cancellation_from_outside_goes_on_and_is_told_to_the_client() -> None:
    conversation = silent(anyio.sleep_forever)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(conversation.run)
        await anyio.wait_all_tasks_blocked()
        task_group.cancel_scope.cancel()
    assert conversation.ended
    with pytest.raises(ApplicationCancelled, match="from outside"):
        conversation.raise_error()


async def test_leaving_lets_the_application_take_some_steps() -> None:
    steps: list[int] = []

    async def body() -> None:
        for step in range(GRACE_STEPS // 2):
            await checkpoint()
            steps.append(step)

    conversation = silent(body)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(conversation.run)
        await conversation.leave()
        assert conversation.ended
    assert len(steps) == GRACE_STEPS // 2


async def test_leaving_cancels_an_application_that_does_not_end() -> None:
    conversation = silent(anyio.sleep_forever)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(conversation.run)
        await conversation.leave()
        assert conversation.ended
    conversation.raise_error()


async def test_a_wait_for_what_holds_already_is_no_checkpoint() -> None:
    conversation = silent(fail)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await conversation.until(lambda: True)
        return
    pytest.fail("cancelled")  # pragma: no cover


async def test_everyone_who_waits_looks_again_when_something_changes() -> None:
    conversation = silent(fail)
    values: list[int] = []
    log: list[str] = []

    async def wait(name: str, length: int) -> None:
        await conversation.until(lambda: len(values) >= length)
        log.append(name)

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(wait, "one", 1)
        task_group.start_soon(wait, "two", 2)
        await anyio.wait_all_tasks_blocked()
        values.append(1)
        conversation.notify()
        await anyio.wait_all_tasks_blocked()
        assert log == ["one"]
        values.append(2)
        conversation.notify()
    assert log == ["one", "two"]


# Waiting for so long, and not longer


async def test_a_wait_with_a_limit_ends_with_its_condition() -> None:
    conversation = silent(checkpoint)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(conversation.run)
        assert await conversation.until_within(math.inf, lambda: conversation.ended)


async def test_a_wait_with_a_limit_ends_without_its_condition() -> None:
    assert not await silent(checkpoint).until_within(0, lambda: False)


async def test_what_is_true_needs_no_wait() -> None:
    assert await silent(checkpoint).until_within(0, lambda: True)


async def test_a_few_steps_count_after_the_time_is_up() -> None:
    async def slow() -> None:
        for _ in range(GRACE_STEPS // 2):
            await checkpoint()

    conversation = silent(slow)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(conversation.run)
        assert await conversation.until_within(0, lambda: conversation.ended)


# Checking events


def checked(*messages: Any, swallow: bool = False, **options: Any) -> Silent:
    """Make a conversation that checks what an application sends."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            try:
                await send(message)
            except AssertionError:
                if not swallow:
                    raise

    return Silent(app, {"type": "websocket"}, validate_events=True, **options)


async def test_events_are_checked_before_they_are_sent() -> None:
    conversation = checked({"type": "websocket.accept", "headers": iter([(b"a", b"b")])})
    await conversation.run()
    conversation.raise_error()
    assert conversation.sent == {"type": "websocket.accept", "headers": [(b"a", b"b")]}


@pytest.mark.parametrize("swallow", [False, True])
async def test_a_bad_event_is_raised_even_if_the_application_swallows_it(swallow: bool) -> None:
    conversation = checked({"type": "one"}, {"type": "two"}, swallow=swallow)
    await conversation.run()
    with pytest.raises(InvalidEvent, match="the event 'one'"):
        conversation.raise_error()
    assert not hasattr(conversation, "sent")


async def test_the_exception_of_an_application_counts_for_more_than_its_bad_events() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await send({"type": "one"})
        except AssertionError:
            raise ValueError("mine") from None

    conversation = Silent(app, {"type": "websocket"}, validate_events=True)
    await conversation.run()
    with pytest.raises(ValueError, match="mine"):
        conversation.raise_error()


async def test_bad_events_are_quiet_where_exceptions_are() -> None:
    conversation = checked({"type": "one"}, raise_app_exceptions=False)
    await conversation.run()
    conversation.raise_error()
    assert isinstance(conversation.error, InvalidEvent)


async def test_an_application_that_ends_early_is_an_error() -> None:
    conversation = checked()
    await conversation.run()
    with pytest.raises(InvalidEvent, match="neither accepted nor closed"):
        conversation.raise_error()


async def test_an_application_may_end_early_when_its_client_has_left() -> None:
    conversation = checked()
    await conversation.leave()
    await conversation.run()
    conversation.raise_error()


async def test_an_application_may_end_early_when_it_is_cancelled() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        with suppress(anyio.get_cancelled_exc_class()):
            await anyio.sleep_forever()

    conversation = Silent(app, {"type": "websocket"}, validate_events=True)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(conversation.run)
        await checkpoint()
        await conversation.abort()
    conversation.raise_error()
