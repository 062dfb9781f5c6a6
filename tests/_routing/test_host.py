"""A host matches by its header, whatever the port, and gives URLs that name it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Host, Match, Mount, NoMatchFound, Route, Router, WebSocketRoute
from bolide.types import Message, Receive, Scope, Send
from bolide.websockets import WebSocket


async def show_host(request: Request) -> Response:
    return PlainTextResponse(str(request.path_params))


async def show_ws_host(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_json(websocket.path_params)
    await websocket.close()


async def raw_app(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotImplementedError


def users_router() -> Router:
    return Router(
        [
            Route("/users", show_host, name="users"),
            Route("/users/{id:int}", show_host, name="user"),
            WebSocketRoute("/ws/{subdomain}", show_ws_host, name="feed"),
        ]
    )


def matched(pattern: str, header: str | None, **scope: Any) -> tuple[Match, Scope]:
    headers = [] if header is None else [(b"host", header.encode("latin-1"))]
    host = Host(pattern, app=raw_app)
    return host.matches({"type": "http", "path": "/", "headers": headers, **scope})


def test_a_host_is_no_path() -> None:
    with pytest.raises(AssertionError) as caught:
        Host("/example.org", app=raw_app)
    assert str(caught.value) == "Host must not start with '/'"


def test_a_host_shows_how_it_was_parsed() -> None:
    host = Host("{subdomain}.example.org:3600", app=raw_app, name="api")
    assert (host.host, host.app, host.name) == ("{subdomain}.example.org:3600", raw_app, "api")
    assert host.host_format == "{subdomain}.example.org:3600"
    assert list(host.param_convertors) == ["subdomain"]
    assert host.host_regex.match("a.example.org")


@pytest.mark.parametrize(
    ("pattern", "header"),
    [
        ("example.org", "example.org"),
        ("example.org", "EXAMPLE.org"),
        ("Example.ORG", "example.org"),
        ("example.org", "example.org:80"),
        ("example.org", "example.org:99999"),
        ("example.org", "example.org:0080"),
        ("example.org:3600", "example.org"),
        ("example.org:3600", "example.org:3600"),
        ("example.org:3600", "example.org:80"),
        ("[::1]", "[::1]"),
        ("[::1]", "[::1]:80"),
        ("[2001:db8::1]", "[2001:DB8::1]"),
        ("[v1.foo]", "[v1.foo]"),
    ],
)
def test_case_and_port_do_not_matter(pattern: str, header: str) -> None:
    match, child_scope = matched(pattern, header)
    assert match is Match.FULL
    assert child_scope == {"path_params": {}, "endpoint": raw_app}


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "example.com",
        "www.example.org",
        "example.org.evil.com",
        "example.org:",
        "example.org:http",
        "example.org:-1",
        "example.org/path",
        "example.org?query",
        "example.org#fragment",
        "user@example.org",
        "example.org\\evil",
        "example.org ",
        " example.org",
        "exampleXorg",
    ],
)
def test_another_host_or_a_malformed_one_does_not_match(header: str | None) -> None:
    assert matched("example.org", header) == (Match.NONE, {})


@pytest.mark.parametrize("header", ["[:::]", "[::1", "[fe80::1%eth0]", "a/b", "a:x"])
def test_a_malformed_header_does_not_match_a_pattern_that_takes_anything(header: str) -> None:
    assert matched("{anything}", header) == (Match.NONE, {})


def test_parameters_are_lower_case_and_join_those_found_before() -> None:
    match, child_scope = matched(
        "{subdomain}.example.org",
        "Sub.example.ORG:80",
        path_params={"tenant": "a", "subdomain": "outer"},
    )
    assert match is Match.FULL
    assert child_scope["path_params"] == {"tenant": "a", "subdomain": "sub"}


def test_parameters_are_converted() -> None:
    assert matched("s{n:int}.example.org", "s12.example.org")[1]["path_params"] == {"n": 12}
    assert matched("s{n:int}.example.org", "sx.example.org") == (Match.NONE, {})


def test_only_requests_and_websockets_have_hosts() -> None:
    host = Host("example.org", app=raw_app)
    headers = [(b"host", b"example.org")]
    assert host.matches({"type": "websocket", "headers": headers})[0] is Match.FULL
    assert host.matches({"type": "lifespan", "headers": headers}) == (Match.NONE, {})


@pytest.mark.anyio
async def test_alone_it_hands_the_request_to_the_application() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        sent.append(message)

    host = Host("example.org", app=users_router())
    headers = [(b"host", b"example.org")]
    scope: Scope = {"type": "http", "path": "/users", "method": "GET", "headers": headers}
    await host(scope, receive, send)

    assert [message.get("status") for message in sent] == [200, None]


def test_requests_and_websockets_reach_the_application(client_for: Callable[..., Any]) -> None:
    app = Router([Host("{subdomain}.example.org", app=users_router())])
    client = client_for(app, base_url="http://API.example.org")

    assert client.get("/users/1").text == "{'subdomain': 'api', 'id': 1}"
    with client.websocket_connect("ws://api.example.org/ws/x") as session:
        assert session.receive_json() == {"subdomain": "x"}


def test_a_host_keeps_what_it_has_matched(client_for: Callable[..., Any]) -> None:
    async def outer(request: Request) -> Response:
        raise NotImplementedError

    app = Router([Host("example.org", app=users_router()), Route("/later", outer)])
    client = client_for(app, base_url="http://example.org")

    assert client.get("/later").status_code == 404


def test_the_root_path_stays(client_for: Callable[..., Any]) -> None:
    async def show(request: Request) -> Response:
        return PlainTextResponse(f"{request.scope['root_path']} {request.scope['path']}")

    app = Router([Host("example.org", app=Router([Route("/a", show)]))])
    client = client_for(app, base_url="http://example.org", root_path="/root")

    assert client.get("/root/a").text == "/root /root/a"


def test_the_routes_are_those_of_the_application_if_it_has_any() -> None:
    router = users_router()
    assert Host("example.org", app=router).routes is router.routes
    assert Host("example.org", app=raw_app).routes == []


@pytest.mark.parametrize(
    ("name", "asked", "params", "url"),
    [
        ("api", "api:users", {"subdomain": "a"}, "https://a.example.org:3600/users"),
        ("api", "api:user", {"subdomain": "a", "id": 1}, "https://a.example.org:3600/users/1"),
        (None, "users", {"subdomain": "a"}, "https://a.example.org:3600/users"),
        ("api", "api", {"subdomain": "a", "path": "/x/y"}, "https://a.example.org:3600/x/y"),
        ("api", "api:feed", {"subdomain": "a"}, None),
    ],
)
def test_urls(name: str | None, asked: str, params: dict[str, Any], url: str | None) -> None:
    host = Host("{subdomain}.example.org:3600", app=users_router(), name=name)
    if url is None:
        with pytest.raises(NoMatchFound):
            host.url_path_for(asked, **params)
    else:
        path = host.url_path_for(asked, **params)
        assert str(path.make_absolute_url(base_url="https://elsewhere.com/")) == url


def test_a_url_keeps_the_protocol_of_the_route() -> None:
    host = Host("example.org", app=users_router(), name="api")
    path = host.url_path_for("api:feed", subdomain="x")
    assert (path.protocol, path.host, str(path)) == ("websocket", "example.org", "/ws/x")
    assert path.make_absolute_url(base_url="https://a.com") == "wss://example.org/ws/x"


def test_a_host_reverses_through_a_mount_inside_it() -> None:
    inner = Router([Mount("/v1", app=users_router(), name="v1")])
    host = Host("example.org", app=inner, name="api")
    path = host.url_path_for("api:v1:user", id=3)
    assert (path.host, str(path)) == ("example.org", "/v1/users/3")


@pytest.mark.parametrize(
    ("name", "asked", "params"),
    [
        ("api", "users", {"subdomain": "a"}),
        ("api", "other:users", {"subdomain": "a"}),
        ("api", "api:nothing", {"subdomain": "a"}),
        ("api", "api", {"subdomain": "a"}),
        ("api", "api", {"subdomain": "a", "path": "/", "more": 1}),
        ("api", "api:user", {"subdomain": "a", "id": 1, "more": 1}),
        (None, "nothing", {"subdomain": "a"}),
    ],
)
def test_no_url(name: str | None, asked: str, params: dict[str, Any]) -> None:
    host = Host("{subdomain}.example.org", app=users_router(), name=name)
    with pytest.raises(NoMatchFound) as caught:
        host.url_path_for(asked, **params)
    assert str(caught.value) == (
        f'No route exists for name "{asked}" and params "{", ".join(params)}".'
    )


def test_over_a_raw_application_only_paths_are_reversed() -> None:
    host = Host("example.org", app=raw_app, name="files")
    assert str(host.url_path_for("files", path="/a.txt")) == "/a.txt"
    with pytest.raises(NoMatchFound):
        host.url_path_for("files:a", path="/a.txt")


def test_equality_is_by_host_and_application() -> None:
    assert Host("a.org", app=raw_app) == Host("a.org", app=raw_app, name="other")
    assert Host("a.org", app=raw_app) != Host("b.org", app=raw_app)
    assert Host("a.org", app=raw_app) != Host("a.org", app=Router())
    assert Host("a.org", app=raw_app) != "a.org"
    with pytest.raises(TypeError):
        hash(Host("a.org", app=raw_app))


def test_repr() -> None:
    class Tenant(Host):
        pass

    assert repr(Host("a.org", app=raw_app)) == f"Host(host='a.org', name='', app={raw_app!r})"
    assert repr(Tenant("a.org", app=raw_app, name="t")) == (
        f"Tenant(host='a.org', name='t', app={raw_app!r})"
    )
