"""Clients that come without TLS are sent to the same URL with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide.middleware.httpsredirect import HTTPSRedirectMiddleware
from bolide.responses import PlainTextResponse
from bolide.testclient import TestClient
from bolide.types import Message

pytestmark = pytest.mark.anyio


async def never_receive() -> Message:
    raise AssertionError


async def never_called(*args: object) -> None:
    raise AssertionError


async def call(
    host: bytes | None, *, kind: str = "http", scheme: str = "http", **scope: Any
) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [] if host is None else [(b"host", host)]
    full = {"type": kind, "scheme": scheme, "path": "/", "headers": headers, **scope}
    await HTTPSRedirectMiddleware(never_called)(full, never_receive, send)
    return sent


async def location_for(host: bytes | None, **scope: Any) -> str:
    start, body = await call(host, **scope)
    assert start["status"] == 307
    assert body["body"] == b""
    location: bytes = dict(start["headers"])[b"location"]
    return location.decode()


SERVER = {"server": ("testserver", 80)}


@pytest.mark.parametrize(
    ("host", "scope", "location"),
    [
        (b"example.com", {}, "https://example.com/"),
        (b"Example.com", {}, "https://Example.com/"),
        (b"example.com:80", {}, "https://example.com/"),
        (b"example.com:443", {}, "https://example.com/"),
        (b"example.com:8000", {}, "https://example.com:8000/"),
        (b"example.com:8443", {}, "https://example.com:8443/"),
        (b"[::1]", {}, "https://[::1]/"),
        (b"[::1]:80", {}, "https://[::1]/"),
        (b"[::1]:8000", {}, "https://[::1]:8000/"),
        (
            b"example.com",
            {"path": "/a b", "query_string": b"c=%20&d"},
            "https://example.com/a%20b?c=%20&d",
        ),
        (b"example.com", {"root_path": "/r", "path": "/r/a"}, "https://example.com/r/a"),
        (b"example.com", {"path": "//evil.org"}, "https://example.com//evil.org"),
    ],
)
async def test_a_request_is_redirected_to_the_same_url(
    host: bytes, scope: dict[str, Any], location: str
) -> None:
    assert await location_for(host, **scope) == location


@pytest.mark.parametrize(
    "host", [None, b"", b"testserver:000080", b"testserver:65536", b"[:::]", b"evil.org/@"]
)
async def test_without_a_usable_host_the_address_of_the_server_is_taken(
    host: bytes | None,
) -> None:
    assert await location_for(host, **SERVER) == "https://testserver/"


@pytest.mark.parametrize(
    ("server", "location"),
    [
        (("::1", 80), "https://[::1]/"),
        (("::1", 443), "https://[::1]/"),
        (("::1", 8000), "https://[::1]:8000/"),
        (("10.0.0.1", 8000), "https://10.0.0.1:8000/"),
    ],
)
async def test_the_address_of_the_server_keeps_its_port_too(
    server: tuple[str, int], location: str
) -> None:
    assert await location_for(b"no host", server=server) == location


@pytest.mark.parametrize("scope", [{}, {"server": None}])
@pytest.mark.parametrize("host", [None, b"", b"no host"])
async def test_a_request_that_names_no_place_to_go_to_is_refused(
    host: bytes | None, scope: dict[str, Any]
) -> None:
    start, body = await call(host, **scope)

    assert start["status"] == 400
    assert (b"content-type", b"text/plain; charset=utf-8") in start["headers"]
    assert body["body"] == b"Invalid host header"


async def test_a_websocket_is_denied_with_the_redirect() -> None:
    start, body = await call(b"example.com:80", kind="websocket", scheme="ws", path="/ws")

    assert start["type"] == "websocket.http.response.start"
    assert start["status"] == 307
    assert dict(start["headers"])[b"location"] == b"wss://example.com/ws"
    assert body["type"] == "websocket.http.response.body"


async def test_a_websocket_that_names_no_place_to_go_to_is_denied() -> None:
    start, body = await call(None, kind="websocket", scheme="ws")

    assert (start["type"], start["status"]) == ("websocket.http.response.start", 400)
    assert body["body"] == b"Invalid host header"


@pytest.mark.parametrize(
    "scope",
    [
        {"type": "http", "scheme": "https", "headers": []},
        {"type": "websocket", "scheme": "wss", "headers": []},
        {"type": "lifespan"},
    ],
    ids=lambda scope: scope["type"],
)
async def test_what_is_secure_or_no_request_is_handed_on_as_it_is(scope: dict[str, Any]) -> None:
    calls: list[tuple[object, ...]] = []

    async def inner(*args: object) -> None:
        calls.append(args)

    before = dict(scope)
    await HTTPSRedirectMiddleware(inner)(scope, never_receive, never_called)  # type: ignore[arg-type]

    ((scope_seen, receive_seen, send_seen),) = calls
    assert scope_seen is scope
    assert scope == before
    assert receive_seen is never_receive
    assert send_seen is never_called


def test_a_client_that_follows_arrives(client_for: Callable[..., TestClient]) -> None:
    client = client_for(HTTPSRedirectMiddleware(PlainTextResponse("welcome")))
    response = client.get("/a?b=1")

    assert response.text == "welcome"
    assert str(response.url) == "https://testserver/a?b=1"
    assert [step.status_code for step in response.history] == [307]


hosts = st.binary(max_size=12) | st.text("ab.:[]@/?#%1 80", max_size=12).map(str.encode)


@given(host=hosts)
async def test_no_host_leads_anywhere_without_tls_or_off_the_host(host: bytes) -> None:
    parts = urlsplit(await location_for(host, server=("here", 80)))

    assert parts.scheme == "https"
    assert parts.username is None
    assert parts.path == "/"
    # It is the host that the client named, or the server's own address.
    hostname = (parts.hostname or "").lower()
    assert hostname == "here" or (hostname and hostname in host.decode("latin-1").lower())
