"""Class endpoints: a method for each verb, or for each event of a WebSocket."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from bolide.endpoints import HTTPEndpoint, WebSocketEndpoint
from bolide.exceptions import HTTPException
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Route, Router, WebSocketRoute
from bolide.types import Message, Scope
from bolide.websockets import WebSocket, WebSocketDisconnect

ClientFor = Callable[..., Any]


async def unused_receive() -> Message:
    raise NotImplementedError


async def unused_send(message: Message) -> None:
    raise NotImplementedError


async def call(endpoint: Any, scope: Scope, *messages: Message) -> list[Message]:
    """Run an endpoint with these messages, and give what it sends."""
    waiting = list(messages)
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await endpoint(scope, receive, send)
    return sent


# --- HTTPEndpoint ---------------------------------------------------------------------------


class Page(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse(f"get {request.path_params.get('id')}")

    def post(self, request: Request) -> Response:
        return PlainTextResponse(f"post in {threading.current_thread() is threading.main_thread()}")

    async def query(self, request: Request) -> Response:
        return PlainTextResponse(await request.body())

    async def _do_delete(self, request: Request) -> Response:
        raise NotImplementedError

    async def secret(self, request: Request) -> Response:
        raise NotImplementedError


class OnlyPost(HTTPEndpoint):
    async def post(self, request: Request) -> Response:
        raise NotImplementedError


class EveryVerb(HTTPEndpoint):
    async def answer(self, request: Request) -> Response:
        return PlainTextResponse(headers={"x-verb": request.method})

    get = head = post = put = patch = delete = options = query = answer


class WithoutGet(Page):
    get = None  # type: ignore[assignment]


def test_the_method_for_the_verb_is_called(client_for: ClientFor) -> None:
    client = client_for(Router([Route("/{id:int}", Page)]))
    assert client.get("/7").text == "get 7"
    assert client.post("/7").text == "post in False"
    assert client.request("QUERY", "/7", content=b"the body").text == "the body"


def test_head_is_answered_by_get(client_for: ClientFor) -> None:
    head = client_for(Page).head("/")
    assert (head.status_code, head.text) == (200, "")
    assert head.headers["content-length"] == str(len("get None"))


@pytest.mark.parametrize(
    "verb", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"]
)
def test_every_verb_may_have_a_method(client_for: ClientFor, verb: str) -> None:
    assert client_for(EveryVerb).request(verb, "/").headers["x-verb"] == verb


@pytest.mark.parametrize(
    ("endpoint", "allow"),
    [
        (Page, "GET, HEAD, POST, QUERY"),
        (OnlyPost, "POST"),
        (WithoutGet, "POST, QUERY"),
        (HTTPEndpoint, ""),
    ],
)
@pytest.mark.parametrize(
    "method", ["PUT", "OPTIONS", "get", "_DO_DELETE", "SECRET", "DISPATCH", "SCOPE", "__INIT__"]
)
@pytest.mark.anyio
async def test_anything_else_is_not_allowed(
    endpoint: type[HTTPEndpoint], allow: str, method: str
) -> None:
    start, body = await call(endpoint, {"type": "http", "method": method})
    assert (start["status"], body["body"]) == (405, b"Method Not Allowed")
    assert (b"allow", allow.encode()) in start["headers"]

    with pytest.raises(HTTPException) as caught:
        await call(endpoint, {"type": "http", "method": method, "app": None})
    assert (caught.value.status_code, caught.value.headers) == (405, {"Allow": allow})


@pytest.mark.parametrize("endpoint", [OnlyPost, WithoutGet])
def test_head_without_get_is_not_allowed(
    client_for: ClientFor, endpoint: type[HTTPEndpoint]
) -> None:
    assert client_for(endpoint).head("/").status_code == 405


@pytest.mark.anyio
async def test_what_is_not_allowed_may_be_answered_otherwise() -> None:
    class Polite(HTTPEndpoint):
        async def method_not_allowed(self, request: Request) -> Response:
            return PlainTextResponse(f"please do not {request.method}", 405)

    _, body = await call(Polite, {"type": "http", "method": "GET", "app": None})
    assert body["body"] == b"please do not GET"


@pytest.mark.anyio
async def test_dispatch_may_be_overridden() -> None:
    class Counting(Page):
        async def dispatch(self) -> None:
            self.scope["path_params"] = {"id": "overridden"}
            await super().dispatch()

    _, body = await call(Counting, {"type": "http", "method": "GET"})
    assert body["body"] == b"get overridden"


@pytest.mark.anyio
async def test_there_is_a_fresh_instance_for_each_request() -> None:
    seen: list[HTTPEndpoint] = []

    class Remember(HTTPEndpoint):
        async def get(self, request: Request) -> Response:
            seen.append(self)
            return PlainTextResponse()

    for _ in range(2):
        await call(Remember, {"type": "http", "method": "GET"})
    assert len({id(endpoint) for endpoint in seen}) == 2


def test_an_endpoint_keeps_what_it_was_called_with() -> None:
    scope: Scope = {"type": "http"}
    endpoint = HTTPEndpoint(scope, unused_receive, unused_send)
    assert endpoint.scope is scope
    assert (endpoint.receive, endpoint.send) == (unused_receive, unused_send)


@pytest.mark.anyio
async def test_the_request_can_send_early_hints() -> None:
    class Hinting(HTTPEndpoint):
        async def get(self, request: Request) -> Response:
            await request.send_early_hints("</style.css>; rel=preload; as=style")
            return PlainTextResponse()

    scope: Scope = {
        "type": "http",
        "method": "GET",
        "extensions": {"http.response.early_hint": {}},
    }
    sent = await call(Hinting, scope)
    assert [message["type"] for message in sent] == [
        "http.response.early_hint",
        "http.response.start",
        "http.response.body",
    ]


@pytest.mark.anyio
async def test_exceptions_are_for_others_to_handle() -> None:
    class Failing(HTTPEndpoint):
        async def get(self, request: Request) -> Response:
            raise HTTPException(404)

    async def handler(request: Request, exc: Exception) -> Response:
        raise NotImplementedError

    handlers: tuple[Any, Any] = ({HTTPException: handler}, {})
    scope: Scope = {"type": "http", "method": "GET", "starlette.exception_handlers": handlers}
    with pytest.raises(HTTPException):
        await call(Failing, scope)


@pytest.mark.parametrize(
    ("endpoint", "scope_type"), [(HTTPEndpoint, "websocket"), (WebSocketEndpoint, "http")]
)
def test_an_endpoint_is_for_one_type_of_scope(endpoint: Any, scope_type: str) -> None:
    with pytest.raises(AssertionError, match=scope_type):
        endpoint({"type": scope_type}, unused_receive, unused_send)


# --- WebSocketEndpoint ----------------------------------------------------------------------


class Echo(WebSocketEndpoint):
    """Sends back the representation of what it gets."""

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        await websocket.send_text(repr(data))


class TextEcho(Echo):
    encoding = "text"


class BytesEcho(Echo):
    encoding = "bytes"


class JSONEcho(Echo):
    encoding = "json"


class OddEcho(Echo):
    encoding = "odd"  # type: ignore[assignment]


WS_SCOPE: Scope = {"type": "websocket", "path": "/"}
CONNECT: Message = {"type": "websocket.connect"}
DISCONNECT: Message = {"type": "websocket.disconnect", "code": 1000}


def receiving(**data: Any) -> Message:
    return {"type": "websocket.receive", **data}


@pytest.mark.parametrize(
    ("endpoint", "message", "data"),
    [
        (TextEcho, {"text": "a"}, "a"),
        (TextEcho, {"text": ""}, ""),
        (TextEcho, {"text": "a", "bytes": b"b"}, "a"),
        (BytesEcho, {"bytes": b"a"}, b"a"),
        (BytesEcho, {"bytes": b"", "text": None}, b""),
        (JSONEcho, {"text": '{"a": [1]}'}, {"a": [1]}),
        (JSONEcho, {"bytes": '{"a": "é"}'.encode()}, {"a": "é"}),
        (JSONEcho, {"text": None, "bytes": b"1"}, 1),
        (JSONEcho, {"text": "1", "bytes": b"2"}, 1),
        (Echo, {"text": "a"}, "a"),
        (Echo, {"text": "", "bytes": b"b"}, ""),
        (Echo, {"bytes": b"a"}, b"a"),
        (Echo, {"text": None, "bytes": b"a"}, b"a"),
    ],
)
@pytest.mark.anyio
async def test_data_is_decoded(endpoint: Any, message: dict[str, Any], data: object) -> None:
    accepted, echoed = await call(endpoint, WS_SCOPE, CONNECT, receiving(**message), DISCONNECT)
    assert accepted["type"] == "websocket.accept"
    assert echoed["text"] == repr(data)


TEXT_EXPECTED = "Expected text websocket messages, but got bytes"
BYTES_EXPECTED = "Expected bytes websocket messages, but got text"
MALFORMED = "Malformed JSON data received."


@pytest.mark.parametrize(
    ("endpoint", "message", "reason"),
    [
        (TextEcho, {"bytes": b"a"}, TEXT_EXPECTED),
        (TextEcho, {"text": None, "bytes": b"a"}, TEXT_EXPECTED),
        (BytesEcho, {"text": "a"}, BYTES_EXPECTED),
        (BytesEcho, {"text": "a", "bytes": None}, BYTES_EXPECTED),
        (JSONEcho, {"text": "{"}, MALFORMED),
        (JSONEcho, {"text": ""}, MALFORMED),
        (JSONEcho, {"bytes": b"\xff"}, MALFORMED),
        (JSONEcho, {}, MALFORMED),
    ],
)
@pytest.mark.anyio
async def test_other_data_closes_the_websocket(
    endpoint: Any, message: dict[str, Any], reason: str
) -> None:
    sent: list[Message] = []
    codes: list[int] = []

    class Noting(endpoint):  # type: ignore[misc]
        async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
            codes.append(close_code)

    waiting = [CONNECT, receiving(**message)]

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    with pytest.raises(RuntimeError) as caught:
        await Noting(WS_SCOPE, receive, send)

    assert str(caught.value) == reason
    assert sent[1:] == [{"type": "websocket.close", "code": 1003, "reason": ""}]
    assert codes == [1011]


@pytest.mark.anyio
async def test_an_unknown_encoding_is_a_mistake() -> None:
    with pytest.raises(AssertionError) as caught:
        await call(OddEcho, WS_SCOPE, CONNECT, receiving(text="a"))
    assert str(caught.value) == "Unsupported 'encoding' attribute odd"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"code": 1001}, 1001),
        ({"code": "1001"}, 1001),
        ({"code": None}, 1000),
        ({"code": 0}, 1000),
        ({}, 1000),
    ],
)
@pytest.mark.anyio
async def test_the_close_code_is_a_number(message: dict[str, Any], code: int) -> None:
    codes: list[Any] = []

    class Endpoint(WebSocketEndpoint):
        async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
            codes.append(close_code)

    await call(Endpoint, WS_SCOPE, CONNECT, {"type": "websocket.disconnect", **message})
    assert codes == [code]
    assert type(codes[0]) is int


@pytest.mark.anyio
async def test_by_default_it_accepts_and_takes_everything() -> None:
    messages = (receiving(text="a"), receiving(bytes=b"b"), DISCONNECT)
    sent = await call(WebSocketEndpoint, WS_SCOPE, CONNECT, *messages)
    assert [message["type"] for message in sent] == ["websocket.accept"]


@pytest.mark.anyio
async def test_an_exception_while_receiving_ends_with_1011_and_propagates() -> None:
    codes: list[int] = []
    error = LookupError()

    class Failing(WebSocketEndpoint):
        async def on_receive(self, websocket: WebSocket, data: Any) -> None:
            raise error

        async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
            codes.append(close_code)

    with pytest.raises(LookupError) as caught:
        await call(Failing, WS_SCOPE, CONNECT, receiving(text="a"))
    assert caught.value is error
    assert codes == [1011]


@pytest.mark.anyio
async def test_cancellation_is_a_disconnect_too() -> None:
    codes: list[int] = []

    class Endpoint(WebSocketEndpoint):
        async def on_connect(self, websocket: WebSocket) -> None:
            await super().on_connect(websocket)
            cancel_scope.cancel()

        async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
            codes.append(close_code)

    messages = [CONNECT]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await anyio.sleep_forever()
        raise NotImplementedError

    async def send(message: Message) -> None: ...

    with anyio.CancelScope() as cancel_scope:
        await Endpoint(WS_SCOPE, receive, send)
    assert cancel_scope.cancelled_caught
    assert codes == [1011]


@pytest.mark.anyio
async def test_what_was_not_let_in_is_not_disconnected() -> None:
    class Closed(WebSocketEndpoint):
        async def on_connect(self, websocket: WebSocket) -> None:
            raise LookupError("not today")

        async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
            raise NotImplementedError

    with pytest.raises(LookupError, match="not today"):
        await call(Closed, WS_SCOPE, CONNECT)


def test_a_conversation(client_for: ClientFor) -> None:
    class Endpoint(JSONEcho):
        async def on_connect(self, websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.send_json({"room": websocket.path_params["room"]})

        async def on_receive(self, websocket: WebSocket, data: Any) -> None:
            await websocket.send_json({"got": data})

    client = client_for(Router([WebSocketRoute("/{room}", Endpoint)]))
    with client.websocket_connect("/a") as session:
        assert session.receive_json() == {"room": "a"}
        session.send_json([1, 2])
        assert session.receive_json() == {"got": [1, 2]}
        session.send_json("x", mode="binary")
        assert session.receive_json() == {"got": "x"}


def test_on_disconnect_may_still_close(client_for: ClientFor) -> None:
    class Endpoint(WebSocketEndpoint):
        async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
            await websocket.close(code=close_code)

    with client_for(Endpoint).websocket_connect("/") as session:
        session.close(code=1001)
        with pytest.raises(WebSocketDisconnect) as caught:
            session.receive_text()
    assert caught.value.code == 1001
