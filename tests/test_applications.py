"""The application puts its layers together once, in order, and hands the rest to its router."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypedDict

import anyio.from_thread
import pytest

from bolide._json_codec import STANDARD, fastest_codec
from bolide.applications import Bolide, Starlette
from bolide.datastructures import State
from bolide.endpoints import HTTPEndpoint
from bolide.exceptions import HTTPException, StarletteDeprecationWarning, WebSocketException
from bolide.middleware import Middleware
from bolide.middleware.body_limit import RequestBodyLimitMiddleware
from bolide.middleware.errors import ServerErrorMiddleware
from bolide.middleware.exceptions import ExceptionMiddleware
from bolide.middleware.trustedhost import TrustedHostMiddleware
from bolide.requests import Request
from bolide.responses import JSONResponse, PlainTextResponse, Response
from bolide.routing import Host, Mount, NoMatchFound, Route, Router, WebSocketRoute
from bolide.testclient import WebSocketDenialResponse
from bolide.types import ASGIApp, Message, Receive, Scope, Send
from bolide.websockets import WebSocket, WebSocketDisconnect

ClientFor = Callable[..., Any]


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


def blocking_hello(request: Request) -> Response:
    return PlainTextResponse("hello")


class Hello(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("hello")


async def fail(request: Request) -> Response:
    raise RuntimeError("no hello")


def saying(text: str) -> Any:
    async def handler(request: Request, exc: Exception) -> Response:
        return PlainTextResponse(f"{text}: {exc}", 418)

    return handler


class Layer:
    """Middleware that keeps what it was made with and notes what passes."""

    def __init__(self, app: ASGIApp, name: str = "", *, log: list[str] | None = None) -> None:
        self.app = app
        self.name = name
        self.log = [] if log is None else log
        self.log.append(f"made {name}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.log.append(f"{scope['type']} {self.name}")
        await self.app(scope, receive, send)


# --- what an application is made of ---------------------------------------------------------


def test_the_attributes_of_a_new_application() -> None:
    app = Starlette()
    assert (app.debug, app.max_body_size, app.middleware_stack) == (False, None, None)
    assert (app.exception_handlers, app.user_middleware, app.routes) == ({}, [], [])
    assert isinstance(app.state, State)
    assert isinstance(app.router, Router)
    assert app.routes is app.router.routes


def test_what_it_is_given_is_copied() -> None:
    routes: list[Any] = [Route("/", hello)]
    middleware = [Middleware(Layer)]
    handlers: dict[Any, Any] = {404: saying("404")}
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)

    app.routes.append(Route("/b", hello))
    app.add_middleware(Layer, "added")
    app.add_exception_handler(405, saying("405"))

    assert (len(routes), len(middleware), len(handlers)) == (1, 1, 1)
    assert app.routes == [Route("/", hello), Route("/b", hello)]


def test_every_application_has_a_state_of_its_own() -> None:
    one, other = Starlette(), Starlette()
    one.state.value = 1
    assert not hasattr(other.state, "value")
    assert one != other


@pytest.mark.parametrize("argument", ["on_startup", "on_shutdown"])
def test_startup_and_shutdown_lists_are_gone(argument: str) -> None:
    with pytest.raises(TypeError, match=argument):
        Starlette(**{argument: []})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        "add_event_handler",
        "add_websocket_route",
        "exception_handler",
        "middleware",
        "on_event",
        "route",
        "websocket_route",
    ],
)
def test_decorators_are_gone(name: str) -> None:
    assert not hasattr(Starlette(), name)


# --- the stack ------------------------------------------------------------------------------


def layers_of(app: Any) -> list[Any]:
    found = []
    while not isinstance(app, Router):
        found.append(app)
        app = app.app
    return found


def test_the_layers_from_the_outside_in() -> None:
    by_500, by_404 = saying("500"), saying("404")
    app = Starlette(
        debug=True,
        middleware=[Middleware(Layer, "outer"), Middleware(Layer, name="inner")],
        exception_handlers={500: by_500, 404: by_404},
        max_body_size=10,
    )
    errors, limit, outer, inner, exceptions = layers_of(app.build_middleware_stack())

    assert type(errors) is ServerErrorMiddleware
    assert (errors.handler, errors.debug) == (by_500, True)
    assert type(limit) is RequestBodyLimitMiddleware
    assert (type(outer), outer.name, type(inner), inner.name) == (Layer, "outer", Layer, "inner")
    assert type(exceptions) is ExceptionMiddleware
    assert exceptions.debug is True
    assert exceptions.tables[1] == {404: by_404}
    assert exceptions.app is app.router


def test_of_two_handlers_for_everything_the_later_one_is_taken() -> None:
    first, second = saying("first"), saying("second")
    for handlers in ({500: first, Exception: second}, {Exception: first, 500: second}):
        app = Starlette(exception_handlers=handlers, middleware=[Middleware(Layer)])
        errors, _, exceptions = layers_of(app.build_middleware_stack())
        assert errors.handler is second
        assert Exception not in exceptions.tables[0]
        assert exceptions.tables[1] == {}
        assert app.exception_handlers == handlers


def test_middleware_may_be_any_triple_and_a_factory_any_function(client_for: ClientFor) -> None:
    def factory(app: ASGIApp, name: str, header: str) -> Any:
        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            scope["names"] = [*scope.get("names", []), name, header]
            await app(scope, receive, send)

        return wrapped

    async def show(request: Request) -> Response:
        return JSONResponse(request.scope["names"])

    triple: Any = (factory, ("c",), {"header": "d"})
    app = Starlette(
        routes=[Route("/", show)],
        middleware=[Middleware(factory, "a", header="b"), triple],
    )
    assert client_for(app).get("/").json() == ["a", "b", "c", "d"]


def test_the_stack_is_built_once_at_the_first_call(client_for: ClientFor) -> None:
    log: list[str] = []
    app = Starlette(routes=[Route("/", hello)], middleware=[Middleware(Layer, "a", log=log)])
    app.add_middleware(Layer, "b", log=log)
    assert log == []

    with client_for(app) as client:
        assert log == ["made a", "made b", "lifespan b", "lifespan a"]
        client.get("/")
    client_for(app).get("/")

    assert log[4:] == ["http b", "http a"] * 2


def test_middleware_cannot_be_added_once_the_application_has_started(
    client_for: ClientFor,
) -> None:
    app = Starlette(routes=[Route("/", hello)])
    client_for(app).get("/")
    with pytest.raises(RuntimeError) as caught:
        app.add_middleware(Layer)
    assert str(caught.value) == "Cannot add middleware after an application has started"


def test_a_handler_that_is_added_too_late_has_no_effect(client_for: ClientFor) -> None:
    app = Starlette()
    client = client_for(app)
    assert client.get("/").text == "Not Found"
    app.add_exception_handler(404, saying("404"))
    assert client.get("/").text == "Not Found"


def test_the_stack_may_be_assigned(client_for: ClientFor) -> None:
    app = Starlette()
    app.middleware_stack = PlainTextResponse("mine")
    assert client_for(app).get("/").text == "mine"


def test_a_subclass_may_build_its_own_stack(client_for: ClientFor) -> None:
    class Custom(Starlette):
        def build_middleware_stack(self) -> ASGIApp:
            return Layer(super().build_middleware_stack(), log=log)

    log: list[str] = []
    assert client_for(Custom(routes=[Route("/", hello)])).get("/").text == "hello"
    assert log == ["made ", "http "]


# --- calling it -----------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", [hello, blocking_hello, Hello])
def test_functions_and_classes_give_the_same_result(client_for: ClientFor, endpoint: Any) -> None:
    client = client_for(Starlette(routes=[Route("/", endpoint)]))
    response = client.get("/")
    assert (response.status_code, response.text) == (200, "hello")
    head = client.head("/")
    assert (head.status_code, head.text) == (200, "")
    refused = client.post("/")
    assert (refused.status_code, refused.text) == (405, "Method Not Allowed")
    assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize("endpoint", [hello, Hello])
def test_handlers_answer_what_routing_refuses(client_for: ClientFor, endpoint: Any) -> None:
    app = Starlette(
        routes=[Route("/", endpoint)],
        exception_handlers={405: saying("405"), HTTPException: saying("other")},
    )
    client = client_for(app)
    assert client.post("/").text == "405: 405: Method Not Allowed"
    assert client.get("/nothing").text == "other: 404: Not Found"


def test_an_unknown_path_is_not_found(client_for: ClientFor) -> None:
    client = client_for(Starlette())
    response = client.get("/")
    assert (response.status_code, response.text) == (404, "Not Found")
    with pytest.raises(WebSocketDisconnect) as caught, client.websocket_connect("/"):
        raise NotImplementedError
    assert caught.value.code == 1000


@pytest.mark.parametrize("key", [500, Exception])
def test_an_unhandled_exception_is_answered_and_raised(client_for: ClientFor, key: Any) -> None:
    app = Starlette(routes=[Route("/", fail)], exception_handlers={key: saying("sorry")})
    response = client_for(app, raise_server_exceptions=False).get("/")
    assert (response.status_code, response.text) == (418, "sorry: no hello")
    with pytest.raises(RuntimeError, match="no hello"):
        client_for(app).get("/")


def test_without_a_handler_no_details_are_told(client_for: ClientFor) -> None:
    app = Starlette(routes=[Route("/", fail)])
    response = client_for(app, raise_server_exceptions=False).get("/")
    assert (response.status_code, response.text) == (500, "Internal Server Error")


def test_debug_mode_shows_the_traceback_and_may_be_set_until_the_first_call(
    client_for: ClientFor,
) -> None:
    app = Starlette(routes=[Route("/", fail)])
    app.debug = True
    response = client_for(app, raise_server_exceptions=False).get("/")
    assert response.status_code == 500
    assert response.text.rstrip().endswith("RuntimeError: no hello")


def test_middleware_of_the_user_is_inside_the_error_handler(client_for: ClientFor) -> None:
    class Broken(Layer):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise HTTPException(404)

    # Not an answer to a request, so it is not for the handlers of HTTPExceptions.
    app = Starlette(middleware=[Middleware(Broken)])
    response = client_for(app, raise_server_exceptions=False).get("/")
    assert (response.status_code, response.text) == (500, "Internal Server Error")


def test_a_wrong_host_is_refused(client_for: ClientFor) -> None:
    trusted = Middleware(TrustedHostMiddleware, allowed_hosts=["testserver", "*.example.org"])
    app = Starlette(routes=[Route("/", hello)], middleware=[trusted])

    assert client_for(app).get("/").text == "hello"
    assert client_for(app, base_url="http://a.example.org").get("/").text == "hello"
    refused = client_for(app, base_url="http://example.com").get("/")
    assert (refused.status_code, refused.text) == (400, "Invalid host header")


def test_bodies_are_limited_for_the_middleware_too(client_for: ClientFor) -> None:
    class Reading(Layer):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            request: Request = Request(scope, receive)
            await PlainTextResponse(await request.body())(scope, receive, send)

    client = client_for(Starlette(middleware=[Middleware(Reading)], max_body_size=3))
    assert client.post("/", content=b"123").text == "123"
    refused = client.post("/", content=b"1234")
    assert (refused.status_code, refused.text) == (413, "Content Too Large")


def test_the_scope_holds_the_application(client_for: ClientFor) -> None:
    seen: list[tuple[str, object]] = []

    class Note(Layer):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            seen.append((scope["type"], scope["app"]))
            await self.app(scope, receive, send)
            seen.append((scope["type"], scope["app"]))

    async def ws_endpoint(websocket: WebSocket) -> None:
        await websocket.close()

    inner = Starlette(routes=[Route("/", hello)])
    outer = Starlette(
        routes=[Mount("/inner", app=inner), WebSocketRoute("/ws", ws_endpoint)],
        middleware=[Middleware(Note)],
    )
    with client_for(outer) as client:
        client.get("/inner/")
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws"):
            raise NotImplementedError

    assert [app for kind, app in seen if kind == "lifespan"] == [outer, outer]
    assert [app for kind, app in seen if kind == "http"] == [outer, inner]
    assert [app for kind, app in seen if kind == "websocket"] == [outer, outer]


@pytest.mark.anyio
async def test_a_minimal_scope_is_enough() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        sent.append(message)

    app = Starlette(routes=[Route("/", hello)])
    await app({"type": "http", "method": "GET", "path": "/"}, receive, send)
    assert [message.get("status") for message in sent] == [200, None]


def test_exceptions_of_a_mounted_application_come_out_of_both(client_for: ClientFor) -> None:
    inner = Starlette(routes=[Route("/", fail)], exception_handlers={500: saying("inner")})
    outer = Starlette(routes=[Mount("/a", app=inner)], exception_handlers={500: saying("outer")})
    with pytest.raises(RuntimeError, match="no hello"):
        client_for(outer).get("/a/")
    response = client_for(outer, raise_server_exceptions=False).get("/a/")
    assert response.text == "inner: no hello"


def test_a_mounted_application_answers_with_its_own_handlers(client_for: ClientFor) -> None:
    inner = Starlette(exception_handlers={404: saying("inner")})
    outer = Starlette(routes=[Mount("/a", app=inner)], exception_handlers={404: saying("outer")})
    client = client_for(outer)
    assert client.get("/a/x").text == "inner: 404: Not Found"
    assert client.get("/b").text == "outer: 404: Not Found"


# --- websockets -----------------------------------------------------------------------------


def test_a_websocket_exception_closes_the_websocket(client_for: ClientFor) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        raise WebSocketException(1003)

    app = Starlette(routes=[WebSocketRoute("/", endpoint)])
    with (
        pytest.raises(WebSocketDisconnect) as caught,
        client_for(app).websocket_connect("/") as session,
    ):
        session.receive_text()
    assert (caught.value.code, caught.value.reason) == (1003, "")


def test_a_response_of_a_handler_denies_a_websocket(client_for: ClientFor) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        raise HTTPException(401, "who are you?")

    app = Starlette(
        routes=[WebSocketRoute("/", endpoint)], exception_handlers={HTTPException: saying("no")}
    )
    with (
        pytest.raises(WebSocketDenialResponse) as caught,
        client_for(app).websocket_connect("/"),
    ):
        raise NotImplementedError
    assert (caught.value.status_code, caught.value.text) == (418, "no: 401: who are you?")


def test_a_blocking_handler_may_close_a_websocket(client_for: ClientFor) -> None:
    class Trouble(Exception):
        pass

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        raise Trouble

    def handler(websocket: WebSocket, exc: Exception) -> None:
        anyio.from_thread.run(websocket.close, 4001)

    app = Starlette(
        routes=[WebSocketRoute("/", endpoint)],
        exception_handlers={Trouble: handler},  # type: ignore[dict-item]
    )
    with (
        pytest.raises(WebSocketDisconnect) as caught,
        client_for(app).websocket_connect("/") as session,
    ):
        session.receive_text()
    assert caught.value.code == 4001


# --- routes and names -----------------------------------------------------------------------


def test_routes_are_added_to_the_router(client_for: ClientFor) -> None:
    app = Starlette()
    app.add_route("/a", hello, methods=["POST"], name="a", include_in_schema=False)
    app.add_route("/b", hello)
    app.mount("/m", app=PlainTextResponse("mounted"), name="m")
    app.host("example.org", app=PlainTextResponse("hosted"), name="h")

    first, second, mount, host = app.routes
    assert isinstance(first, Route)
    assert (first.methods, first.name, first.include_in_schema) == ({"POST"}, "a", False)
    assert isinstance(second, Route)
    assert (second.name, second.include_in_schema) == ("hello", True)
    assert isinstance(mount, Mount)
    assert (mount.path, mount.name) == ("/m", "m")
    assert isinstance(host, Host)
    assert (host.host, host.name) == ("example.org", "h")
    assert client_for(app).get("/m/x").text == "mounted"
    assert client_for(app, base_url="http://example.org").get("/x").text == "hosted"


def test_a_name_leads_to_a_path_and_a_parameter_may_be_called_name() -> None:
    app = Starlette(routes=[Route("/users/{name}", hello, name="user")])
    assert app.url_path_for("user", name="ann") == "/users/ann"
    with pytest.raises(NoMatchFound) as caught:
        app.url_path_for("user")
    assert str(caught.value) == 'No route exists for name "user" and params "".'


# --- the lifespan and its state -------------------------------------------------------------


class Shared(TypedDict):
    count: int
    items: list[int]


def test_the_lifespan_gets_the_application_and_its_state_reaches_requests(
    client_for: ClientFor,
) -> None:
    seen: list[object] = []

    class Custom(Starlette):
        pass

    @asynccontextmanager
    async def lifespan(app: Custom) -> AsyncIterator[Shared]:
        seen.append(app)
        yield {"count": 1, "items": []}
        seen.append("stopped")

    async def change(request: Request) -> Response:
        request.state.count += 1
        request.state.items.append(request.state.count)
        return JSONResponse([request.state["count"], request.state.items])

    app = Custom(routes=[Route("/", change)], lifespan=lifespan)
    with client_for(app) as client:
        assert seen == [app]
        # Each request has a shallow copy: a name that is bound again stays, an object is shared.
        assert client.get("/").json() == [2, [2]]
        assert client.get("/").json() == [2, [2, 2]]
        assert not hasattr(app.state, "count")
    assert seen == [app, "stopped"]


def test_undecorated_generators_are_deprecated(client_for: ClientFor) -> None:
    events: list[object] = []

    def lifespan(app: Starlette) -> Any:
        events.append(app)
        yield
        events.append("stopped")

    with pytest.warns(StarletteDeprecationWarning, match="generator function lifespans") as caught:
        app = Starlette(lifespan=lifespan)
    assert [warning.filename for warning in caught] == [__file__]
    with client_for(app):
        assert events == [app]
    assert events == [app, "stopped"]


@pytest.mark.parametrize("phase", ["startup", "shutdown"])
def test_an_error_of_the_lifespan_comes_out(client_for: ClientFor, phase: str) -> None:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if phase == "startup":
            raise RuntimeError("no startup")
        yield
        raise RuntimeError("no shutdown")

    entered: list[bool] = []
    with (
        pytest.raises(RuntimeError, match=f"no {phase}"),
        client_for(Starlette(lifespan=lifespan)),
    ):
        entered.append(True)
    assert entered == ([True] if phase == "shutdown" else [])


def test_middleware_may_fail_on_the_lifespan(client_for: ClientFor) -> None:
    class Failing(Layer):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise RuntimeError("no lifespan here")

    with (
        pytest.raises(RuntimeError, match="no lifespan here"),
        client_for(Starlette(middleware=[Middleware(Failing)])),
    ):
        raise NotImplementedError


def test_lifespans_of_mounted_applications_are_not_run(client_for: ClientFor) -> None:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        raise NotImplementedError
        yield  # type: ignore[unreachable]

    inner = Starlette(routes=[Route("/", hello)], lifespan=lifespan)
    with client_for(Starlette(routes=[Mount("/a", app=inner)])) as client:
        assert client.get("/a/").text == "hello"


def test_middleware_and_endpoint_share_the_state_of_a_request(client_for: ClientFor) -> None:
    class Remember(Layer):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                request: Request = Request(scope)
                request.state.user = "ann"
            await self.app(scope, receive, send)

    async def show(request: Request) -> Response:
        return PlainTextResponse(request.state.user)

    app = Starlette(routes=[Route("/", show)], middleware=[Middleware(Remember)])
    with client_for(app) as client:
        assert client.get("/").text == "ann"


# JSON


class Shouting:
    """A codec of one's own, which gives text."""

    def dumps(self, value: Any, /) -> str:
        return json.dumps(value).upper()

    def loads(self, data: bytes, /) -> Any:
        return json.loads(data.lower())


