"""WebSockets from pages of other origins: refused before the application hears of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bolide.applications import Starlette
from bolide.middleware import Middleware
from bolide.middleware.origin import WebSocketOriginMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse
from bolide.routing import Route, WebSocketRoute
from bolide.testclient import TestClient, WebSocketDenialResponse
from bolide.types import Message, Receive, Scope, Send
from bolide.websockets import WebSocket, WebSocketDisconnect

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]
REFUSED = [{"type": "websocket.close", "code": 1008, "reason": "Origin not allowed"}]
REACHED = [{"type": "websocket.accept"}]


async def accept(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})


async def handshake(
    headers: list[tuple[str, str]],
    *,
    scheme: str = "wss",
    first: str = "websocket.connect",
    **options: Any,
) -> list[Message]:
    """Give what the server is told about a handshake."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": first}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "scheme": scheme,
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }
    await WebSocketOriginMiddleware(accept, **options)(scope, receive, send)
    return sent


HOST = ("host", "example.com")


@pytest.mark.parametrize(
    ("scheme", "headers"),
    [
        ("wss", [HOST, ("origin", "https://example.com")]),
        ("wss", [HOST, ("origin", "https://EXAMPLE.com:443")]),
        ("ws", [HOST, ("origin", "https://example.com")]),
        ("ws", [HOST, ("origin", "http://example.com")]),
        ("wss", [HOST, ("origin", "https://app.example")]),
        # No browser.
        ("wss", [HOST]),
        ("wss", [HOST, ("cookie", "a=b")]),
        ("wss", []),
    ],
)
async def test_a_handshake_is_let_through(scheme: str, headers: list[tuple[str, str]]) -> None:
    allowed = ["https://app.example"]

    assert await handshake(headers, scheme=scheme, allowed_origins=allowed) == REACHED


@pytest.mark.parametrize(
    ("scheme", "headers"),
    [
        ("wss", [HOST, ("origin", "https://evil.example")]),
        ("ws", [HOST, ("origin", "https://evil.example")]),
        ("wss", [HOST, ("origin", "https://example.com.evil.example")]),
        ("wss", [HOST, ("origin", "https://example.com:8443")]),
        ("wss", [HOST, ("origin", "http://example.com")]),
        ("wss", [HOST, ("origin", "http://app.example")]),
        ("wss", [HOST, ("origin", "null")]),
        ("wss", [HOST, ("origin", "")]),
        ("wss", [HOST, ("origin", "\xff")]),
        ("wss", [HOST, ("origin", "https://example.com"), ("origin", "https://evil.example")]),
        ("wss", [HOST, ("origin", "https://evil.example"), ("origin", "https://example.com")]),
        ("wss", [HOST, ("host", "evil.example"), ("origin", "https://example.com")]),
        ("wss", [("host", "evil.example"), HOST, ("origin", "https://evil.example")]),
        ("wss", [("origin", "https://example.com")]),
    ],
)
async def test_a_handshake_is_refused(scheme: str, headers: list[tuple[str, str]]) -> None:
    allowed = ["https://app.example"]

    assert await handshake(headers, scheme=scheme, allowed_origins=allowed) == REFUSED


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        ([], REACHED),
        ([("cookie", "session=1")], REFUSED),
        ([("authorization", "Basic YTpi")], REFUSED),
    ],
)
async def test_only_handshakes_with_credentials_may_be_looked_at(
    headers: list[tuple[str, str]], sent: list[Message]
) -> None:
    evil = [HOST, ("origin", "https://evil.example"), *headers]

    assert await handshake(evil, only_with_credentials=True) == sent
    assert await handshake(evil) == REFUSED


async def test_a_client_that_has_left_meanwhile_is_told_nothing() -> None:
    headers = [HOST, ("origin", "https://evil.example")]

    assert await handshake(headers, first="websocket.disconnect") == []


async def test_anything_but_a_websocket_is_none_of_its_business() -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)

    async def never(*args: object) -> Any:
        raise AssertionError

    lifespan: Scope = {"type": "lifespan"}
    http: Scope = {"type": "http", "headers": [(b"origin", b"https://evil.example")]}
    for scope in (lifespan, http):
        await WebSocketOriginMiddleware(app)(scope, never, never)

    assert scopes == [lifespan, http]


@pytest.mark.parametrize("origins", ["https://app.example", ["*"], ["app.example"]])
def test_what_is_no_list_of_origins_is_an_error(origins: Any) -> None:
    with pytest.raises(ValueError, match="origin"):
        WebSocketOriginMiddleware(accept, origins)


def test_a_browser_gets_a_status_of_403(client_for: ClientFor) -> None:
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())

    async def index(request: Request) -> PlainTextResponse:
        return PlainTextResponse("index")

    app = Starlette(
        routes=[WebSocketRoute("/", echo), Route("/", index)],
        middleware=[Middleware(WebSocketOriginMiddleware)],
    )
    client = client_for(app)

    with client.websocket_connect("/", headers={"origin": "http://testserver"}) as websocket:
        websocket.send_text("hello")
        assert websocket.receive_text() == "hello"
    evil = {"origin": "https://evil.example"}
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
        client.websocket_connect("/", headers=evil),
    ):
        pass
    assert client.get("/", headers=evil).text == "index"
