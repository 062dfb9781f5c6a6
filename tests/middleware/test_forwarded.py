"""What proxies say gets into the scope, if they are trusted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide.applications import Bolide, Starlette
from bolide.exceptions import BolideError
from bolide.middleware import Middleware
from bolide.middleware.forwarded import (
    FORWARDED,
    X_FORWARDED,
    ForwardedMiddleware,
    UnknownHeader,
)
from bolide.requests import HTTPConnection, Request
from bolide.responses import JSONResponse, PlainTextResponse, Response
from bolide.routing import Mount, Route, WebSocketRoute
from bolide.testclient import TestClient
from bolide.types import Message, Receive, Scope, Send
from bolide.websockets import WebSocket

pytestmark = pytest.mark.anyio

ALL = (*FORWARDED, *X_FORWARDED)
EVERYTHING = {
    "x-forwarded-for": "198.51.100.7",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "shop.example",
    "x-forwarded-port": "8443",
    "x-forwarded-prefix": "/shop",
}


async def never_receive() -> Message:
    raise AssertionError


async def never_send(message: Message) -> None:
    raise AssertionError


def scope_of(said: dict[str, str], **more: Any) -> Scope:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in said.items()]
    return {
        "type": "http",
        "scheme": "http",
        "method": "GET",
        "path": "/items",
        "raw_path": b"/items",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"inside:8000"), *raw],
        "client": ("10.0.0.1", 1234),
        "server": ("127.0.0.1", 8000),
        **more,
    }


async def seen(
    scope: Scope, trusted: Any = "10.0.0.0/8", headers: Any = ALL, **options: Any
) -> Scope:
    """Give the scope that an application behind the middleware gets."""
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append(scope)

    middleware = ForwardedMiddleware(app, trusted, headers=headers, **options)
    await middleware(scope, never_receive, never_send)
    assert scopes[0] is scope
    return scope


def url_of(scope: Scope) -> str:
    return str(HTTPConnection[Any](scope).url)


# Whom to believe


@pytest.mark.parametrize(
    ("trusted", "client"),
    [
        ("10.0.0.0/8", ("10.0.0.1", 1)),
        (["192.0.2.1", "10.0.0.1"], ("10.0.0.1", 1)),
        ("::1", ["::1", 1]),
        ("testclient", ("testclient", 50000)),
        ("unix", None),
        ("unix", ("", 0)),
    ],
)
async def test_a_trusted_peer_is_believed(trusted: Any, client: Any) -> None:
    scope = await seen(scope_of(EVERYTHING, client=client), trusted)
    assert scope["client"] == ("198.51.100.7", 0)
    assert url_of(scope) == "https://shop.example:8443/shop/items"


@pytest.mark.parametrize(
    ("trusted", "client"),
    [
        ((), ("127.0.0.1", 1)),
        ((), None),
        ("127.0.0.1", ("10.0.0.1", 1)),
        ("127.0.0.1", None),
        ("unix", ("127.0.0.1", 1)),
    ],
)
async def test_nobody_else_is(trusted: Any, client: Any) -> None:
    headers = {**EVERYTHING, "forwarded": "for=1.2.3.4;host=evil.example"}
    scope = await seen(scope_of(headers, client=client), trusted)
    assert scope == scope_of(headers, client=client)


async def test_a_server_may_not_know_its_client() -> None:
    scope = scope_of(EVERYTHING)
    del scope["client"]
    assert "client" not in await seen(dict(scope), "127.0.0.1")
    assert (await seen(dict(scope), "unix"))["client"] == ("198.51.100.7", 0)


# What to believe


async def test_by_default_client_and_scheme_are_believed() -> None:
    scope = scope_of({**EVERYTHING, "forwarded": "for=1.2.3.4;host=evil.example"})
    headers = list(scope["headers"])
    await ForwardedMiddleware(nothing, "10.0.0.0/8")(scope, never_receive, never_send)
    assert scope["client"] == ("198.51.100.7", 0)
    assert url_of(scope) == "https://inside:8000/items"
    assert (scope["root_path"], scope["headers"]) == ("", headers)


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    pass


@pytest.mark.parametrize(
    ("header", "url"),
    [
        ("x-forwarded-for", "http://inside:8000/items"),
        ("X-Forwarded-Proto", "https://inside:8000/items"),
        ("x-forwarded-host", "http://shop.example/items"),
        ("x-forwarded-port", "http://inside:8000/items"),
        ("x-forwarded-prefix", "http://inside:8000/shop/items"),
    ],
)
async def test_each_header_is_believed_by_itself(header: str, url: str) -> None:
    scope = await seen(scope_of(EVERYTHING), headers=[header])
    assert url_of(scope) == url
    assert (scope["client"] == ("198.51.100.7", 0)) == (header == "x-forwarded-for")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("X-Forwarded-Fro", "did you mean 'x-forwarded-for'?"),
        ("cookie", "expected some of forwarded, x-forwarded-for"),
    ],
)
def test_another_header_is_an_error(name: str, hint: str) -> None:
    with pytest.raises(UnknownHeader) as caught:
        ForwardedMiddleware(nothing, headers=[*ALL, name])
    assert isinstance(caught.value, BolideError)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value).startswith(f"{name!r} is not a header to be believed; {hint}")


async def test_of_both_kinds_forwarded_counts() -> None:
    scope = await seen(scope_of({**EVERYTHING, "forwarded": "for=1.2.3.4;host=a.org"}))
    assert scope["client"] == ("1.2.3.4", 0)
    assert url_of(scope) == "http://a.org/items"


@pytest.mark.parametrize("value", ["", "for=", "for=1.2.3.4;proto=gopher", 'for="'])
async def test_unless_it_is_malformed(value: str) -> None:
    scope = await seen(scope_of({**EVERYTHING, "forwarded": value}))
    assert scope["client"] == ("198.51.100.7", 0)


async def test_forwarded_alone() -> None:
    value = 'for="[2001:db8::7]:99";proto=https;host="a.org:444"'
    scope = await seen(scope_of({"forwarded": value}))
    assert scope["client"] == ("2001:db8::7", 99)
    assert url_of(scope) == "https://a.org:444/items"
    assert scope["headers"] == [(b"host", b"a.org:444"), (b"forwarded", value.encode())]


async def test_what_is_malformed_changes_nothing() -> None:
    headers = {
        "forwarded": 'for="',
        "x-forwarded-for": "garbage",
        "x-forwarded-proto": "gopher",
        "x-forwarded-host": "a b",
        "x-forwarded-port": "x",
        "x-forwarded-prefix": "//evil.example",
    }
    assert await seen(scope_of(headers)) == scope_of(headers)


@pytest.mark.parametrize("value", ["unknown", "_hidden"])
async def test_a_client_may_be_kept_secret(value: str) -> None:
    scope = await seen(scope_of({"x-forwarded-for": value}))
    assert scope["client"] is None
    assert HTTPConnection[Any](scope).client is None


async def test_several_headers_of_one_name_are_one_list() -> None:
    scope = scope_of({})
    for value in (b"9.9.9.9", b"198.51.100.7", b"10.0.0.2"):
        scope["headers"].append((b"x-forwarded-for", value))
    assert (await seen(scope))["client"] == ("198.51.100.7", 0)


# Limits


async def test_only_so_many_proxies_are_gone_back() -> None:
    value = "1.2.3.4, 10.0.0.4, 10.0.0.3, 10.0.0.2"
    assert (await seen(scope_of({"x-forwarded-for": value})))["client"][0] == "1.2.3.4"
    scope = await seen(scope_of({"x-forwarded-for": value}), max_hops=2)
    assert scope["client"] == ("10.0.0.3", 0)


async def test_only_the_end_of_a_long_header_is_read() -> None:
    for start in ("x" * 9000, "x," * 4500, '"' * 9000):
        headers = {"x-forwarded-for": f"{start}, 1.2.3.4"}
        assert (await seen(scope_of(headers)))["client"] == ("1.2.3.4", 0)
        headers = {"forwarded": f"{start}, for=1.2.3.4"}
        assert (await seen(scope_of(headers)))["client"] == ("1.2.3.4", 0)


async def test_what_is_cut_in_two_is_not_read() -> None:
    headers = {"x-forwarded-for": "198.51.100.7,10.0.0.2", "x-forwarded-proto": "https"}
    scope = await seen(scope_of(headers), max_header_size=12)
    assert scope["client"] == ("10.0.0.2", 0)
    assert scope["scheme"] == "https"
    scope = await seen(scope_of(headers), max_header_size=4)
    assert (scope["client"], scope["scheme"]) == (("10.0.0.1", 1234), "http")
    scope = await seen(scope_of(headers), max_header_size=21)
    assert scope["client"] == ("198.51.100.7", 0)


# Scheme, host and port


@pytest.mark.parametrize(
    ("kind", "said", "scheme"),
    [
        ("http", "https", "https"),
        ("http", "wss", "https"),
        ("http", "ws", "http"),
        ("websocket", "https", "wss"),
        ("websocket", "http", "ws"),
        ("websocket", "wss", "wss"),
    ],
)
async def test_the_scheme_is_one_of_the_protocol(kind: str, said: str, scheme: str) -> None:
    scope = await seen(scope_of({"x-forwarded-proto": said}, type=kind, scheme="x"))
    assert scope["scheme"] == scheme


@pytest.mark.parametrize(
    ("host", "port", "proto", "expected"),
    [
        ("a.org", "443", "https", "a.org"),
        ("a.org", "80", "http", "a.org"),
        ("a.org", "80", "https", "a.org:80"),
        ("a.org", "8443", "https", "a.org:8443"),
        ("a.org:1", "8443", "https", "a.org:1"),
        ("[::1]", "8443", "https", "[::1]:8443"),
        ("a.org", None, "https", "a.org"),
        ("a.org", "x", "https", "a.org"),
        (None, "8443", "https", "inside:8000"),
    ],
)
async def test_the_port_is_added_to_a_host_without_one(
    host: str | None, port: str | None, proto: str, expected: str
) -> None:
    headers = {"x-forwarded-host": host, "x-forwarded-port": port, "x-forwarded-proto": proto}
    scope = await seen(scope_of({name: value for name, value in headers.items() if value}))
    assert [value for name, value in scope["headers"] if name == b"host"] == [expected.encode()]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ([b"a.org"], [b"a.org:8443"]),
        ([b"a.org:1"], [b"a.org:1"]),
        ([b"a b"], [b"a b"]),
        ([b"a.org", b"b.org"], [b"a.org", b"b.org"]),
        ([], []),
    ],
)
async def test_a_port_alone_goes_to_the_host_that_there_is(
    hosts: list[bytes], expected: list[bytes]
) -> None:
    headers = [*[(b"host", host) for host in hosts], (b"x-forwarded-port", b"8443")]
    scope = await seen(scope_of({}, headers=headers))
    assert [value for name, value in scope["headers"] if name == b"host"] == expected


async def test_a_forwarded_host_takes_the_place_of_all_others() -> None:
    headers = [(b"host", b"a.org"), (b"x-forwarded-host", b"c.org"), (b"host", b"b.org")]
    scope = await seen(scope_of({}, headers=headers))
    assert scope["headers"] == [(b"host", b"c.org"), (b"x-forwarded-host", b"c.org")]
    assert headers[0] == (b"host", b"a.org")


# The prefix


@pytest.mark.parametrize(
    ("root_path", "path", "new_root_path", "new_path"),
    [
        ("", "/items", "/shop", "/shop/items"),
        ("", "/", "/shop", "/shop/"),
        ("", "/shop/items", "/shop", "/shop/shop/items"),
        ("/in", "/in/items", "/shop/in", "/shop/in/items"),
        ("/in", "/in", "/shop/in", "/shop/in"),
        ("/in/", "/in/items", "/shop/in", "/shop/in/items"),
        ("/in", "/items", "/shop/in", "/shop/in/items"),
        ("/in", "/inside", "/shop/in", "/shop/in/inside"),
    ],
)
async def test_the_prefix_is_part_of_path_and_root_path(
    root_path: str, path: str, new_root_path: str, new_path: str
) -> None:
    headers = {"x-forwarded-prefix": "/shop"}
    scope = await seen(scope_of(headers, path=path, root_path=root_path))
    assert (scope["root_path"], scope["path"]) == (new_root_path, new_path)


async def test_the_prefix_is_decoded_but_not_in_the_raw_path() -> None:
    scope = await seen(scope_of({"x-forwarded-prefix": "/caf%C3%A9"}))
    assert scope["root_path"] == "/café"
    assert scope["path"] == "/café/items"
    assert scope["raw_path"] == b"/caf%C3%A9/items"


async def test_there_need_not_be_a_raw_path_or_a_root_path() -> None:
    scope = scope_of({"x-forwarded-prefix": "/shop"}, raw_path=None)
    del scope["root_path"]
    await seen(scope)
    assert (scope["root_path"], scope["raw_path"]) == ("/shop", None)


async def test_inside_a_mount_the_outermost_root_path_has_it_too() -> None:
    scope = scope_of({"x-forwarded-prefix": "/shop"}, path="/in/items", root_path="/in")
    scope = await seen({**scope, "app_root_path": ""})
    assert (scope["app_root_path"], scope["root_path"]) == ("/shop", "/shop/in")


# Everything together


async def test_other_scopes_are_handed_on_as_they_are() -> None:
    assert await seen({"type": "lifespan"}, "unix") == {"type": "lifespan"}


async def show(request: Request) -> Response:
    return JSONResponse(
        {
            "url": str(request.url),
            "url_for": str(request.url_for("users:detail", name="ada")),
            "path_for": request.path_for("users:detail", name="ada"),
            "client": request.client and request.client.host,
        }
    )


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(f"{websocket.url} {websocket.url_for('socket')}")
    await websocket.close()


ROUTES = [
    Mount("/users", routes=[Route("/{name}", show, name="detail")], name="users"),
    WebSocketRoute("/socket", socket),
]


@pytest.mark.parametrize("face", [Starlette, Bolide])
def test_everything_that_makes_urls_follows(
    client_for: Callable[..., TestClient], face: type[Starlette]
) -> None:
    middleware = [Middleware(ForwardedMiddleware, trusted=["testclient"], headers=X_FORWARDED)]
    client = client_for(face(routes=ROUTES, middleware=middleware), headers=EVERYTHING)
    assert client.get("/users/bob").json() == {
        "url": "https://shop.example:8443/shop/users/bob",
        "url_for": "https://shop.example:8443/shop/users/ada",
        "path_for": "/shop/users/ada",
        "client": "198.51.100.7",
    }
    answer = client.get("/users/bob/?a=b", follow_redirects=False)
    host = "" if face is Bolide else "https://shop.example:8443"
    assert answer.headers["location"] == f"{host}/shop/users/bob?a=b"
    with client.websocket_connect("/socket") as session:
        url = "wss://shop.example:8443/shop/socket"
        assert session.receive_text() == f"{url} {url}"


values = st.dictionaries(
    st.sampled_from(ALL),
    st.one_of(
        st.text(st.characters(max_codepoint=255), max_size=40),
        st.text(st.sampled_from(list(',;="/\\ []:.for10%')), max_size=40),
    ),
)


@given(values)
async def test_no_header_makes_a_request_fail(headers: dict[str, str]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request: Request = Request(scope)
        assert request.url.scheme in ("http", "https")
        assert request.url.path.endswith("/items")
        assert request.client is None or request.client.port >= 0
        await PlainTextResponse("fine")(scope, receive, send)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    middleware = ForwardedMiddleware(app, "10.0.0.0/8", headers=ALL)
    await middleware(scope_of(headers), never_receive, send)
    assert sent[0]["status"] == 200
