"""Requests from other sites: which are refused, what a token is, and that bodies come through."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from http.cookies import CookieError
from itertools import pairwise
from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bolide.formparsers
from bolide.applications import Bolide, Starlette
from bolide.datastructures import Secret
from bolide.exceptions import BolideError, MissingExtra
from bolide.middleware import Middleware
from bolide.middleware.csrf import CSRFMiddleware, csrf_context, csrf_field, csrf_token
from bolide.requests import Request
from bolide.responses import HTMLResponse, PlainTextResponse, Response
from bolide.routing import Mount, Route
from bolide.templating import Jinja2Templates
from bolide.testclient import TestClient
from bolide.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]
Pairs = list[tuple[str, str]]

KEY = "k" * 16
OTHER_KEY = "o" * 16
HOST = ("host", "example.com")
ORIGIN = ("origin", "https://example.com")
EVIL = ("origin", "https://evil.example")
COOKIE = ("cookie", "session=1")
REFUSED = (403, b"Cross-site request refused")


async def never(*args: object) -> Any:
    raise AssertionError


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Give a token to who reads, and the body back to who writes."""
    if scope["method"] == "GET":
        await PlainTextResponse(csrf_token(Request(scope)))(scope, receive, send)
    else:
        body = await Request(scope, receive).body()
        await PlainTextResponse(body)(scope, receive, send)


class Server:
    """Calls an application with a request, and keeps what it sends."""

    def __init__(
        self,
        headers: Pairs,
        *pieces: bytes,
        method: str = "POST",
        scheme: str = "https",
        **more: Any,
    ) -> None:
        self.scope: Scope = {
            "type": "http",
            "method": method,
            "scheme": scheme,
            "path": "/",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
            **more,
        }
        self.messages: list[Message] = [
            {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
        ]
        self.messages.append({"type": "http.request", "body": b"", "more_body": False})
        self.received = 0
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        self.received += 1
        return self.messages.pop(0) if self.messages else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def call(self, app: ASGIApp) -> tuple[int, bytes]:
        await app(self.scope, self.receive, self.send)
        return self.sent[0]["status"], self.sent[1]["body"]

    def headers(self, wanted: str) -> list[str]:
        return [
            value.decode() for name, value in self.sent[0]["headers"] if name.decode() == wanted
        ]


async def visit(app: ASGIApp, cookie: str | None = None) -> tuple[str, str]:
    """Ask for a page with a token; give the token and the cookie, name and value."""
    server = Server([HOST] if cookie is None else [HOST, ("cookie", cookie)], method="GET")
    status, body = await server.call(app)
    assert status == 200
    cookies = server.headers("set-cookie")
    return body.decode(), cookies[0].partition(";")[0] if cookies else cookie or ""


async def is_accepted(app: ASGIApp, token: str, cookie: str) -> bool:
    headers = [HOST, ("cookie", cookie), ("x-csrf-token", token)]
    status, _ = await Server(headers, b"body").call(app)
    return status == 200


# Where a request comes from


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
async def test_a_method_that_changes_nothing_is_let_through(method: str) -> None:
    headers = [HOST, EVIL, COOKIE, ("sec-fetch-site", "cross-site")]
    app = CSRFMiddleware(PlainTextResponse("page"), KEY)

    assert (await Server(headers, method=method).call(app))[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "QUERY", "get", "", "LOCK"])
async def test_any_other_method_is_looked_at(method: str) -> None:
    headers = [HOST, EVIL, COOKIE, ("sec-fetch-site", "cross-site")]

    assert await Server(headers, method=method).call(CSRFMiddleware(echo, KEY)) == REFUSED


@pytest.mark.parametrize(
    ("scheme", "headers"),
    [
        ("https", [("sec-fetch-site", "same-origin")]),
        ("https", [("sec-fetch-site", "none")]),
        # A proxy has changed the host, but a browser knows.
        ("https", [("sec-fetch-site", "same-origin"), ("origin", "https://outside.example")]),
        ("https", [("sec-fetch-site", "same-origin"), ("origin", "null")]),
        ("https", [HOST, ORIGIN]),
        ("http", [HOST, ORIGIN]),
        ("http", [HOST, ("origin", "http://example.com")]),
        ("https", [("host", "example.com:443"), ORIGIN]),
        ("https", [HOST, ("origin", "https://app.example")]),
        ("https", [("sec-fetch-site", "cross-site"), ("origin", "https://app.example")]),
        ("https", [("sec-fetch-site", "same-site"), ("origin", "https://app.example")]),
    ],
)
async def test_a_request_from_here_or_a_trusted_place_is_let_through(
    scheme: str, headers: Pairs
) -> None:
    app = CSRFMiddleware(echo, KEY, trusted_origins=["https://app.example"])

    assert await Server([*headers, COOKIE], b"body", scheme=scheme).call(app) == (200, b"body")


