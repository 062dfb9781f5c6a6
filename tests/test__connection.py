"""The view of a scope that requests and WebSockets share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict, cast
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._connection import ClientDisconnect, HTTPConnection, StateT
from bolide.applications import Starlette
from bolide.datastructures import URL, Address, Headers, QueryParams, State
from bolide.exceptions import BolideError
from bolide.middleware import Middleware
from bolide.requests import Request
from bolide.responses import JSONResponse, PlainTextResponse
from bolide.routing import Host, Match, Mount, NoMatchFound, Route, Router, WebSocketRoute
from bolide.testclient import TestClient
from bolide.types import ASGIApp, Receive, Scope, Send
from bolide.websockets import WebSocket

ClientFor = Callable[..., TestClient]


def http_scope(**more: Any) -> Scope:
    return {
        "type": "http",
        "method": "GET",
        "scheme": "https",
        "path": "/a",
        "query_string": b"",
        "headers": [(b"host", b"example.org")],
        **more,
    }


def connection(**more: Any) -> HTTPConnection[Any]:
    return HTTPConnection(http_scope(**more))


# Making one


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_it_is_made_from_a_scope_alone(kind: str) -> None:
    scope = {"type": kind}

    assert HTTPConnection(scope).scope is scope
    assert HTTPConnection(scope, receive=None).scope is scope


@pytest.mark.parametrize("kind", ["lifespan", "", "HTTP"])
def test_a_scope_of_another_type_is_refused(kind: str) -> None:
    with pytest.raises(AssertionError, match=f"Expected an http or websocket scope, got '{kind}'"):
        HTTPConnection({"type": kind})


# A mapping over the scope


def test_it_is_a_mapping_over_the_scope() -> None:
    scope = http_scope()
    conn: HTTPConnection[Any] = HTTPConnection(scope)

    assert isinstance(conn, Mapping)
    assert dict(conn) == scope
    assert list(conn) == list(scope)
    assert len(conn) == len(scope)
    assert conn["method"] == "GET"
    assert "method" in conn
    assert conn.get("session") is None
    with pytest.raises(KeyError):
        conn["session"]


def test_it_sees_what_is_added_to_the_scope_later() -> None:
    conn = connection()
    conn.scope["endpoint"] = "later"

    assert conn["endpoint"] == "later"


def test_it_does_not_write_to_the_scope_as_a_mapping() -> None:
    conn: Any = connection()

    with pytest.raises(TypeError):
        conn["method"] = "POST"


def test_it_is_equal_to_itself_only() -> None:
    scope = http_scope()
    one: HTTPConnection[Any] = HTTPConnection(scope)
    other: HTTPConnection[Any] = HTTPConnection(scope)

    assert one == one
    assert one != other
    assert one != scope
    assert len({one, other, one}) == 2


def test_it_is_true_even_over_an_unusual_scope() -> None:
    assert HTTPConnection({"type": "http"})


# Properties


def test_the_url_is_put_together_from_the_scope() -> None:
    conn = connection(path="/a", query_string=b"x=1")

    assert isinstance(conn.url, URL)
    assert conn.url == "https://example.org/a?x=1"
    assert conn.url is conn.url


@pytest.mark.parametrize(
    ("more", "base_url"),
    [
        ({}, "https://example.org/"),
        ({"root_path": ""}, "https://example.org/"),
        ({"root_path": "/sub"}, "https://example.org/sub/"),
        ({"root_path": "/sub/"}, "https://example.org/sub/"),
        ({"root_path": "/sub/mounted", "app_root_path": "/sub"}, "https://example.org/sub/"),
        ({"root_path": "/mounted", "app_root_path": ""}, "https://example.org/"),
    ],
)
def test_the_base_url_is_that_of_the_outermost_application(
    more: dict[str, Any], base_url: str
) -> None:
    scope = http_scope(path="/sub/mounted/a", query_string=b"x=1", **more)
    before = dict(scope)
    conn: HTTPConnection[Any] = HTTPConnection(scope)

    assert isinstance(conn.base_url, URL)
    assert conn.base_url == base_url
    assert conn.base_url is conn.base_url
    assert scope == before


def test_the_headers_are_those_of_the_scope() -> None:
    conn = connection(headers=[(b"accept", b"a"), (b"accept", b"b"), (b"x", b"\xe9")])

    assert isinstance(conn.headers, Headers)
    assert conn.headers.getlist("ACCEPT") == ["a", "b"]
    assert conn.headers["x"] == "é"
    assert conn.headers is conn.headers


def test_headers_of_another_iterable_become_a_list_in_the_scope() -> None:
    scope = http_scope(headers=((b"a", b"1"),))

    assert HTTPConnection(scope).headers["a"] == "1"
    assert scope["headers"] == [(b"a", b"1")]


def test_the_query_params_keep_blanks_and_repetitions() -> None:
    conn = connection(query_string=b"a=1&a=2&b=&c=%C3%A9+x")

    assert isinstance(conn.query_params, QueryParams)
    assert conn.query_params.multi_items() == [("a", "1"), ("a", "2"), ("b", ""), ("c", "é x")]
    assert conn.query_params is conn.query_params


def test_the_path_params_are_those_of_the_scope_each_time() -> None:
    conn = connection()
    assert conn.path_params == {}

    conn.scope["path_params"] = {"id": 1}
    assert conn.path_params is conn.scope["path_params"]


def test_the_cookies_of_all_headers_are_merged_in_order() -> None:
    conn = connection(
        headers=[(b"cookie", b"a=1; b=2"), (b"host", b"x"), (b"cookie", b'b="3"; c=4')]
    )

    assert conn.cookies == {"a": "1", "b": "3", "c": "4"}
    assert list(conn.cookies) == ["a", "b", "c"]
    assert conn.cookies is conn.cookies


def test_without_a_cookie_header_there_are_no_cookies() -> None:
    conn = connection()

    assert conn.cookies == {}
    assert conn.cookies is conn.cookies


@pytest.mark.parametrize("client", [("127.0.0.1", 8000), ["127.0.0.1", 8000]])
def test_the_client_is_an_address(client: Any) -> None:
    conn = connection(client=client)

    assert isinstance(conn.client, Address)
    assert conn.client == ("127.0.0.1", 8000)
    assert (conn.client.host, conn.client.port) == ("127.0.0.1", 8000)


@pytest.mark.parametrize("more", [{}, {"client": None}])
def test_a_client_that_the_server_does_not_know_is_none(more: dict[str, Any]) -> None:
    assert connection(**more).client is None


def test_the_app_is_read_from_the_scope_each_time() -> None:
    conn = connection()
    with pytest.raises(KeyError, match="app"):
        _ = conn.app

    conn.scope["app"] = "outer"
    assert conn.app == "outer"
    conn.scope["app"] = "inner"
    assert conn.app == "inner"


def test_properties_fail_only_when_they_are_asked_for() -> None:
    conn: HTTPConnection[Any] = HTTPConnection({"type": "http"})

    assert (conn.path_params, conn.client) == ({}, None)
    for name in ("url", "headers", "query_params", "cookies", "app"):
        with pytest.raises(KeyError):
            getattr(conn, name)


# What middleware puts there


@pytest.mark.parametrize(
    ("name", "middleware"),
    [
        ("session", "SessionMiddleware"),
        ("auth", "AuthenticationMiddleware"),
        ("user", "AuthenticationMiddleware"),
    ],
)
def test_what_middleware_brings_is_read_from_the_scope(name: str, middleware: str) -> None:
    conn = connection()
    with pytest.raises(AssertionError) as caught:
        getattr(conn, name)
    assert str(caught.value) == f"{middleware} must be installed to access request.{name}"

    value: dict[str, Any] = {}
    conn.scope[name] = value
    assert getattr(conn, name) is value


def test_a_session_is_told_of_each_access() -> None:
    class CountingSession(dict[str, Any]):
        accesses = 0

        def mark_accessed(self) -> None:
            self.accesses += 1

    session = CountingSession()
    conn = connection(session=session)

    assert conn.session is session
    assert conn.session is session
    assert session.accesses == 2


# State


def test_state_is_a_view_of_what_is_in_the_scope() -> None:
    data = {"a": 1}
    conn = connection(state=data)

    assert isinstance(conn.state, State)
    assert (conn.state.a, conn.state["a"]) == (1, 1)
    conn.state.b = 2
    assert data == {"a": 1, "b": 2}
    assert conn.state is conn.state


def test_state_is_shared_by_the_connections_of_one_scope() -> None:
    scope = http_scope()
    outer: HTTPConnection[Any] = HTTPConnection(scope)
    inner: HTTPConnection[Any] = HTTPConnection(scope)

    outer.state.user = "ada"

    assert scope["state"] == {"user": "ada"}
    assert inner.state.user == "ada"
    assert inner.state is not outer.state


class AppState(TypedDict):
    pool: str


@pytest.mark.parametrize("kind", [HTTPConnection, Request, WebSocket])
def test_the_type_of_the_state_can_be_named(kind: Any) -> None:
    assert kind[AppState].__origin__ is kind
    assert kind[State].__args__ == (State,)
    assert cast(Any, StateT).__default__ is State


def test_the_state_of_the_lifespan_is_read_by_key_or_attribute(client_for: ClientFor) -> None:
    async def endpoint(request: Request[AppState]) -> JSONResponse:
        state: Any = request.state
        return JSONResponse([request.state["pool"], state.pool])

    class Lifespan:
        def __init__(self, app: Any) -> None: ...

        async def __aenter__(self) -> AppState:
            return {"pool": "open"}

        async def __aexit__(self, *exc: object) -> None: ...

    app = Starlette(routes=[Route("/", endpoint)], lifespan=cast(Any, Lifespan))
    with client_for(app) as client:
        assert client.get("/").json() == ["open", "open"]


# URLs of routes


async def named(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(request.url_for(request.query_params["name"])))


async def on_a_websocket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(str(websocket.url_for("index")))
    await websocket.send_text(str(websocket.url_for("socket")))
    await websocket.close()


ROUTES = [
    Route("/", named, name="index"),
    WebSocketRoute("/ws", on_a_websocket, name="socket"),
    Mount("/mounted", name="mounted", routes=[Route("/inside", named, name="inside")]),
]


@pytest.mark.parametrize("make", [Starlette, Router])
@pytest.mark.parametrize("asked_at", ["/", "/mounted/inside"])
@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("index", "https://example.org/"),
        ("mounted:inside", "https://example.org/mounted/inside"),
        ("socket", "wss://example.org/ws"),
    ],
)
def test_a_named_route_has_an_absolute_url(
    client_for: ClientFor, make: Any, asked_at: str, name: str, url: str
) -> None:
    client = client_for(make(routes=ROUTES), base_url="https://example.org")

    assert client.get(asked_at, params={"name": name}).text == url


@pytest.mark.parametrize("root_path", ["/sub_path", "/sub_path/"])
def test_the_url_of_a_route_has_the_root_path(root_path: str) -> None:
    conn = connection(app=Starlette(routes=ROUTES), root_path=root_path)

    assert conn.url_for("index") == "https://example.org/sub_path/"


def test_inside_a_mount_the_root_path_is_the_outermost(client_for: ClientFor) -> None:
    app = Starlette(routes=ROUTES)
    client = client_for(app, base_url="https://example.org", root_path="/sub_path")

    for asked_at in ("/sub_path/", "/sub_path/mounted/inside"):
        response = client.get(asked_at, params={"name": "index"})
        assert response.text == "https://example.org/sub_path/"


@pytest.mark.parametrize("secure", ["", "s"])
def test_a_websocket_knows_the_urls_of_pages(client_for: ClientFor, secure: str) -> None:
    client = client_for(Starlette(routes=ROUTES))

    with client.websocket_connect(f"ws{secure}://example.org/ws") as session:
        assert session.receive_text() == f"http{secure}://example.org/"
        assert session.receive_text() == f"ws{secure}://example.org/ws"


def test_a_url_can_be_made_before_the_routing_is_done(client_for: ClientFor) -> None:
    class Early:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            assert "router" not in scope
            url: URL = HTTPConnection[Any](scope).url_for("mounted:inside")
            await PlainTextResponse(str(url))(scope, receive, send)

    client = client_for(Starlette(routes=ROUTES, middleware=[Middleware(Early)]))

    assert client.get("/elsewhere").text == "http://testserver/mounted/inside"


def test_a_parameter_may_have_the_name_of_an_argument() -> None:
    router = Router(routes=[Route("/{name}/{self}", named, name="page")])
    conn = connection(router=router)

    assert conn.url_for("page", name="a", self="b") == "https://example.org/a/b"


def test_the_router_comes_before_the_app() -> None:
    class Other:
        def url_path_for(self, name: str, /, **path_params: Any) -> Any:
            raise AssertionError

    conn = connection(router=Router(routes=ROUTES), app=Other())

    assert conn.url_for("index") == "https://example.org/"


def test_a_name_that_no_route_has_is_an_error() -> None:
    conn = connection(app=Starlette(routes=ROUTES))

    with pytest.raises(NoMatchFound):
        conn.url_for("nowhere")
    with pytest.raises(NoMatchFound):
        conn.url_for("index", id=1)


def test_outside_an_application_there_is_no_url_for_a_name() -> None:
    with pytest.raises(RuntimeError) as caught:
        connection().url_for("index")

    assert str(caught.value) == (
        "The `url_for` method can only be used inside a Starlette application or with a router."
    )


# Paths of routes


@pytest.mark.parametrize("make", [Starlette, Router])
@pytest.mark.parametrize("asked_at", ["/sub_path/", "/sub_path/mounted/inside"])
def test_a_route_gives_its_path_below_the_root(
    client_for: ClientFor, make: Callable[..., ASGIApp], asked_at: str
) -> None:
    async def paths(request: Request) -> JSONResponse:
        names = ("index", "socket", "mounted:inside")
        return JSONResponse([request.path_for(name) for name in names])

    routes = [
        Route("/", paths, name="index"),
        WebSocketRoute("/ws", on_a_websocket, name="socket"),
        Mount("/mounted", name="mounted", routes=[Route("/inside", paths, name="inside")]),
    ]
    client = client_for(make(routes=routes), root_path="/sub_path")

    response = client.get(asked_at, headers={"host": "evil.example"})
    assert response.json() == ["/sub_path/", "/sub_path/ws", "/sub_path/mounted/inside"]


def test_a_websocket_knows_the_paths_of_routes(client_for: ClientFor) -> None:
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.path_for("socket"))
        await websocket.close()

    client = client_for(Router([WebSocketRoute("/ws", socket)]), root_path="/root")
    with client.websocket_connect("/root/ws") as session:
        assert session.receive_text() == "/root/ws"


def test_a_path_is_one_whatever_its_parameters_hold() -> None:
    routes = [Route("/{name}/{self}", named, name="page"), Route("/{p:path}", named, name="file")]
    conn = connection(router=Router(routes))

    assert conn.path_for("page", name="a", self="b") == "/a/b"
    assert conn.path_for("page", name="50% é", self="?a=b#c") == "/50%25%20%C3%A9/%3Fa=b%23c"
    assert conn.path_for("file", p="/evil.example") == "/%2Fevil.example"
    assert conn.path_for("file", p="\\evil.example") == "/%5Cevil.example"


def test_a_path_for_a_route_on_a_host_has_no_host() -> None:
    inner = Router([Route("/a", named, name="a")])
    conn = connection(router=Router([Host("{shop}.example.org", inner, name="shop")]))

    assert conn.path_for("shop:a", shop="fish") == "/a"
    assert conn.url_for("shop:a", shop="fish") == "https://fish.example.org/a"


def test_a_name_that_no_route_has_has_no_path() -> None:
    with pytest.raises(NoMatchFound):
        connection(app=Starlette(routes=ROUTES)).path_for("nowhere")


def test_outside_an_application_there_is_no_path_for_a_name() -> None:
    with pytest.raises(RuntimeError, match="The `path_for` method can only be used inside"):
        connection().path_for("index")


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: not {"/", "\\"} & set(text) and "%5C" not in text
)


@given(names)
def test_a_path_leads_to_the_parameters_that_it_was_made_of(name: str) -> None:
    route = Route("/users/{name}", named, name="page")
    path = connection(router=Router([route]), root_path="/root").path_for("page", name=name)

    match, child_scope = route.matches(http_scope(path=unquote(path), root_path="/root"))
    assert match is Match.FULL
    assert child_scope["path_params"] == {"name": name}


# The exception


def test_a_lost_client_is_one_of_our_errors() -> None:
    assert issubclass(ClientDisconnect, BolideError)
    assert ClientDisconnect.__module__ == "bolide.requests"
    assert HTTPConnection.__module__ == "bolide.requests"
