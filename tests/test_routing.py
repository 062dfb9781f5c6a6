"""Routes, mounts and routers: what matches, what is called, and how names lead back."""

from __future__ import annotations

import contextvars
import functools
import re
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

import bolide.routing
from bolide.convertors import CONVERTOR_TYPES, Convertor
from bolide.exceptions import HTTPException, StarletteDeprecationWarning
from bolide.middleware import Middleware
from bolide.requests import Request
from bolide.responses import JSONResponse, PlainTextResponse, Response
from bolide.routing import (
    BaseRoute,
    Host,
    Match,
    Mount,
    NoMatchFound,
    Route,
    Router,
    WebSocketRoute,
    compile_path,
    get_name,
    replace_params,
)
from bolide.types import ASGIApp, Message, Receive, Scope, Send
from bolide.websockets import WebSocket, WebSocketDisconnect

ClientFor = Callable[..., Any]


async def show_path(request: Request) -> Response:
    return PlainTextResponse(request.scope["path"])


async def show_params(request: Request) -> Response:
    return PlainTextResponse(repr(request.path_params))


async def show_mount(request: Request) -> Response:
    names = ("path", "root_path", "app_root_path", "path_params")
    return JSONResponse({name: request.scope.get(name) for name in names})


async def ws_params(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(websocket.path_params)
    await websocket.close()


async def raw_app(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("raw")(scope, receive, send)


class Tag:
    """Middleware that adds a header to responses and to accepted WebSockets."""

    def __init__(self, app: ASGIApp, tag: str) -> None:
        self.app = app
        self.tag = tag.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_tagged(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                message["headers"].append((b"x-tag", self.tag))
            await send(message)

        await self.app(scope, receive, send_tagged)


class Passing(BaseRoute):
    """A route of somebody else's that takes everything."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(f"passed {scope['note']}")(scope, receive, send)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return Match.FULL, {"note": "on"}


async def call(app: ASGIApp, scope: Scope) -> list[Message]:
    """Call an application with a scope, and give what it sends."""
    sent: list[Message] = []

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


# --- the helpers ----------------------------------------------------------------------------


class Instance:
    """An endpoint that is an object."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("instance")(scope, receive, send)

    async def method(self, request: Request) -> Response:
        return PlainTextResponse("method")

    @classmethod
    def class_method(cls, request: Request) -> Response:
        return PlainTextResponse(cls.__name__)

    @staticmethod
    async def static_method(request: Request) -> Response:
        return PlainTextResponse("static")


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        (show_path, "show_path"),
        (Instance, "Instance"),
        (Instance(), "Instance"),
        (Instance().method, "method"),
        (Instance.class_method, "class_method"),
        (Instance.static_method, "static_method"),
        (functools.partial(show_path), "partial"),
        (lambda request: request, "<lambda>"),
    ],
)
def test_the_name_of_an_endpoint(endpoint: Any, name: str) -> None:
    assert get_name(endpoint) == name
    assert Route("/", endpoint).name == name
    assert WebSocketRoute("/", endpoint).name == name


def test_a_path_is_compiled_to_a_regex_a_format_and_convertors() -> None:
    regex, path_format, convertors = compile_path("/users/{id:int}(x)/{rest:path}")
    match = regex.match("/users/12(x)/a/b")
    assert match is not None
    assert match.groupdict() == {"id": "12", "rest": "a/b"}
    assert path_format == "/users/{id}(x)/{rest}"
    assert convertors == {"id": CONVERTOR_TYPES["int"], "rest": CONVERTOR_TYPES["path"]}


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("/{x:nothing}", AssertionError, "Unknown path convertor 'nothing'"),
        ("/{a}/{a}", ValueError, "Duplicated param name a at path /{a}/{a}"),
        ("/{b}{a}{a}{b:int}", ValueError, "Duplicated param names a, b at path /{b}{a}{a}{b:int}"),
    ],
)
@pytest.mark.parametrize("use", [compile_path, lambda path: Route(path, show_path)])
def test_mistakes_in_a_path_are_told(
    use: Callable[[str], object], path: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        use(path)
    assert str(caught.value) == message


def test_parameters_are_replaced_and_the_others_are_given_back() -> None:
    convertors = {"id": CONVERTOR_TYPES["int"], "name": CONVERTOR_TYPES["str"]}
    assert replace_params("/{id}/{name}", convertors, {"id": "12", "more": "x"}) == (
        "/12/{name}",
        {"more": "x"},
    )


# --- Route ----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [Route, WebSocketRoute])
@pytest.mark.parametrize("path", ["", "users", "{x}"])
def test_a_path_begins_with_a_slash(make: Callable[..., object], path: str) -> None:
    with pytest.raises(AssertionError) as caught:
        make(path, show_path)
    assert str(caught.value) == "Routed paths must start with '/'"


def blocking(request: Request) -> Response:
    return PlainTextResponse("blocking")


def with_prefix(prefix: str, request: Request) -> Response:
    return PlainTextResponse(f"{prefix} partial")


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (show_path, "/"),
        (blocking, "blocking"),
        (lambda request: PlainTextResponse("lambda"), "lambda"),
        (Instance().method, "method"),
        (Instance.class_method, "Instance"),
        (Instance.static_method, "static"),
        (functools.partial(functools.partial(with_prefix), "a"), "a partial"),
        (functools.partial(show_path), "/"),
        (Instance(), "instance"),
        (PlainTextResponse("a response"), "a response"),
        (functools.partial(Instance()), "instance"),
    ],
)
def test_functions_get_a_request_and_everything_else_is_an_asgi_app(
    client_for: ClientFor, endpoint: Any, text: str
) -> None:
    client = client_for(Route("/", endpoint))
    assert client.get("/").text == text
    head = client.head("/")
    assert (head.status_code, head.text) == (200, "")