@pytest.mark.parametrize(
    ("scheme", "headers"),
    [
        ("https", [HOST, ("sec-fetch-site", "cross-site")]),
        ("https", [HOST, ("sec-fetch-site", "same-site")]),
        ("https", [HOST, ("sec-fetch-site", "SAME-ORIGIN")]),
        ("https", [HOST, ("sec-fetch-site", "")]),
        ("https", [HOST, ("sec-fetch-site", "same-origin, cross-site")]),
        ("https", [HOST, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]),
        ("https", [HOST, ("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-origin")]),
        # What says itself to be from another site is not made our own by its Origin.
        ("https", [HOST, ("sec-fetch-site", "cross-site"), ORIGIN]),
        ("https", [HOST, ("sec-fetch-site", "cross-site"), ("origin", "null")]),
        ("https", [HOST, ("sec-fetch-site", "cross-site"), EVIL]),
        ("https", [HOST, EVIL]),
        ("https", [HOST, ("origin", "http://example.com")]),
        ("https", [HOST, ("origin", "https://example.com:8443")]),
        ("https", [HOST, ("origin", "https://sub.example.com")]),
        ("https", [HOST, ("origin", "https://example.com.evil.example")]),
        ("https", [HOST, ("origin", "")]),
        ("https", [HOST, ("origin", "null")]),
        ("https", [HOST, ("origin", "\xff")]),
        ("https", [HOST, ORIGIN, EVIL]),
        ("https", [HOST, EVIL, ORIGIN]),
        ("https", [HOST, ORIGIN, ("origin", "null")]),
        ("https", [HOST, ("host", "evil.example"), ORIGIN]),
        ("https", [("host", "evil.example"), HOST, EVIL]),
        ("https", [ORIGIN]),
        ("http", [HOST, EVIL]),
    ],
)
@pytest.mark.parametrize("more", [[], [COOKIE]])
async def test_a_request_from_anywhere_else_is_refused(
    scheme: str, headers: Pairs, more: Pairs
) -> None:
    server = Server([*headers, *more], b"body", scheme=scheme)

    assert await server.call(CSRFMiddleware(echo, KEY)) == REFUSED
    assert server.received == 0


@pytest.mark.parametrize(
    "headers", [[], [HOST], [("authorization", "Bearer abc")], [("authorization", "")]]
)
async def test_a_client_that_is_no_browser_needs_no_token(headers: Pairs) -> None:
    assert await Server(headers, b"body").call(CSRFMiddleware(echo, KEY)) == (200, b"body")


@pytest.mark.parametrize(
    "header",
    [
        COOKIE,
        ("cookie", ""),
        ("authorization", "Basic YTpi"),
        ("authorization", " basic YTpi"),
        ("authorization", "Digest username=a"),
        ("authorization", "NEGOTIATE abc"),
        ("authorization", "NTLM abc"),
    ],
)
async def test_what_browsers_send_by_themselves_makes_a_token_necessary(
    header: tuple[str, str],
) -> None:
    assert await Server([HOST, header]).call(CSRFMiddleware(echo, KEY)) == REFUSED


async def test_no_token_helps_against_what_a_browser_says() -> None:
    app = CSRFMiddleware(echo, KEY)
    token, cookie = await visit(app)
    good = [HOST, ("cookie", cookie), ("x-csrf-token", token)]

    assert (await Server(good).call(app))[0] == 200
    assert (await Server([*good, ("origin", "null")]).call(app))[0] == 200
    assert await Server([*good, EVIL]).call(app) == REFUSED
    assert await Server([*good, ("sec-fetch-site", "same-site")]).call(app) == REFUSED


# Exemptions


