"""Exceptions become responses, by status or by class, at the layer that knows the handlers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from bolide._exchange import Exchange
from bolide.endpoints import HTTPEndpoint
from bolide.exceptions import HTTPException, WebSocketException
from bolide.middleware.exceptions import ExceptionMiddleware
from bolide.requests import Request
from bolide.responses import JSONResponse, PlainTextResponse, Response
from bolide.routing import Mount, Route, Router, WebSocketRoute
from bolide.testclient import WebSocketDenialResponse
from bolide.types import ASGIApp, Message, Receive, Scope, Send
from bolide.websockets import WebSocket, WebSocketDisconnect

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., Any]


class Trouble(Exception):
    """What an application raises."""


class SmallTrouble(Trouble):
    """A kind of it."""


class NotHere(HTTPException):
    """An HTTPException of somebody's own."""


def raising(exc: BaseException) -> ASGIApp:
    """Give an ASGI application that raises, before anything has handled it."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise exc

    return app


def accepting_and_raising(exc: Exception) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        websocket: WebSocket = WebSocket(scope, receive, send)
        await websocket.accept()
        raise exc

    return app


def saying(text: str) -> Any:
    async def handler(request: Request, exc: Exception) -> Response:
        return PlainTextResponse(text, 418)

    return handler


async def unused_receive() -> Message:
    raise NotImplementedError


# --- the default handlers -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exc", "status", "text"),
    [
        (HTTPException(406), 406, "Not Acceptable"),
        (HTTPException(406, "no such thing"), 406, "no such thing"),
        (HTTPException(499), 499, ""),
        (HTTPException(404, ""), 404, ""),
        (NotHere(410, "gone"), 410, "gone"),
        (HTTPException(200, "fine", headers={"x-a": "b"}), 200, "fine"),
        (HTTPException(204, headers={"x-a": "b"}), 204, ""),
        (HTTPException(304, headers={"x-a": "b"}), 304, ""),
    ],
    ids=repr,
)
def test_an_http_exception_is_answered_in_plain_text(
    client_for: ClientFor, exc: HTTPException, status: int, text: str
) -> None:
    response = client_for(ExceptionMiddleware(raising(exc))).get("/")

    assert (response.status_code, response.text) == (status, text)
    assert response.headers.get("x-a") == (exc.headers or {}).get("x-a")
    if status in (204, 304):
        assert "content-length" not in response.headers
        assert "content-type" not in response.headers
    else:
        assert response.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("make", [raising, accepting_and_raising])
def test_a_websocket_exception_closes_the_websocket(
    client_for: ClientFor, make: Callable[[Exception], ASGIApp]
) -> None:
    app = ExceptionMiddleware(make(WebSocketException(1008, "no entry")))
    with (
        pytest.raises(WebSocketDisconnect) as caught,
        client_for(app).websocket_connect("/") as session,
    ):
        session.receive_text()
    assert (caught.value.code, caught.value.reason) == (1008, "no entry")


def test_an_http_exception_before_a_websocket_is_accepted_denies_it(
    client_for: ClientFor,
) -> None:
    app = ExceptionMiddleware(raising(HTTPException(403, "no entry", headers={"x-a": "b"})))
    with (
        pytest.raises(WebSocketDenialResponse) as caught,
        client_for(app).websocket_connect("/"),
    ):
        raise NotImplementedError
    assert (caught.value.status_code, caught.value.text) == (403, "no entry")
    assert caught.value.headers["x-a"] == "b"


async def test_the_default_handlers_are_public_methods() -> None:
    middleware = ExceptionMiddleware(raising(Trouble()))
    response = await middleware.http_exception(Request({"type": "http"}), HTTPException(404))
    assert (response.status_code, response.body) == (404, b"Not Found")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    websocket: WebSocket = WebSocket({"type": "websocket"}, unused_receive, send)
    await middleware.websocket_exception(websocket, WebSocketException(1008))
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


# --- handlers of the user -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exc", "text"),
    [
        (HTTPException(404), "404"),
        (NotHere(404), "404"),
        (NotHere(410), "not here"),
        (HTTPException(410), "Gone"),
        (Trouble(), "trouble"),
        (SmallTrouble(), "trouble"),
        (LookupError(), "anything"),
    ],
    ids=repr,
)
def test_a_status_wins_and_then_the_nearest_class(
    client_for: ClientFor, exc: Exception, text: str
) -> None:
    handlers = {
        404: saying("404"),
        Exception: saying("anything"),
        Trouble: saying("trouble"),
        NotHere: saying("not here"),
    }
    assert client_for(ExceptionMiddleware(raising(exc), handlers)).get("/").text == text


def test_a_handler_may_be_added_later_and_replace_a_default(client_for: ClientFor) -> None:
    middleware = ExceptionMiddleware(raising(HTTPException(404)))
    client = client_for(middleware)
    middleware.add_exception_handler(HTTPException, saying("for all"))
    assert client.get("/").text == "for all"
    middleware.add_exception_handler(404, saying("for 404"))
    assert client.get("/").text == "for 404"


@pytest.mark.parametrize("key", ["404", None, 4.04, BaseException, KeyboardInterrupt, str])
def test_other_keys_are_refused(key: Any) -> None:
    with pytest.raises(AssertionError) as caught:
        ExceptionMiddleware(raising(Trouble()), {key: saying("no")})
    assert repr(key) in str(caught.value)


def test_a_status_handler_does_not_see_ordinary_responses(client_for: ClientFor) -> None:
    app = ExceptionMiddleware(PlainTextResponse("mine", 404), {404: saying("handled")})
    response = client_for(app).get("/")
    assert (response.status_code, response.text) == (404, "mine")


def test_without_a_handler_the_exception_propagates(client_for: ClientFor) -> None:
    error = Trouble()
    client = client_for(ExceptionMiddleware(raising(error), {404: saying("no")}))
    with pytest.raises(Trouble) as caught:
        client.get("/")
    assert caught.value is error

    quiet = client_for(ExceptionMiddleware(raising(error)), raise_server_exceptions=False)
    assert (quiet.get("/").status_code, quiet.get("/").content) == (500, b"")


def test_a_blocking_handler_runs_in_a_worker_thread(client_for: ClientFor) -> None:
    threads: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        threads.append(threading.get_ident())
        raise Trouble

    def handler(request: Request, exc: Exception) -> Response:
        threads.append(threading.get_ident())
        return JSONResponse({"path": request.url.path, "error": type(exc).__name__})

    response = client_for(ExceptionMiddleware(app, {Trouble: handler})).get("/a")

    assert response.json() == {"path": "/a", "error": "Trouble"}
    assert len(set(threads)) == 2


def test_a_handler_may_read_the_body(client_for: ClientFor) -> None:
    async def handler(request: Request, exc: Exception) -> Response:
        return PlainTextResponse(await request.body())

    client = client_for(ExceptionMiddleware(raising(Trouble()), {Trouble: handler}))
    assert client.post("/", content=b"the body").text == "the body"


def test_a_handler_of_websockets_gets_the_websocket(client_for: ClientFor) -> None:
    async def handler(websocket: WebSocket, exc: Exception) -> None:
        await websocket.accept()
        await websocket.send_text(type(exc).__name__)
        await websocket.close()

    app = ExceptionMiddleware(raising(SmallTrouble()), {Trouble: handler})
    with client_for(app).websocket_connect("/") as session:
        assert session.receive_text() == "SmallTrouble"


def test_other_exceptions_of_websockets_propagate(client_for: ClientFor) -> None:
    client = client_for(ExceptionMiddleware(raising(Trouble())))
    with pytest.raises(Trouble), client.websocket_connect("/"):
        raise NotImplementedError


async def test_once_a_response_has_started_a_handler_has_nothing_to_answer_with() -> None:
    error = Trouble()
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    async def send(message: Message) -> None:
        sent.append(message)

    middleware = ExceptionMiddleware(app, {Trouble: saying("too late")})
    with pytest.raises(RuntimeError) as caught:
        await middleware({"type": "http"}, unused_receive, send)

    assert str(caught.value) == "Caught handled exception, but response already started."
    assert caught.value.__cause__ is error
    assert len(sent) == 1


async def test_without_a_handler_a_started_response_does_not_matter() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise Trouble

    async def send(message: Message) -> None: ...

    with pytest.raises(Trouble):
        await ExceptionMiddleware(app)({"type": "http"}, unused_receive, send)


async def test_an_answered_exception_gathers_no_frames() -> None:
    error = HTTPException(404)

    async def send(message: Message) -> None: ...

    middleware = ExceptionMiddleware(raising(error))
    for _ in range(2):
        await middleware({"type": "http"}, unused_receive, send)
        assert error.__traceback__ is None


# --- what the middleware tells others -------------------------------------------------------


async def test_the_scope_holds_both_tables() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["starlette.exception_handlers"])
        seen.append(send)

    async def send(message: Message) -> None:
        raise NotImplementedError

    by_class, by_status = saying("a"), saying("b")
    middleware = ExceptionMiddleware(app, {Trouble: by_class, 404: by_status}, debug=True)
    exchange = Exchange(send)
    for scope_type in ("http", "websocket"):
        await middleware({"type": scope_type}, unused_receive, exchange)
        (classes, statuses), given = seen
        assert (classes[Trouble], statuses) == (by_class, {404: by_status})
        assert {HTTPException, WebSocketException, Trouble} == set(classes)
        assert given is exchange
        seen.clear()
    assert middleware.debug is True


async def test_what_is_neither_request_nor_websocket_passes_through_untouched() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend((scope, receive, send))

    async def send(message: Message) -> None:
        raise NotImplementedError

    scope: Scope = {"type": "lifespan"}
    await ExceptionMiddleware(app)(scope, unused_receive, send)
    assert seen == [scope, unused_receive, send]
    assert scope == {"type": "lifespan"}
    with pytest.raises(HTTPException):
        await ExceptionMiddleware(raising(HTTPException(404)))(scope, unused_receive, send)


def test_function_endpoints_class_endpoints_and_routing_are_all_covered(
    client_for: ClientFor,
) -> None:
    async def endpoint(request: Request) -> Response:
        raise Trouble

    def blocking(request: Request) -> Response:
        raise Trouble

    class Endpoint(HTTPEndpoint):
        async def get(self, request: Request) -> Response:
            raise Trouble

    async def ws_endpoint(websocket: WebSocket) -> None:
        raise WebSocketException(4001, "from a function")

    router = Router(
        [
            Route("/async", endpoint),
            Route("/blocking", blocking),
            Route("/class", Endpoint),
            Mount("/mount", app=raising(Trouble())),
            WebSocketRoute("/ws", ws_endpoint),
        ]
    )
    client = client_for(ExceptionMiddleware(router, {Trouble: saying("handled")}))

    for path in ("/async", "/blocking", "/class", "/mount/x"):
        response = client.get(path)
        assert (response.status_code, response.text) == (418, "handled"), path
    with (
        pytest.raises(WebSocketDisconnect) as caught,
        client.websocket_connect("/ws"),
    ):
        raise NotImplementedError
    assert (caught.value.code, caught.value.reason) == (4001, "from a function")


async def test_the_tables_of_an_inner_application_are_for_what_is_inside() -> None:
    """An exception that the inner one lets out is answered by the outer one's handlers."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    inner = ExceptionMiddleware(raising(Trouble()), {LookupError: saying("inner")})
    outer = ExceptionMiddleware(inner, {Trouble: saying("outer")})
    await outer({"type": "http"}, unused_receive, send)

    assert sent[1]["body"] == b"outer"