def test_a_blocking_endpoint_sees_context_variables(client_for: ClientFor) -> None:
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")

    class SetUser:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            user.set("somebody")
            await self.app(scope, receive, send)

    def endpoint(request: Request) -> Response:
        return PlainTextResponse(user.get())

    route = Route("/", endpoint, middleware=[Middleware(SetUser)])
    assert client_for(route).get("/").text == "somebody"


def test_the_middleware_of_a_route_is_around_it_alone(client_for: ClientFor) -> None:
    async def forbidden(request: Request) -> Response:
        raise HTTPException(403)

    async def forbid(request: Request, exc: Exception) -> Response:
        return PlainTextResponse("no", 403)

    class Handlers:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            scope["starlette.exception_handlers"] = ({HTTPException: forbid}, {})
            await self.app(scope, receive, send)

    tags = [Middleware(Tag, "outer"), Middleware(Tag, tag="inner")]
    router = Router(
        [
            Route("/tagged", show_path, middleware=tags),
            Route("/forbidden", forbidden, middleware=tags),
            Route("/plain", show_path),
        ],
        middleware=[Middleware(Handlers)],
    )
    client = client_for(router)

    assert client.get("/tagged").headers.get_list("x-tag") == ["inner", "outer"]
    response = client.get("/forbidden")
    assert (response.status_code, response.text) == (403, "no")
    assert response.headers.get_list("x-tag") == ["inner", "outer"]
    assert "x-tag" not in client.get("/plain").headers
    assert "x-tag" not in client.post("/tagged").headers


async def show_length(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


@pytest.mark.parametrize(
    "app",
    [
        Router([Route("/a/b", show_length, methods=["POST"], max_body_size=3)]),
        Router([Mount("/a", routes=[Route("/b", show_length, methods=["POST"])], max_body_size=3)]),
        Router([Route("/a/b", show_length, methods=["POST"])], max_body_size=3),
    ],
    ids=["route", "mount", "router"],
)
def test_a_body_may_be_limited(client_for: ClientFor, app: ASGIApp) -> None:
    client = client_for(app)
    assert client.post("/a/b", content=b"123").text == "3"
    assert client.post("/a/b", content=b"1234").status_code == 413


@pytest.mark.parametrize(
    ("pattern", "path", "params"),
    [
        ("/{x}", "/a b", {"x": "a b"}),
        ("/{x:int}", "/007", {"x": 7}),
        ("/{x:float}", "/25.5", {"x": 25.5}),
        ("/{x:path}", "/a/b/", {"x": "a/b/"}),
        ("/{x:path}", "/", {"x": ""}),
        (
            "/{x:uuid}",
            "/EC38DF32ceda4cfa9b4a1aeb94ad551a",
            {"x": uuid.UUID("ec38df32-ceda-4cfa-9b4a-1aeb94ad551a")},
        ),
        ("/(a)/{x}.html", "/(a)/b.html", {"x": "b"}),
        ("/{x}-{y:int}", "/a-b-3", {"x": "a-b", "y": 3}),
        ("/{ x }", "/{ x }", {}),
    ],
)
def test_parameters_are_taken_from_the_path(
    client_for: ClientFor, pattern: str, path: str, params: dict[str, Any]
) -> None:
    client = client_for(Router([Route(pattern, show_params)]))
    assert client.get(path).text == repr(params)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/{x:int}", "/-1"),
        ("/{x:float}", "/1-0"),
        ("/{x}", "/a/b"),
        ("/a.b", "/aXb"),
        ("/{x:uuid}", "/ec38df32"),
    ],
)
def test_a_path_of_another_form_is_not_found(
    client_for: ClientFor, pattern: str, path: str
) -> None:
    assert client_for(Router([Route(pattern, show_params)])).get(path).status_code == 404


