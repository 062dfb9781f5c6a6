"""Endpoints are called, and what they raise is answered, as near to them as possible."""

from __future__ import annotations

import functools
import threading
from collections import ChainMap
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from bolide._dispatch import (
    ALLOWED_KEY,
    add_handler,
    answer,
    find_handler,
    lookup_by_class,
    mark_answered,
    refusal,
    refuse_method,
    request_response,
    was_answered,
    websocket_session,
    wrap_app_handling_exceptions,
)
from bolide._exchange import Exchange
from bolide.applications import Bolide, Starlette
from bolide.exceptions import HTTPException, WebSocketException
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.types import Message, Receive, Scope, Send
from bolide.websockets import WebSocket

pytestmark = pytest.mark.anyio

KEY = "starlette.exception_handlers"
MESSAGE = {"type": "http.request", "body": b"the body", "more_body": False}


class Connection:
    """The server's side: gives these messages and keeps what is sent."""

    def __init__(self, *messages: Message) -> None:
        self.messages = list(messages)
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        return self.messages.pop(0)

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status_and_body(self) -> tuple[int, bytes]:
        start, *rest = self.sent
        return start["status"], b"".join(message["body"] for message in rest)


class Trouble(Exception):
    """Something that an endpoint raises."""


def http_scope(
    by_class: dict[Any, Any] | None = None, by_status: dict[int, Any] | None = None
) -> Scope:
    return {"type": "http", "method": "GET", "headers": [], KEY: (by_class or {}, by_status or {})}


def websocket_scope(by_class: dict[Any, Any]) -> Scope:
    return {"type": "websocket", "path": "/", "headers": [], KEY: (by_class, {})}


async def excuse(request: Request, exc: Exception) -> Response:
    return PlainTextResponse("sorry", 418)


# --- request_response -----------------------------------------------------------------------


async def test_an_async_endpoint_is_awaited_with_one_request_and_its_response_is_sent() -> None:
    threads: list[int] = []

    async def endpoint(request: Request) -> Response:
        threads.append(threading.get_ident())
        return PlainTextResponse(await request.body())

    connection = Connection(MESSAGE)
    await request_response(endpoint)({"type": "http"}, connection.receive, connection.send)

    assert connection.status_and_body == (200, b"the body")
    assert threads == [threading.get_ident()]


async def test_a_blocking_endpoint_runs_in_a_worker_thread() -> None:
    threads: list[int] = []

    def endpoint(request: Request) -> Response:
        threads.append(threading.get_ident())
        return PlainTextResponse("done")

    connection = Connection()
    await request_response(endpoint)({"type": "http"}, connection.receive, connection.send)

    assert connection.status_and_body == (200, b"done")
    assert threads != [threading.get_ident()]


async def test_any_asgi_application_may_be_returned() -> None:
    seen: list[Scope] = []

    async def response(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def endpoint(request: Request) -> Any:
        return response

    scope: Scope = {"type": "http"}
    connection = Connection()
    await request_response(endpoint)(scope, connection.receive, connection.send)

    assert connection.status_and_body == (202, b"")
    assert seen[0] is scope


async def test_an_exchange_from_further_out_is_shared() -> None:
    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("done")

    connection = Connection()
    exchange = Exchange(connection.send)
    await request_response(endpoint)({"type": "http"}, connection.receive, exchange)

    assert exchange.response_started


async def none_of_it(request: Request) -> Any:
    return None


def text_of_it(request: Request) -> Any:
    return "text"


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        (none_of_it, "The endpoint none_of_it returned None, which is not a response."),
        (text_of_it, "The endpoint text_of_it returned 'text', which is not a response."),
        (
            functools.partial(text_of_it),
            "The endpoint functools.partial(<function text_of_it at ",
        ),
    ],
)
async def test_an_endpoint_that_returns_no_response_is_named(
    endpoint: Callable[..., Any], message: str
) -> None:
    connection = Connection()
    # A handler for TypeError is not for mistakes of ours.
    scope = http_scope({TypeError: excuse})
    with pytest.raises(TypeError) as caught:
        await request_response(endpoint)(scope, connection.receive, connection.send)

    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith("JSONResponse(...) or PlainTextResponse(...).")
    assert caught.value.__suppress_context__
    assert connection.sent == []


async def test_an_exception_without_a_handler_goes_on_unchanged() -> None:
    error = Trouble()

    async def endpoint(request: Request) -> Response:
        raise error

    connection = Connection()
    for scope in ({"type": "http"}, http_scope({ValueError: excuse})):
        with pytest.raises(Trouble) as caught:
            await request_response(endpoint)(scope, connection.receive, connection.send)
        assert caught.value is error
    assert connection.sent == []