@pytest.mark.parametrize(
    ("exempt", "more"),
    [
        (["/hook"], {"path": "/hook"}),
        (["/hook"], {"path": "/api/hook", "root_path": "/api"}),
        (lambda scope: scope["path"].startswith("/hook"), {"path": "/hooks/1"}),
    ],
)
async def test_what_is_exempt_is_let_through(exempt: Any, more: Any) -> None:
    app = CSRFMiddleware(echo, KEY, exempt=exempt)

    assert await Server([HOST, EVIL, COOKIE], b"body", **more).call(app) == (200, b"body")
    assert await Server([HOST, EVIL, COOKIE], path="/other").call(app) == REFUSED


@pytest.mark.parametrize("path", ["/", "", "/hook/", "/hook/more", "/hooks", "/HOOK", "//hook"])
async def test_only_the_very_path_is_exempt(path: str) -> None:
    app = CSRFMiddleware(echo, KEY, exempt=["/hook"])

    assert await Server([HOST, EVIL], path=path).call(app) == REFUSED


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_anything_but_http_is_none_of_its_business(kind: str) -> None:
    calls: list[tuple[object, ...]] = []

    async def app(*args: object) -> None:
        calls.append(args)

    await CSRFMiddleware(app, KEY)({"type": kind}, never, never)

    assert calls == [({"type": kind}, never, never)]


# Tokens


async def test_a_token_goes_with_its_cookie() -> None:
    app = CSRFMiddleware(echo, KEY)
    token, cookie = await visit(app)
    other_token, other_cookie = await visit(app)

    assert await is_accepted(app, token, cookie)
    assert await is_accepted(app, token, f"a=b; {cookie}; c=d")
    assert await is_accepted(app, other_token, other_cookie)
    assert not await is_accepted(app, token, other_cookie)
    assert not await is_accepted(app, other_token, cookie)
    assert not await is_accepted(app, token, "a=b")


async def test_a_token_is_another_one_each_time_and_all_of_them_are_good() -> None:
    app = CSRFMiddleware(echo, KEY)
    first, cookie = await visit(app)
    second, same = await visit(app, cookie)

    assert (first != second, cookie) == (True, same)
    # Nothing that somebody could guess piece by piece.
    pieces = [{token[place : place + 8] for place in range(57)} for token in (first, second)]
    assert not pieces[0] & pieces[1]
    assert await is_accepted(app, first, cookie)
    assert await is_accepted(app, second, cookie)


async def test_a_cookie_is_no_token_and_a_token_no_cookie() -> None:
    app = CSRFMiddleware(echo, KEY)
    token, cookie = await visit(app)
    value = cookie.partition("=")[2]

    assert not await is_accepted(app, value, cookie)
    assert not await is_accepted(app, token, f"csrf={token}")
    assert not await is_accepted(app, value, f"csrf={token}")


async def test_a_token_of_another_key_is_not_accepted() -> None:
    ours, theirs = CSRFMiddleware(echo, KEY), CSRFMiddleware(echo, OTHER_KEY)
    token, cookie = await visit(theirs)

    assert not await is_accepted(ours, token, cookie)


GOOD = CSRFMiddleware(echo, KEY)
NUMBER = b"n" * 16
GOOD_COOKIE = "csrf=" + GOOD.signer.sign(b"cookie", NUMBER)
GOOD_TOKEN = GOOD.signer.sign(b"token", b"s" * 16, NUMBER)


async def test_what_the_next_tests_tamper_with_is_good() -> None:
    assert await is_accepted(GOOD, GOOD_TOKEN, GOOD_COOKIE)


@pytest.mark.parametrize(
    "token",
    [
        "",
        GOOD_TOKEN[:-1],
        GOOD_TOKEN + "=",
        GOOD_TOKEN + "A",
        GOOD_TOKEN + " ",
        "!" + GOOD_TOKEN,
        GOOD_TOKEN[:10] + "!" + GOOD_TOKEN[10:],
        GOOD_TOKEN[:32] + "\n" + GOOD_TOKEN[32:],
        GOOD_TOKEN.swapcase(),
        GOOD_TOKEN * 2,
        "\xe9" * 64,
        "A" * 64,
    ],
)
async def test_a_token_has_one_spelling(token: str) -> None:
    assert not await is_accepted(GOOD, token, GOOD_COOKIE)
    assert not await is_accepted(GOOD, GOOD_TOKEN, f"csrf={token}")