def test_a_route_keeps_the_convertors_it_was_made_with(monkeypatch: pytest.MonkeyPatch) -> None:
    class Yes(Convertor[bool]):
        regex = "yes|no"

        def convert(self, value: str) -> bool:
            return value == "yes"

        def to_string(self, value: bool) -> str:
            return "yes" if value else "no"

    monkeypatch.setitem(CONVERTOR_TYPES, "yes", Yes())
    route = Route("/{x:yes}", show_params, name="x")
    monkeypatch.delitem(CONVERTOR_TYPES, "yes")

    _, child_scope = route.matches({"type": "http", "path": "/yes", "method": "GET"})
    assert child_scope["path_params"] == {"x": True}
    assert route.url_path_for("x", x=False) == "/no"


# --- WebSocketRoute -------------------------------------------------------------------------


def test_a_websocket_route_matches_only_websockets() -> None:
    route = WebSocketRoute("/{id:int}", ws_params)
    scope: Scope = {"type": "websocket", "path": "/7", "path_params": {"a": 1}}
    assert route.matches(scope) == (
        Match.FULL,
        {"endpoint": ws_params, "path_params": {"a": 1, "id": 7}},
    )
    assert route.matches({"type": "websocket", "path": "/x"}) == (Match.NONE, {})
    assert route.matches({"type": "http", "path": "/7", "method": "GET"}) == (Match.NONE, {})


@pytest.mark.parametrize("endpoint", [ws_params, functools.partial(ws_params)])
def test_a_function_gets_a_websocket(client_for: ClientFor, endpoint: Any) -> None:
    client = client_for(WebSocketRoute("/{id:int}", endpoint))
    with client.websocket_connect("/7") as session:
        assert session.receive_json() == {"id": 7}


def test_an_asgi_app_may_take_websockets(client_for: ClientFor) -> None:
    class App:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await ws_params(WebSocket(scope, receive, send))

    with client_for(WebSocketRoute("/{x}", App())).websocket_connect("/a") as session:
        assert session.receive_json() == {"x": "a"}


def test_middleware_of_a_websocket_route_may_change_what_is_accepted(
    client_for: ClientFor,
) -> None:
    route = WebSocketRoute("/", ws_params, middleware=[Middleware(Tag, "a"), Middleware(Tag, "b")])
    with client_for(route).websocket_connect("/") as session:
        assert session.extra_headers == [(b"x-tag", b"b"), (b"x-tag", b"a")]


def test_a_request_and_a_websocket_may_have_one_path(client_for: ClientFor) -> None:
    client = client_for(Router([WebSocketRoute("/{x}", ws_params), Route("/{x}", show_params)]))
    assert client.get("/a").text == "{'x': 'a'}"
    with client.websocket_connect("/b") as session:
        assert session.receive_json() == {"x": "b"}


# --- Mount ----------------------------------------------------------------------------------


def test_a_mount_begins_with_a_slash_or_is_empty() -> None:
    with pytest.raises(AssertionError) as caught:
        Mount("a", app=raw_app)
    assert str(caught.value) == "Routed paths must start with '/'"


def test_a_mount_needs_something_to_mount() -> None:
    with pytest.raises(AssertionError) as caught:
        Mount("/a")
    assert str(caught.value) == "Either 'app=...', or 'routes=' must be specified"


@pytest.mark.parametrize(
    ("path", "expected"), [("/", ""), ("", ""), ("/a", "/a"), ("/a/", "/a"), ("/a//", "/a")]
)
def test_a_mount_has_no_slash_at_its_end(path: str, expected: str) -> None:
    mount = Mount(path, app=raw_app)
    assert (mount.path, mount.path_format, mount.name) == (expected, f"{expected}/{{path}}", None)


def test_an_app_wins_over_routes() -> None:
    mount = Mount("/a", app=raw_app, routes=[Route("/", show_path)])
    assert (mount.app, mount.routes) == (raw_app, [])


def test_the_routes_of_a_mount_are_those_of_its_application_whatever_the_middleware() -> None:
    router = Router()
    mount = Mount("/a", app=router, middleware=[Middleware(Tag, "a")])
    router.add_route("/later", show_path)
    assert mount.routes is router.routes
    assert isinstance(mount.app, Tag)
    assert mount.url_path_for("show_path") == "/a/later"