async def test_a_handler_gets_the_request_of_the_endpoint_with_the_body_it_has_read() -> None:
    requests: list[Request] = []

    async def endpoint(request: Request) -> Response:
        requests.append(request)
        await request.body()
        raise Trouble

    async def handler(request: Request, exc: Exception) -> Response:
        requests.append(request)
        return PlainTextResponse(await request.body(), 418)

    connection = Connection(MESSAGE)
    scope = http_scope({Trouble: handler})
    await request_response(endpoint)(scope, connection.receive, connection.send)

    assert connection.status_and_body == (418, b"the body")
    assert requests[0] is requests[1]


async def test_what_a_response_raises_before_it_starts_is_handled() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise Trouble

    async def endpoint(request: Request) -> Any:
        return broken

    connection = Connection()
    scope = http_scope({Trouble: excuse})
    await request_response(endpoint)(scope, connection.receive, connection.send)

    assert connection.status_and_body == (418, b"sorry")


async def test_what_a_response_raises_once_it_has_started_cannot_be_answered() -> None:
    error = Trouble()

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    async def endpoint(request: Request) -> Any:
        return broken

    connection = Connection()
    scope = http_scope({Trouble: excuse})
    with pytest.raises(RuntimeError) as caught:
        await request_response(endpoint)(scope, connection.receive, connection.send)

    assert str(caught.value) == "Caught handled exception, but response already started."
    assert caught.value.__cause__ is error
    assert len(connection.sent) == 1


async def test_cancellation_is_not_for_handlers() -> None:
    async def endpoint(request: Request) -> Response:
        await anyio.sleep_forever()
        raise NotImplementedError

    connection = Connection()
    scope = http_scope({Exception: excuse, BaseException: excuse})
    with anyio.CancelScope() as cancel_scope:
        cancel_scope.cancel()
        await request_response(endpoint)(scope, connection.receive, connection.send)

    assert cancel_scope.cancelled_caught
    assert connection.sent == []


# --- websocket_session ----------------------------------------------------------------------


async def test_a_websocket_endpoint_gets_a_websocket() -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")

    connection = Connection({"type": "websocket.connect"})
    scope: Scope = {"type": "websocket", "path": "/"}
    await websocket_session(endpoint)(scope, connection.receive, connection.send)

    assert [message["type"] for message in connection.sent] == [
        "websocket.accept",
        "websocket.send",
    ]


async def test_a_plain_function_that_returns_an_awaitable_is_a_websocket_endpoint() -> None:
    async def close(websocket: WebSocket) -> None:
        await websocket.close()

    def endpoint(websocket: WebSocket) -> Any:
        return close(websocket)

    connection = Connection({"type": "websocket.connect"})
    scope: Scope = {"type": "websocket", "path": "/"}
    await websocket_session(endpoint)(scope, connection.receive, connection.send)

    assert connection.sent == [{"type": "websocket.close", "code": 1000, "reason": ""}]


async def test_a_handler_gets_the_websocket_of_the_endpoint() -> None:
    websockets: list[WebSocket] = []

    async def endpoint(websocket: WebSocket) -> None:
        websockets.append(websocket)
        await websocket.accept()
        raise Trouble

    async def handler(websocket: WebSocket, exc: Exception) -> None:
        websockets.append(websocket)
        await websocket.close(4000, "trouble")

    connection = Connection({"type": "websocket.connect"})
    scope = websocket_scope({Trouble: handler})
    await websocket_session(endpoint)(scope, connection.receive, connection.send)

    assert connection.sent[1:] == [{"type": "websocket.close", "code": 4000, "reason": "trouble"}]
    assert websockets[0] is websockets[1]


async def test_a_response_to_a_websocket_denies_it() -> None:
    async def endpoint(websocket: WebSocket) -> None:
        raise Trouble

    connection = Connection()
    scope = {**websocket_scope({Trouble: excuse}), "extensions": {"websocket.http.response": {}}}
    await websocket_session(endpoint)(scope, connection.receive, connection.send)

    assert connection.status_and_body == (418, b"sorry")
    assert [message["type"] for message in connection.sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]


async def test_an_exception_of_a_websocket_without_a_handler_goes_on_unchanged() -> None:
    error = Trouble()

    async def endpoint(websocket: WebSocket) -> None:
        raise error

    connection = Connection()
    scopes: list[Scope] = [{"type": "websocket", "path": "/"}, websocket_scope({})]
    for scope in scopes:
        with pytest.raises(Trouble) as caught:
            await websocket_session(endpoint)(scope, connection.receive, connection.send)
        assert caught.value is error
    assert connection.sent == []


# --- wrap_app_handling_exceptions -----------------------------------------------------------


async def fail(scope: Scope, receive: Receive, send: Send) -> None:
    raise Trouble


