"""WebSockets: what each side may say in each state, and what the other side sees."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide.applications import Starlette
from bolide.exceptions import BolideError, HTTPException
from bolide.requests import HTTPConnection, Request
from bolide.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from bolide.routing import WebSocketRoute
from bolide.testclient import TestClient, WebSocketDenialResponse
from bolide.types import Message, Receive, Scope, Send
from bolide.websockets import (
    WebSocket,
    WebSocketClose,
    WebSocketDisconnect,
    WebSocketDisconnected,
    WebSocketState,
)

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]

# Its base class of the HTTP library is not known to type checkers.
DENIED: Any = WebSocketDenialResponse

CONNECTING = WebSocketState.CONNECTING
CONNECTED = WebSocketState.CONNECTED
DISCONNECTED = WebSocketState.DISCONNECTED
RESPONSE = WebSocketState.RESPONSE

CONNECT: Message = {"type": "websocket.connect"}
DENIAL: dict[str, Any] = {"websocket.http.response": {}}


def text(data: str) -> Message:
    return {"type": "websocket.receive", "text": data}


def binary(data: bytes) -> Message:
    return {"type": "websocket.receive", "bytes": data}


def goodbye(**more: Any) -> Message:
    return {"type": "websocket.disconnect", **more}


def websocket_scope(**more: Any) -> Scope:
    return {
        "type": "websocket",
        "scheme": "ws",
        "path": "/",
        "query_string": b"",
        "headers": [],
        **more,
    }


class Server:
    """A server that says what it is told to, and keeps what it hears."""

    def __init__(self, *messages: Message, **scope: Any) -> None:
        self._messages = list(messages)
        self.sent: list[Message] = []
        self.error: Exception | None = None
        self.websocket: WebSocket[Any] = WebSocket(
            websocket_scope(**scope), self.receive, self.send
        )

    async def receive(self) -> Message:
        await anyio.lowlevel.checkpoint()
        return self._messages.pop(0)

    async def send(self, message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        if self.error is not None:
            raise self.error
        self.sent.append(message)

    def in_states(self, client: WebSocketState, application: WebSocketState) -> WebSocket[Any]:
        self.websocket.client_state = client
        self.websocket.application_state = application
        return self.websocket


def open_with(*messages: Message) -> WebSocket[Any]:
    """Make a WebSocket that is accepted and has these messages waiting."""
    return Server(*messages).in_states(CONNECTED, CONNECTED)


# Values


def test_the_states_have_numbers() -> None:
    assert {state.name: state.value for state in WebSocketState} == {
        "CONNECTING": 0,
        "CONNECTED": 1,
        "DISCONNECTED": 2,
        "RESPONSE": 3,
    }


@pytest.mark.parametrize(
    ("error", "code", "reason", "shown"),
    [
        (WebSocketDisconnect(), 1000, "", "1000"),
        (WebSocketDisconnect(1001), 1001, "", "1001"),
        (WebSocketDisconnect(code=1001, reason=None), 1001, "", "1001"),
        (WebSocketDisconnect(1008, "go away"), 1008, "go away", "1008: go away"),
    ],
)
def test_a_disconnect_has_a_code_and_a_reason(
    error: WebSocketDisconnect, code: int, reason: str, shown: str
) -> None:
    assert isinstance(error, BolideError)
    assert (error.code, error.reason, str(error)) == (code, reason, shown)


def test_the_use_of_a_closed_websocket_is_one_of_our_errors() -> None:
    assert issubclass(WebSocketDisconnected, RuntimeError)
    assert issubclass(WebSocketDisconnected, BolideError)
    assert not issubclass(WebSocketDisconnected, WebSocketDisconnect)


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [({}, 1000, ""), ({"code": 1001}, 1001, ""), ({"code": 1008, "reason": "no"}, 1008, "no")],
)
async def test_closing_can_be_an_application(
    arguments: dict[str, Any], code: int, reason: str
) -> None:
    server = Server()

    await WebSocketClose(**arguments)(websocket_scope(), server.receive, server.send)

    assert server.sent == [{"type": "websocket.close", "code": code, "reason": reason}]


# Making one


def test_a_new_websocket_is_connecting_on_both_sides() -> None:
    server = Server()

    assert server.websocket.client_state is CONNECTING
    assert server.websocket.application_state is CONNECTING


@pytest.mark.parametrize("kind", ["http", "lifespan"])
def test_a_scope_of_another_type_is_refused(kind: str) -> None:
    server = Server()

    with pytest.raises(AssertionError, match=f"Expected a websocket scope, got '{kind}'"):
        WebSocket({"type": kind}, server.receive, server.send)


def test_it_is_a_connection_like_others() -> None:
    scope = websocket_scope(
        path="/a",
        query_string=b"x=1",
        headers=[(b"host", b"example.org"), (b"cookie", b"a=b")],
        path_params={"id": 1},
        session={"s": 1},
        user="ada",
        auth=["read"],
    )
    server = Server()
    websocket: WebSocket[Any] = WebSocket(scope, server.receive, server.send)

    assert isinstance(websocket, HTTPConnection)
    assert dict(websocket) == scope
    assert websocket != WebSocket[Any](scope, server.receive, server.send)
    assert len({websocket, websocket}) == 1
    assert websocket.url == "ws://example.org/a?x=1"
    assert websocket.query_params["x"] == "1"
    assert websocket.headers["host"] == "example.org"
    assert websocket.cookies == {"a": "b"}
    assert websocket.path_params == {"id": 1}
    assert (websocket.session, websocket.user, websocket.auth) == ({"s": 1}, "ada", ["read"])
    websocket.state.seen = True
    assert scope["state"] == {"seen": True}


# The machine: what the client's side may say


@pytest.mark.parametrize(
    ("state", "message", "then"),
    [
        (CONNECTING, CONNECT, CONNECTED),
        (CONNECTED, text("a"), CONNECTED),
        (CONNECTED, binary(b"a"), CONNECTED),
        (CONNECTED, goodbye(code=1001), DISCONNECTED),
    ],
)
async def test_a_message_that_the_server_may_send_is_given(
    state: WebSocketState, message: Message, then: WebSocketState
) -> None:
    websocket = Server(message).in_states(state, CONNECTED)

    assert await websocket.receive() is message
    assert websocket.client_state is then
    assert websocket.application_state is CONNECTED


EXPECTED_FROM_SERVER = {
    CONNECTING: '"websocket.connect"',
    CONNECTED: '"websocket.receive" or "websocket.disconnect"',
}


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (CONNECTING, "websocket.receive"),
        (CONNECTING, "websocket.disconnect"),
        (CONNECTED, "websocket.connect"),
        (CONNECTED, "http.request"),
    ],
)
async def test_a_message_that_the_server_may_not_send_is_an_error(
    state: WebSocketState, kind: str
) -> None:
    websocket = Server({"type": kind}).in_states(state, CONNECTED)

    with pytest.raises(RuntimeError) as caught:
        await websocket.receive()

    assert str(caught.value) == (
        f"Expected ASGI message {EXPECTED_FROM_SERVER[state]}, but got '{kind}'"
    )
    assert type(caught.value) is RuntimeError
    assert websocket.client_state is state


@pytest.mark.parametrize("state", [DISCONNECTED, RESPONSE])
async def test_after_the_disconnect_nothing_is_received(state: WebSocketState) -> None:
    websocket = Server(text("a")).in_states(state, CONNECTED)

    with pytest.raises(WebSocketDisconnected) as caught:
        await websocket.receive()

    assert str(caught.value) == 'Cannot call "receive" once a disconnect message has been received.'


# The machine: what the application's side may say

HTTP_START = "websocket.http.response.start"
HTTP_BODY = "websocket.http.response.body"


@pytest.mark.parametrize(
    ("state", "message", "then"),
    [
        (CONNECTING, {"type": "websocket.accept"}, CONNECTED),
        (CONNECTING, {"type": "websocket.close"}, DISCONNECTED),
        (CONNECTING, {"type": HTTP_START, "status": 401}, RESPONSE),
        (CONNECTED, {"type": "websocket.send", "text": "a"}, CONNECTED),
        (CONNECTED, {"type": "websocket.close"}, DISCONNECTED),
        (RESPONSE, {"type": HTTP_BODY, "body": b"a", "more_body": True}, RESPONSE),
        (RESPONSE, {"type": HTTP_BODY, "body": b"a", "more_body": False}, DISCONNECTED),
        (RESPONSE, {"type": HTTP_BODY, "body": b"a"}, DISCONNECTED),
    ],
)
async def test_a_message_that_the_application_may_send_goes_on(
    state: WebSocketState, message: Message, then: WebSocketState
) -> None:
    server = Server()
    websocket = server.in_states(CONNECTED, state)

    await websocket.send(message)

    assert server.sent == [message]
    assert server.sent[0] is message
    assert websocket.application_state is then
    assert websocket.client_state is CONNECTED


EXPECTED_FROM_APPLICATION = {
    CONNECTING: '"websocket.accept", "websocket.close" or "websocket.http.response.start"',
    CONNECTED: '"websocket.send" or "websocket.close"',
    RESPONSE: '"websocket.http.response.body"',
}


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (CONNECTING, "websocket.send"),
        (CONNECTING, HTTP_BODY),
        (CONNECTED, "websocket.accept"),
        (CONNECTED, HTTP_START),
        (RESPONSE, HTTP_START),
        (RESPONSE, "websocket.close"),
        (RESPONSE, "websocket.send"),
    ],
)
async def test_a_message_that_the_application_may_not_send_stays_here(
    state: WebSocketState, kind: str
) -> None:
    server = Server()
    websocket = server.in_states(CONNECTED, state)

    with pytest.raises(RuntimeError) as caught:
        await websocket.send({"type": kind})

    assert str(caught.value) == (
        f"Expected ASGI message {EXPECTED_FROM_APPLICATION[state]}, but got '{kind}'"
    )
    assert type(caught.value) is RuntimeError
    assert websocket.application_state is state
    assert server.sent == []


@pytest.mark.parametrize("kind", ["websocket.send", "websocket.close", "websocket.accept"])
async def test_after_the_close_nothing_is_sent(kind: str) -> None:
    server = Server()

    with pytest.raises(WebSocketDisconnected) as caught:
        await server.in_states(CONNECTED, DISCONNECTED).send({"type": kind})

    assert str(caught.value) == 'Cannot call "send" once a close message has been sent.'
    assert server.sent == []


@pytest.mark.parametrize("kind", ["websocket.send", "websocket.close"])
async def test_a_connection_that_is_lost_is_a_disconnect(kind: str) -> None:
    server = Server()
    server.error = OSError("broken pipe")
    websocket = server.in_states(CONNECTED, CONNECTED)

    with pytest.raises(WebSocketDisconnect) as caught:
        await websocket.send({"type": kind})

    assert (caught.value.code, caught.value.reason) == (1006, "")
    assert caught.value.__suppress_context__
    assert websocket.application_state is DISCONNECTED
    with pytest.raises(WebSocketDisconnected):
        await websocket.send({"type": kind})


@pytest.mark.parametrize(
    ("state", "kind", "then"),
    [
        (CONNECTING, "websocket.accept", CONNECTED),
        (CONNECTING, "websocket.close", DISCONNECTED),
        (CONNECTING, HTTP_START, RESPONSE),
        (RESPONSE, HTTP_BODY, DISCONNECTED),
    ],
)
async def test_before_it_is_accepted_the_error_of_the_server_comes_out(
    state: WebSocketState, kind: str, then: WebSocketState
) -> None:
    server = Server()
    server.error = OSError("broken pipe")
    websocket = server.in_states(CONNECTED, state)

    with pytest.raises(OSError) as caught:
        await websocket.send({"type": kind})

    assert caught.value is server.error
    assert websocket.application_state is then


async def test_other_errors_of_the_server_come_out() -> None:
    server = Server()
    server.error = ValueError("too long")
    websocket = server.in_states(CONNECTED, CONNECTED)

    with pytest.raises(ValueError) as caught:
        await websocket.send_text("a")

    assert caught.value is server.error
    assert websocket.application_state is CONNECTED


async def test_the_state_changes_before_the_message_goes_on() -> None:
    states: list[WebSocketState] = []

    async def send(message: Message) -> None:
        states.append(websocket.application_state)

    websocket: WebSocket[Any] = WebSocket(websocket_scope(), Server(CONNECT).receive, send)
    await websocket.accept()
    await websocket.close()

    assert states == [CONNECTED, DISCONNECTED]


@given(
    st.lists(
        st.sampled_from(
            ["websocket.accept", "websocket.send", "websocket.close", HTTP_START, HTTP_BODY]
        )
    )
)
def test_whatever_is_tried_the_server_hears_only_what_makes_sense(kinds: list[str]) -> None:
    server = Server()

    async def attempt() -> None:
        for kind in kinds:
            try:
                await server.websocket.send({"type": kind})
            except RuntimeError:
                pass

    anyio.run(attempt)

    heard = " ".join(message["type"].removeprefix("websocket.") for message in server.sent)
    start, body = (kind.removeprefix("websocket.") for kind in (HTTP_START, HTTP_BODY))
    first, *rest = heard.split() or [""]
    if first == "accept":
        assert set(rest[:-1]) <= {"send"}
        assert rest[-1:] in ([], ["send"], ["close"])
    elif first == start:
        assert rest in ([], [body])
    else:
        assert (first, rest) in (("", []), ("close", []))


# Accepting


@pytest.mark.parametrize(
    ("arguments", "subprotocol", "headers"),
    [
        ({}, None, []),
        ({"subprotocol": "wamp"}, "wamp", []),
        ({"headers": [(b"a", b"1")]}, None, [(b"a", b"1")]),
        ({"headers": ()}, None, []),
        ({"headers": None}, None, []),
    ],
)
async def test_accepting_takes_the_connect_message_first(
    arguments: dict[str, Any], subprotocol: str | None, headers: list[Any]
) -> None:
    server = Server(CONNECT)

    await server.websocket.accept(**arguments)

    assert server.sent == [
        {"type": "websocket.accept", "subprotocol": subprotocol, "headers": headers}
    ]
    assert (server.websocket.client_state, server.websocket.application_state) == (
        CONNECTED,
        CONNECTED,
    )


async def test_a_connect_message_that_was_taken_is_not_waited_for() -> None:
    server = Server(CONNECT, text("a"))

    assert await server.websocket.receive() is CONNECT
    await server.websocket.accept()

    assert await server.websocket.receive_text() == "a"


async def test_a_websocket_is_accepted_once() -> None:
    server = Server(CONNECT)
    await server.websocket.accept()

    with pytest.raises(RuntimeError, match="but got 'websocket.accept'"):
        await server.websocket.accept()


def test_the_client_sees_the_subprotocol_and_the_headers(client_for: ClientFor) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        websocket: WebSocket[Any] = WebSocket(scope, receive, send)
        assert websocket["subprotocols"] == ["soap", "wamp"]
        await websocket.accept(subprotocol="wamp", headers=[(b"x-a", b"1")])
        await websocket.close()

    with client_for(app).websocket_connect("/", subprotocols=["soap", "wamp"]) as session:
        assert session.accepted_subprotocol == "wamp"
        assert session.extra_headers == [(b"x-a", b"1")]


@pytest.mark.parametrize(
    ("asked", "url"),
    [
        ("/123?a=abc", "ws://testserver/123?a=abc"),
        ("ws://example.com:123/123?a=abc", "ws://example.com:123/123?a=abc"),
        ("wss://example.com/", "wss://example.com/"),
    ],
)
def test_a_websocket_knows_its_url(client_for: ClientFor, asked: str, url: str) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        websocket: WebSocket[Any] = WebSocket(scope, receive, send)
        await websocket.accept()
        await websocket.send_json({"url": str(websocket.url)})
        await websocket.close()

    with client_for(app).websocket_connect(asked) as session:
        assert session.receive_json() == {"url": url}


# Receiving

RECEIVERS: list[Callable[[WebSocket[Any]], Any]] = [
    WebSocket.receive_text,
    WebSocket.receive_bytes,
    WebSocket.receive_json,
    lambda websocket: anext(websocket.iter_text()),
    lambda websocket: anext(websocket.iter_bytes()),
    lambda websocket: anext(websocket.iter_json()),
]


@pytest.mark.parametrize("receive", RECEIVERS)
@pytest.mark.parametrize("state", [CONNECTING, DISCONNECTED, RESPONSE])
async def test_data_is_received_only_while_the_application_is_connected(
    receive: Callable[[WebSocket[Any]], Any], state: WebSocketState
) -> None:
    server = Server(text("a"))

    with pytest.raises(WebSocketDisconnected) as caught:
        await receive(server.in_states(CONNECTED, state))

    assert str(caught.value) == 'WebSocket is not connected. Need to call "accept" first.'
    assert await server.receive() == text("a")


@pytest.mark.parametrize("receive", RECEIVERS[:3])
@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        (goodbye(code=1001, reason="bye"), 1001, "bye"),
        (goodbye(code=1000), 1000, ""),
        (goodbye(code=1000, reason=None), 1000, ""),
        # RFC 6455, section 7.4.1: a close without a code counts as this one.
        (goodbye(), 1005, ""),
    ],
)
async def test_a_disconnect_is_raised(
    receive: Callable[[WebSocket[Any]], Any], message: Message, code: int, reason: str
) -> None:
    websocket = open_with(message)

    with pytest.raises(WebSocketDisconnect) as caught:
        await receive(websocket)
    assert (caught.value.code, caught.value.reason) == (code, reason)
    assert websocket.client_state is DISCONNECTED

    with pytest.raises(WebSocketDisconnected):
        await receive(websocket)


async def test_text_and_bytes_are_received_as_they_are() -> None:
    websocket = open_with(text("é"), text(""), binary(b"\xff"), binary(b""))

    assert await websocket.receive_text() == "é"
    assert await websocket.receive_text() == ""
    assert await websocket.receive_bytes() == b"\xff"
    assert await websocket.receive_bytes() == b""


async def test_a_message_of_the_other_kind_is_an_error() -> None:
    websocket = open_with(binary(b"a"), text("a"))

    with pytest.raises(KeyError, match="text"):
        await websocket.receive_text()
    with pytest.raises(KeyError, match="bytes"):
        await websocket.receive_bytes()


async def test_json_is_received_from_text_or_from_bytes() -> None:
    websocket = open_with(text('{"é": [1]}'), text("1"), binary('{"é": [1]}'.encode()))

    assert await websocket.receive_json() == {"é": [1]}
    assert await websocket.receive_json(mode="text") == 1
    assert await websocket.receive_json(mode="binary") == {"é": [1]}


async def test_a_message_that_is_not_json_is_an_error() -> None:
    with pytest.raises(json.JSONDecodeError):
        await open_with(text("{")).receive_json()


async def test_an_unknown_mode_is_refused_before_anything_else() -> None:
    server = Server(text("1"))

    for unknown in (server.websocket.receive_json("json"), server.websocket.send_json(1, "json")):
        with pytest.raises(RuntimeError) as caught:
            await unknown
        assert str(caught.value) == 'The "mode" argument should be "text" or "binary".'

    assert server.sent == []
    assert await server.receive() == text("1")


@pytest.mark.parametrize(
    ("iterate", "messages", "values"),
    [
        (WebSocket.iter_text, [text("a"), text("b")], ["a", "b"]),
        (WebSocket.iter_bytes, [binary(b"a"), binary(b"b")], [b"a", b"b"]),
        (WebSocket.iter_json, [text("1"), text("[2]")], [1, [2]]),
        (WebSocket.iter_text, [], []),
        (WebSocket.iter_bytes, [], []),
        (WebSocket.iter_json, [], []),
    ],
)
async def test_iterating_ends_quietly_when_the_client_closes(
    iterate: Callable[[WebSocket[Any]], AsyncIterator[Any]],
    messages: list[Message],
    values: list[Any],
) -> None:
    websocket = open_with(*messages, goodbye(code=1001))

    assert [value async for value in iterate(websocket)] == values
    assert websocket.client_state is DISCONNECTED


# Sending


async def test_text_and_bytes_are_sent_as_they_are() -> None:
    server = Server()
    websocket = server.in_states(CONNECTED, CONNECTED)

    await websocket.send_text("é")
    await websocket.send_bytes(b"\xff")

    assert server.sent == [
        {"type": "websocket.send", "text": "é"},
        {"type": "websocket.send", "bytes": b"\xff"},
    ]


async def test_json_is_sent_short_and_with_all_letters() -> None:
    server = Server()
    websocket = server.in_states(CONNECTED, CONNECTED)

    await websocket.send_json({"é": [1, None]})
    await websocket.send_json({"é": [1, None]}, mode="text")
    await websocket.send_json({"é": [1, None]}, mode="binary")

    assert server.sent == [
        {"type": "websocket.send", "text": '{"é":[1,null]}'},
        {"type": "websocket.send", "text": '{"é":[1,null]}'},
        {"type": "websocket.send", "bytes": '{"é":[1,null]}'.encode()},
    ]


async def test_a_value_that_is_no_json_is_not_sent() -> None:
    server = Server()

    with pytest.raises(TypeError):
        await server.in_states(CONNECTED, CONNECTED).send_json(object())

    assert server.sent == []


@pytest.mark.parametrize("mode", ["text", "binary"])
def test_json_goes_both_ways(client_for: ClientFor, mode: Any) -> None:
    async def endpoint(websocket: WebSocket[Any]) -> None:
        await websocket.accept()
        await websocket.send_json({"got": await websocket.receive_json(mode)}, mode=mode)
        await websocket.close()

    client = client_for(Starlette(routes=[WebSocketRoute("/", endpoint)]))
    with client.websocket_connect("/") as session:
        session.send_json({"é": 1}, mode=mode)
        assert session.receive_json(mode=mode) == {"got": {"é": 1}}


def test_one_task_receives_while_another_sends(client_for: ClientFor) -> None:
    async def endpoint(websocket: WebSocket[Any]) -> None:
        to_writer, from_reader = anyio.create_memory_object_stream[str](1)

        async def read() -> None:
            async with to_writer:
                async for data in websocket.iter_text():
                    await to_writer.send(data)

        async def write() -> None:
            async with from_reader:
                async for data in from_reader:
                    await websocket.send_text(data.upper())

        await websocket.accept()
        await websocket.send_text("ready")
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(read)
            task_group.start_soon(write)

    client = client_for(Starlette(routes=[WebSocketRoute("/", endpoint)]))
    with client.websocket_connect("/") as session:
        assert session.receive_text() == "ready"
        session.send_text("a")
        session.send_text("b")
        assert [session.receive_text(), session.receive_text()] == ["A", "B"]


# Closing


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ({}, 1000, ""),
        ({"code": 1001}, 1001, ""),
        ({"code": 1001, "reason": None}, 1001, ""),
        ({"code": 1008, "reason": "no"}, 1008, "no"),
    ],
)
@pytest.mark.parametrize("state", [CONNECTING, CONNECTED])
async def test_closing_says_why(
    state: WebSocketState, arguments: dict[str, Any], code: int, reason: str
) -> None:
    server = Server()
    websocket = server.in_states(CONNECTED, state)

    await websocket.close(**arguments)

    assert server.sent == [{"type": "websocket.close", "code": code, "reason": reason}]
    with pytest.raises(WebSocketDisconnected, match="once a close message has been sent"):
        await websocket.close()


def test_the_client_sees_how_the_application_closed(client_for: ClientFor) -> None:
    async def endpoint(websocket: WebSocket[Any]) -> None:
        await websocket.accept()
        await websocket.close(1001, "later")

    client = client_for(Starlette(routes=[WebSocketRoute("/", endpoint)]))
    with (
        client.websocket_connect("/") as session,
        pytest.raises(WebSocketDisconnect) as caught,
    ):
        session.receive_text()

    assert (caught.value.code, caught.value.reason) == (1001, "later")


def test_the_application_sees_how_the_client_closed(client_for: ClientFor) -> None:
    seen: list[tuple[int, str]] = []

    async def endpoint(websocket: WebSocket[Any]) -> None:
        await websocket.accept()
        try:
            await websocket.receive_text()
        except WebSocketDisconnect as exc:
            seen.append((exc.code, exc.reason))

    client = client_for(Starlette(routes=[WebSocketRoute("/", endpoint)]))
    with client.websocket_connect("/") as session:
        session.close(code=1001, reason="bye")

    assert seen == [(1001, "bye")]


@pytest.mark.parametrize("waits", [False, True])
def test_a_close_before_it_is_accepted_refuses_it(client_for: ClientFor, waits: bool) -> None:
    async def endpoint(websocket: WebSocket[Any]) -> None:
        if waits:
            await websocket.receive()
        await websocket.close(1001)

    client = client_for(Starlette(routes=[WebSocketRoute("/", endpoint)]))
    with pytest.raises(WebSocketDisconnect) as caught:
        client.websocket_connect("/").__enter__()

    assert caught.value.code == 1001


def test_an_error_of_the_application_is_raised_at_the_client(client_for: ClientFor) -> None:
    async def endpoint(websocket: WebSocket[Any]) -> None:
        await websocket.accept()
        raise ValueError("boom")

    client = client_for(Starlette(routes=[WebSocketRoute("/", endpoint)]))

    with pytest.raises(ValueError, match="boom"), client.websocket_connect("/"):
        pass


# Refusing with a response

FILE = Path(__file__)


async def letters() -> AsyncIterator[str]:
    for letter in "abc":
        yield letter


@pytest.mark.parametrize(
    ("make", "status", "content"),
    [
        (lambda: Response(b"no", status_code=401), 401, b"no"),
        (lambda: PlainTextResponse("no", status_code=404), 404, b"no"),
        (lambda: StreamingResponse(letters(), status_code=410), 410, b"abc"),
        (lambda: FileResponse(FILE, status_code=418), 418, FILE.read_bytes()),
    ],
    ids=["response", "text", "stream", "file"],
)
def test_any_response_can_refuse(
    client_for: ClientFor, make: Callable[[], Response], status: int, content: bytes
) -> None:
    async def endpoint(websocket: WebSocket[Any]) -> None:
        response = make()
        response.headers["x-why"] = "because"
        await websocket.send_denial_response(response)
        assert websocket.application_state is DISCONNECTED

    client = client_for(Starlette(routes=[WebSocketRoute("/", endpoint)]))
    with pytest.raises(DENIED) as caught:
        client.websocket_connect("/").__enter__()

    denial = caught.value
    assert issubclass(DENIED, WebSocketDisconnect)
    assert (denial.status_code, denial.content) == (status, content)
    assert denial.headers["x-why"] == "because"


async def test_a_refusal_is_a_start_and_a_body() -> None:
    server = Server(extensions=DENIAL)

    await server.websocket.send_denial_response(PlainTextResponse("no", status_code=401))

    start, body = server.sent
    assert (start["type"], start["status"]) == (HTTP_START, 401)
    assert (b"content-length", b"2") in start["headers"]
    assert (body["type"], body["body"]) == (HTTP_BODY, b"no")
    assert server.websocket.application_state is DISCONNECTED


async def test_a_response_gets_the_channels_of_the_websocket_itself() -> None:
    server = Server(CONNECT, extensions=DENIAL)
    given: list[Any] = []

    async def response(scope: Scope, receive: Receive, send: Send) -> None:
        given.extend([scope, receive, send])

    await server.websocket.send_denial_response(response)

    websocket = server.websocket
    assert given == [websocket.scope, websocket.receive, websocket.send]


@pytest.mark.parametrize("scope", [{}, {"extensions": {}}, {"extensions": {"tls": {}}}])
async def test_a_server_that_cannot_refuse_with_a_response_is_an_error(
    scope: dict[str, Any],
) -> None:
    server = Server(**scope)

    with pytest.raises(RuntimeError) as caught:
        await server.websocket.send_denial_response(PlainTextResponse("no"))

    assert str(caught.value) == (
        "The server doesn't support the Websocket Denial Response extension."
    )
    assert server.sent == []


def test_a_refusal_can_be_sent_by_hand(client_for: ClientFor) -> None:
    async def endpoint(websocket: WebSocket[Any]) -> None:
        await websocket.send({"type": HTTP_START, "status": 404, "headers": [(b"a", b"1")]})
        await websocket.send({"type": HTTP_BODY, "body": b"hard", "more_body": True})
        await websocket.send({"type": HTTP_BODY, "body": b"body"})

    client = client_for(Starlette(routes=[WebSocketRoute("/", endpoint)]))
    with pytest.raises(DENIED) as caught:
        client.websocket_connect("/").__enter__()

    denial = caught.value
    assert (denial.status_code, denial.content, denial.headers["a"]) == (404, b"hardbody", "1")


async def refusing(websocket: WebSocket[Any]) -> None:
    raise HTTPException(status_code=401, detail="no")


async def answer(request: Request[Any], exc: Any) -> Response:
    return PlainTextResponse(exc.detail, status_code=exc.status_code)


handling = Starlette(
    routes=[WebSocketRoute("/", refusing)], exception_handlers={HTTPException: answer}
)


def test_an_http_exception_that_is_handled_refuses(client_for: ClientFor) -> None:
    with pytest.raises(DENIED) as caught:
        client_for(handling).websocket_connect("/").__enter__()

    denial = caught.value
    assert (denial.status_code, denial.content) == (401, b"no")


async def test_the_response_of_a_handler_is_sent_even_if_the_server_may_not_know_it() -> None:
    server = Server(CONNECT)

    await handling(websocket_scope(), server.receive, server.send)

    assert [message["type"] for message in server.sent] == [HTTP_START, HTTP_BODY]


@pytest.mark.anyio
@pytest.mark.parametrize(
    "arguments",
    [
        {"subprotocol": "a\r\nb"},
        {"headers": [(b"a", b"1"), (b"b", b"2\n")]},
        {"headers": [(b"a\0", b"1")]},
    ],
)
async def test_what_would_end_a_header_of_the_handshake_is_refused(
    arguments: dict[str, Any],
) -> None:
    server = Server(CONNECT)

    with pytest.raises(ValueError, match="The header"):
        await server.websocket.accept(**arguments)

    assert server.sent == []
    await server.websocket.accept()