def mount_match(mount: Mount, path: str, **scope: Any) -> tuple[Match, Scope]:
    return mount.matches({"type": "http", "method": "GET", "path": path, **scope})


@pytest.mark.parametrize("path", ["/users", "/usersa", "/user", "/", "/usersa/b"])
def test_a_mount_takes_what_is_below_its_path(path: str) -> None:
    assert mount_match(Mount("/users", app=raw_app), path) == (Match.NONE, {})


@pytest.mark.parametrize(
    ("pattern", "path", "before", "after"),
    [
        ("/users", "/users/", {}, ("", "/users", {})),
        ("/users", "/users/tom/x", {}, ("", "/users", {})),
        ("/{name}", "/tom/x", {"path_params": {"a": 1}}, ("", "/tom", {"a": 1, "name": "tom"})),
        ("/{n:int}", "/007/x", {}, ("", "/007", {"n": 7})),
        ("/b", "/root/b/", {"root_path": "/root"}, ("/root", "/root/b", {})),
        (
            "/b",
            "/root/a/b/c",
            {"root_path": "/root/a", "app_root_path": "/root"},
            ("/root", "/root/a/b", {}),
        ),
        ("", "/anything/at/all", {}, ("", "", {})),
        ("/", "/", {"root_path": ""}, ("", "", {})),
    ],
)
def test_a_mount_moves_its_path_into_the_root_path(
    pattern: str, path: str, before: Scope, after: tuple[str, str, dict[str, Any]]
) -> None:
    match, child_scope = mount_match(Mount(pattern, app=raw_app), path, **before)
    assert match is Match.FULL
    assert child_scope == {
        "app_root_path": after[0],
        "root_path": after[1],
        "path_params": after[2],
        "endpoint": raw_app,
    }


def test_a_mount_matches_websockets_and_nothing_but_them_and_requests() -> None:
    mount = Mount("/a", app=raw_app)
    assert mount.matches({"type": "websocket", "path": "/a/b"})[0] is Match.FULL
    assert mount.matches({"type": "lifespan", "path": "/a/b"}) == (Match.NONE, {})


def test_alone_a_mount_hands_over_to_the_application(client_for: ClientFor) -> None:
    client = client_for(Mount("/a", app=raw_app))
    assert client.get("/a/b").text == "raw"
    assert client.get("/b").status_code == 404


def test_mounts_in_mounts(client_for: ClientFor) -> None:
    inner = Mount("/{y:int}", routes=[Route("/{z}", show_mount), WebSocketRoute("/ws", ws_params)])
    client = client_for(Router([Mount("/{x}", routes=[inner])]), root_path="/root")

    assert client.get("/root/a/2/c").json() == {
        "path": "/root/a/2/c",
        "root_path": "/root/a/2",
        "app_root_path": "/root",
        "path_params": {"x": "a", "y": 2, "z": "c"},
    }
    with client.websocket_connect("/root/a/2/ws") as session:
        assert session.receive_json() == {"x": "a", "y": 2}


def test_a_mount_hides_later_routes_and_lets_earlier_ones_be(client_for: ClientFor) -> None:
    router = Router(
        [
            Route("/a/first", show_path),
            Mount("/a", routes=[Route("/in", show_path)]),
            Route("/a/last", show_path),
        ]
    )
    client = client_for(router)
    assert client.get("/a/first").status_code == 200
    assert client.get("/a/in").status_code == 200
    assert client.get("/a/last").status_code == 404


def test_middleware_of_a_mount_is_around_everything_in_it(client_for: ClientFor) -> None:
    router = Router(
        [
            Mount(
                "/a",
                routes=[Route("/in", show_path)],
                middleware=[Middleware(Tag, "outer"), Middleware(Tag, "inner")],
            ),
            Route("/out", show_path),
        ]
    )
    client = client_for(router)
    assert client.get("/a/in").headers.get_list("x-tag") == ["inner", "outer"]
    assert client.get("/a/nothing").headers.get_list("x-tag") == ["inner", "outer"]
    assert "x-tag" not in client.get("/out").headers


# --- Router ---------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_router_knows_three_kinds_of_scopes() -> None:
    with pytest.raises(AssertionError, match="'other'"):
        await call(Router(), {"type": "other"})


def test_the_first_full_match_wins_and_a_wrong_method_comes_last(client_for: ClientFor) -> None:
    def numbered(number: int) -> Callable[[Request], Response]:
        return lambda request: PlainTextResponse(str(number))

    router = Router(
        [
            Route("/a", numbered(0), methods=["PUT"]),
            Route("/a", numbered(1)),
            Route("/{x}", numbered(2), methods=["GET", "POST"]),
        ]
    )
    client = client_for(router)
    assert client.get("/a").text == "1"
    assert client.post("/a").text == "2"
    assert client.put("/a").text == "0"
    refused = client.delete("/a")
    assert (refused.status_code, refused.headers["allow"]) == (405, "PUT")