async def echo_json(request: Request) -> Response:
    return JSONResponse(await request.json())


async def echo_json_socket(websocket: WebSocket) -> None:
    await websocket.accept()
    for mode in ("text", "binary"):
        await websocket.send_json(await websocket.receive_json(mode), mode)
    await websocket.close()


@pytest.mark.parametrize("face", [Starlette, Bolide])
def test_an_application_may_have_a_json_codec_of_its_own(client_for: Any, face: Any) -> None:
    routes = [
        Route("/", echo_json, methods=["POST"]),
        WebSocketRoute("/live", echo_json_socket),
        Mount("/plain", Starlette(routes=[Route("/", echo_json, methods=["POST"])])),
    ]
    client = client_for(face(routes=routes, json=Shouting()))
    assert client.post("/", content=b'{"A": "B"}').text == '{"A": "B"}'
    # What is mounted keeps its own.
    assert client.post("/plain/", content=b'["a"]').text == '["a"]'
    with client.websocket_connect("/live") as socket:
        socket.send_text('["A"]')
        assert socket.receive_text() == '["A"]'
        socket.send_bytes(b'["A"]')
        assert socket.receive_bytes() == b'["A"]'


def test_starlette_writes_json_by_the_standard_library_and_bolide_by_the_fastest() -> None:
    assert Starlette().json is STANDARD
    assert Bolide().json is fastest_codec()


def test_json_that_a_fast_codec_refuses_is_refused_with_a_place(client_for: Any) -> None:
    client = client_for(Bolide(routes=[Route("/", echo_json, methods=["POST"])]))
    assert "line 1, column 2" in client.post("/", content=b"{").text
    assert client.post("/", content=b"NaN").status_code == 400
    assert client.post("/", content=b"[" * 100_000).status_code == 400


def test_json_that_only_the_codec_refuses_is_refused_too(client_for: Any) -> None:
    class Picky(Shouting):
        def loads(self, data: bytes, /) -> Any:
            raise ValueError("I take nothing")

    client = client_for(Bolide(routes=[Route("/", echo_json, methods=["POST"])], json=Picky()))
    answer = client.post("/", content=b"{}")
    assert answer.status_code == 400
    assert "I take nothing" in answer.text
