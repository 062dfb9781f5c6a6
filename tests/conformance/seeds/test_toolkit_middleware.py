"""Patterns of the seeds: the middlewares of the toolkit, one by one and together."""

from __future__ import annotations

from collections.abc import Callable
from http.cookies import SimpleCookie
from types import SimpleNamespace

import pytest

from bolide.applications import Starlette
from bolide.middleware import Middleware
from bolide.middleware.cors import CORSMiddleware
from bolide.middleware.gzip import GZipMiddleware
from bolide.middleware.httpsredirect import HTTPSRedirectMiddleware
from bolide.middleware.sessions import SessionMiddleware
from bolide.middleware.trustedhost import TrustedHostMiddleware
from bolide.responses import JSONResponse, PlainTextResponse
from bolide.routing import Route
from bolide.testclient import TestClient

ClientFor = Callable[..., TestClient]

settings = SimpleNamespace(SECRET_KEY="a key")


async def homepage(request):
    return JSONResponse({"hello": "world"})


async def long_page(request):
    return PlainTextResponse("x" * 2000)


async def set_session(request):
    request.session["username"] = "alice"
    return JSONResponse({"ok": True})


async def get_session(request):
    username = request.session.get("username", "anonymous")
    return JSONResponse({"user": username})


session_routes = [Route("/set", set_session), Route("/get", get_session)]


def test_a_middleware_is_configured_by_name(client_for: ClientFor) -> None:
    app = Starlette(
        routes=session_routes, middleware=[Middleware(SessionMiddleware, secret_key="secret")]
    )
    client = client_for(app)

    assert client.get("/get").json() == {"user": "anonymous"}
    assert client.get("/set").json() == {"ok": True}
    assert client.get("/get").json() == {"user": "alice"}


@pytest.mark.parametrize(
    ("url", "status_code", "location"),
    [
        ("https://example.com/", 200, None),
        ("https://www.example.com/", 200, None),
        ("http://example.com/", 307, "https://example.com/"),
        ("https://example.org/", 400, None),
        ("http://example.org/", 400, None),
    ],
)
def test_only_trusted_hosts_and_only_https(
    url: str, status_code: int, location: str | None, client_for: ClientFor
) -> None:
    middleware = [
        Middleware(
            TrustedHostMiddleware,
            allowed_hosts=["example.com", "*.example.com"],
        ),
        Middleware(HTTPSRedirectMiddleware),
    ]
    app = Starlette(routes=[Route("/", homepage)], middleware=middleware)

    response = client_for(app, follow_redirects=False).get(url)
    assert response.status_code == status_code
    assert response.headers.get("location") == location


def test_the_cookie_of_a_session_is_kept_strictly(client_for: ClientFor) -> None:
    middleware = [
        Middleware(TrustedHostMiddleware, allowed_hosts=["example.com", "*.example.com"]),
        Middleware(HTTPSRedirectMiddleware),
        Middleware(
            SessionMiddleware, secret_key=settings.SECRET_KEY, https_only=True, same_site="strict"
        ),
    ]
    app = Starlette(routes=session_routes, middleware=middleware)
    client = client_for(app, base_url="https://example.com")

    cookie = SimpleCookie(client.get("/set").headers["set-cookie"])["session"]
    assert (cookie["secure"], cookie["samesite"], cookie["httponly"]) == (True, "strict", True)
    assert client.get("/get").json() == {"user": "alice"}


@pytest.mark.parametrize(
    ("options", "size", "compressed"),
    [
        ({"minimum_size": 1000, "compresslevel": 6}, 999, False),
        ({"minimum_size": 1000, "compresslevel": 6}, 1000, True),
        ({"minimum_size": 500, "compresslevel": 9}, 499, False),
        ({"minimum_size": 500, "compresslevel": 9}, 500, True),
    ],
)
def test_responses_are_compressed_from_a_size_on(
    options: dict[str, int], size: int, compressed: bool, client_for: ClientFor
) -> None:
    async def page(request):
        return PlainTextResponse("x" * size)

    middleware = [Middleware(GZipMiddleware, **options)]
    app = Starlette(routes=[Route("/", page)], middleware=middleware)

    response = client_for(app).get("/")
    assert response.text == "x" * size
    assert ("content-encoding" in response.headers) is compressed


def test_the_built_in_middlewares_work_together(client_for: ClientFor) -> None:
    middleware = [
        Middleware(TrustedHostMiddleware, allowed_hosts=["example.com", "*.example.com"]),
        Middleware(HTTPSRedirectMiddleware),
        Middleware(
            CORSMiddleware,
            allow_origins=["https://example.com"],
            allow_methods=["*"],
            allow_headers=["*"],
            allow_credentials=True,
            allow_private_network=False,
            expose_headers=[],
            max_age=600,
        ),
        Middleware(GZipMiddleware, minimum_size=500, compresslevel=9),
        Middleware(
            SessionMiddleware,
            secret_key="super-secret",
            session_cookie="session",
            max_age=14 * 24 * 3600,
            same_site="lax",
            https_only=True,
        ),
    ]
    routes = [Route("/long", long_page), *session_routes]
    app = Starlette(routes=routes, middleware=middleware)
    client = client_for(app, base_url="https://api.example.com")

    response = client.get("/long", headers={"Origin": "https://example.com"})
    assert response.headers["access-control-allow-origin"] == "https://example.com"
    assert response.headers["access-control-allow-credentials"] == "true"
    assert response.headers["content-encoding"] == "gzip"
    cookie = SimpleCookie(client.get("/set").headers["set-cookie"])["session"]
    assert (cookie["max-age"], cookie["samesite"], cookie["secure"]) == ("1209600", "lax", True)
    assert client.get("/get").json() == {"user": "alice"}
    assert client.get("https://evil.example.org/get").status_code == 400
