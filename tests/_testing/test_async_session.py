"""WebSockets of the async test client."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import anyio
import pytest

from bolide.testclient import (
    AsyncTestClient,
    AsyncWebSocketTestSession,
    WebSocketDenialResponse,
    WebSocketDisconnect,
)
from bolide.testing import InvalidEvent, ReceiveTimeout, websocket_scope

pytestmark = pytest.mark.anyio

ACCEPT = {"type": "websocket.accept", "headers": []}
CLOSE = {"type": "websocket.close", "code": 1008, "reason": "no"}


def sending(*messages: Any, then: BaseException | None = None) -> Any:
    """Make an application that sends these events, and raises then."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        if then is not None:
            raise then

    return app


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await send(ACCEPT)
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})


def lasting(log: list[Any], *messages: Any) -> Any:
    """Make an application that sends these events, and logs what it hears and how it ends."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            for message in messages:
                await send(message)
            while True:
                log.append(await receive())
        finally:
            log.append("ended")

    return app


def session(app: Any, **options: Any) -> AsyncWebSocketTestSession:
    return AsyncWebSocketTestSession(app, websocket_scope("/"), **options)


async def test_messages_go_both_ways() -> None:
    async with session(echo) as websocket:
        await websocket.send_text("é")
        assert await websocket.receive_text() == "é"
        await websocket.send_bytes(b"\0")
        assert await websocket.receive_bytes() == b"\0"
        await websocket.send({"type": "websocket.receive", "text": "as it is"})
        assert await websocket.receive() == {"type": "websocket.send", "text": "as it is"}


@pytest.mark.parametrize("mode", ["text", "binary"])
async def test_values_go_as_json(mode: Any) -> None:
    async with session(echo) as websocket:
        await websocket.send_json({"a": ["é"]}, mode=mode)
        assert await websocket.receive_json(mode=mode) == {"a": ["é"]}


async def test_there_is_no_third_mode() -> None:
    mode: Any = "other"
    async with session(echo) as websocket:
        with pytest.raises(RuntimeError, match='should be "text" or "binary"'):
            await websocket.send_json({}, mode=mode)
        with pytest.raises(RuntimeError, match='should be "text" or "binary"'):
            await websocket.receive_json(mode=mode)


async def test_the_handshake_is_there_to_be_looked_at() -> None:
    accept = {"type": "websocket.accept", "subprotocol": "b", "headers": [(b"x-a", b"1")]}
    websocket = session(sending(accept))
    assert (websocket.accepted_subprotocol, websocket.extra_headers) == (None, ())
    async with websocket as entered:
        assert entered is websocket
        assert websocket.accepted_subprotocol == "b"
        assert websocket.extra_headers == [(b"x-a", b"1")]


async def test_leaving_says_goodbye_and_cancels_who_does_not_mind() -> None:
    log: list[Any] = []
    async with session(lasting(log, ACCEPT)):
        pass
    goodbye = {"type": "websocket.disconnect", "code": 1000, "reason": None}
    assert log == [{"type": "websocket.connect"}, goodbye, "ended"]


async def test_closing_says_which_code() -> None:
    log: list[Any] = []
    async with session(lasting(log, ACCEPT)) as websocket:
        await websocket.close(1001, "gone")
    assert log[1] == {"type": "websocket.disconnect", "code": 1001, "reason": "gone"}


@pytest.mark.parametrize("close", [True, False])
@pytest.mark.parametrize("error", [WebSocketDisconnect(1000), ValueError("mine")])
async def test_being_told_of_the_disconnect_is_no_failure(close: bool, error: Exception) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(ACCEPT)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        raise error

    async def come_and_go() -> None:
        async with session(app) as websocket:
            if close:
                await websocket.close()

    with pytest.raises(ValueError) if isinstance(error, ValueError) else nullcontext():
        await come_and_go()


async def test_a_disconnect_that_did_not_happen_is_a_failure() -> None:
    with pytest.raises(WebSocketDisconnect):
        async with session(sending(ACCEPT, then=WebSocketDisconnect(1000))) as websocket:
            await websocket.receive()


async def test_a_close_of_the_application_ends_receiving() -> None:
    async with session(sending(ACCEPT, CLOSE)) as websocket:
        for _ in range(2):
            with pytest.raises(WebSocketDisconnect) as raised:
                await websocket.receive_text()
            assert (raised.value.code, raised.value.reason) == (1008, "no")


async def test_a_close_can_be_seen_as_it_is() -> None:
    async with session(sending(ACCEPT, CLOSE)) as websocket:
        assert await websocket.receive() == CLOSE
        with pytest.raises(WebSocketDisconnect):
            await websocket.receive()


async def test_an_application_that_ends_is_one_that_is_gone() -> None:
    async with session(sending(ACCEPT)) as websocket:
        with pytest.raises(WebSocketDisconnect) as raised:
            await websocket.receive()
        assert raised.value.code == 1006


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([CLOSE], WebSocketDisconnect),
        (
            [
                {"type": "websocket.http.response.start", "status": 403, "headers": []},
                {"type": "websocket.http.response.body", "body": b"no"},
            ],
            WebSocketDenialResponse,
        ),
        ([], AssertionError),
    ],
)
async def test_a_websocket_may_be_refused(messages: Any, expected: Any) -> None:
    with pytest.raises(expected):
        await session(sending(*messages)).__aenter__()


async def test_an_exception_is_raised_instead_of_a_refusal() -> None:
    with pytest.raises(ValueError, match="mine"):
        await session(sending(CLOSE, then=ValueError("mine"))).__aenter__()


async def receive_in_vain(app: Any, then: BaseException | None = None) -> None:
    """Receive from an application that fails, catch that, and leave; raising, if so wanted."""
    async with session(app) as websocket:
        with pytest.raises(ValueError, match="mine"):
            await websocket.receive()
        if then is not None:
            raise then


async def test_an_exception_is_raised_from_receiving_and_from_leaving() -> None:
    app = sending(ACCEPT, then=ValueError("mine"))
    with pytest.raises(ValueError, match="mine"):
        await receive_in_vain(app)
    with pytest.raises(ValueError, match="mine"):
        await receive_in_vain(app, then=KeyError("block"))


async def test_a_cancellation_is_not_hidden_by_an_exception() -> None:
    log: list[str] = []
    with anyio.CancelScope() as scope:
        async with session(sending(ACCEPT, then=ValueError("mine"))):
            scope.cancel()
            await anyio.sleep_forever()
        log.append("not reached")
    assert scope.cancelled_caught
    assert log == []


async def test_whoever_is_cancelled_cancels_the_application() -> None:
    log: list[Any] = []
    with anyio.CancelScope() as scope:
        async with session(lasting(log, ACCEPT)):
            scope.cancel()
            await anyio.sleep_forever()
    assert log[-1] == "ended"


# Waiting in vain


@pytest.mark.parametrize("method", ["receive", "receive_text", "receive_bytes", "receive_json"])
@pytest.mark.parametrize("by_default", [True, False])
async def test_receiving_has_a_limit(method: str, by_default: bool) -> None:
    async with session(echo, timeout=0 if by_default else math.inf) as websocket:
        options = {} if by_default else {"timeout": 0}
        with pytest.raises(ReceiveTimeout, match="waits for an event of the client .*, in echo"):
            await getattr(websocket, method)(**options)
        await websocket.send_text("still here")
        assert await websocket.receive_text(timeout=math.inf) == "still here"


async def test_opening_has_a_limit() -> None:
    log: list[Any] = []
    with pytest.raises(ReceiveTimeout):
        await session(lasting(log), timeout=0).__aenter__()
    assert log[-1] == "ended"


async def test_a_client_waits_for_half_a_minute() -> None:
    async with AsyncTestClient(echo).websocket_connect("/") as websocket:
        assert websocket._conversation._timeout == 30


async def test_events_are_checked_if_that_is_wanted() -> None:
    app = sending({**ACCEPT, "subprotocol": b"bytes"})
    async with session(app):
        pass
    with pytest.raises(InvalidEvent, match="`subprotocol` must be a str or None"):
        await session(app, validate_events=True).__aenter__()
