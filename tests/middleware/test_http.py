"""Middleware from two methods, on both policies and in every combination of plain and async."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from types import FrameType
from typing import Any

import pytest

from bolide.applications import Bolide, Starlette
from bolide.exceptions import HTTPException
from bolide.middleware import Middleware
from bolide.middleware.base import BaseHTTPMiddleware
from bolide.middleware.http import HTTPMiddleware, ResponseStart
from bolide.requests import ClientDisconnect, Request
from bolide.responses import JSONResponse, PlainTextResponse, Response
from bolide.routing import Route, WebSocketRoute
from bolide.types import ASGIApp, Message, Receive, Scope, Send
from bolide.websockets import WebSocket

ClientFor = Callable[..., Any]


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


async def echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


class PlainGate(HTTPMiddleware):
    def on_request(self, request: Request) -> Response | None:
        if request.url.path == "/shut":
            return PlainTextResponse("shut", 403)
        return None


class AsyncGate(HTTPMiddleware):
    async def on_request(self, request: Request) -> Response | None:
        return PlainTextResponse("shut", 403) if request.url.path == "/shut" else None


class PlainStamp(HTTPMiddleware):
    def __init__(self, app: ASGIApp, text: str) -> None:
        super().__init__(app)
        self.text = text

    def on_response_start(self, request: Request, start: ResponseStart) -> None:
        start.headers["x-stamp"] = f"{self.text} {request.url.path} {start.status}"


class AsyncStamp(PlainStamp):
    async def on_response_start(  # type: ignore[override]
        self, request: Request, start: ResponseStart
    ) -> None:
        start.headers["x-stamp"] = f"{self.text} {request.url.path} {start.status}"


def app_with(*middleware: Middleware, app_class: Any = Starlette) -> Any:
    routes = [Route("/", hello), Route("/echo", echo, methods=["POST"]), Route("/shut", hello)]
    return app_class(routes=routes, middleware=middleware)


@pytest.mark.parametrize("gate", [PlainGate, AsyncGate])
def test_a_response_to_the_request_is_sent_instead(client_for: ClientFor, gate: Any) -> None:
    client = client_for(app_with(Middleware(gate)))
    assert [client.get(path).text for path in ("/", "/shut")] == ["hello", "shut"]


@pytest.mark.parametrize("stamp", [PlainStamp, AsyncStamp])
@pytest.mark.parametrize("gate", [PlainGate, AsyncGate])
def test_a_response_can_be_changed_where_it_starts(
    client_for: ClientFor, stamp: Any, gate: Any
) -> None:
    client = client_for(app_with(Middleware(stamp, text="a"), Middleware(gate)))
    for path, status in (("/", 200), ("/shut", 403), ("/nothing", 404)):
        assert client.get(path).headers["x-stamp"] == f"a {path} {status}"


def test_both_methods_see_the_same_request_and_its_own_response_too(client_for: ClientFor) -> None:
    class Both(HTTPMiddleware):
        def on_request(self, request: Request) -> Response | None:
            request.state.number = 7
            return PlainTextResponse("own") if request.url.path == "/own" else None

        def on_response_start(self, request: Request, start: ResponseStart) -> None:
            start.headers["x-number"] = str(request.state.number)

    client = client_for(app_with(Middleware(Both)))
    for path in ("/", "/own"):
        assert client.get(path).headers["x-number"] == "7"


user: ContextVar[str] = ContextVar("user", default="nobody")


class PlainVariable(HTTPMiddleware):
    def on_request(self, request: Request) -> Response | None:
        user.set("of the middleware")
        return None

    def on_response_start(self, request: Request, start: ResponseStart) -> None:
        start.headers["x-user"] = user.get()


class AsyncVariable(HTTPMiddleware):
    async def on_request(self, request: Request) -> Response | None:
        user.set("of the middleware")
        return None

    async def on_response_start(self, request: Request, start: ResponseStart) -> None:
        start.headers["x-user"] = user.get()


class AroundVariable(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: Any) -> Response:
        user.set("of the middleware")
        response: Response = await call_next(request)
        response.headers["x-user"] = user.get()
        return response


@pytest.mark.parametrize("app_class", [Starlette, Bolide])
@pytest.mark.parametrize("cls", [PlainVariable, AsyncVariable, AroundVariable])
def test_a_context_variable_is_known_on_either_side(
    client_for: ClientFor, cls: Any, app_class: Any
) -> None:
    async def change(request: Request) -> Response:
        response = PlainTextResponse(user.get())
        user.set("of the endpoint")
        return response

    def change_in_a_thread(request: Request) -> Response:
        response = PlainTextResponse(user.get())
        user.set("of a thread, which has a copy")
        return response

    routes = [Route("/", change), Route("/thread", change_in_a_thread)]
    client = client_for(app_class(routes=routes, middleware=[Middleware(cls)]))
    for path, after in (("/", "of the endpoint"), ("/thread", "of the middleware")):
        response = client.get(path)
        assert (response.text, response.headers["x-user"]) == ("of the middleware", after)


def test_the_status_can_be_changed_and_the_response_object_stays_what_it_was(
    client_for: ClientFor,
) -> None:
    response = PlainTextResponse("hello")

    class Teapot(HTTPMiddleware):
        def on_response_start(self, request: Request, start: ResponseStart) -> None:
            start.headers["x-a"] = "1"
            assert start.status == 200
            start.status = 418
            start.headers["x-b"] = "2"
            assert start.status == 418

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await response(scope, receive, send)

    client = client_for(Teapot(app))
    for _ in range(2):
        got = client.get("/")
        assert (got.status_code, got.headers["x-a"], got.headers["x-b"]) == (418, "1", "2")
    assert (response.status_code, "x-a" in response.headers) == (200, False)


def test_a_start_that_is_left_alone_is_sent_as_it_came() -> None:
    message: Message = {"type": "http.response.start", "status": 204}
    start = ResponseStart(message)
    assert (start.status, start.message) == (204, message)
    assert start.message is message
    assert dict(start.headers) == {}


@pytest.mark.parametrize("app_class", [Starlette, Bolide])
@pytest.mark.parametrize("read", ["body", "json", "none"])
def test_a_body_that_was_read_is_given_to_the_application_again(
    client_for: ClientFor, app_class: Any, read: str
) -> None:
    seen: list[Any] = []

    class Reading(HTTPMiddleware):
        async def on_request(self, request: Request) -> Response | None:
            if read != "none":
                seen.append(await getattr(request, read)())
            return None

    client = client_for(app_with(Middleware(Reading), Middleware(Reading), app_class=app_class))
    assert client.post("/echo", content=b"[1]").text == "[1]"
    assert seen == {"body": [b"[1]"] * 2, "json": [[1]] * 2, "none": []}[read]


@pytest.mark.parametrize(("app_class", "left"), [(Starlette, ""), (Bolide, "a=1")])
def test_a_form_that_was_read_is_there_again_where_bodies_are_kept(
    client_for: ClientFor, app_class: Any, left: str
) -> None:
    class Reading(HTTPMiddleware):
        async def on_request(self, request: Request) -> Response | None:
            form = await request.form()
            assert form["a"] == "1"
            return None

    client = client_for(app_with(Middleware(Reading), app_class=app_class))
    assert client.post("/echo", data={"a": "1"}).text == left


@pytest.mark.anyio
async def test_after_the_body_comes_what_comes_after_it() -> None:
    events: list[Message] = [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request", "body": b"b"},
        {"type": "http.disconnect"},
    ]
    got: list[Message] = []

    class Reading(HTTPMiddleware):
        async def on_request(self, request: Request) -> Response | None:
            await request.body()
            return None

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        got.extend([await receive(), await receive()])

    async def receive() -> Message:
        return events.pop(0)

    async def send(message: Message) -> None:
        raise NotImplementedError

    await Reading(app)({"type": "http", "headers": []}, receive, send)
    assert got == [
        {"type": "http.request", "body": b"ab", "more_body": False},
        {"type": "http.disconnect"},
    ]


@pytest.mark.anyio
async def test_a_client_that_leaves_while_the_body_is_read_ends_the_request() -> None:
    class Reading(HTTPMiddleware):
        async def on_request(self, request: Request) -> Response | None:
            await request.body()
            return None

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def nothing(*args: Any) -> None:
        raise NotImplementedError

    with pytest.raises(ClientDisconnect):
        await Reading(nothing)({"type": "http", "headers": []}, receive, nothing)


def test_other_connections_pass_by(client_for: ClientFor) -> None:
    class Failing(HTTPMiddleware):
        def on_request(self, request: Request) -> Response | None:
            raise NotImplementedError

        def on_response_start(self, request: Request, start: ResponseStart) -> None:
            raise NotImplementedError

    async def greet(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    app = Starlette(routes=[WebSocketRoute("/", greet)], middleware=[Middleware(Failing)])
    with client_for(app) as client, client.websocket_connect("/") as websocket:
        assert websocket.receive_text() == "hello"


def test_errors_of_the_application_come_by(client_for: ClientFor) -> None:
    async def boom(request: Request) -> Response:
        raise RuntimeError("x")

    async def refuse(request: Request) -> Response:
        raise HTTPException(403)

    for app_class, stamped in ((Starlette, False), (Bolide, True)):
        routes = [Route("/boom", boom), Route("/refuse", refuse)]
        app = app_class(routes=routes, middleware=[Middleware(PlainStamp, text="a")])
        client = client_for(app, raise_server_exceptions=False)
        assert client.get("/refuse").headers["x-stamp"] == "a /refuse 403"
        assert ("x-stamp" in client.get("/boom").headers) is stamped


def test_it_goes_along_with_the_other_kind(client_for: ClientFor) -> None:
    async def dispatch(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        return JSONResponse({"stamp": response.headers["x-stamp"]})

    middleware = [
        Middleware(PlainStamp, text="outer"),
        Middleware(BaseHTTPMiddleware, dispatch=dispatch),
        Middleware(AsyncStamp, text="inner"),
    ]
    response = client_for(app_with(*middleware)).get("/")
    assert response.headers["x-stamp"] == "outer / 200"
    assert response.json() == {"stamp": "inner / 200"}


# --- cost ------------------------------------------------------------------------------------


def frames(app: ASGIApp) -> Counter[str]:
    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        pass

    counted: Counter[str] = Counter()

    def note(frame: FrameType, event: str, arg: Any) -> None:
        if event == "call":
            counted[frame.f_code.co_qualname] += 1

    coroutine: Any = app({"type": "http", "method": "GET", "path": "/"}, receive, send)
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        with pytest.raises(StopIteration):
            coroutine.send(None)
    finally:
        sys.setprofile(before)
    return counted


def test_a_method_that_is_not_there_costs_nothing() -> None:
    inner = PlainTextResponse("hello")
    without = frames(HTTPMiddleware(inner)) - frames(inner)
    assert set(without) == {"HTTPMiddleware.__call__", "Request.__init__"}


def test_plain_methods_take_no_coroutine_of_their_own() -> None:
    class Plain(PlainStamp, PlainGate):
        def on_request(self, request: Request) -> Response | None:
            return None

        def on_response_start(self, request: Request, start: ResponseStart) -> None:
            pass

    inner = PlainTextResponse("hello")
    assert (frames(Plain(inner, "x")) - frames(inner)).total() <= 11
