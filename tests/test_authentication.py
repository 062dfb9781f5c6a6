"""Users, permissions, and the guard in front of an endpoint."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide.applications import Bolide, Starlette
from bolide.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
    SimpleUser,
    UnauthenticatedUser,
    has_required_scope,
    requires,
)
from bolide.endpoints import HTTPEndpoint
from bolide.exceptions import BolideError, HTTPException
from bolide.middleware import Middleware
from bolide.middleware.authentication import AuthenticationMiddleware
from bolide.requests import HTTPConnection, Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Route, WebSocketRoute
from bolide.testclient import TestClient
from bolide.types import Message
from bolide.websockets import WebSocket, WebSocketDisconnect

ClientFor = Callable[..., TestClient]


def request_with(*scopes: str) -> Request:
    return Request({"type": "http", "auth": AuthCredentials(scopes)})


async def no_receive() -> Message:
    raise RuntimeError("nothing is to be received")


def websocket_with(sent: list[Message], *scopes: str) -> WebSocket:
    async def send(message: Message) -> None:
        sent.append(message)

    return WebSocket({"type": "websocket", "auth": AuthCredentials(scopes)}, no_receive, send)


# Users and credentials


def test_credentials_copy_the_names_they_are_given() -> None:
    names = ["read"]
    credentials = AuthCredentials(names)
    names.append("write")

    assert credentials.scopes == ["read"]


@pytest.mark.parametrize("given_scopes", [None, [], ()])
def test_credentials_may_be_empty(given_scopes: Sequence[str] | None) -> None:
    assert AuthCredentials(given_scopes).scopes == []
    assert AuthCredentials().scopes == []


def test_credentials_do_not_share_their_list() -> None:
    AuthCredentials().scopes.append("admin")

    assert AuthCredentials().scopes == []


def test_a_simple_user_is_known_by_its_name() -> None:
    user = SimpleUser("anna")

    assert isinstance(user, BaseUser)
    assert (user.username, user.is_authenticated) == ("anna", True)
    assert (user.display_name, user.identity) == ("anna", "anna")


def test_nobody_has_no_name() -> None:
    user = UnauthenticatedUser()

    assert isinstance(user, BaseUser)
    assert (user.is_authenticated, user.display_name, user.identity) == (False, "", "")


@pytest.mark.parametrize("name", ["is_authenticated", "display_name", "identity"])
def test_a_user_class_has_to_say_everything_itself(name: str) -> None:
    with pytest.raises(NotImplementedError):
        getattr(BaseUser(), name)


@pytest.mark.anyio
async def test_a_backend_has_to_authenticate() -> None:
    with pytest.raises(NotImplementedError):
        await AuthenticationBackend().authenticate(HTTPConnection({"type": "http"}))


def test_an_authentication_error_is_one_of_ours() -> None:
    assert issubclass(AuthenticationError, BolideError)
    assert str(AuthenticationError("bad password")) == "bad password"


NAMES = st.lists(st.sampled_from(["read", "write", "admin"]))


@given(NAMES, NAMES)
def test_all_permissions_that_are_asked_for_have_to_be_there(
    present: list[str], asked: list[str]
) -> None:
    assert has_required_scope(request_with(*present), asked) is (set(asked) <= set(present))


# What can be guarded


@pytest.mark.parametrize(
    "func", [lambda: None, lambda req, socket: None, lambda *args, **kwargs: None]
)
def test_a_function_that_takes_no_connection_cannot_be_guarded(func: Callable[..., Any]) -> None:
    with pytest.raises(Exception) as caught:
        requires("read")(func)

    assert str(caught.value) == f'No "request" or "websocket" argument on function "{func}"'
    assert isinstance(caught.value, BolideError)
    assert isinstance(caught.value, TypeError)


def test_a_guarded_function_keeps_its_name_and_docs() -> None:
    def sync(request: Request) -> None:
        """Sync docs."""

    async def on_request(request: Request) -> None:
        """Async docs."""

    async def on_websocket(websocket: WebSocket) -> None:
        """WebSocket docs."""

    for func in (sync, on_request, on_websocket):
        guarded: Any = requires("read")(func)
        assert (guarded.__name__, guarded.__doc__) == (func.__name__, func.__doc__)
        assert guarded.__wrapped__ is func


def test_a_sync_function_stays_sync_and_an_async_one_async() -> None:
    def sync(request: Request) -> None: ...
    async def on_request(request: Request) -> None: ...
    async def on_websocket(websocket: WebSocket) -> None: ...

    guard = requires("read")
    assert not inspect.iscoroutinefunction(guard(sync))
    assert inspect.iscoroutinefunction(guard(on_request))
    assert inspect.iscoroutinefunction(guard(on_websocket))


def test_a_guarded_websocket_function_is_always_async() -> None:
    def not_async(websocket: WebSocket) -> None: ...

    assert inspect.iscoroutinefunction(requires("read")(not_async))


@pytest.mark.anyio
async def test_the_first_connection_parameter_in_the_signature_counts() -> None:
    calls: list[Any] = []
    sent: list[Message] = []

    async def websocket_first(websocket: WebSocket, request: Any) -> None:
        calls.append(request)

    def request_first(request: Request, websocket: Any) -> Any:
        return websocket

    # The other parameter need not even be a connection.
    await requires("read")(websocket_first)(websocket_with(sent, "read"), "anything")
    assert calls == ["anything"]
    assert requires("read")(request_first)(request_with("read"), "anything") == "anything"
    assert sent == []


# Calling a guarded function


@pytest.mark.parametrize(
    "call",
    [
        lambda func, request: func(1, request, 3),
        lambda func, request: func(1, request, c=3),
        lambda func, request: func(1, request=request, c=3),
        lambda func, request: func(c=3, request=request, a=1),
    ],
)
def test_the_request_may_be_passed_in_any_way(call: Callable[..., Any]) -> None:
    @requires("read")
    def func(a: int, request: Request, c: int) -> tuple[int, Request, int]:
        return a, request, c

    request = request_with("read")
    assert call(func, request) == (1, request, 3)
    with pytest.raises(HTTPException):
        call(func, request_with())


def test_the_request_may_be_keyword_only() -> None:
    @requires("read")
    def func(*values: int, request: Request) -> tuple[int, ...]:
        return values

    assert func(1, 2, 3, request=request_with("read")) == (1, 2, 3)


def test_a_method_can_be_guarded() -> None:
    class Resource:
        name = "resource"

        @requires("read")
        def get(self, request: Request) -> str:
            return self.name

    assert Resource().get(request_with("read")) == "resource"
    with pytest.raises(HTTPException):
        Resource().get(request_with("write"))


def test_a_guard_works_under_a_decorator_that_passes_keywords() -> None:
    def with_extra(func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def wrapper(request: Request) -> Any:
            return func(request=request, extra="extra")

        return wrapper

    @with_extra
    @requires("read")
    def func(request: Request, extra: str) -> str:
        return extra

    assert func(request_with("read")) == "extra"
    with pytest.raises(HTTPException):
        func(request_with())


@pytest.mark.parametrize("value", ["text", None, HTTPConnection({"type": "http"})])
def test_what_is_no_request_is_refused(value: object) -> None:
    @requires("read")
    def func(request: Any) -> None:
        raise RuntimeError("must not be called")

    expected = (
        "Parameter with name 'request' is required to be of type 'Request'"
        f" not '{type(value).__name__}'"
    )
    for call in (lambda: func(value), lambda: func(request=value)):
        with pytest.raises(AssertionError) as caught:
            call()
        assert str(caught.value) == expected


@pytest.mark.anyio
async def test_what_is_no_request_is_refused_by_an_async_function_too() -> None:
    @requires("read")
    async def func(a: int, request: Any = None) -> None:
        raise RuntimeError("must not be called")

    with pytest.raises(AssertionError, match="'Request' not 'NoneType'"):
        await func(1)


@pytest.mark.anyio
async def test_what_is_no_websocket_is_refused() -> None:
    @requires("read")
    async def func(websocket: Any) -> None:
        raise RuntimeError("must not be called")

    with pytest.raises(AssertionError) as caught:
        await func(request_with("read"))

    assert str(caught.value) == (
        "Parameter with name 'websocket' is required to be of type 'WebSocket' not 'Request'"
    )


@pytest.mark.anyio
async def test_a_guarded_function_runs_for_whoever_has_the_permission() -> None:
    @requires("read")
    def sync(request: Request) -> str:
        return "sync"

    @requires(["read", "write"])
    async def not_sync(request: Request) -> str:
        return "async"

    request = request_with("read", "write")
    assert sync(request) == "sync"
    assert await not_sync(request) == "async"


@pytest.mark.parametrize("status_code", [403, 404])
@pytest.mark.anyio
async def test_without_permission_the_status_is_raised(status_code: int) -> None:
    def sync(request: Request) -> None:
        raise RuntimeError("must not be called")

    async def not_sync(request: Request) -> None:
        raise RuntimeError("must not be called")

    guard = requires(["read", "admin"], status_code=status_code)
    with pytest.raises(HTTPException) as caught:
        guard(sync)(request_with("read"))
    assert caught.value.status_code == status_code
    with pytest.raises(HTTPException) as caught:
        await guard(not_sync)(request_with("read"))
    assert caught.value.status_code == status_code


def test_without_permission_the_status_is_403_by_default() -> None:
    @requires("read")
    def func(request: Request) -> None: ...

    with pytest.raises(HTTPException) as caught:
        func(request_with())
    assert caught.value.status_code == 403


def test_one_text_is_one_permission() -> None:
    @requires("read")
    def func(request: Request) -> bool:
        return True

    with pytest.raises(HTTPException):
        func(request_with("r", "e", "a", "d"))
    assert func(request_with("read")) is True


def test_the_permissions_are_those_of_decoration_time() -> None:
    scopes = ["read"]

    @requires(scopes)
    def func(request: Request) -> bool:
        return True

    scopes.append("admin")
    assert func(request_with("read")) is True


@pytest.mark.anyio
async def test_a_websocket_without_permission_is_closed() -> None:
    sent: list[Message] = []

    @requires("read")
    async def func(websocket: WebSocket) -> None:
        raise RuntimeError("must not be called")

    await func(websocket_with(sent, "write"))

    assert [message["type"] for message in sent] == ["websocket.close"]
    assert sent[0]["code"] == 1000


@pytest.mark.anyio
async def test_a_websocket_with_permission_reaches_the_function() -> None:
    sent: list[Message] = []
    calls: list[tuple[object, ...]] = []

    @requires("read")
    async def func(first: int, websocket: WebSocket) -> None:
        calls.append((first, websocket))

    websocket = websocket_with(sent, "read")
    await func(1, websocket=websocket)

    assert calls == [(1, websocket)]
    assert sent == []


# In an application


class HeaderBackend(AuthenticationBackend):
    """Believes what a header says."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        name = conn.headers.get("x-user")
        if name is None:
            return None
        if name == "mallory":
            raise AuthenticationError("Go away")
        return AuthCredentials(["authenticated"]), SimpleUser(name)


