"""Patterns of the seeds: talking over a WebSocket, refusing one, and class endpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bolide.applications import Starlette
from bolide.endpoints import HTTPEndpoint, WebSocketEndpoint
from bolide.exceptions import HTTPException, WebSocketException
from bolide.responses import JSONResponse
from bolide.routing import Route, WebSocketRoute
from bolide.testclient import TestClient, WebSocketDenialResponse
from bolide.websockets import WebSocket, WebSocketDisconnect

ClientFor = Callable[..., TestClient]


def talking(endpoint: Any) -> Starlette:
    return Starlette(routes=[WebSocketRoute("/ws", endpoint)])


def room_app(cleaned_up: list[str]) -> Starlette:
    """An application whose endpoint lets in those who bring a token, and cleans up."""

    def is_authorized(headers):
        return headers.get("authorization") == "Bearer token"

    async def cleanup_websocket_resources():
        cleaned_up.append("done")

    async def websocket_endpoint(websocket):
        # Authorization before accepting
        if not is_authorized(websocket.headers):
            raise HTTPException(status_code=401, detail="Unauthorized")

        await websocket.accept()
        try:
            while True:
                data = await websocket.receive_text()
                await websocket.send_text(f"Echo: {data}")
        except WebSocketDisconnect:
            # Handle disconnect cleanup
            pass
        finally:
            # Ensure cleanup happens
            await cleanup_websocket_resources()

    routes = [
        WebSocketRoute("/ws/{room_id:int}", websocket_endpoint),
    ]
    return Starlette(routes=routes)


def test_a_loop_ends_with_the_connection(client_for: ClientFor) -> None:
    cleaned_up: list[str] = []
    client = client_for(room_app(cleaned_up), headers={"Authorization": "Bearer token"})

    with client.websocket_connect("/ws/1") as websocket:
        for text in ("hello", "again"):
            websocket.send_text(text)
            assert websocket.receive_text() == f"Echo: {text}"
        assert cleaned_up == []
        websocket.close()
    assert cleaned_up == ["done"]


def test_an_http_exception_before_accepting_is_an_answer(client_for: ClientFor) -> None:
    client = client_for(room_app([]))

    with (
        pytest.raises(WebSocketDenialResponse) as denied,
        client.websocket_connect("/ws/1"),
    ):
        pass
    assert (denied.value.status_code, denied.value.text) == (401, "Unauthorized")


def test_a_websocket_works_without_an_application_class(client_for: ClientFor) -> None:
    async def ws_app(scope, receive, send):
        websocket = WebSocket(scope=scope, receive=receive, send=send)
        await websocket.accept()
        # Send data
        await websocket.send_text("hello")
        await websocket.send_bytes(b"\x00\x01")
        await websocket.send_json({"key": "value"})
        # Receive data
        text = await websocket.receive_text()
        data = await websocket.receive_bytes()
        obj = await websocket.receive_json()
        await websocket.send_json([text, data.decode(), obj])
        # Iterate over messages (exits on disconnect)
        async for message in websocket.iter_text():
            await websocket.send_text(f"Echo: {message}")
        # Close
        await websocket.close(code=1000, reason="Done")

    with client_for(ws_app).websocket_connect("/") as websocket:
        assert websocket.receive_text() == "hello"
        assert websocket.receive_bytes() == b"\x00\x01"
        assert websocket.receive_json() == {"key": "value"}
        websocket.send_text("text")
        websocket.send_bytes(b"bytes")
        websocket.send_json({"a": 1})
        assert websocket.receive_json() == ["text", "bytes", {"a": 1}]
        websocket.send_text("one more")
        assert websocket.receive_text() == "Echo: one more"
        websocket.close()
        assert websocket.receive() == {"type": "websocket.close", "code": 1000, "reason": "Done"}


def test_closing_before_accepting_is_a_refusal(client_for: ClientFor) -> None:
    async def ws_endpoint(websocket):
        await websocket.close()

    with (
        pytest.raises(WebSocketDisconnect) as refused,
        client_for(talking(ws_endpoint)).websocket_connect("/ws"),
    ):
        pass
    assert refused.value.code == 1000


@pytest.mark.parametrize("authorized", [True, False])
def test_a_refusal_may_be_a_response(authorized: bool, client_for: ClientFor) -> None:
    async def ws_endpoint(websocket):
        if not authorized:
            response = JSONResponse({"error": "Unauthorized"}, status_code=401)
            await websocket.send_denial_response(response)
            return
        await websocket.accept()

    client = client_for(talking(ws_endpoint))

    if authorized:
        with client.websocket_connect("/ws") as websocket:
            assert websocket.accepted_subprotocol is None
    else:
        with (
            pytest.raises(WebSocketDenialResponse) as denied,
            client.websocket_connect("/ws"),
        ):
            pass
        assert denied.value.status_code == 401
        assert denied.value.json() == {"error": "Unauthorized"}


def test_a_class_endpoint_answers_the_methods_it_has(client_for: ClientFor) -> None:
    class UserEndpoint(HTTPEndpoint):
        async def get(self, request):
            return JSONResponse({"users": []})

        async def post(self, request):
            data = await request.json()
            return JSONResponse({"created": data}, status_code=201)

    routes = [Route("/users", UserEndpoint)]
    client = client_for(Starlette(routes=routes))

    assert client.get("/users").json() == {"users": []}
    created = client.post("/users", json={"name": "Alice"})
    assert (created.status_code, created.json()) == (201, {"created": {"name": "Alice"}})
    assert client.delete("/users").status_code == 405


def echo_endpoint(of: str, left: list[int]) -> type[WebSocketEndpoint]:
    """The echoing endpoint for messages of a kind, which notes with which code one left."""

    class EchoEndpoint(WebSocketEndpoint):
        encoding = of  # "json", "bytes", or "text"

        async def on_connect(self, websocket):
            await websocket.accept()

        async def on_receive(self, websocket, data):
            await websocket.send_text(f"Echo: {data}")

        async def on_disconnect(self, websocket, close_code):
            left.append(close_code)

    return EchoEndpoint


@pytest.mark.parametrize(
    ("encoding", "message", "echo"),
    [
        ("text", {"text": "hello"}, "Echo: hello"),
        ("json", {"text": '{"a": 1}'}, "Echo: {'a': 1}"),
        ("bytes", {"bytes": b"hello"}, "Echo: b'hello'"),
    ],
)
def test_a_class_endpoint_decodes_its_messages(
    encoding: str, message: dict[str, Any], echo: str, client_for: ClientFor
) -> None:
    left: list[int] = []
    app = talking(echo_endpoint(encoding, left))

    with client_for(app).websocket_connect("/ws") as websocket:
        websocket.send({"type": "websocket.receive", **message})
        assert websocket.receive_text() == echo
        websocket.close(code=1001)
    assert left == [1001]


def test_a_websocket_exception_closes_with_its_code_and_reason(client_for: ClientFor) -> None:
    async def ws_endpoint(websocket):
        await websocket.accept()
        raise WebSocketException(code=1008, reason="Policy violation")

    with (
        client_for(talking(ws_endpoint)).websocket_connect("/ws") as websocket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        websocket.receive_text()
    assert (closed.value.code, closed.value.reason) == (1008, "Policy violation")


def test_a_websocket_exception_has_handlers_of_its_own(client_for: ClientFor) -> None:
    handled: list[str] = []

    async def ws_handler(websocket, exc):
        handled.append(exc.reason)
        await websocket.close(code=4000, reason="handled")

    async def http_handler(request, exc):
        raise AssertionError("this is for requests")

    async def ws_endpoint(websocket):
        await websocket.accept()
        raise WebSocketException(code=1008, reason="Policy violation")

    app = Starlette(
        routes=[WebSocketRoute("/ws", ws_endpoint)],
        exception_handlers={WebSocketException: ws_handler, HTTPException: http_handler},
    )

    with (
        client_for(app).websocket_connect("/ws") as websocket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        websocket.receive_text()
    assert (closed.value.code, handled) == (4000, ["Policy violation"])
