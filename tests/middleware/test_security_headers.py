"""Security headers: which go out, which stay, and a nonce for every request."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jinja2
import pytest

from bolide.applications import Starlette
from bolide.middleware import Middleware
from bolide.middleware.security_headers import (
    DEFAULT_CONTENT_SECURITY_POLICY,
    SecurityHeadersMiddleware,
)
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Route
from bolide.templating import Jinja2Templates
from bolide.testclient import TestClient
from bolide.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]
Pairs = list[tuple[str, str]]

NO_POLICY: dict[str, Any] = {"content_security_policy": None}
NOTHING: dict[str, Any] = {
    "content_security_policy": None,
    "hsts_seconds": None,
    "referrer_policy": None,
    "permissions_policy": None,
    "cross_origin_opener_policy": None,
    "cross_origin_resource_policy": None,
    "frame_options": None,
    "no_sniff": False,
}
USUAL = [
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
]
HSTS = ("strict-transport-security", "max-age=31536000; includeSubDomains")


async def never(*args: object) -> Any:
    raise AssertionError


async def headers_of(
    response: Response | None = None,
    *,
    scheme: str | None = "https",
    scope: Scope | None = None,
    **options: Any,
) -> Pairs:
    """Give the headers that a response goes out with."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    if scope is None:
        scope = {"type": "http", "method": "GET"}
    if scheme is not None:
        scope["scheme"] = scheme
    app = SecurityHeadersMiddleware(response or Response(headers={"x-own": "1"}), **options)
    await app(scope, never, send)
    return [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]


# Which headers


@pytest.mark.parametrize("scheme", ["http", None])
async def test_the_usual_headers_are_added_behind_those_of_the_response(scheme: Any) -> None:
    headers = await headers_of(scheme=scheme, **NO_POLICY)

    assert headers == [("x-own", "1"), ("content-length", "0"), *USUAL]


async def test_over_https_a_browser_is_told_to_stay_with_it() -> None:
    assert [*await headers_of(**NO_POLICY)][2:] == [HSTS, *USUAL]


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({"hsts_seconds": 60}, "max-age=60; includeSubDomains"),
        ({"hsts_seconds": 0, "hsts_subdomains": False}, "max-age=0"),
        ({"hsts_preload": True}, "max-age=31536000; includeSubDomains; preload"),
        ({"hsts_seconds": None}, None),
    ],
)
async def test_how_long_and_for_whom_can_be_said(options: Any, value: str | None) -> None:
    headers = dict(await headers_of(**options))

    assert headers.get("strict-transport-security") == value


async def test_every_header_can_be_left_out() -> None:
    assert await headers_of(**NOTHING) == [("x-own", "1"), ("content-length", "0")]


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("content_security_policy", "content-security-policy"),
        ("referrer_policy", "referrer-policy"),
        ("permissions_policy", "permissions-policy"),
        ("cross_origin_opener_policy", "cross-origin-opener-policy"),
        ("cross_origin_resource_policy", "cross-origin-resource-policy"),
        ("frame_options", "x-frame-options"),
    ],
)
async def test_every_header_can_have_another_value(option: str, name: str) -> None:
    headers = await headers_of(**{**NOTHING, option: "another"})

    assert headers[2:] == [(name, "another")]


async def test_what_the_application_has_set_stays() -> None:
    own = [
        ("content-security-policy", "default-src 'none'"),
        ("strict-transport-security", "max-age=1"),
        *[(name, "own") for name, _ in USUAL],
    ]
    response = Response(headers=dict(own))

    assert await headers_of(response) == [*own, ("content-length", "0")]


async def test_a_name_in_another_case_is_the_same_header() -> None:
    response = Response()
    response.raw_headers = [(b"X-Frame-Options", b"SAMEORIGIN")]
    headers = await headers_of(response, **{**NOTHING, "frame_options": "DENY"})

    assert headers == [("X-Frame-Options", "SAMEORIGIN")]


async def test_a_response_that_is_sent_again_does_not_collect_headers() -> None:
    response = Response()
    before = list(response.raw_headers)

    assert len(await headers_of(response)) == len(await headers_of(response))
    assert response.raw_headers == before


async def test_a_start_without_headers_gets_them_too() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204})

    headers = await headers_of(app, **{**NOTHING, "frame_options": "DENY"})  # type: ignore[arg-type]

    assert headers == [("x-frame-options", "DENY")]


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_anything_but_http_is_none_of_its_business(kind: str) -> None:
    calls: list[tuple[object, ...]] = []

    async def app(*args: object) -> None:
        calls.append(args)

    scope: Scope = {"type": kind, "scheme": "wss"}
    await SecurityHeadersMiddleware(app)(scope, never, never)

    assert calls == [(scope, never, never)]
    assert scope == {"type": kind, "scheme": "wss"}