async def homepage(request: Request) -> Response:
    return PlainTextResponse(f"home of {request.user.display_name}")


@requires("authenticated")
async def dashboard(request: Request) -> Response:
    return PlainTextResponse(request.user.display_name)


@requires("authenticated")
def dashboard_sync(request: Request) -> Response:
    return PlainTextResponse(request.user.display_name)


class Dashboard(HTTPEndpoint):
    @requires("authenticated")
    async def get(self, request: Request) -> Response:
        return PlainTextResponse(request.user.display_name)


@requires("authenticated", redirect="homepage")
async def admin(request: Request) -> Response:
    return PlainTextResponse(request.user.display_name)


@requires("authenticated", redirect="homepage")
def admin_sync(request: Request) -> Response:
    return PlainTextResponse(request.user.display_name)


@requires("authenticated")
async def ws(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(websocket.user.display_name)
    await websocket.close()


app = Starlette(
    routes=[
        Route("/", homepage, name="homepage"),
        Route("/dashboard", dashboard),
        Route("/dashboard/sync", dashboard_sync),
        Route("/dashboard/class", Dashboard),
        Route("/admin", admin),
        Route("/admin/sync", admin_sync),
        WebSocketRoute("/ws", ws),
    ],
    middleware=[Middleware(AuthenticationMiddleware, backend=HeaderBackend())],
)


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/sync", "/dashboard/class"])
def test_an_endpoint_is_open_to_users_only(client_for: ClientFor, path: str) -> None:
    with client_for(app) as client:
        refused = client.get(path)
        assert (refused.status_code, refused.text) == (403, "Forbidden")

        response = client.get(path, headers={"x-user": "anna"})
        assert (response.status_code, response.text) == (200, "anna")


@pytest.mark.parametrize("path", ["/admin", "/admin/sync"])
def test_others_can_be_redirected_and_come_back(client_for: ClientFor, path: str) -> None:
    with client_for(app) as client:
        refused = client.get(f"{path}?a=1&b=2", follow_redirects=False)
        assert refused.status_code == 303
        quoted = path.replace("/", "%2F")
        assert refused.headers["location"] == (
            f"http://testserver/?next=http%3A%2F%2Ftestserver{quoted}%3Fa%3D1%26b%3D2"
        )
        assert client.get(path).text == "home of "

        assert client.get(path, headers={"x-user": "anna"}).text == "anna"


@pytest.mark.parametrize("path", ["/admin", "/admin/sync"])
def test_the_host_that_a_client_claims_may_be_kept_out_of_it(
    client_for: ClientFor, path: str
) -> None:
    relative = Bolide(
        routes=app.routes,
        middleware=[Middleware(AuthenticationMiddleware, backend=HeaderBackend())],
    )
    client = client_for(relative, root_path="/root", follow_redirects=False)
    refused = client.get(f"/root{path}?a=1", headers={"host": "evil.example"})
    quoted = path.replace("/", "%2F")
    assert refused.headers["location"] == f"/root/?next=%2Froot{quoted}%3Fa%3D1"


@pytest.mark.parametrize("headers", [{}, {"x-user": "mallory"}])
def test_a_websocket_is_refused_before_it_is_accepted(
    client_for: ClientFor, headers: dict[str, str]
) -> None:
    client = client_for(app)
    with (
        pytest.raises(WebSocketDisconnect) as caught,
        client.websocket_connect("/ws", headers=headers),
    ):
        raise RuntimeError("must not be accepted")
    assert caught.value.code == 1000


def test_a_websocket_of_a_user_is_accepted(client_for: ClientFor) -> None:
    with client_for(app).websocket_connect("/ws", headers={"x-user": "anna"}) as websocket:
        assert websocket.receive_text() == "anna"
