"""WebSockets of the blocking test client."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from contextlib import closing
from typing import Any

import anyio
import anyio.lowlevel
import httpx2
import pytest

from bolide.testclient import (
    TestClient,
    WebSocketDenialResponse,
    WebSocketDisconnect,
    WebSocketTestSession,
)
from bolide.testing import InvalidEvent, ReceiveTimeout

ACCEPT = {"type": "websocket.accept", "headers": []}

ClientFactory = Callable[..., TestClient]


def sending(*messages: Any, then: BaseException | None = None) -> Any:
    """Make an application that sends these events, and raises then."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        if then is not None:
            raise then

    return app


def with_lifespan(app: Any) -> Any:
    """Give an application a lifespan in which nothing happens."""

    async def wrapper(scope: Any, receive: Any, send: Any) -> Any:
        if scope["type"] != "lifespan":
            return await app(scope, receive, send)
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        return await send({"type": "lifespan.shutdown.complete"})

    return wrapper


def cancellable(log: list[str], *messages: Any) -> Any:
    """Make an application that sends these events, and logs how it ends."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await sending(*messages)(scope, receive, send)
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            log.append("cancelled")
            raise

    return app


class Recorder:
    """An application that keeps the scope of the connection, and accepts."""

    scope: Any

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        await send(ACCEPT)

    def header(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.scope["headers"] if key == name]


@pytest.fixture
def client_for(anyio_backend: Any) -> ClientFactory:
    """Make clients for the backend of the test."""
    return functools.partial(TestClient, backend=anyio_backend)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({**ACCEPT, "subprotocol": "chosen", "headers": [(b"x-a", b"1")]})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


def test_the_scope_of_a_websocket(client_for: ClientFactory) -> None:
    app = Recorder()
    client = client_for(app, root_path="/root", client=("h", 1), base_url="https://elsewhere/api/")
    with client.websocket_connect("/a b?x=1", subprotocols=["a", "b"]):
        pass
    assert app.scope.pop("headers") == [
        (b"host", b"testserver"),
        (b"accept", b"*/*"),
        (b"accept-encoding", client.headers["accept-encoding"].encode()),
        (b"user-agent", b"testclient"),
        (b"connection", b"upgrade"),
        (b"sec-websocket-key", b"testserver=="),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-protocol", b"a, b"),
    ]
    assert app.scope == {
        "type": "websocket",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "root_path": "/root",
        "scheme": "ws",
        "query_string": b"x=1",
        "client": ("h", 1),
        "server": ["testserver", 80],
        "subprotocols": ["a", "b"],
        "extensions": {"websocket.http.response": {}},
        "state": {},
    }


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("room", ("ws", "/room", ["testserver", 80])),
        ("ws://example.com:123/room", ("ws", "/room", ["example.com", 123])),
        ("wss://example.com/room", ("wss", "/room", ["example.com", 443])),
    ],
)
def test_the_url_of_a_websocket(client_for: ClientFactory, url: str, seen: Any) -> None:
    app = Recorder()
    with client_for(app).websocket_connect(url):
        pass
    assert (app.scope["scheme"], app.scope["path"], app.scope["server"]) == seen


def test_a_websocket_needs_a_websocket_url() -> None:
    with pytest.raises(ValueError, match="'http://testserver/'"):
        TestClient(echo).websocket_connect("http://testserver/")


def test_other_arguments_of_a_websocket_go_to_the_request(client_for: ClientFactory) -> None:
    app = Recorder()
    headers = {"Connection": "mine", "x-a": "1"}
    client = client_for(app, cookies={"c": "d"})
    with client.websocket_connect("/", headers=headers, params={"q": "1"}, auth=("u", "p")):
        pass
    assert headers == {"Connection": "mine", "x-a": "1"}
    assert app.header(b"connection") == [b"mine"]
    assert app.header(b"x-a") == [b"1"]
    assert app.header(b"cookie") == [b"c=d"]
    assert app.header(b"authorization") == [b"Basic dTpw"]
    assert app.header(b"sec-websocket-protocol") == []
    assert app.scope["query_string"] == b"q=1"


def test_another_transport_cannot_open_a_websocket() -> None:
    client = TestClient(echo)
    client._transport = httpx2.MockTransport(lambda request: httpx2.Response(200))
    with pytest.raises(RuntimeError, match="Another transport"):
        client.websocket_connect("/")


def test_a_websocket_that_is_accepted(client_for: ClientFactory) -> None:
    session = client_for(echo).websocket_connect("/")
    assert isinstance(session, WebSocketTestSession)
    with session as entered:
        assert entered is session
        assert session.accepted_subprotocol == "chosen"
        assert session.extra_headers == [(b"x-a", b"1")]
    with client_for(sending({"type": "websocket.accept"})).websocket_connect("/") as session:
        assert session.accepted_subprotocol is None
        assert session.extra_headers == []


def test_messages_of_all_kinds(client_for: ClientFactory) -> None:
    with client_for(echo).websocket_connect("/") as session:
        session.send_text("é")
        assert session.receive() == {"type": "websocket.send", "text": "é"}
        session.send_bytes(b"\xff")
        assert session.receive() == {"type": "websocket.send", "bytes": b"\xff"}
        session.send({"type": "websocket.receive", "text": "a", "bytes": None})
        assert session.receive() == {"type": "websocket.send", "text": "a", "bytes": None}
        session.send_text("text")
        assert session.receive_text() == "text"
        session.send_bytes(b"bytes")
        assert session.receive_bytes() == b"bytes"
        session.send_json({"é": [1, 2]})
        assert session.receive() == {"type": "websocket.send", "text": '{"é":[1,2]}'}
        session.send_json({"é": 1}, mode="binary")
        assert session.receive() == {"type": "websocket.send", "bytes": '{"é":1}'.encode()}
        session.send_json([1])
        assert session.receive_json() == [1]
        session.send_json([1], mode="binary")
        assert session.receive_json(mode="binary") == [1]


def test_json_has_two_modes(client_for: ClientFactory) -> None:
    mode: Any = "other"
    with client_for(echo).websocket_connect("/") as session:
        with pytest.raises(RuntimeError, match='"text" or "binary"'):
            session.send_json({}, mode=mode)
        with pytest.raises(RuntimeError, match='"text" or "binary"'):
            session.receive_json(mode=mode)


def closing_with(**keys: Any) -> Any:
    return sending(ACCEPT, {"type": "websocket.close", **keys})


def test_a_close_of_the_application_is_raised(client_for: ClientFactory) -> None:
    receivers: list[Any] = [
        WebSocketTestSession.receive_text,
        WebSocketTestSession.receive_bytes,
        WebSocketTestSession.receive_json,
    ]
    for receive in receivers:
        client = client_for(closing_with(code=4000, reason="why"))
        with client.websocket_connect("/") as session:
            with pytest.raises(WebSocketDisconnect) as raised:
                receive(session)
            assert (raised.value.code, raised.value.reason) == (4000, "why")


def test_a_close_of_the_application_is_an_event_too(client_for: ClientFactory) -> None:
    with client_for(closing_with()).websocket_connect("/") as session:
        assert session.receive() == {"type": "websocket.close"}
        for _ in range(2):
            with pytest.raises(WebSocketDisconnect) as raised:
                session.receive()
            assert (raised.value.code, raised.value.reason) == (1000, "")


def test_an_application_that_ends_closes(client_for: ClientFactory) -> None:
    with client_for(sending(ACCEPT)).websocket_connect("/") as session:
        with pytest.raises(WebSocketDisconnect) as raised:
            session.receive_text()
        assert raised.value.code == 1006


@pytest.mark.parametrize(
    ("arguments", "event"),
    [
        ((), {"code": 1000, "reason": None}),
        ((4001, "bye"), {"code": 4001, "reason": "bye"}),
    ],
)
def test_closing_tells_the_application(
    client_for: ClientFactory, arguments: Any, event: dict[str, Any]
) -> None:
    heard: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(ACCEPT)
        heard.extend([await receive(), await receive()])

    with client_for(app).websocket_connect("/") as session:
        session.close(*arguments)
    assert heard == [
        {"type": "websocket.connect"},
        {"type": "websocket.disconnect", **event},
    ]


def test_leaving_disconnects(client_for: ClientFactory) -> None:
    heard: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        heard.append(await receive())
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        heard.append("cleaned up")

    with client_for(app).websocket_connect("/"):
        pass
    assert heard == [
        {"type": "websocket.disconnect", "code": 1000, "reason": None},
        "cleaned up",
    ]


@pytest.mark.parametrize("block", [True, False])
def test_leaving_does_not_wait_for_an_application_that_sleeps(
    client_for: ClientFactory, block: bool
) -> None:
    log: list[str] = []
    client = client_for(with_lifespan(cancellable(log, ACCEPT)))
    with client if block else closing(client):
        with client.websocket_connect("/"):
            pass
        assert log == ["cancelled"]


@pytest.mark.parametrize("block", [True, False])
def test_a_websocket_that_is_left_open_is_cancelled_with_the_client(
    client_for: ClientFactory, block: bool
) -> None:
    log: list[str] = []
    client = client_for(with_lifespan(cancellable(log, ACCEPT)))
    with client if block else closing(client):
        client.websocket_connect("/").__enter__()
    assert log == ["cancelled"]


def test_the_application_may_receive_and_send_in_different_tasks(
    client_for: ClientFactory,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)

        async def push() -> None:
            await send({"type": "websocket.send", "text": "pushed"})

        async with anyio.create_task_group() as task_group:
            task_group.start_soon(push)
            await receive()

    with client_for(app).websocket_connect("/") as session:
        assert session.receive_text() == "pushed"


@pytest.mark.parametrize(
    ("messages", "code", "reason"),
    [
        ([{"type": "websocket.close"}], 1000, ""),
        ([{"type": "websocket.close", "code": 4003, "reason": "no"}], 4003, "no"),
    ],
)
def test_a_websocket_that_is_refused(
    client_for: ClientFactory, messages: list[Any], code: int, reason: str
) -> None:
    log: list[str] = []
    session = client_for(cancellable(log, *messages)).websocket_connect("/")
    with pytest.raises(WebSocketDisconnect) as raised, session:
        pytest.fail("entered")  # pragma: no cover
    assert (raised.value.code, raised.value.reason) == (code, reason)
    assert log == ["cancelled"]


def test_a_websocket_that_is_denied(client_for: ClientFactory) -> None:
    app = sending(
        {"type": "websocket.http.response.start", "status": 403, "headers": [(b"x-a", b"1")]},
        {"type": "websocket.http.response.body", "body": b"no ", "more_body": True},
        {"type": "websocket.http.response.body", "body": b"entry"},
    )
    session = client_for(app).websocket_connect("/")
    with pytest.raises(WebSocketDenialResponse) as raised, session:
        pytest.fail("entered")  # pragma: no cover
    response = raised.value
    assert response.status_code == 403
    assert response.headers["x-a"] == "1"
    assert response.content == b"no entry"
    assert (response.code, response.reason) == (1006, "")
    assert str(response) == "403 Forbidden"


def test_no_answer_to_the_handshake_is_an_error(client_for: ClientFactory) -> None:
    session = client_for(sending()).websocket_connect("/")
    with pytest.raises(AssertionError, match="without answering"), session:
        pytest.fail("entered")  # pragma: no cover


@pytest.mark.parametrize("block", [True, False])
@pytest.mark.parametrize(
    "messages",
    [
        [],
        [ACCEPT],
        [{"type": "websocket.close"}],
        [{"type": "websocket.send", "text": "early"}],
    ],
)
def test_an_exception_comes_out_of_the_block(
    client_for: ClientFactory, block: bool, messages: list[Any]
) -> None:
    client = client_for(with_lifespan(sending(*messages, then=ValueError("mine"))))
    with client if block else closing(client):
        expected: Any = AssertionError if "text" in str(messages) else ValueError
        with pytest.raises(expected), client.websocket_connect("/"):
            pass


def receive_in_vain(client: TestClient, then: BaseException | None = None) -> None:
    """Receive from an application that fails, catch that, and leave; raising, if so wanted."""
    with client.websocket_connect("/") as session:
        with pytest.raises(ValueError, match="mine"):
            session.receive_text()
        if then is not None:
            raise then


def test_an_exception_is_raised_from_receiving_and_from_leaving(client_for: ClientFactory) -> None:
    client = client_for(sending(ACCEPT, then=ValueError("mine")))
    with pytest.raises(ValueError, match="mine"):
        receive_in_vain(client)
    with pytest.raises(ValueError, match="mine"):
        receive_in_vain(client, then=KeyError("block"))


def test_an_interrupt_is_not_hidden_by_an_exception(client_for: ClientFactory) -> None:
    client = client_for(sending(ACCEPT, then=ValueError("mine")))
    with pytest.raises(KeyboardInterrupt):
        receive_in_vain(client, then=KeyboardInterrupt())


# Waiting in vain


@pytest.mark.parametrize("method", ["receive", "receive_text", "receive_bytes", "receive_json"])
@pytest.mark.parametrize("by_default", [True, False])
def test_receiving_has_a_limit(client_for: ClientFactory, method: str, by_default: bool) -> None:
    app = cancellable([], ACCEPT)
    client = client_for(app, websocket_timeout=0) if by_default else client_for(app)
    options = {} if by_default else {"timeout": 0}
    with client.websocket_connect("/") as session:
        for _ in range(2):
            with pytest.raises(ReceiveTimeout, match="has sent nothing for 0 s"):
                getattr(session, method)(**options)


def test_a_limit_of_one_call_counts_for_more(client_for: ClientFactory) -> None:
    app = sending(ACCEPT, {"type": "websocket.send", "text": "a"})
    with client_for(app, websocket_timeout=0).websocket_connect("/") as session:
        assert session.receive_text(timeout=math.inf) == "a"


def test_opening_has_a_limit(client_for: ClientFactory) -> None:
    log: list[str] = []
    client = client_for(cancellable(log), websocket_timeout=0)
    with pytest.raises(ReceiveTimeout), client.websocket_connect("/"):
        pass
    assert log == ["cancelled"]


def test_events_are_checked_if_that_is_wanted(client_for: ClientFactory) -> None:
    app = sending({**ACCEPT, "subprotocol": b"bytes"})
    with client_for(app).websocket_connect("/"):
        pass
    with (
        pytest.raises(InvalidEvent, match="`subprotocol` must be a str or None"),
        client_for(app, validate_events=True).websocket_connect("/"),
    ):
        pass