def flipped(text: str, bit: int) -> str:
    data = bytearray(urlsafe_b64decode(text))
    data[bit // 8] ^= 1 << bit % 8
    return urlsafe_b64encode(data).decode()


@given(st.integers(0, 48 * 8 - 1))
async def test_a_token_or_a_cookie_with_one_bit_changed_never_passes(bit: int) -> None:
    assert not await is_accepted(GOOD, flipped(GOOD_TOKEN, bit), GOOD_COOKIE)
    cookie = "csrf=" + flipped(GOOD_COOKIE.partition("=")[2], bit)
    assert not await is_accepted(GOOD, GOOD_TOKEN, cookie)


LATIN_1 = st.text(st.characters(max_codepoint=255))


@given(LATIN_1, LATIN_1)
async def test_no_other_token_and_no_other_cookie_pass(token: str, cookie: str) -> None:
    assert await is_accepted(GOOD, token, GOOD_COOKIE) is (token == GOOD_TOKEN)
    assert not await is_accepted(GOOD, GOOD_TOKEN, f"csrf={cookie}")
    assert not await is_accepted(GOOD, token, cookie)


# Keys


async def test_of_several_keys_the_first_signs_and_all_are_accepted() -> None:
    old = CSRFMiddleware(echo, OTHER_KEY)
    both = CSRFMiddleware(echo, [Secret(KEY), OTHER_KEY])
    new = CSRFMiddleware(echo, Secret(KEY))
    token, cookie = await visit(old)

    assert await is_accepted(both, token, cookie)
    assert not await is_accepted(new, token, cookie)
    fresh = await visit(both)
    assert await is_accepted(new, *fresh)
    assert not await is_accepted(old, *fresh)


async def test_a_cookie_of_an_older_key_is_replaced_before_the_key_is_taken_away() -> None:
    old = CSRFMiddleware(echo, OTHER_KEY)
    both = CSRFMiddleware(echo, [KEY, OTHER_KEY])
    new = CSRFMiddleware(echo, [KEY])
    old_token, old_cookie = await visit(old)
    token, cookie = await visit(both, old_cookie)

    assert cookie != old_cookie
    assert await is_accepted(new, token, cookie)
    # Forms that are open in other windows stay good.
    assert await is_accepted(both, old_token, cookie)
    assert await visit(both, cookie) != (token, old_cookie)


@pytest.mark.parametrize("key", ["", "k" * 15, [], [KEY, "short"], Secret("short"), b"k" * 16])
def test_a_key_that_is_too_short_is_an_error(key: Any) -> None:
    with pytest.raises(ValueError, match="at least 16"):
        CSRFMiddleware(echo, key)


def test_a_key_is_counted_in_bytes() -> None:
    assert CSRFMiddleware(echo, "\u00e4" * 8).cookie_name == "csrf"


@pytest.mark.parametrize(
    "options",
    [
        {"trusted_origins": "https://app.example"},
        {"trusted_origins": ["*"]},
        {"trusted_origins": ["null"]},
        {"exempt": "/hook"},
        {"exempt": ["hook"]},
    ],
)
def test_what_makes_no_sense_is_an_error(options: Any) -> None:
    with pytest.raises(ValueError):
        CSRFMiddleware(echo, KEY, **options)


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;b", "a\r\nb"])
def test_a_name_that_no_cookie_can_have_is_an_error(name: str) -> None:
    with pytest.raises(CookieError):
        CSRFMiddleware(echo, KEY, cookie_name=name)


# The cookie


@pytest.mark.parametrize(
    ("scheme", "name", "flags"),
    [
        ("http", "csrf", "HttpOnly; Path=/; SameSite=lax"),
        ("https", "csrf", "HttpOnly; Path=/; SameSite=lax; Secure"),
        ("http", "__Host-csrf", "HttpOnly; Path=/; SameSite=lax; Secure"),
        ("http", "__secure-csrf", "HttpOnly; Path=/; SameSite=lax; Secure"),
    ],
)
async def test_the_cookie_comes_with_the_first_token(scheme: str, name: str, flags: str) -> None:
    server = Server([HOST], method="GET", scheme=scheme)
    await server.call(CSRFMiddleware(echo, KEY, cookie_name=name))

    (cookie,) = server.headers("set-cookie")
    assert cookie.partition("=")[0] == name
    assert cookie.partition("; ")[2] == flags
    assert server.headers("vary") == ["Cookie"]


async def test_a_page_without_a_token_sets_no_cookie() -> None:
    server = Server([HOST], method="GET")
    await server.call(CSRFMiddleware(PlainTextResponse("page"), KEY))

    assert (server.headers("set-cookie"), server.headers("vary")) == ([], [])


async def test_a_good_cookie_is_not_set_again_but_the_page_depends_on_it() -> None:
    server = Server([HOST, ("cookie", GOOD_COOKIE)], method="GET")
    await server.call(GOOD)

    assert (server.headers("set-cookie"), server.headers("vary")) == ([], ["Cookie"])


async def test_a_cookie_that_is_not_ours_is_replaced() -> None:
    server = Server([HOST, ("cookie", "csrf=theirs")], method="GET")
    await server.call(GOOD)

    assert len(server.headers("set-cookie")) == 1


async def test_two_tokens_of_a_page_go_with_one_cookie() -> None:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        tokens = f"{csrf_token(Request(scope))} {csrf_token(Request(dict(scope)))}"
        await PlainTextResponse(tokens)(scope, receive, send)

    server = Server([HOST], method="GET")
    _, body = await server.call(CSRFMiddleware(page, KEY))
    (cookie,) = server.headers("set-cookie")

    for token in body.decode().split():
        assert await is_accepted(GOOD, token, cookie.partition(";")[0])


# Asking for tokens


@pytest.mark.parametrize("ask", [csrf_token, csrf_field])
def test_a_token_that_nobody_would_check_is_an_error(ask: Callable[[Request], str]) -> None:
    with pytest.raises(RuntimeError, match="needs a CSRFMiddleware") as caught:
        ask(Request(Server([]).scope))

    assert isinstance(caught.value, BolideError)


async def test_a_first_token_after_the_start_of_the_response_is_an_error() -> None:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        with pytest.raises(RuntimeError, match="before the response begins"):
            csrf_token(Request(scope))
        await send({"type": "http.response.body", "body": b""})

    # With a cookie it could work, and would fail for the next visitor.
    for headers in ([HOST], [HOST, ("cookie", GOOD_COOKIE)]):
        await Server(headers, method="GET").call(CSRFMiddleware(page, KEY))


async def test_more_tokens_may_come_after_the_start_of_the_response() -> None:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        csrf_token(Request(scope))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": csrf_token(Request(scope)).encode()})

    server = Server([HOST], method="GET")
    _, body = await server.call(CSRFMiddleware(page, KEY))

    (cookie,) = server.headers("set-cookie")
    assert await is_accepted(GOOD, body.decode(), cookie.partition(";")[0])


async def test_a_field_is_html_with_its_name_escaped() -> None:
    fields: list[str] = []

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        fields.append(csrf_field(Request(scope)))
        await PlainTextResponse("page")(scope, receive, send)

    app = CSRFMiddleware(page, KEY, field_name='"><b>')
    await Server([HOST], method="GET").call(app)

    assert re.fullmatch(
        r'<input type="hidden" name="&quot;&gt;&lt;b&gt;" value="[A-Za-z0-9_-]{64}">', fields[0]
    )


# Tokens in forms


def form_of(token: str) -> bytes:
    return f"name=one&csrf_token={token}&name=two".encode()


def multipart_of(token: str, *, disposition: str = 'form-data; name="csrf_token"') -> bytes:
    return (
        '--edge\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n\x00\x01'
        f"\r\n--edge\r\nContent-Disposition: {disposition}\r\n\r\n{token}\r\n--edge--\r\n"
    ).encode()


URLENCODED = ("content-type", "application/x-www-form-urlencoded")
MULTIPART = ("content-type", "multipart/form-data; boundary=edge")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (URLENCODED, form_of(GOOD_TOKEN)),
        (
            ("content-type", "Application/X-WWW-Form-Urlencoded ; charset=utf-8"),
            form_of(GOOD_TOKEN),
        ),
        (MULTIPART, multipart_of(GOOD_TOKEN)),
    ],
)
async def test_a_token_may_be_in_a_form(content_type: tuple[str, str], body: bytes) -> None:
    headers = [HOST, ("cookie", GOOD_COOKIE), content_type]

    assert await Server(headers, body).call(GOOD) == (200, body)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([URLENCODED], b""),
        ([URLENCODED], b"csrf_token="),
        ([URLENCODED], b"csrf_token"),
        ([URLENCODED], form_of(GOOD_TOKEN + "A")),
        ([URLENCODED], f"CSRF_TOKEN={GOOD_TOKEN}".encode()),
        ([URLENCODED], multipart_of(GOOD_TOKEN)),
        ([MULTIPART], form_of(GOOD_TOKEN)),
        ([MULTIPART], multipart_of(GOOD_TOKEN)[:-12]),
        # A file is no field.
        (
            [MULTIPART],
            multipart_of(GOOD_TOKEN, disposition='form-data; name="csrf_token"; filename="a"'),
        ),
        ([("content-type", "multipart/form-data")], multipart_of(GOOD_TOKEN)),
        ([("content-type", "text/plain")], form_of(GOOD_TOKEN)),
        ([("content-type", "application/json")], form_of(GOOD_TOKEN)),
        ([], form_of(GOOD_TOKEN)),
        # The header counts before the field.
        ([URLENCODED, ("x-csrf-token", "wrong")], form_of(GOOD_TOKEN)),
    ],
)
async def test_a_form_without_a_good_token_is_refused(headers: Pairs, body: bytes) -> None:
    server = Server([HOST, ("cookie", GOOD_COOKIE), *headers], body)

    assert await server.call(GOOD) == REFUSED


