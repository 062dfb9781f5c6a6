"""Conversations in tasks of the test's event loop."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from bolide._async import create_collapsing_task_group
from bolide._testing.tasks import running_task
from bolide._testing.websocket import WebSocketConversation

pytestmark = pytest.mark.anyio


def talk(log: list[str], *, forever: bool) -> WebSocketConversation:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        log.append("called")
        try:
            if forever:
                await anyio.sleep_forever()
        finally:
            log.append("ended")

    return WebSocketConversation(app, {"type": "websocket"})


@pytest.mark.parametrize("forever", [True, False])
@pytest.mark.parametrize("own", [True, False])
async def test_an_application_does_not_outlive_the_context(forever: bool, own: bool) -> None:
    log: list[str] = []
    conversation = talk(log, forever=forever)
    async with anyio.create_task_group() as task_group:
        async with running_task(conversation, None if own else task_group):
            await conversation.until_within(0, lambda: conversation.ended)
            assert log == ["called", "ended"][: 1 if forever else 2]
        assert conversation.ended
        assert log == ["called", "ended"]


@pytest.mark.parametrize("own", [True, False])
async def test_the_exception_of_the_block_comes_out_as_it_is(own: bool) -> None:
    log: list[str] = []
    error = KeyError("mine")
    conversation = talk(log, forever=True)

    async def fail_inside() -> None:
        async with (
            create_collapsing_task_group() as task_group,
            running_task(conversation, None if own else task_group),
        ):
            await conversation.until_within(0, lambda: conversation.ended)
            raise error

    with pytest.raises(KeyError) as raised:
        await fail_inside()
    assert raised.value is error
    assert log == ["called", "ended"]


@pytest.mark.parametrize("own", [True, False])
async def test_a_block_that_is_cancelled_cancels_the_application(own: bool) -> None:
    log: list[str] = []
    conversation = talk(log, forever=True)
    async with anyio.create_task_group() as task_group:
        with anyio.CancelScope() as scope:
            async with running_task(conversation, None if own else task_group):
                await conversation.until_within(0, lambda: conversation.ended)
                scope.cancel()
                await anyio.sleep_forever()
        assert scope.cancelled_caught
        assert log == ["called", "ended"]