# The policy


async def test_the_default_policy_has_a_nonce_of_each_request() -> None:
    first: Scope = {"type": "http", "method": "GET"}
    second: Scope = {"type": "http", "method": "GET", "state": {"own": 1}}
    policies = [
        dict(await headers_of(scope=scope))["content-security-policy"] for scope in (first, second)
    ]
    nonces = [scope["state"]["csp_nonce"] for scope in (first, second)]

    assert nonces[0] != nonces[1]
    # CSP Level 3: base64-value; 128 bits at least.
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", nonce) for nonce in nonces)
    assert policies == [
        DEFAULT_CONTENT_SECURITY_POLICY.replace("{nonce}", nonce) for nonce in nonces
    ]
    assert second["state"]["own"] == 1


async def test_a_policy_without_a_nonce_goes_out_as_it_is() -> None:
    scope: Scope = {"type": "http", "method": "GET"}
    headers = dict(await headers_of(scope=scope, content_security_policy="default-src {x}"))

    assert headers["content-security-policy"] == "default-src {x}"
    assert "state" not in scope


@pytest.mark.parametrize("policy", ["default-src 'self'", "script-src 'nonce-{nonce}'"])
async def test_a_policy_can_be_tried_out(policy: str) -> None:
    headers = dict(await headers_of(content_security_policy=policy, report_only=True))

    assert "content-security-policy" not in headers
    assert headers["content-security-policy-report-only"].startswith(policy[:10])


async def test_an_answer_that_says_not_modified_keeps_the_nonce_of_the_page() -> None:
    headers = dict(await headers_of(Response(status_code=304)))

    assert "content-security-policy" not in headers
    assert headers["x-frame-options"] == "DENY"


async def test_an_answer_that_says_not_modified_has_a_policy_without_nonce() -> None:
    response = Response(status_code=304)
    headers = dict(await headers_of(response, content_security_policy="default-src 'self'"))

    assert headers["content-security-policy"] == "default-src 'self'"


# Mistakes


@pytest.mark.parametrize(
    "value", ["a\nb", "a\r\nset-cookie: b", "a\x00", "\x7f", "caf\u00e9", "\u2028"]
)
@pytest.mark.parametrize(
    "option",
    [
        "content_security_policy",
        "referrer_policy",
        "permissions_policy",
        "cross_origin_opener_policy",
        "cross_origin_resource_policy",
        "frame_options",
    ],
)
def test_a_value_that_would_break_a_header_is_an_error(option: str, value: str) -> None:
    with pytest.raises(ValueError, match=option.replace("frame", "x-frame").replace("_", "-")):
        SecurityHeadersMiddleware(Response(), **{option: value})


@pytest.mark.parametrize(
    "options",
    [
        {"hsts_seconds": -1},
        {"hsts_seconds": 60, "hsts_preload": True},
        {"hsts_subdomains": False, "hsts_preload": True},
    ],
)
def test_hsts_that_nobody_would_believe_is_an_error(options: Any) -> None:
    with pytest.raises(ValueError, match="HSTS"):
        SecurityHeadersMiddleware(Response(), **options)


# In an application


def test_a_template_has_the_nonce_of_its_policy(client_for: ClientFor) -> None:
    page_source = '<script nonce="{{ request.state.csp_nonce }}">1</script>'
    loader = jinja2.DictLoader({"page.html": page_source})
    templates = Jinja2Templates(env=jinja2.Environment(loader=loader, autoescape=True))

    async def page(request: Request) -> Response:
        return templates.TemplateResponse(request, "page.html")

    app = Starlette(routes=[Route("/", page)], middleware=[Middleware(SecurityHeadersMiddleware)])
    client = client_for(app)
    responses = [client.get("/"), client.get("/")]

    assert responses[0].text != responses[1].text
    for response in responses:
        nonce = response.text.partition('nonce="')[2].partition('"')[0]
        assert f"script-src 'self' 'nonce-{nonce}';" in response.headers["content-security-policy"]


def test_a_route_may_have_another_policy(client_for: ClientFor) -> None:
    async def page(request: Request) -> Response:
        return PlainTextResponse(request.state.csp_nonce)

    strict = Middleware(
        SecurityHeadersMiddleware, content_security_policy="script-src 'nonce-{nonce}'"
    )
    app = Starlette(
        routes=[Route("/", page, middleware=[strict])],
        middleware=[Middleware(SecurityHeadersMiddleware)],
    )
    response = client_for(app).get("/")

    assert response.headers["content-security-policy"] == f"script-src 'nonce-{response.text}'"
    assert response.headers.get_list("x-frame-options") == ["DENY"]
