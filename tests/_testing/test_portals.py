"""Conversations in the event loop of another thread."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import anyio
import anyio.from_thread
import pytest

from bolide._testing.conversation import Conversation
from bolide._testing.portals import running
from bolide.types import Message


class Silent(Conversation):
    """A conversation in which nobody says anything."""

    async def receive(self) -> Message:
        return {"type": "nothing"}

    async def send(self, message: Message) -> None:
        """Take nothing."""


async def sleeper(scope: Any, receive: Any, send: Any) -> None:
    await anyio.sleep_forever()


async def ender(scope: Any, receive: Any, send: Any) -> None:
    await send(await receive())


def test_an_application_does_not_outlive_the_context(anyio_backend: str) -> None:
    with anyio.from_thread.start_blocking_portal(anyio_backend) as portal:
        conversation = Silent(sleeper, {})
        with running(conversation, lambda: nullcontext(portal)):
            assert not conversation.ended
        assert conversation.ended


def test_an_application_that_has_ended_is_left_alone(anyio_backend: str) -> None:
    conversation = Silent(ender, {})
    with running(
        conversation, lambda: anyio.from_thread.start_blocking_portal(anyio_backend)
    ) as portal:
        portal.call(conversation.until, lambda: conversation.ended)
    assert conversation.error is None


def test_an_exception_in_the_context_cancels_the_application(anyio_backend: str) -> None:
    conversation = Silent(sleeper, {})
    with (
        pytest.raises(KeyboardInterrupt),
        running(conversation, lambda: anyio.from_thread.start_blocking_portal(anyio_backend)),
    ):
        raise KeyboardInterrupt
    assert conversation.ended


def test_a_portal_that_is_gone_is_no_error(anyio_backend: str) -> None:
    conversation = Silent(sleeper, {})
    with running(
        conversation, lambda: anyio.from_thread.start_blocking_portal(anyio_backend)
    ) as portal:
        portal.call(portal.stop, True)
    assert conversation.ended
