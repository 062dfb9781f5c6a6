"""One WebSocket: the handshake, messages both ways, leaving."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from bolide._testing.validation import InvalidEvent
from bolide._testing.websocket import (
    Accepted,
    Denied,
    ReceiveTimeout,
    Refused,
    WebSocketConversation,
)
from bolide.exceptions import BolideError
from bolide.types import ASGIApp, Message

pytestmark = pytest.mark.anyio

ACCEPT: Message = {"type": "websocket.accept"}
DENY: Message = {"type": "websocket.http.response.start", "status": 403}


def text(data: str) -> Message:
    return {"type": "websocket.send", "text": data}


def denial_body(**keys: Any) -> Message:
    return {"type": "websocket.http.response.body", **keys}


def sending(*messages: Message) -> ASGIApp:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return app


def talk(app: ASGIApp, **options: Any) -> WebSocketConversation:
    return WebSocketConversation(app, {"type": "websocket"}, **options)


@asynccontextmanager
async def running(conversation: WebSocketConversation) -> AsyncIterator[WebSocketConversation]:
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(conversation.run)
        yield conversation
        conversation.cancel()


@pytest.mark.parametrize(
    ("messages", "answer"),
    [
        ([ACCEPT], Accepted(None, [])),
        ([{**ACCEPT, "subprotocol": None, "headers": None}], Accepted(None, [])),
        (
            [{**ACCEPT, "subprotocol": "a", "headers": ([b"x", b"1"], (b"x", b"2"))}],
            Accepted("a", [(b"x", b"1"), (b"x", b"2")]),
        ),
        ([{"type": "websocket.close"}], Refused(1000, None)),
        ([{"type": "websocket.close", "code": 4000, "reason": "no"}], Refused(4000, "no")),
        ([DENY, denial_body()], Denied(403, [], b"")),
        (
            [
                {**DENY, "headers": [[b"x", b"1"]]},
                denial_body(body=b"a", more_body=True),
                denial_body(body=b"", more_body=True),
                denial_body(body=b"b"),
            ],
            Denied(403, [(b"x", b"1")], b"ab"),
        ),
        ([DENY, denial_body(body=b"unfinished", more_body=True)], Denied(403, [], b"unfinished")),
        ([], None),
    ],
)
async def test_the_answer_to_the_handshake(messages: list[Message], answer: Any) -> None:
    async with running(talk(sending(*messages))) as websocket:
        assert await websocket.handshake() == answer


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        (
            [text("early")],
            'Expected ASGI message "websocket.accept", "websocket.close" or '
            "\"websocket.http.response.start\", but got 'websocket.send'.",
        ),
        (
            [DENY, ACCEPT],
            "Expected ASGI message \"websocket.http.response.body\", but got 'websocket.accept'.",
        ),
    ],
)
async def test_events_out_of_order_raise_in_the_application(
    messages: list[Message], text: str
) -> None:
    async with running(talk(sending(*messages))) as websocket:
        await websocket.handshake()
        with pytest.raises(AssertionError) as raised:
            websocket.raise_error()
        assert str(raised.value) == text


async def test_both_sides_hear_each_other_in_order() -> None:
    heard: list[Message] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append(await receive())
        await send(ACCEPT)
        while (message := await receive())["type"] == "websocket.receive":
            heard.append(message)
            await send(text(message["text"]))
        heard.append(message)

    async with running(talk(app)) as websocket:
        assert await websocket.handshake() == Accepted(None, [])
        for data in ("a", "b"):
            await websocket.say({"type": "websocket.receive", "text": data})
        assert await websocket.next_message() == text("a")
        assert await websocket.next_message() == text("b")
        await websocket.disconnect(4000, "bye")
        assert websocket.ended
        assert await websocket.next_message() is None
    assert heard == [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "a"},
        {"type": "websocket.receive", "text": "b"},
        {"type": "websocket.disconnect", "code": 4000, "reason": "bye"},
    ]


async def test_after_the_handshake_any_event_reaches_the_client() -> None:
    odd: Message = {"type": "something.else"}
    async with running(talk(sending(ACCEPT, odd, ACCEPT))) as websocket:
        await websocket.handshake()
        assert await websocket.next_message() == odd
        assert await websocket.next_message() == ACCEPT


async def test_mutable_data_is_copied() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        buffer = bytearray(b"one")
        await send(ACCEPT)
        await send({"type": "websocket.send", "bytes": buffer})
        buffer[:] = b"two"

    async with running(talk(app)) as websocket:
        await websocket.handshake()
        await anyio.wait_all_tasks_blocked()
        assert await websocket.next_message() == {"type": "websocket.send", "bytes": b"one"}


async def test_the_application_waits_when_too_much_lies_there() -> None:
    sent: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(ACCEPT)
        for data in ("1", "2", "3"):
            await send(text(data))
            sent.append(data)

    async with running(talk(app, max_waiting=1)) as websocket:
        await websocket.handshake()
        await anyio.wait_all_tasks_blocked()
        assert sent == ["1"]
        assert await websocket.next_message() == text("1")
        await anyio.wait_all_tasks_blocked()
        assert sent == ["1", "2"]
        assert await websocket.next_message() == text("2")
        assert await websocket.next_message() == text("3")
        assert await websocket.next_message() is None


async def test_the_client_waits_when_too_much_lies_there() -> None:
    go = anyio.Event()
    said: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await go.wait()
        await receive()

    async def say() -> None:
        for data in ("1", "2"):
            await websocket.say({"type": "websocket.receive", "text": data})
            said.append(data)

    # The connect event is the first that lies there.
    async with running(talk(app, max_waiting=2)) as websocket:
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(say)
            await anyio.wait_all_tasks_blocked()
            assert said == ["1"]
            go.set()
        assert said == ["1", "2"]


async def test_an_application_that_has_ended_hears_nothing() -> None:
    async with running(talk(sending(ACCEPT), max_waiting=1)) as websocket:
        await websocket.handshake()
        await websocket.say({"type": "websocket.receive", "text": "1"})
        await websocket.say({"type": "websocket.receive", "text": "2"})
        await websocket.disconnect()
    websocket.raise_error()


async def test_an_endless_sender_can_be_cancelled() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(ACCEPT)
        while True:
            await send(text("again"))

    async with running(talk(app)) as websocket:
        await websocket.handshake()
        await websocket.disconnect()
        assert websocket.ended


async def test_a_wait_for_a_message_can_time_out() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        await receive()

    async with running(talk(app)) as websocket:
        await websocket.handshake()
        with pytest.raises(TimeoutError), anyio.fail_after(0):
            await websocket.next_message()
        assert not websocket.ended


# Waiting in vain


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await send(ACCEPT)
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.receive":
            await send(text(message["text"]))


async def test_a_wait_for_the_application_has_a_limit() -> None:
    async with running(talk(echo, timeout=0)) as conversation:
        assert isinstance(await conversation.handshake(), Accepted)
        with pytest.raises(TimeoutError) as raised:
            await conversation.next_message()
    assert isinstance(raised.value, ReceiveTimeout)
    assert isinstance(raised.value, BolideError)
    assert raised.value.listening
    assert str(raised.value).startswith(
        "The application has sent nothing for 0 s. It waits for an event of the client at "
    )
    assert str(raised.value).endswith(", in echo.")


async def test_one_wait_may_have_a_limit_of_its_own() -> None:
    async with running(talk(echo)) as conversation:
        assert isinstance(await conversation.handshake(), Accepted)
        with pytest.raises(ReceiveTimeout, match=r"for 0\.001 s"):
            await conversation.next_message(0.001)
        await conversation.say({"type": "websocket.receive", "text": "still here"})
        assert await conversation.next_message() == text("still here")


async def test_an_application_that_does_not_answer_is_found() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await anyio.sleep_forever()

    async with running(talk(app, timeout=0)) as conversation:
        with pytest.raises(ReceiveTimeout) as raised:
            await conversation.handshake()
    assert not raised.value.listening
    assert "It waits for something else at " in str(raised.value)


async def test_events_are_checked_if_that_is_wanted() -> None:
    for validate, expected in ((False, type(None)), (True, InvalidEvent)):
        conversation = talk(sending({**ACCEPT, "headers": {}}), validate_events=validate)
        await conversation.run()
        assert type(conversation.error) is expected