async def test_a_form_is_not_read_where_no_token_could_be_good() -> None:
    server = Server([HOST, ("cookie", "csrf=theirs"), URLENCODED], form_of(GOOD_TOKEN))

    assert await server.call(GOOD) == REFUSED
    assert server.received == 0


async def test_names_can_be_chosen() -> None:
    app = CSRFMiddleware(echo, KEY, cookie_name="guard", field_name="proof", header_name="X-Proof")
    cookie = ("cookie", GOOD_COOKIE.replace("csrf", "guard"))
    field = f"proof={GOOD_TOKEN}".encode()

    assert (await Server([HOST, cookie, URLENCODED], field).call(app))[0] == 200
    assert (await Server([HOST, cookie, ("x-proof", GOOD_TOKEN)]).call(app))[0] == 200
    assert await Server([HOST, cookie, ("x-csrf-token", GOOD_TOKEN)]).call(app) == REFUSED


async def test_a_form_is_read_up_to_a_limit_and_no_further() -> None:
    body = form_of(GOOD_TOKEN)
    headers = [HOST, ("cookie", GOOD_COOKIE), URLENCODED]
    exact = CSRFMiddleware(echo, KEY, max_form_size=len(body))
    smaller = CSRFMiddleware(echo, KEY, max_form_size=len(body) - 1)

    assert await Server(headers, body).call(exact) == (200, body)
    assert await Server(headers, body).call(smaller) == REFUSED
    endless = Server(headers, *[b"a" * 10] * 100)
    assert await endless.call(CSRFMiddleware(echo, KEY, max_form_size=25)) == REFUSED
    assert endless.received == 3
    with_header = Server([*headers, ("x-csrf-token", GOOD_TOKEN)], body)
    assert await with_header.call(smaller) == (200, body)