async def test_the_boundary_reads_the_handlers_from_the_scope_of_the_connection() -> None:
    connection = Connection()
    request = Request(http_scope({Trouble: excuse}))
    app = wrap_app_handling_exceptions(fail, request)
    await app({"type": "http"}, connection.receive, connection.send)

    assert connection.status_and_body == (418, b"sorry")


async def test_the_boundary_without_handlers_lets_everything_through() -> None:
    connection = Connection()
    app = wrap_app_handling_exceptions(fail, Request({"type": "http"}))
    with pytest.raises(Trouble):
        await app({"type": "http"}, connection.receive, connection.send)

    assert connection.sent == []


async def test_the_boundary_leaves_an_application_alone_that_raises_nothing() -> None:
    connection = Connection()
    request = Request(http_scope({Trouble: excuse}))
    app = wrap_app_handling_exceptions(PlainTextResponse("fine"), request)
    await app({"type": "http"}, connection.receive, connection.send)

    assert connection.status_and_body == (200, b"fine")


async def test_the_boundary_knows_what_a_shared_exchange_has_sent() -> None:
    connection = Connection()
    exchange = Exchange(connection.send)
    exchange.response_started = True
    request = Request(http_scope({Trouble: excuse}))
    app = wrap_app_handling_exceptions(fail, request)
    with pytest.raises(RuntimeError, match="response already started"):
        await app({"type": "http"}, connection.receive, exchange)

    assert connection.sent == []


async def test_a_boundary_around_a_websocket_calls_its_handler() -> None:
    async def close(websocket: WebSocket, exc: Exception) -> None:
        await websocket.close(4000)

    connection = Connection({"type": "websocket.connect"})
    scope = websocket_scope({Trouble: close})
    websocket = WebSocket(scope, connection.receive, connection.send)
    app = wrap_app_handling_exceptions(fail, websocket)
    await app(scope, connection.receive, connection.send)

    assert connection.sent == [{"type": "websocket.close", "code": 4000, "reason": ""}]


# --- which handler --------------------------------------------------------------------------


class Teapot(HTTPException):
    """An HTTPException of somebody's own."""


class SmallTrouble(Trouble):
    """A kind of trouble."""


def handler_named(name: str) -> Any:
    async def handler(conn: Any, exc: Exception) -> None: ...

    handler.__name__ = name
    return handler


BY_CLASS = {
    HTTPException: handler_named("http"),
    Trouble: handler_named("trouble"),
    LookupError: handler_named("lookup"),
}
BY_STATUS = {404: handler_named("404"), 418: handler_named("418")}


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (HTTPException(404), "404"),
        (HTTPException(405), "http"),
        (Teapot(418), "418"),
        (Teapot(400), "http"),
        (Trouble(), "trouble"),
        (SmallTrouble(), "trouble"),
        (KeyError(), "lookup"),
        (ValueError(), None),
        (WebSocketException(1008), None),
    ],
    ids=repr,
)
def test_a_status_wins_over_a_class_and_a_near_class_over_a_far_one(
    exc: Exception, expected: str | None
) -> None:
    handler = find_handler(exc, BY_CLASS, BY_STATUS)
    assert getattr(handler, "__name__", None) == expected


def test_the_nearest_class_wins_whatever_the_order_of_registration() -> None:
    far, near = handler_named("far"), handler_named("near")

    def found(by_class: dict[Any, Any], exc: Exception) -> str | None:
        return getattr(lookup_by_class(by_class, exc), "__name__", None)

    assert found({Exception: far, Trouble: near}, SmallTrouble()) == "near"
    assert found({Trouble: near, Exception: far}, SmallTrouble()) == "near"
    assert found({Trouble: near, Exception: far}, ValueError()) == "far"
    assert found({Trouble: near}, ValueError()) is None


# --- answer ---------------------------------------------------------------------------------


async def test_a_blocking_handler_runs_in_a_worker_thread() -> None:
    threads: list[int] = []

    def handler(request: Request, exc: Exception) -> Response:
        threads.append(threading.get_ident())
        return PlainTextResponse(type(exc).__name__, 418)

    connection = Connection()
    request = Request({"type": "http"})
    exchange = Exchange(connection.send)
    await answer(handler, Trouble(), request, connection.receive, exchange)

    assert connection.status_and_body == (418, b"Trouble")
    assert threads != [threading.get_ident()]


async def test_a_handler_that_returns_none_sends_nothing() -> None:
    async def handler(request: Request, exc: Exception) -> Any:
        return None

    connection = Connection()
    request = Request({"type": "http"})
    await answer(handler, Trouble(), request, connection.receive, Exchange(connection.send))

    assert connection.sent == []