@pytest.mark.anyio
async def test_the_scope_tells_outer_layers_what_was_found() -> None:
    route = Route("/{id:int}", show_path)
    router = Router([route])
    scope: Scope = {"type": "http", "method": "GET", "path": "/7"}
    await call(router, scope)

    assert scope["router"] is router
    assert scope["route"] is route
    assert scope["endpoint"] is show_path
    assert scope["path_params"] == {"id": 7}
    assert scope["path"] == "/7"


@pytest.mark.anyio
async def test_of_nested_routers_the_outermost_is_in_the_scope() -> None:
    inner = Router([Route("/b", show_path)])
    outer = Router([Mount("/a", app=inner)])
    scope: Scope = {"type": "http", "method": "GET", "path": "/a/b"}
    await call(outer, scope)

    assert scope["router"] is outer
    assert scope["route"] is inner.routes[0]


@pytest.mark.anyio
async def test_a_partial_match_is_in_the_scope_too() -> None:
    route = Route("/a", show_path)
    scope: Scope = {"type": "http", "method": "PUT", "path": "/a"}
    start, _ = await call(Router([route]), scope)

    assert (start["status"], scope["route"], scope["endpoint"]) == (405, route, show_path)


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/no-slash/", "http://testserver/no-slash"),
        ("/no-slash///", "http://testserver/no-slash"),
        ("/slash", "http://testserver/slash/"),
        ("/slash?a=1&b=%20", "http://testserver/slash/?a=1&b=%20"),
        ("/mount", "http://testserver/mount/"),
        ("/mount/in/", "http://testserver/mount/in"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_slash_too_many_or_too_few_is_redirected(
    client_for: ClientFor, path: str, location: str, method: str
) -> None:
    router = Router(
        [
            Route("/no-slash", show_path),
            Route("/slash/", show_path),
            Mount("/mount", routes=[Route("/in", show_path)]),
        ]
    )
    response = client_for(router, follow_redirects=False).request(method, path)
    assert (response.status_code, response.headers["location"]) == (307, location)
    assert response.content == b""


def test_redirects_can_be_turned_off_and_are_not_for_websockets(client_for: ClientFor) -> None:
    routes = [Route("/a", show_path), WebSocketRoute("/ws", ws_params)]
    assert client_for(Router(routes, redirect_slashes=False)).get("/a/").status_code == 404
    with (
        pytest.raises(WebSocketDisconnect) as caught,
        client_for(Router(routes)).websocket_connect("/ws/"),
    ):
        raise NotImplementedError
    assert caught.value.code == 1000


@pytest.mark.anyio
async def test_what_no_route_matches_is_not_found() -> None:
    router = Router([Route("/a", show_path)])
    for path in ("/", "/b"):
        scope: Scope = {"type": "http", "method": "GET", "path": path}
        start, body = await call(router, dict(scope))
        assert (start["status"], body["body"]) == (404, b"Not Found")
        with pytest.raises(HTTPException) as caught:
            await call(router, {**scope, "app": None})
        assert caught.value.status_code == 404
    assert await call(router, {"type": "websocket", "path": "/a"}) == [
        {"type": "websocket.close", "code": 1000, "reason": ""}
    ]


def test_a_default_application_takes_the_rest(client_for: ClientFor) -> None:
    client = client_for(Router([Route("/a", show_path)], default=raw_app))
    assert client.get("/a").text == "/a"
    assert client.get("/b").text == "raw"


def test_middleware_of_a_router_is_around_everything_in_order(client_for: ClientFor) -> None:
    seen: list[str] = []

    class Note(Tag):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(f"{scope['type']} {self.tag.decode()}")
            await self.app(scope, receive, send)

    router = Router(
        [Route("/", show_path)], middleware=[Middleware(Note, "outer"), Middleware(Note, "inner")]
    )
    with client_for(router) as client:
        assert client.get("/nothing").status_code == 404

    assert seen == ["lifespan outer", "lifespan inner", "http outer", "http inner"]


def test_routes_are_copied_and_may_be_edited(client_for: ClientFor) -> None:
    given: list[BaseRoute] = [Route("/a", show_path)]
    router = Router(given)
    client = client_for(router)

    router.routes.append(Route("/b", show_path))
    assert len(given) == 1
    assert client.get("/b").status_code == 200
    router.routes.pop(0)
    assert client.get("/a").status_code == 404
    router.routes = [Route("/c", show_path)]
    assert (client.get("/b").status_code, client.get("/c").status_code) == (404, 200)


def test_routes_are_added_by_methods(client_for: ClientFor) -> None:
    router = Router()
    router.add_route("/a", show_path, methods=["POST"], name="a", include_in_schema=False)
    router.add_route("/b", show_path)
    router.add_websocket_route("/ws", ws_params, name="ws")
    router.mount("/m", app=raw_app, name="m")
    router.host("example.org", app=raw_app, name="h")

    added, plain = router.routes[:2]
    assert isinstance(added, Route)
    assert (added.methods, added.name, added.include_in_schema) == ({"POST"}, "a", False)
    assert isinstance(plain, Route)
    assert (plain.methods, plain.name, plain.include_in_schema) == (
        {"GET", "HEAD"},
        "show_path",
        True,
    )
    assert router.routes[2:] == [
        WebSocketRoute("/ws", ws_params),
        Mount("/m", app=raw_app),
        Host("example.org", app=raw_app),
    ]
    assert [route.name for route in router.routes[2:]] == ["ws", "m", "h"]  # type: ignore[attr-defined]
    assert client_for(router).get("/m/x").text == "raw"


def test_somebody_elses_route_may_be_in_the_list(client_for: ClientFor) -> None:
    client = client_for(Router([Route("/a", show_path), Passing()]))
    assert client.get("/a").text == "/a"
    assert client.get("/b").text == "passed on"


def test_a_subclass_may_handle_in_its_own_way(client_for: ClientFor) -> None:
    class Wrapped(Route):
        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            await PlainTextResponse("wrapped")(scope, receive, send)

    assert client_for(Router([Wrapped("/a", show_path)])).get("/a").text == "wrapped"


def test_an_instrumented_handle_is_called(
    client_for: ClientFor, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Route.handle
    calls: list[str] = []

    async def traced(self: Route, scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(self.path)
        await original(self, scope, receive, send)

    client = client_for(Router([Route("/a", show_path)]))
    monkeypatch.setattr(Route, "handle", traced)
    assert client.get("/a").text == "/a"
    assert calls == ["/a"]


def test_a_router_may_be_mounted_in_itself(client_for: ClientFor) -> None:
    router = Router([Route("/a", show_path)])
    router.mount("/again", app=router)
    assert client_for(router).get("/again/again/a").text == "/again/again/a"


# --- the lifespan ---------------------------------------------------------------------------


def test_the_lifespan_of_the_outermost_router_is_run(client_for: ClientFor) -> None:
    events: list[str] = []

    def lifespan_named(name: str) -> Any:
        @asynccontextmanager
        async def lifespan(app: object) -> AsyncIterator[None]:
            assert app is None
            events.append(f"{name} starts")
            yield
            events.append(f"{name} stops")

        return lifespan

    inner = Router([Route("/", show_path)], lifespan=lifespan_named("inner"))
    with client_for(Router([Mount("/a", app=inner)], lifespan=lifespan_named("outer"))) as client:
        assert client.get("/a/").status_code == 200
        events.append("a request")

    assert events == ["outer starts", "a request", "outer stops"]


def test_generator_lifespans_are_deprecated_and_work(client_for: ClientFor) -> None:
    events: list[str] = []

    async def lifespan(app: object) -> AsyncIterator[None]:
        events.append("starts")
        yield
        events.append("stops")

    with pytest.warns(StarletteDeprecationWarning, match="async generator function lifespans"):
        router = Router(lifespan=lifespan)  # type: ignore[arg-type]
    with client_for(router):
        assert events == ["starts"]
    assert events == ["starts", "stops"]


@pytest.mark.anyio
async def test_the_lifespan_may_be_replaced_by_none() -> None:
    router = Router()
    router.lifespan_context = bolide.routing._DefaultLifespan(router)
    async with router.lifespan_context("anything") as state:
        assert state is None
    messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[Message] = []

    async def receive() -> Message:
        return next(messages)

    async def send(message: Message) -> None:
        sent.append(message)

    await router({"type": "lifespan"}, receive, send)
    assert sent == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]


@pytest.mark.parametrize("argument", ["on_startup", "on_shutdown"])
def test_startup_and_shutdown_lists_are_gone(argument: str) -> None:
    with pytest.raises(TypeError, match=argument):
        Router(**{argument: []})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        "on_event",
        "add_event_handler",
        "route",
        "websocket_route",
        "startup",
        "shutdown",
    ],
)
def test_what_was_removed_does_not_exist(name: str) -> None:
    assert not hasattr(Router(), name)


