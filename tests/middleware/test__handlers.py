"""Exception handlers of a route, a mount or a router, and how they lie one around the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bolide._dispatch import HANDLERS_KEY, lookup_by_class
from bolide.applications import Bolide, Starlette
from bolide.exceptions import HTTPException
from bolide.middleware import Middleware
from bolide.middleware._handlers import HandlersLayer
from bolide.middleware.base import BaseHTTPMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Host, Mount, Route, Router, WebSocketRoute
from bolide.types import ASGIApp, Message, Receive, Scope, Send
from bolide.websockets import WebSocket, WebSocketDisconnect

ClientFor = Callable[..., Any]


class Trouble(Exception):
    """What endpoints raise."""


class BigTrouble(Trouble):
    """A special case of it."""


def says(text: str, status: int = 400) -> Any:
    async def handler(request: Request, exc: Exception) -> Response:
        return PlainTextResponse(f"{text}: {exc}", status)

    return handler


def raises(exc: Exception) -> Any:
    async def endpoint(request: Request) -> Response:
        raise exc

    return endpoint


class Raising:
    """An ASGI application that raises, so that no endpoint meets it."""

    def __init__(self, exc: Exception) -> None:
        self.exc = exc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise self.exc


class Named:
    """Middleware that leaves its name in each response."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self.app = app
        self.name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                header = (b"x-name", self.name.encode())
                message = {**message, "headers": [*message["headers"], header]}
            await send(message)

        await self.app(scope, receive, send_named)


# --- which handler ---------------------------------------------------------------------------


@pytest.mark.parametrize("make", [raises, Raising], ids=["an endpoint's", "an application's"])
@pytest.mark.parametrize(
    ("exc", "inner", "outer", "expected"),
    [
        (Trouble("t"), {Trouble: says("in")}, {Trouble: says("out")}, "in: t"),
        (Trouble("t"), {KeyError: says("in")}, {Trouble: says("out")}, "out: t"),
        (BigTrouble("t"), {Trouble: says("in")}, {BigTrouble: says("out")}, "in: t"),
        (BigTrouble("t"), {Trouble: says("x"), BigTrouble: says("in")}, {}, "in: t"),
        (HTTPException(404), {404: says("in")}, {404: says("out")}, "in: 404: Not Found"),
        (HTTPException(404), {403: says("in")}, {404: says("out")}, "out: 404: Not Found"),
        (HTTPException(404), {HTTPException: says("in")}, {404: says("out")}, "in: 404: Not Found"),
        (HTTPException(404), {Trouble: says("in")}, {}, "Not Found"),
        (HTTPException(404), {Exception: says("in")}, {}, "Not Found"),
        (Trouble("t"), {Exception: says("in")}, {Trouble: says("out")}, "out: t"),
        (HTTPException(500), {500: says("in")}, {}, "in: 500: Internal Server Error"),
    ],
)
def test_the_nearest_layer_that_has_a_handler_answers(
    client_for: ClientFor, make: Any, exc: Exception, inner: Any, outer: Any, expected: str
) -> None:
    routes = [Route("/x", make(exc))]
    for part in (
        Mount("/m", routes=routes, exception_handlers=inner),
        Mount("/m", app=Router(routes, exception_handlers=inner)),
        Mount("/m", routes=[Route("/x", make(exc), exception_handlers=inner)]),
        Mount("/m", app=Host("testserver", Router(routes, exception_handlers=inner))),
    ):
        client = client_for(Starlette(routes=[part], exception_handlers=outer))
        assert client.get("/m/x").text == expected


def test_three_layers_are_asked_from_the_inside_out(client_for: ClientFor) -> None:
    routes = [
        Route("/1", raises(Trouble("1")), exception_handlers={Trouble: says("route")}),
        Route("/2", raises(KeyError("2")), exception_handlers={Trouble: says("route")}),
        Route("/3", raises(OSError("3")), exception_handlers={Trouble: says("route")}),
    ]
    mount = Mount("/m", routes=routes, exception_handlers={Trouble: says("m"), KeyError: says("m")})
    client = client_for(Starlette(routes=[mount], exception_handlers={OSError: says("app")}))
    assert [client.get(f"/m/{n}").text for n in "123"] == ["route: 1", "m: '2'", "app: 3"]


def test_what_no_route_is_there_for_is_the_mounts(client_for: ClientFor) -> None:
    mount = Mount("/m", routes=[Route("/x", raises(Trouble()))], exception_handlers={
        404: says("no such thing", 404), 405: says("not like this", 405),
    })  # fmt: skip
    client = client_for(Starlette(routes=[mount]))
    assert client.get("/m/y").text == "no such thing: 404: Not Found"
    assert client.put("/m/x").text == "not like this: 405: Method Not Allowed"
    assert client.get("/y").text == "Not Found"


def test_a_layer_may_be_in_two_applications(client_for: ClientFor) -> None:
    mount = Mount(
        "/m", routes=[Route("/x", raises(Trouble("t")))], exception_handlers={404: says("")}
    )
    for text in ("a", "b", "a"):
        client = client_for(Starlette(routes=[mount], exception_handlers={Trouble: says(text)}))
        assert client.get("/m/x").text == f"{text}: t"