async def test_a_client_that_leaves_in_the_middle_of_its_form_is_no_error() -> None:
    server = Server([HOST, ("cookie", GOOD_COOKIE), URLENCODED], form_of(GOOD_TOKEN))
    server.messages[1:] = [{"type": "http.disconnect"}]

    assert await server.call(GOOD) == REFUSED


async def test_what_comes_after_the_body_comes_through() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        messages = [await receive(), await receive()]
        assert [message["type"] for message in messages] == ["http.request", "http.disconnect"]
        await PlainTextResponse("done")(scope, receive, send)

    server = Server([HOST, ("cookie", GOOD_COOKIE), URLENCODED], form_of(GOOD_TOKEN))

    assert await server.call(CSRFMiddleware(app, KEY)) == (200, b"done")


async def test_without_the_library_for_multipart_forms_they_hold_no_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing() -> Any:
        raise MissingExtra("missing", extra="forms")

    monkeypatch.setattr(bolide.formparsers, "multipart_library", missing)
    server = Server([HOST, ("cookie", GOOD_COOKIE), MULTIPART], multipart_of(GOOD_TOKEN))

    assert await server.call(GOOD) == REFUSED


FORMS = [
    (content_type, make(token))
    for token in (GOOD_TOKEN, flipped(GOOD_TOKEN, 7))
    for content_type, make in ((URLENCODED, form_of), (MULTIPART, multipart_of))
]
FORM = st.sampled_from(FORMS) | st.tuples(
    st.sampled_from([URLENCODED, MULTIPART]), st.binary(max_size=60)
)