# --- equality and repr ----------------------------------------------------------------------


class Shown(Route):
    """A subclass."""


EQUAL: list[tuple[object, object]] = [
    (Route("/", show_path), Route("/", show_path, name="other")),
    (Route("/", show_path, methods=["get"]), Route("/", show_path)),
    (WebSocketRoute("/", ws_params), WebSocketRoute("/", ws_params, name="other")),
    (Mount("/a", app=raw_app), Mount("/a/", app=raw_app, name="other")),
    (
        Mount("/a", routes=[Route("/", show_path)]),
        Mount("/a", routes=[Route("/", show_path)], middleware=[Middleware(Tag, "a")]),
    ),
    (Router([Route("/", show_path)]), Router([Route("/", show_path)], redirect_slashes=False)),
]
UNEQUAL: list[tuple[object, object]] = [
    (Route("/", show_path), Route("/a", show_path)),
    (Route("/", show_path), Route("/", show_params)),
    (Route("/", show_path), Route("/", show_path, methods=["POST"])),
    (Route("/", ws_params), WebSocketRoute("/", ws_params)),
    (WebSocketRoute("/", ws_params), Route("/", ws_params)),
    (WebSocketRoute("/", ws_params), WebSocketRoute("/a", ws_params)),
    (WebSocketRoute("/", ws_params), WebSocketRoute("/", show_path)),
    (Mount("/a", app=raw_app), Mount("/b", app=raw_app)),
    (Mount("/a", app=raw_app), Mount("/a", app=show_path)),  # type: ignore[arg-type]
    (Mount("/a", app=raw_app), "/a"),
    (Mount("/a", routes=[]), Mount("/a", routes=[Route("/", show_path)])),
    (Router(), Router([Route("/", show_path)])),
    (Router(), []),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal(one: object, other: object) -> None:
    assert one == other


@pytest.mark.parametrize(("one", "other"), UNEQUAL)
def test_unequal(one: object, other: object) -> None:
    assert one != other


@pytest.mark.parametrize("value", [pair[0] for pair in EQUAL], ids=lambda v: type(v).__name__)
def test_what_compares_by_value_cannot_be_hashed(value: object) -> None:
    with pytest.raises(TypeError):
        hash(value)


@pytest.mark.parametrize(
    ("route", "text"),
    [
        (
            Route("/welcome", show_path, name="homepage"),
            "Route(path='/welcome', name='homepage', methods=['GET', 'HEAD'])",
        ),
        (Route("/", Instance()), "Route(path='/', name='Instance', methods=[])"),
        (
            Shown("/", show_path, methods=["PUT", "DELETE"]),
            "Shown(path='/', name='show_path', methods=['DELETE', 'PUT'])",
        ),
        (WebSocketRoute("/ws", ws_params), "WebSocketRoute(path='/ws', name='ws_params')"),
        (Mount("/a", app=raw_app), f"Mount(path='/a', name='', app={raw_app!r})"),
        (Mount("/a/", app=raw_app, name="x"), f"Mount(path='/a', name='x', app={raw_app!r})"),
    ],
)
def test_repr(route: BaseRoute, text: str) -> None:
    assert repr(route) == text


# --- names ----------------------------------------------------------------------------------


NAMED = Router(
    [
        Route("/", show_path, name="home"),
        Route("/users/{id:int}", show_path, name="user"),
        Route("/users/{id:int}/{name}", show_path, name="user"),
        Route("/{category}/{id}", show_path, name="item"),
        WebSocketRoute("/ws/{room}", ws_params, name="room"),
        Mount("/files", app=raw_app, name="files"),
        Mount(
            "/{tenant}",
            name="tenant",
            middleware=[Middleware(Tag, "a")],
            routes=[
                Route("/all", show_path, name="all"),
                Route("/by-path/{path}", show_path, name="by-path"),
                WebSocketRoute("/live", ws_params, name="live"),
                Mount("/deep", name="deep", routes=[Route("/x/{path:path}", show_path, name="x")]),
            ],
        ),
        Mount("/plain", routes=[Route("/inner/{id}", show_path, name="inner")]),
    ]
)


@pytest.mark.parametrize(
    ("name", "params", "path"),
    [
        ("home", {}, "/"),
        ("user", {"id": 7}, "/users/7"),
        ("user", {"id": 7, "name": "a b"}, "/users/7/a b"),
        ("item", {"category": "{id}", "id": "42"}, "/{id}/42"),
        ("room", {"room": "a"}, "/ws/a"),
        ("files", {"path": "/css/a.css"}, "/files/css/a.css"),
        ("files", {"path": "css/a.css"}, "/files/css/a.css"),
        ("tenant", {"tenant": "t", "path": ""}, "/t/"),
        ("tenant:all", {"tenant": "t"}, "/t/all"),
        ("tenant:all", {}, "/{tenant}/all"),
        ("tenant:by-path", {"tenant": "t", "path": "123"}, "/t/by-path/123"),
        ("tenant:live", {"tenant": "t"}, "/t/live"),
        ("tenant:deep:x", {"tenant": "t", "path": "a/b"}, "/t/deep/x/a/b"),
        ("tenant:deep", {"tenant": "t", "path": "/any"}, "/t/deep/any"),
        ("inner", {"id": "x"}, "/plain/inner/x"),
    ],
)
def test_a_name_and_its_parameters_give_a_path(
    name: str, params: dict[str, Any], path: str
) -> None:
    found = NAMED.url_path_for(name, **params)
    assert found == path
    protocols = {"room": "websocket", "tenant:live": "websocket"}
    # What an application does with any path inside is not known.
    any_path = {"files": "", "tenant": "", "tenant:deep": ""}
    protocol = {**protocols, **any_path}.get(name, "http")
    assert (found.protocol, found.host) == (protocol, "")


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("nothing", {}),
        ("home", {"id": 1}),
        ("user", {}),
        ("user", {"id": 1, "name": "a", "more": 2}),
        ("room", {}),
        ("files", {}),
        ("files", {"path": "a", "more": 1}),
        ("files:all", {"path": "a"}),
        ("tenant", {"tenant": "t"}),
        ("all", {"tenant": "t"}),
        ("tenant:nothing", {"tenant": "t"}),
        ("tenant:all", {"tenant": "t", "more": 1}),
        ("plain:inner", {"id": "x"}),
    ],
)
def test_a_name_or_parameters_of_no_route(name: str, params: dict[str, Any]) -> None:
    with pytest.raises(NoMatchFound) as caught:
        NAMED.url_path_for(name, **params)
    expected = f'No route exists for name "{name}" and params "{", ".join(params)}".'
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "route",
    [
        Route("/", show_path, name="a"),
        WebSocketRoute("/", ws_params, name="a"),
        Mount("/a", routes=[], name="a"),
        Mount("/a", routes=[]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("name", ["b", "a:b"])
def test_a_route_that_does_not_know_a_name_repeats_it(route: BaseRoute, name: str) -> None:
    with pytest.raises(NoMatchFound) as caught:
        route.url_path_for(name, x=1, y=2)
    assert str(caught.value) == f'No route exists for name "{name}" and params "x, y".'


def test_a_parameter_may_be_called_name() -> None:
    router = Router([Mount("/{name}", name="m", routes=[Route("/{self_}", show_path, name="r")])])
    assert router.url_path_for("m:r", name="a", self_="b") == "/a/b"


@pytest.mark.parametrize("value", ["a/b", ""])
def test_what_a_convertor_refuses_is_told(value: str) -> None:
    with pytest.raises(AssertionError):
        NAMED.url_path_for("item", category=value, id="1")


def test_a_request_makes_urls_from_the_outermost_root(client_for: ClientFor) -> None:
    async def show_urls(request: Request) -> Response:
        names = ("home", "m:inner", "feed")
        return JSONResponse([str(request.url_for(name)) for name in names])

    router = Router(
        [
            Route("/", show_urls, name="home"),
            Mount("/m", name="m", routes=[Route("/inner", show_urls, name="inner")]),
            WebSocketRoute("/feed", ws_params, name="feed"),
        ]
    )
    client = client_for(router, base_url="https://host", root_path="/sub")
    urls = ["https://host/sub/", "https://host/sub/m/inner", "wss://host/sub/feed"]

    assert client.get("/sub/").json() == urls
    assert client.get("/sub/m/inner").json() == urls


# --- the module -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "BaseRoute",
        "Host",
        "Match",
        "Mount",
        "NoMatchFound",
        "Route",
        "Router",
        "WebSocketRoute",
        "request_response",
        "websocket_session",
    ],
)
def test_public_names_live_in_the_public_module(name: str) -> None:
    assert getattr(bolide.routing, name).__module__ == "bolide.routing"


def test_the_patterns_of_parameters() -> None:
    assert isinstance(bolide.routing.PARAM_REGEX, re.Pattern)
    assert bolide.routing.PARAM_REGEX.findall("/{a}/{b:int}") == [("a", ""), ("b", ":int")]
    assert bolide.routing.PARAM_FORMAT_REGEX.findall("/{a}/{b}") == ["a", "b"]