async def test_an_answered_exception_gathers_no_frames() -> None:
    error = Trouble()

    async def endpoint(request: Request) -> Response:
        raise error

    for _ in range(2):
        connection = Connection()
        scope = http_scope({Trouble: excuse})
        await request_response(endpoint)(scope, connection.receive, connection.send)
        assert error.__traceback__ is None


async def test_what_a_handler_raises_goes_on() -> None:
    async def handler(request: Request, exc: Exception) -> Response:
        raise LookupError("no page for that") from exc

    connection = Connection()
    error = Trouble()
    request = Request({"type": "http"})
    with pytest.raises(LookupError) as caught:
        await answer(handler, error, request, connection.receive, Exchange(connection.send))

    assert caught.value.__cause__ is error


# --- refusal --------------------------------------------------------------------------------


async def test_a_refusal_is_a_plain_response_when_standing_alone() -> None:
    connection = Connection()
    scope: Scope = {"type": "http"}
    response = refusal(scope, 405, {"Allow": "GET"})
    await response(scope, connection.receive, connection.send)

    assert connection.status_and_body == (405, b"Method Not Allowed")
    assert (b"allow", b"GET") in connection.sent[0]["headers"]


def test_a_refusal_is_raised_inside_an_application() -> None:
    with pytest.raises(HTTPException) as caught:
        refusal({"type": "http", "app": None}, 405, {"Allow": "GET"})

    assert (caught.value.status_code, caught.value.detail) == (405, "Method Not Allowed")
    assert caught.value.headers == {"Allow": "GET"}


# --- layers of handlers, and what was answered -----------------------------------------------


async def handler_a(request: Any, exc: Exception) -> None:
    raise NotImplementedError


async def handler_b(request: Any, exc: Exception) -> None:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("exc", "inner", "outer", "expected"),
    [
        (KeyError(), {LookupError: handler_a}, {KeyError: handler_b}, handler_a),
        (KeyError(), {OSError: handler_a}, {KeyError: handler_b}, handler_b),
        (HTTPException(404), {HTTPException: handler_a}, {404: handler_b}, handler_a),
        (HTTPException(404), {403: handler_a}, {404: handler_b}, handler_b),
        (KeyError(), {403: handler_a}, {404: handler_b}, None),
    ],
)
def test_the_nearest_layer_of_handlers_comes_first(
    exc: Exception, inner: Any, outer: Any, expected: Any
) -> None:
    by_class: ChainMap[Any, Any] = ChainMap({}, {})
    by_status: ChainMap[int, Any] = ChainMap({}, {})
    for layer, handlers in enumerate((inner, outer)):
        for key, handler in handlers.items():
            add_handler(by_class.maps[layer], by_status.maps[layer], key, handler)  # type: ignore[arg-type]
    assert find_handler(exc, by_class, by_status) is expected


@pytest.mark.parametrize("key", ["404", object(), BaseException, KeyError()])
def test_a_handler_is_for_a_status_or_a_class_of_exceptions(key: Any) -> None:
    with pytest.raises(AssertionError, match="for a status code or a class of exceptions"):
        add_handler({}, {}, key, handler_a)


async def test_an_error_is_answered_if_it_is_marked_and_a_response_is_on_its_way() -> None:
    async def send(message: Message) -> None:
        pass

    exc = KeyError()
    exchange = Exchange(send)
    assert not was_answered(exc, {"type": "websocket"}, exchange)
    mark_answered(exc)
    # The mark may be an old one: such an object can be raised in any number of requests.
    assert not was_answered(exc, {"type": "http"}, exchange)
    assert was_answered(exc, {"type": "websocket"}, exchange)
    await exchange({"type": "http.response.start"})
    assert was_answered(exc, {"type": "http"}, exchange)
    assert not was_answered(KeyError(), {"type": "http"}, exchange)


@pytest.mark.parametrize(
    ("app", "method", "status", "allow"),
    [
        (Bolide(), "OPTIONS", 204, "GET, OPTIONS, POST, PUT"),
        (Bolide(), "TRACE", 405, "GET, OPTIONS, POST, PUT"),
        (Starlette(), "OPTIONS", 405, "PUT, GET"),
        (None, "OPTIONS", 405, "PUT, GET"),
    ],
)
def test_a_wrong_method_is_refused_as_the_policy_says(
    app: Any, method: str, status: int, allow: str
) -> None:
    scope: Scope = {"type": "http", "method": method, ALLOWED_KEY: {"POST"}}
    if app is not None:
        scope["app"] = app
    refused: Any
    try:
        refused = refuse_method(scope, ["PUT", "GET"])
    except HTTPException as exc:
        refused = exc
    headers = {name.lower(): value for name, value in refused.headers.items()}
    assert (refused.status_code, headers["allow"]) == (status, allow)
