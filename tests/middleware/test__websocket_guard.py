"""The guard of WebSockets, as servers see it."""

from __future__ import annotations

from typing import Any

import pytest

from bolide._policy import BOLIDE, STARLETTE, Policy
from bolide.middleware._websocket_guard import MessageTooBig, WebSocketGuard
from bolide.types import Message

pytestmark = pytest.mark.anyio


def guard_of(**options: Any) -> WebSocketGuard:
    guard = WebSocketGuard.of(BOLIDE.changed(options))
    assert guard is not None
    return guard


@pytest.mark.parametrize(
    "options", [{"websocket_origins": ()}, {"max_message_size": 1}, {"check_websockets": True}]
)
def test_each_choice_asks_for_a_guard_and_none_of_them_for_none(options: dict[str, Any]) -> None:
    assert WebSocketGuard.of(STARLETTE) is None
    assert WebSocketGuard.of(Policy(**options)) is not None


async def test_without_limits_the_channels_are_left_as_they_are() -> None:
    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        assert message == await receive()

    guard = guard_of(max_message_size=None, check_websockets=False)
    assert guard.receive({}, receive) is receive
    assert guard.send(send) is send
    await guard.send(send)(await receive())


@pytest.mark.parametrize(
    ("message", "is_larger"),
    [
        ({"bytes": b"1234", "text": None}, False),
        ({"bytes": b"12345"}, True),
        ({"text": "1234", "bytes": None}, False),
        ({"text": "12345"}, True),
        ({"text": "\N{SNOWMAN}\N{SNOWMAN}"}, True),
        ({"text": "\ud800"}, False),
        ({"text": None, "bytes": None}, False),
        ({}, False),
    ],
)
async def test_the_size_is_that_of_the_utf8(message: Message, is_larger: bool) -> None:
    event = {"type": "websocket.receive", **message}

    async def receive() -> Message:
        return event

    bounded = guard_of(max_message_size=4).receive({}, receive)
    if is_larger:
        with pytest.raises(MessageTooBig) as error:
            await bounded()
        assert error.value.code == 1009
    else:
        assert await bounded() == event


async def test_what_is_no_message_has_no_size() -> None:
    async def receive() -> Message:
        return {"type": "websocket.disconnect", "text": "12345"}

    assert (await guard_of(max_message_size=4).receive({}, receive)())[
        "type"
    ] == "websocket.disconnect"


START = {"type": "websocket.http.response.start", "status": 400, "headers": []}
BODY = {"type": "websocket.http.response.body", "body": b""}
ACCEPT = {"type": "websocket.accept"}
CLOSE = {"type": "websocket.close", "code": 1000, "reason": ""}
POLICY = {"type": "websocket.close", "code": 1008, "reason": "Bad Request"}


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ([START, BODY], [START, BODY]),
        ([ACCEPT, START, BODY, BODY], [ACCEPT, POLICY]),
        ([ACCEPT, CLOSE, START, BODY], [ACCEPT, CLOSE]),
    ],
)
async def test_a_response_that_comes_too_late_becomes_a_close(
    said: list[Message], heard: list[Message]
) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    guarded = guard_of().send(send)
    for message in said:
        await guarded(message)
    assert sent == heard


@pytest.mark.parametrize(("first", "answers"), [("connect", 1), ("disconnect", 0)])
async def test_who_has_left_already_is_not_refused(first: str, answers: int) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": f"websocket.{first}"}

    async def send(message: Message) -> None:
        sent.append(message)

    await guard_of().refuse(receive, send)
    assert [message["code"] for message in sent] == [1008] * answers