@st.composite
def chunked(draw: st.DrawFn) -> tuple[tuple[str, str], list[bytes]]:
    content_type, body = draw(FORM)
    cuts = draw(st.lists(st.integers(0, len(body)), max_size=8).map(sorted))
    return content_type, [body[start:end] for start, end in pairwise([0, *cuts, len(body)])]


@given(chunked())
async def test_any_chunking_gives_the_same_verdict_and_the_same_bytes(
    form: tuple[tuple[str, str], list[bytes]],
) -> None:
    content_type, pieces = form
    body = b"".join(pieces)
    headers = [HOST, ("cookie", GOOD_COOKIE), content_type]
    verdict = (200, body) if (content_type, body) in (FORMS[0], FORMS[1]) else REFUSED

    assert await Server(headers, *pieces).call(GOOD) == verdict
    assert await Server(headers, body).call(GOOD) == verdict


# In an application


async def sign(request: Request) -> Response:
    if request.method == "GET":
        return HTMLResponse(f"<form>{csrf_field(request)}</form>")
    async with request.form() as form:
        return PlainTextResponse(f"Signed by {form['name']}")


def value_in(page: str) -> str:
    return page.partition('value="')[2].partition('"')[0]


@pytest.mark.parametrize("application", [Starlette, Bolide])
def test_a_form_goes_the_whole_way(client_for: ClientFor, application: Any) -> None:
    app = application(
        routes=[Route("/", sign, methods=["GET", "POST"])],
        middleware=[Middleware(CSRFMiddleware, secret_key=KEY)],
    )
    client = client_for(app)
    token = value_in(client.get("/").text)

    signed = client.post("/", data={"name": "Ada", "csrf_token": token})
    assert (signed.status_code, signed.text) == (200, "Signed by Ada")
    upload = client.post(
        "/", data={"name": "Ada", "csrf_token": token}, files={"file": b"\x00" * 100}
    )
    assert upload.text == "Signed by Ada"
    assert client.post("/", data={"name": "Ada"}).status_code == 403


def test_templates_have_a_field_and_a_token(client_for: ClientFor) -> None:
    source = "{{ csrf_field() }}<meta content='{{ csrf_token() }}'>"
    env = jinja2.Environment(loader=jinja2.DictLoader({"page.html": source}), autoescape=True)
    templates = Jinja2Templates(env=env, context_processors=[csrf_context])

    async def page(request: Request) -> Response:
        return templates.TemplateResponse(request, "page.html")

    async def save(request: Request) -> Response:
        return PlainTextResponse("saved")

    app = Starlette(
        routes=[Route("/", page), Route("/", save, methods=["POST"])],
        middleware=[Middleware(CSRFMiddleware, KEY)],
    )
    client = client_for(app)
    text = client.get("/").text
    found = re.fullmatch(
        '<input type="hidden" name="csrf_token" value="([^"]*)"><meta content=\'([^\']*)\'>', text
    )

    assert found is not None
    assert found[1] != found[2]
    for token in found.groups():
        assert client.post("/", headers={"x-csrf-token": token}).text == "saved"
        assert client.post("/", data={"csrf_token": token}).text == "saved"


def test_a_refusal_may_be_a_page_with_a_form(client_for: ClientFor) -> None:
    class Friendly(CSRFMiddleware):
        def refusal(self, scope: Scope) -> Response:
            return HTMLResponse(f"Once more: {csrf_field(Request(scope))}", 403)

    app = Starlette(
        routes=[Route("/", sign, methods=["POST"])], middleware=[Middleware(Friendly, KEY)]
    )
    client = client_for(app)
    refused = client.post("/", data={"name": "Ada"}, headers={"cookie": "session=1"})
    assert refused.status_code == 403

    again = {"name": "Ada", "csrf_token": value_in(refused.text)}
    assert client.post("/", data=again).text == "Signed by Ada"


def test_a_mount_may_be_looked_at_alone(client_for: ClientFor) -> None:
    mount = Mount(
        "/web",
        routes=[Route("/", sign, methods=["GET", "POST"])],
        middleware=[Middleware(CSRFMiddleware, KEY, exempt=["/hook"])],
    )
    app = Starlette(routes=[mount, Route("/", sign, methods=["POST"])])
    client = client_for(app, headers={"origin": "https://evil.example"})

    assert client.post("/", data={"name": "Ada"}).status_code == 200
    assert client.post("/web/", data={"name": "Ada"}).status_code == 403
    assert client.post("/web/hook").status_code == 404
