"""The middleware that puts the user and their permissions into the scope."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

import pytest

from bolide.applications import Starlette
from bolide.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
    SimpleUser,
    UnauthenticatedUser,
)
from bolide.middleware import Middleware
from bolide.middleware.authentication import AuthenticationMiddleware
from bolide.requests import HTTPConnection, Request
from bolide.responses import JSONResponse, PlainTextResponse, Response
from bolide.routing import Route, WebSocketRoute
from bolide.testclient import TestClient
from bolide.types import Message, Receive, Scope, Send
from bolide.websockets import WebSocket, WebSocketDisconnect

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]


class FakeBackend(AuthenticationBackend):
    """Gives one answer, or raises it; keeps the connections it was asked about."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: list[HTTPConnection] = []

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        self.asked.append(conn)
        if isinstance(self.answer, Exception):
            raise self.answer
        answer: tuple[AuthCredentials, BaseUser] | None = self.answer
        return answer


class BasicAuth(AuthenticationBackend):
    """Believes any user name of basic credentials that are well formed."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        header = conn.headers.get("authorization")
        if header is None:
            return None
        try:
            decoded = base64.b64decode(header.removeprefix("Basic "), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise AuthenticationError("Invalid basic auth credentials") from None
        return AuthCredentials(["authenticated"]), SimpleUser(decoded.partition(":")[0])


async def call(app: Any, scope: Scope) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        raise RuntimeError("nothing is to be received")

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def note_scopes(scopes: list[Scope]) -> Any:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)

    return app


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_what_the_backend_finds_is_put_into_the_scope(kind: str) -> None:
    scopes: list[Scope] = []
    credentials, user = AuthCredentials(["read"]), SimpleUser("anna")
    backend = FakeBackend((credentials, user))
    scope = {"type": kind, "headers": []}

    assert await call(AuthenticationMiddleware(note_scopes(scopes), backend), scope) == []

    assert scopes == [scope]
    assert scopes[0] is scope
    assert scope["auth"] is credentials
    assert scope["user"] is user
    assert [type(conn) for conn in backend.asked] == [HTTPConnection]
    assert backend.asked[0].scope is scope


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_a_client_that_does_not_say_is_nobody_and_may_do_nothing(kind: str) -> None:
    scope: Scope = {"type": kind, "headers": []}

    await call(AuthenticationMiddleware(note_scopes([]), FakeBackend(None)), scope)

    assert type(scope["auth"]) is AuthCredentials
    assert scope["auth"].scopes == []
    assert type(scope["user"]) is UnauthenticatedUser


async def test_two_clients_that_do_not_say_share_nothing() -> None:
    first: Scope = {"type": "http"}
    second: Scope = {"type": "http"}
    app = AuthenticationMiddleware(note_scopes([]), FakeBackend(None))
    await call(app, first)
    await call(app, second)

    assert first["auth"] is not second["auth"]


async def test_other_kinds_of_scopes_pass_untouched() -> None:
    scopes: list[Scope] = []
    backend = FakeBackend(AuthenticationError("must not be asked"))

    await call(AuthenticationMiddleware(note_scopes(scopes), backend), {"type": "lifespan"})

    assert scopes == [{"type": "lifespan"}]
    assert backend.asked == []


async def test_bad_credentials_are_answered_with_the_text_of_the_error() -> None:
    scopes: list[Scope] = []
    app = AuthenticationMiddleware(note_scopes(scopes), FakeBackend(AuthenticationError("No.")))

    start, body = await call(app, {"type": "http"})

    assert start["status"] == 400
    assert (b"content-type", b"text/plain; charset=utf-8") in start["headers"]
    assert body["body"] == b"No."
    assert scopes == []


async def test_bad_credentials_close_a_websocket_without_a_reason() -> None:
    scopes: list[Scope] = []
    app = AuthenticationMiddleware(note_scopes(scopes), FakeBackend(AuthenticationError("No.")))

    sent = await call(app, {"type": "websocket"})

    assert sent == [{"type": "websocket.close", "code": 1000}]
    assert scopes == []


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_the_answer_to_bad_credentials_can_be_chosen(kind: str) -> None:
    calls: list[tuple[HTTPConnection, Exception]] = []
    error = AuthenticationError("No.")
    backend = FakeBackend(error)

    def on_error(conn: HTTPConnection, exc: AuthenticationError) -> Response:
        calls.append((conn, exc))
        return JSONResponse({"error": str(exc)}, status_code=401)

    app = AuthenticationMiddleware(note_scopes([]), backend, on_error=on_error)
    sent = await call(app, {"type": kind})

    # Also for a WebSocket, where the response is not sent.
    assert calls == [(backend.asked[0], error)]
    if kind == "http":
        assert (sent[0]["status"], sent[1]["body"]) == (401, b'{"error":"No."}')
    else:
        assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.parametrize("kind", ["http", "websocket"])
async def test_other_errors_of_the_backend_come_out(kind: str) -> None:
    error = LookupError()
    with pytest.raises(LookupError) as caught:
        await call(AuthenticationMiddleware(note_scopes([]), FakeBackend(error)), {"type": kind})

    assert caught.value is error


async def test_errors_of_the_application_are_not_those_of_the_backend() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AuthenticationError("raised inside")

    with pytest.raises(AuthenticationError, match="raised inside"):
        await call(AuthenticationMiddleware(app, FakeBackend()), {"type": "http"})


def test_the_default_answer_can_be_called_by_others() -> None:
    conn: HTTPConnection = HTTPConnection({"type": "http"})
    response = AuthenticationMiddleware.default_on_error(conn, ValueError("broken"))

    assert isinstance(response, PlainTextResponse)
    assert (response.status_code, response.body) == (400, b"broken")


def test_the_default_answer_can_be_overridden_in_a_subclass(client_for: ClientFor) -> None:
    class Teapot(AuthenticationMiddleware):
        @staticmethod
        def default_on_error(conn: HTTPConnection, exc: Exception) -> Response:
            return PlainTextResponse("short and stout", status_code=418)

    app = Teapot(note_scopes([]), FakeBackend(AuthenticationError()))

    assert client_for(app).get("/").status_code == 418


def test_a_middleware_tells_what_it_was_made_of() -> None:
    app, backend = note_scopes([]), FakeBackend()
    middleware = AuthenticationMiddleware(app, backend)

    assert (middleware.app, middleware.backend) == (app, backend)
    assert middleware.on_error is AuthenticationMiddleware.default_on_error


# In an application


async def whoami(request: Request) -> Response:
    return JSONResponse(
        {
            "authenticated": request.user.is_authenticated,
            "user": request.user.display_name,
            "scopes": request.auth.scopes,
        }
    )


async def whoami_websocket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json([websocket.user.display_name, websocket.auth.scopes])
    await websocket.close()


basic_app = Starlette(
    routes=[Route("/", whoami), WebSocketRoute("/ws", whoami_websocket)],
    middleware=[Middleware(AuthenticationMiddleware, backend=BasicAuth())],
)


def test_an_endpoint_sees_the_user(client_for: ClientFor) -> None:
    with client_for(basic_app) as client:
        response = client.get("/", auth=("anna", "secret"))

        assert response.json() == {
            "authenticated": True,
            "user": "anna",
            "scopes": ["authenticated"],
        }


def test_an_endpoint_sees_that_there_is_no_user(client_for: ClientFor) -> None:
    with client_for(basic_app) as client:
        response = client.get("/")

        assert response.json() == {"authenticated": False, "user": "", "scopes": []}


def test_bad_basic_credentials_are_a_bad_request(client_for: ClientFor) -> None:
    with client_for(basic_app) as client:
        response = client.get("/", headers={"authorization": "Basic foobar"})

        assert response.status_code == 400
        assert response.text == "Invalid basic auth credentials"


def test_a_websocket_endpoint_sees_the_user(client_for: ClientFor) -> None:
    token = base64.b64encode(b"anna:secret").decode()
    headers = {"authorization": f"Basic {token}"}
    with client_for(basic_app).websocket_connect("/ws", headers=headers) as websocket:
        assert websocket.receive_json() == ["anna", ["authenticated"]]


def test_bad_credentials_refuse_a_websocket(client_for: ClientFor) -> None:
    client = client_for(basic_app)
    with (
        pytest.raises(WebSocketDisconnect),
        client.websocket_connect("/ws", headers={"authorization": "Basic foobar"}),
    ):
        raise RuntimeError("must not be accepted")
