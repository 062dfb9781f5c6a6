"""CSRF, headers that protect pages, and comparison in constant time: built in, for both faces."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Any

import pytest

from bolide.applications import Bolide, Starlette
from bolide.middleware import Middleware
from bolide.middleware.csrf import CSRFMiddleware, csrf_field
from bolide.middleware.security_headers import SecurityHeadersMiddleware
from bolide.middleware.sessions import SessionMiddleware
from bolide.requests import Request
from bolide.responses import HTMLResponse, PlainTextResponse, Response
from bolide.routing import Route
from bolide.testclient import TestClient

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]

KEY = "a key that nobody knows"
SITE = "https://shop.example"
EVIL = "https://evil.example"


async def page(request: Request) -> Response:
    return HTMLResponse(f"<form>{csrf_field(request)}</form>")


async def buy(request: Request) -> Response:
    form = await request.form()
    return PlainTextResponse(f"bought {form.get('what')}")


async def remember(request: Request) -> Response:
    request.session["name"] = "ada"
    return PlainTextResponse("remembered")


async def recall(request: Request) -> Response:
    return PlainTextResponse(request.session.get("name", "nobody"))


async def fail(request: Request) -> Response:
    raise ValueError("a bug")


ROUTES = [
    Route("/", page),
    Route("/buy", buy, methods=["GET", "POST"]),
    Route("/remember", remember),
    Route("/recall", recall),
    Route("/fail", fail),
]


@pytest.fixture(params=[Bolide, Starlette])
def protected(request: pytest.FixtureRequest, client_for: ClientFor) -> TestClient:
    app = request.param(
        routes=ROUTES,
        middleware=[
            Middleware(SecurityHeadersMiddleware),
            Middleware(SessionMiddleware, secret_key=KEY),
            Middleware(CSRFMiddleware, KEY),
        ],
    )
    return client_for(app, base_url=SITE, raise_server_exceptions=False)


@pytest.fixture(params=[Bolide, Starlette])
def bare(request: pytest.FixtureRequest, client_for: ClientFor) -> TestClient:
    return client_for(request.param(routes=ROUTES[1:2]), base_url=SITE)


# Requests in a user's name

FROM_ELSEWHERE = [
    {"sec-fetch-site": "cross-site", "origin": EVIL},
    {"sec-fetch-site": "same-site", "origin": "https://other.shop.example"},
    {"sec-fetch-site": "cross-site"},
    {"origin": EVIL},
    {"origin": "null"},
    {"origin": "http://shop.example"},
    {"origin": "https://shop.example.evil.example"},
    {"origin": "https://shop.example:444"},
    {"cookie": "session=1"},
    {"authorization": "Basic YTpi"},
]


@pytest.mark.parametrize("headers", FROM_ELSEWHERE)
def test_another_site_buys_nothing(protected: TestClient, headers: dict[str, str]) -> None:
    answer = protected.post("/buy", data={"what": "a yacht"}, headers=headers)
    assert (answer.status_code, answer.text) == (403, "Cross-site request refused")


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "same-origin", "origin": SITE}, {"sec-fetch-site": "none"}, {}],
)
def test_the_site_itself_and_what_is_no_browser_do(
    protected: TestClient, headers: dict[str, str]
) -> None:
    answer = protected.post("/buy", data={"what": "a boat"}, headers=headers)
    assert (answer.status_code, answer.text) == (200, "bought a boat")


def test_an_old_browser_does_with_the_token_of_its_own_page(protected: TestClient) -> None:
    found = re.search('value="([^"]+)"', protected.get("/").text)
    assert found is not None
    bought = protected.post("/buy", data={"what": "a boat", "csrf_token": found[1]})
    assert bought.text == "bought a boat"
    # Somebody else's is none, and nor is the cookie itself.
    others = TestClient(protected.app, base_url=SITE)
    others.get("/")
    for token in (found[1], others.cookies["csrf"]):
        assert others.post("/buy", data={"csrf_token": token}).status_code == 403


def test_without_the_middleware_nothing_is_refused(bare: TestClient) -> None:
    # What is asked of an application that has no page is not known: it is a choice to have it.
    for headers in FROM_ELSEWHERE:
        assert bare.post("/buy", data={"what": "a yacht"}, headers=headers).status_code == 200


# Headers

EXPECTED = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
}


@pytest.mark.parametrize("path", ["/", "/nowhere"])
def test_every_page_has_the_headers(protected: TestClient, path: str) -> None:
    headers = protected.get(path).headers
    assert {name: headers.get(name) for name in EXPECTED} == EXPECTED
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    # No two of them have the same nonce.
    assert policy != protected.get(path).headers["content-security-policy"]


def test_in_bolide_the_page_of_an_error_has_them_too(protected: TestClient) -> None:
    answer = protected.get("/fail")
    assert answer.status_code == 500
    assert ("x-frame-options" in answer.headers) == isinstance(protected.app, Bolide)


def test_without_the_middleware_there_are_none(bare: TestClient) -> None:
    assert not set(bare.get("/buy").headers) & {*EXPECTED, "content-security-policy"}


# Comparison


def test_whatever_is_signed_is_compared_in_constant_time(
    protected: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long a refusal takes says nothing of how much of a signature is right."""
    protected.get("/")
    protected.get("/remember")
    cookies = dict(protected.cookies)
    compared: list[Any] = []
    compare = hmac.compare_digest

    def note(a: Any, b: Any) -> bool:
        compared.append(len(a) == len(b))
        return compare(a, b)

    monkeypatch.setattr(hmac, "compare_digest", note)

    def ask(name: str, value: str) -> Response | Any:
        compared.clear()
        headers = {"cookie": f"{name}={value}"}
        if name == "session":
            return protected.get("/recall", headers=headers).text
        return protected.post("/buy", headers=headers).status_code

    protected.cookies.clear()
    assert ask("session", cookies["session"]) == "ada"
    assert compared
    for name, refusal in (("session", "nobody"), ("csrf", 403)):
        whole = cookies[name]
        # Wrong at the beginning or at the end of the signature.
        for at in (-40, -3):
            other = "A" if whole[at] != "A" else "B"
            assert ask(name, whole[:at] + other + whole[at + 1 :]) == refusal
            assert compared
            assert all(compared)
