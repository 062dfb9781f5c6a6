"""Recorded events and scripted ones."""

from __future__ import annotations

import math
from typing import Any

import anyio
import pytest

from bolide.applications import Starlette
from bolide.exceptions import BolideError
from bolide.requests import Request
from bolide.responses import PlainTextResponse, StreamingResponse
from bolide.routing import Route
from bolide.testing import (
    EventMissing,
    EventRecorder,
    InvalidEvent,
    ScriptedReceive,
    ScriptEnded,
    http_scope,
    websocket_scope,
)
from bolide.websockets import WebSocket

pytestmark = pytest.mark.anyio

START = {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1")]}


# Recording


async def test_a_response_is_recorded() -> None:
    send = EventRecorder()
    await PlainTextResponse("hello", status_code=201)(http_scope(), ScriptedReceive(), send)
    assert [event["type"] for event in send.events] == [
        "http.response.start",
        "http.response.body",
    ]
    assert (send.status, send.body, send.complete) == (201, b"hello", True)
    assert send.headers["Content-Length"] == "5"


async def test_a_body_is_put_together_as_it_comes() -> None:
    send = EventRecorder()
    buffer = bytearray(b"one")
    await send(START)
    assert (send.body, send.complete) == (b"", False)
    event = {"type": "http.response.body", "body": memoryview(buffer), "more_body": True}
    await send(event)
    # Neither the event nor the buffer belongs to the recorder.
    buffer[:] = b"xxx"
    event["type"] = "other"
    assert (send.body, send.complete) == (b"one", False)
    await send({"type": "http.response.body"})
    await send({"type": "http.response.body", "body": bytearray(b"two")})
    assert (send.body, send.complete) == (b"onetwo", True)


async def test_a_denial_is_a_response() -> None:
    send = EventRecorder()
    scope = websocket_scope(extensions={"websocket.http.response": {}})
    await PlainTextResponse("no", status_code=403)(scope, ScriptedReceive(), send)
    assert (send.status, send.body, send.complete) == (403, b"no", True)


@pytest.mark.parametrize(
    ("events", "sent"),
    [([], "nothing"), ([{"type": "websocket.accept"}, {}], "'websocket.accept', None")],
)
@pytest.mark.parametrize("name", ["status", "headers", "body"])
async def test_without_a_response_there_is_nothing_to_tell(
    events: Any, sent: str, name: str
) -> None:
    send = EventRecorder()
    for event in events:
        await send(event)
    with pytest.raises(EventMissing) as raised:
        getattr(send, name)
    assert isinstance(raised.value, AssertionError)
    assert isinstance(raised.value, BolideError)
    assert str(raised.value) == f"The application has started no response; it has sent {sent}."


async def test_events_are_checked_against_a_scope() -> None:
    send = EventRecorder(http_scope())
    with pytest.raises(InvalidEvent, match="`status` must be an int"):
        await send({**START, "status": "200"})
    assert send.events == []
    await send({**START, "headers": iter([(b"x-a", b"1")])})
    assert send.headers["x-a"] == "1"


# Scripts


async def test_a_request_is_scripted() -> None:
    receive = ScriptedReceive(
        [
            {"type": "http.request", "body": b"one", "more_body": True},
            {"type": "http.request", "body": b"two"},
            {"type": "http.disconnect"},
        ]
    )
    request = Request(http_scope(method="POST"), receive)
    assert await request.body() == b"onetwo"
    assert len(receive.waiting) == 1
    assert await request.is_disconnected()


async def test_an_application_that_wants_more_is_told() -> None:
    receive = ScriptedReceive([{"type": "http.request", "more_body": True}], timeout=0)
    with pytest.raises(ScriptEnded) as raised:
        await Request(http_scope(), receive).body()
    assert isinstance(raised.value, TimeoutError)
    assert isinstance(raised.value, BolideError)
    assert str(raised.value) == (
        "The application waits for an event after the last of the script (1)."
    )


@pytest.mark.parametrize("options", [{}, {"timeout": math.inf}])
async def test_a_quiet_client_waits_as_long_as_the_application_works(options: Any) -> None:
    receive = ScriptedReceive(**options)

    async def stream() -> Any:
        yield "one"

    send = EventRecorder()
    with anyio.fail_after(5):
        await StreamingResponse(stream())(http_scope(), receive, send)
    assert (send.body, send.complete) == (b"one", True)


async def test_a_whole_application_runs_between_the_two() -> None:
    async def hello(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.query_params["name"])

    scope = http_scope("/hello?name=world")
    send = EventRecorder(scope)
    await Starlette(routes=[Route("/hello", hello)])(scope, ScriptedReceive(), send)
    assert (send.status, send.body) == (200, b"world")


async def test_a_websocket_runs_between_the_two() -> None:
    scope = websocket_scope("/", subprotocols=["a", "b"])
    receive = ScriptedReceive(
        [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hi"}]
    )
    send = EventRecorder(scope)
    websocket = WebSocket(scope, receive, send)
    await websocket.accept(subprotocol="b")
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()
    assert [event["type"] for event in send.events] == [
        "websocket.accept",
        "websocket.send",
        "websocket.close",
    ]