def test_a_router_that_stands_alone_has_its_handlers(client_for: ClientFor) -> None:
    router = Router([Route("/x", raises(Trouble("t")))], exception_handlers={Trouble: says("in")})
    assert client_for(Starlette(routes=[Mount("/m", app=router)])).get("/m/x").text == "in: t"
    assert client_for(router).get("/x").text == "in: t"


@pytest.mark.parametrize("key", ["404", KeyboardInterrupt, None])
def test_a_key_is_a_status_or_a_class(key: Any) -> None:
    with pytest.raises(AssertionError, match="registered for a status code or a class"):
        Mount("/m", routes=[], exception_handlers={key: says("x")})


def test_a_blocking_handler_runs_in_a_thread(client_for: ClientFor) -> None:
    def handler(request: Request, exc: Exception) -> Response:
        return PlainTextResponse(f"blocking: {exc}")

    route = Route("/", raises(Trouble("t")), exception_handlers={Trouble: handler})
    assert client_for(Starlette(routes=[route])).get("/").text == "blocking: t"


# --- where in the stack ----------------------------------------------------------------------


def test_the_middleware_of_a_mount_sees_what_its_handlers_answer(client_for: ClientFor) -> None:
    mount = Mount(
        "/m",
        routes=[Route("/1", raises(Trouble("t"))), Route("/2", raises(KeyError("k")))],
        middleware=[Middleware(Named, name="mount")],
        exception_handlers={Trouble: says("in"), Exception: says("last", 500)},
    )
    client = client_for(Starlette(routes=[mount]), raise_server_exceptions=False)
    for path, status in (("/m/1", 400), ("/m/2", 500)):
        response = client.get(path)
        assert (response.status_code, response.headers["x-name"]) == (status, "mount")


def test_what_the_middleware_of_a_mount_raises_is_for_those_further_out(
    client_for: ClientFor,
) -> None:
    class Failing(Named):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise Trouble(self.name)

    mount = Mount(
        "/m",
        routes=[],
        middleware=[Middleware(Failing, name="t")],
        exception_handlers={Trouble: says("in")},
    )
    client = client_for(Starlette(routes=[mount], exception_handlers={Trouble: says("out")}))
    assert client.get("/m/").text == "out: t"


@pytest.mark.anyio
async def test_the_scope_is_as_before_afterwards() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope[HANDLERS_KEY])

    async def channel(message: Any = None) -> Any:
        raise NotImplementedError

    handler = says("in")
    outer: Any = {Trouble: says("out"), KeyError: says("out")}, {404: says("out")}
    scope: Scope = {"type": "http", HANDLERS_KEY: outer}
    layer = HandlersLayer(app, {Trouble: handler})
    await layer(scope, channel, channel)
    await layer(scope, channel, channel)
    assert scope[HANDLERS_KEY] is outer

    # They are made once, and are what other packages expect: two mappings.
    assert seen[0] is seen[1]
    by_class, by_status = seen[0]
    assert lookup_by_class(by_class, Trouble()) is handler
    assert lookup_by_class(by_class, KeyError()) is outer[0][KeyError]
    assert by_status.get(404) is outer[1][404]

    scope = {"type": "http"}
    await layer(scope, channel, channel)
    assert HANDLERS_KEY not in scope


@pytest.mark.anyio
async def test_a_lifespan_passes_through() -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(dict(scope))

    async def channel(message: Any = None) -> Any:
        raise NotImplementedError

    await HandlersLayer(app, {Trouble: says("in")})({"type": "lifespan"}, channel, channel)
    assert seen == [{"type": "lifespan"}]


# --- the last resort -------------------------------------------------------------------------


@pytest.mark.parametrize("key", [500, Exception])
@pytest.mark.parametrize("make", [raises, Raising])
def test_an_error_is_answered_by_the_nearest_last_resort_and_raised(
    client_for: ClientFor, key: Any, make: Any
) -> None:
    calls: list[str] = []

    def counting(text: str) -> Any:
        async def handler(request: Request, exc: Exception) -> Response:
            calls.append(text)
            return PlainTextResponse(f"{text}: {exc}", 500)

        return handler

    inner = Mount(
        "/n", routes=[Route("/x", make(Trouble("t")))], exception_handlers={key: counting("n")}
    )
    outer = Mount("/m", routes=[inner], exception_handlers={Exception: counting("m")})
    app = Starlette(routes=[outer], exception_handlers={Exception: counting("app")})

    response = client_for(app, raise_server_exceptions=False).get("/m/n/x")
    assert (response.status_code, response.text) == (500, "n: t")
    with pytest.raises(Trouble):
        client_for(app).get("/m/n/x")
    assert calls == ["n", "n"]


def test_an_error_that_was_answered_inside_is_not_handled_once_more(client_for: ClientFor) -> None:
    mount = Mount(
        "/m", routes=[Route("/x", raises(Trouble("t")))], exception_handlers={500: says("in", 500)}
    )
    app = Starlette(
        routes=[Mount("/sub", app=Starlette(routes=[mount]))],
        exception_handlers={Trouble: says("out")},
    )
    assert client_for(app, raise_server_exceptions=False).get("/sub/m/x").text == "in: t"
    with pytest.raises(Trouble):
        client_for(app).get("/sub/m/x")


