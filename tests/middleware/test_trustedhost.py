"""Requests for hosts that this is not are refused, or sent to `www.`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide.middleware.trustedhost import ENFORCE_DOMAIN_WILDCARD, TrustedHostMiddleware
from bolide.responses import PlainTextResponse
from bolide.testclient import TestClient, WebSocketDenialResponse
from bolide.types import Message, Receive, Scope, Send
from bolide.websockets import WebSocket

pytestmark = pytest.mark.anyio


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()
        await websocket.close()
    else:
        await PlainTextResponse("welcome")(scope, receive, send)


async def never_receive() -> Message:
    raise AssertionError


async def call(
    middleware: TrustedHostMiddleware, *hosts: bytes, kind: str = "http", **scope: Any
) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"x-other", b"1"), *((b"host", host) for host in hosts)]
    full = {"type": kind, "method": "GET", "path": "/p", "headers": headers, **scope}
    await middleware(full, never_receive, send)
    return sent


WELCOME = (200, b"welcome")
REFUSED = (400, b"Invalid host header")


async def answer(allowed: list[str] | None, *hosts: bytes) -> tuple[int, bytes]:
    start, body = await call(TrustedHostMiddleware(app, allowed), *hosts)
    return start["status"], body["body"]


# Patterns


@pytest.mark.parametrize(
    ("pattern", "host"),
    [
        ("example.com", b"example.com"),
        ("example.com", b"EXAMPLE.com"),
        ("Example.COM", b"example.com"),
        ("example.com", b"example.com:80"),
        ("example.com", b"example.com:65536"),
        ("example.com", b"example.com:100000"),
        ("example.com", b"example.com:000080"),
        ("*.example.com", b"a.example.com"),
        ("*.example.com", b"a.b.c.example.com:8000"),
        ("*.Example.com", b"A.eXample.com"),
        ("localhost", b"localhost"),
        ("api_service", b"api_service"),
        ("127.0.0.1", b"127.0.0.1:8000"),
        ("[::1]", b"[::1]"),
        ("[::1]", b"[::1]:8000"),
        ("[2001:DB8::1]", b"[2001:db8::1]"),
    ],
)
async def test_an_allowed_host_gets_through(pattern: str, host: bytes) -> None:
    assert await answer(["other.org", pattern], host) == WELCOME


@pytest.mark.parametrize(
    ("pattern", "host"),
    [
        ("example.com", b"example.org"),
        ("example.com", b"a.example.com"),
        ("example.com", b"example.com."),
        ("example.com", b"notexample.com"),
        ("example.com", b"exampleXcom"),
        ("example.com", b"example.com.evil.org"),
        ("*.example.com", b"example.com"),
        ("*.example.com", b"evilexample.com"),
        ("*.example.com", b"a.example.com.evil.org"),
        ("*.example.com", b"a.example.comx"),
        ("[::1]", b"::1"),
        ("[::1]", b"[::2]"),
        ("::1", b"[::1]"),
        ("", b""),
    ],
)
async def test_any_other_host_is_refused(pattern: str, host: bytes) -> None:
    assert await answer([pattern], host) == REFUSED


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"[:::]",
        b"[::1",
        b"[::1]evil.example.com",
        b"[::1]@attacker",
        b"[::1].",
        b"[::1]:evil",
        b"[::1]:",
        b"evil/a.example.com",
        b"evil?a.example.com",
        b"evil#.example.com",
        b"evil@a.example.com",
        b"evil a.example.com",
        b" a.example.com",
        b"a.example.com ",
        b"a.example.com:",
        b"a.example.com:80:80",
        b"a.example.com\n",
        b"[::ffff:999.999.999.999]",
        b"\xe9.example.com",
    ],
)
async def test_a_malformed_host_is_refused(host: bytes) -> None:
    allowed = ["*.example.com", "[::1]", "[:::]", "[::1].", "[::ffff:999.999.999.999]"]
    assert await answer(allowed, host) == REFUSED
    assert await answer(["*"], host) == WELCOME


async def test_a_request_without_a_host_is_refused() -> None:
    assert await answer(["example.com"]) == REFUSED
    assert await answer(["www.", ""]) == REFUSED


async def test_of_several_hosts_the_first_counts() -> None:
    assert await answer(["example.com"], b"example.com", b"evil.org") == WELCOME
    assert await answer(["example.com"], b"evil.org", b"example.com") == REFUSED


async def test_no_host_may_be_allowed() -> None:
    assert await answer([], b"example.com") == REFUSED


@pytest.mark.parametrize("allowed", [None, ["*"], ["example.com", "*"]])
async def test_by_default_or_with_a_star_any_host_gets_through(allowed: list[str] | None) -> None:
    assert await answer(allowed, b"anything") == WELCOME
    assert await answer(allowed) == WELCOME


@pytest.mark.parametrize(
    "pattern", ["*example.com", "a*.com", "a.*.com", "example.*", "*.*.com", "**", "*.a*"]
)
def test_a_wildcard_elsewhere_than_for_all_subdomains_is_an_error(pattern: str) -> None:
    with pytest.raises(AssertionError) as caught:
        TrustedHostMiddleware(app, ["example.com", pattern])

    assert str(caught.value) == ENFORCE_DOMAIN_WILDCARD
    assert ENFORCE_DOMAIN_WILDCARD == "Domain wildcard patterns must be like '*.example.com'."


def test_the_patterns_are_kept_in_lower_case_and_the_given_ones_left_alone() -> None:
    given_hosts = ["Example.COM", "*.B.org"]
    middleware = TrustedHostMiddleware(app, given_hosts)

    assert middleware.allowed_hosts == ["example.com", "*.b.org"]
    assert given_hosts == ["Example.COM", "*.B.org"]
    assert middleware.allow_any is False
    assert middleware.www_redirect is True
    assert TrustedHostMiddleware(app).allowed_hosts == ["*"]
    assert TrustedHostMiddleware(app).allow_any is True


labels = st.text("abZ09-_", min_size=1, max_size=4)
domains = st.lists(labels, min_size=1, max_size=3).map(".".join)


@given(domain=domains, other=domains, port=st.none() | st.integers(0, 99_999))
async def test_a_host_is_allowed_if_it_is_the_domain_or_ends_in_it(
    domain: str, other: str, port: int | None
) -> None:
    host, allowed = other.lower(), domain.lower()
    sent = f"{other}:{port}" if port is not None else other

    middleware = TrustedHostMiddleware(app, [domain], www_redirect=False)
    (start, _) = await call(middleware, sent.encode())
    assert (start["status"] == 200) == (host == allowed)
    (start, _) = await call(TrustedHostMiddleware(app, [f"*.{domain}"]), sent.encode())
    assert (start["status"] == 200) == host.endswith(f".{allowed}")
    (start, _) = await call(TrustedHostMiddleware(app, [f"*.{domain}"]), f"x.{domain}".encode())
    assert start["status"] == 200


# The redirect to `www.`


@pytest.mark.parametrize(
    ("host", "scope", "location"),
    [
        (b"example.com", {}, b"http://www.example.com/p"),
        (b"example.com:8000", {}, b"http://www.example.com:8000/p"),
        (b"Example.com", {"scheme": "https"}, b"https://www.Example.com/p"),
        (b"example.com", {"query_string": b"a=1&b=%2F"}, b"http://www.example.com/p?a=1&b=%2F"),
        (b"example.com", {"root_path": "/r", "path": "/r/p"}, b"http://www.example.com/r/p"),
    ],
)
async def test_a_host_allowed_with_www_in_front_is_sent_there(
    host: bytes, scope: dict[str, Any], location: bytes
) -> None:
    start, body = await call(TrustedHostMiddleware(app, ["www.example.com"]), host, **scope)

    assert start["status"] == 307
    assert dict(start["headers"])[b"location"] == location
    assert body["body"] == b""


async def test_a_host_that_is_allowed_itself_is_not_sent_anywhere() -> None:
    assert await answer(["www.example.com", "example.com"], b"example.com") == WELCOME


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ("www.example.com", b"a.example.com"),
        ("*.example.com", b"example.com"),
        ("www.example.com", b"example.com@evil.org"),
    ],
)
async def test_only_the_bare_host_is_sent_to_www(allowed: str, host: bytes) -> None:
    assert await answer([allowed], host) == REFUSED


async def test_nobody_is_sent_to_www_if_that_is_switched_off() -> None:
    middleware = TrustedHostMiddleware(app, ["www.example.com"], www_redirect=False)
    start, body = await call(middleware, b"example.com")

    assert (start["status"], body["body"]) == REFUSED


# The answer, and other scopes


async def test_the_refusal_is_plain_text() -> None:
    start, body = await call(TrustedHostMiddleware(app, ["example.com"]), b"evil.org")

    assert start["headers"] == [
        (b"content-length", b"19"),
        (b"content-type", b"text/plain; charset=utf-8"),
    ]
    assert body == {"type": "http.response.body", "body": b"Invalid host header"}


async def test_a_websocket_is_denied_with_a_response() -> None:
    middleware = TrustedHostMiddleware(app, ["www.example.com"])
    refused = await call(middleware, b"evil.org", kind="websocket", scheme="ws")
    redirected = await call(middleware, b"example.com", kind="websocket", scheme="ws")

    kinds = ["websocket.http.response.start", "websocket.http.response.body"]
    assert [message["type"] for message in refused] == kinds
    assert [message["type"] for message in redirected] == kinds
    assert refused[0]["status"] == 400
    assert redirected[0]["status"] == 307
    assert dict(redirected[0]["headers"])[b"location"] == b"ws://www.example.com/p"


def test_a_client_gets_through_with_the_right_host_only(
    client_for: Callable[..., TestClient],
) -> None:
    client = client_for(TrustedHostMiddleware(app, ["testserver"]))

    assert client.get("/").text == "welcome"
    assert client.get("/", headers={"host": "evil"}).status_code == 400
    with client.websocket_connect("/"):
        pass
    with pytest.raises(WebSocketDenialResponse) as denied:
        client.websocket_connect("/", headers={"host": "evil"}).__enter__()
    assert (denied.value.status_code, denied.value.text) == (400, "Invalid host header")


async def test_what_gets_through_is_handed_on_as_it_is() -> None:
    calls: list[tuple[object, ...]] = []

    async def inner(*args: object) -> None:
        calls.append(args)

    async def send(message: Message) -> None:
        raise AssertionError

    scopes: list[dict[str, Any]] = [
        {"type": "lifespan"},
        {"type": "http", "headers": [(b"host", b"a")]},
        {"type": "websocket", "headers": [(b"host", b"a")]},
    ]
    middleware = TrustedHostMiddleware(inner, ["a"])  # type: ignore[arg-type]
    for scope in scopes:
        await middleware(scope, never_receive, send)

    for (scope_seen, receive_seen, send_seen), scope in zip(calls, scopes, strict=True):
        assert scope_seen is scope
        assert receive_seen is never_receive
        assert send_seen is send