def test_the_same_exception_object_is_answered_each_time(client_for: ClientFor) -> None:
    route = Route("/", raises(Trouble("t")), exception_handlers={Exception: says("last", 500)})
    client = client_for(Starlette(routes=[route]), raise_server_exceptions=False)
    assert [client.get("/").text for _ in range(3)] == ["last: t"] * 3


def test_a_response_that_has_begun_stays_what_it_is(client_for: ClientFor) -> None:
    called: list[Exception] = []

    async def handler(request: Request, exc: Exception) -> Response:
        called.append(exc)
        return PlainTextResponse("too late", 500)

    class Late:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"early"})
            raise Trouble

    route = Route("/", Late(), exception_handlers={Exception: handler})
    response = client_for(Starlette(routes=[route]), raise_server_exceptions=False).get("/")
    assert (response.status_code, response.text, len(called)) == (200, "early", 1)


def test_a_last_resort_may_give_no_response(client_for: ClientFor) -> None:
    async def handler(request: Request, exc: Exception) -> None:
        return None

    routes = [Route("/", raises(Trouble("t")), exception_handlers={Exception: handler})]
    for middleware in ([], [Middleware(BaseHTTPMiddleware, dispatch=marked)]):
        app = Starlette(routes=routes, middleware=middleware)
        response = client_for(app, raise_server_exceptions=False).get("/")
        assert (response.status_code, response.text) == (500, "Internal Server Error")


# --- in place, behind BaseHTTPMiddleware ------------------------------------------------------


async def marked(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    response.headers["x-seen"] = str(response.status_code)
    return response


@pytest.mark.parametrize("app_class", [Starlette, Bolide])
@pytest.mark.parametrize("layers", [1, 3])
def test_base_middleware_sees_what_the_handlers_of_a_route_answer(
    client_for: ClientFor, app_class: Any, layers: int
) -> None:
    handlers = {Trouble: says("in", 418), Exception: says("last", 500)}
    routes = [
        Route("/1", raises(Trouble("t")), exception_handlers=handlers),
        Route("/2", raises(KeyError("k")), exception_handlers=handlers),
    ]
    middleware = [Middleware(BaseHTTPMiddleware, dispatch=marked)] * layers
    app = app_class(routes=routes, middleware=middleware)
    client = client_for(app, raise_server_exceptions=False)
    for path, status, text in (("/1", "418", "in: t"), ("/2", "500", "last: 'k'")):
        response = client.get(path)
        assert (response.headers["x-seen"], response.text) == (status, text)
    with pytest.raises(KeyError):
        client_for(app).get("/2")


# --- WebSockets ------------------------------------------------------------------------------


async def close_4000(websocket: WebSocket, exc: Exception) -> None:
    await websocket.close(4000, f"in: {exc}")


async def ws_raises(websocket: WebSocket) -> None:
    await websocket.accept()
    raise Trouble("t")


@pytest.mark.parametrize(
    "route",
    [
        WebSocketRoute("/ws", ws_raises, exception_handlers={Trouble: close_4000}),
        Mount(
            "/", routes=[WebSocketRoute("/ws", ws_raises)], exception_handlers={Trouble: close_4000}
        ),
        Mount(
            "/",
            app=Router(
                [WebSocketRoute("/ws", ws_raises)], exception_handlers={Trouble: close_4000}
            ),
        ),
    ],
)
def test_handlers_are_for_websockets_too(client_for: ClientFor, route: Any) -> None:
    connection = client_for(Starlette(routes=[route])).websocket_connect("/ws")
    with connection as websocket, pytest.raises(WebSocketDisconnect) as closed:
        websocket.receive_text()
    assert (closed.value.code, closed.value.reason) == (4000, "in: t")


def test_a_websocket_application_that_raises_is_met_by_the_layer(client_for: ClientFor) -> None:
    route = WebSocketRoute("/ws", Raising(Trouble("t")), exception_handlers={Trouble: close_4000})
    with pytest.raises(WebSocketDisconnect) as closed:
        client_for(Starlette(routes=[route])).websocket_connect("/ws").__enter__()
    assert (closed.value.code, closed.value.reason) == (4000, "in: t")


def test_the_last_resort_of_a_websocket_is_called_once(client_for: ClientFor) -> None:
    calls: list[str] = []

    def noting(name: str) -> Any:
        async def handler(websocket: WebSocket, exc: Exception) -> None:
            calls.append(name)
            await websocket.close(1011)

        return handler

    mount = Mount(
        "/m",
        routes=[WebSocketRoute("/ws", ws_raises, exception_handlers={Exception: noting("route")})],
        exception_handlers={Exception: noting("mount")},
    )
    connection = client_for(Starlette(routes=[mount])).websocket_connect("/m/ws")
    with pytest.raises(Trouble), connection as websocket:
        websocket.receive_text()
    assert calls == ["route"]
