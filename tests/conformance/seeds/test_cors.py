"""Patterns of the seeds: requests from other origins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bolide.applications import Starlette
from bolide.middleware import Middleware
from bolide.middleware.cors import CORSMiddleware
from bolide.responses import JSONResponse
from bolide.routing import Route
from bolide.testclient import TestClient

ClientFor = Callable[..., TestClient]


async def homepage(request):
    return JSONResponse({"hello": "world"})


routes = [Route("/", homepage)]


def ask(client: TestClient, origin: str, method: str = "GET", headers: str = "") -> Any:
    """Ask before a request, as a browser does."""
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    return client.options("/", headers=asked)


def test_cors_around_the_application_covers_its_errors(client_for: ClientFor) -> None:
    async def failing(request):
        raise RuntimeError

    app = Starlette(routes=[Route("/failing", failing)])
    app = CORSMiddleware(app=app, allow_origins=["*"])
    client = client_for(app, raise_server_exceptions=False)

    response = client.get("/failing", headers={"Origin": "https://example.org"})
    assert response.status_code == 500
    assert response.headers["access-control-allow-origin"] == "*"


def test_every_parameter_of_cors_has_its_effect(client_for: ClientFor) -> None:
    middleware = [
        Middleware(
            CORSMiddleware,
            allow_origins=["https://example.com"],
            allow_origin_regex=r"https://[a-zA-Z0-9-]+\.example\.com",
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization"],
            allow_credentials=True,
            allow_private_network=True,
            expose_headers=["X-Request-Id"],
            max_age=600,
        )
    ]
    client = client_for(Starlette(routes=routes, middleware=middleware))

    for origin in ("https://example.com", "https://app.example.com"):
        response = client.get("/", headers={"Origin": origin})
        assert response.headers["access-control-allow-origin"] == origin
        assert response.headers["access-control-allow-credentials"] == "true"
        assert response.headers["access-control-expose-headers"] == "X-Request-Id"
    refused = client.get("/", headers={"Origin": "https://example.org"})
    assert "access-control-allow-origin" not in refused.headers

    asked = ask(client, "https://example.com", "POST", "authorization")
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-methods"] == "GET, POST"
    assert asked.headers["access-control-max-age"] == "600"
    assert ask(client, "https://example.com", "PUT").status_code == 400
    assert ask(client, "https://example.com", "GET", "x-other").status_code == 400
    private = client.options(
        "/",
        headers={
            "Origin": "https://example.com",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Private-Network": "true",
        },
    )
    assert private.headers["access-control-allow-private-network"] == "true"


@pytest.mark.parametrize(
    "header", ["Accept", "Accept-Language", "Content-Language", "Content-Type"]
)
def test_four_headers_are_always_allowed(header: str, client_for: ClientFor) -> None:
    middleware = [
        Middleware(
            CORSMiddleware,
            allow_origins=["*"],
            allow_methods=["GET", "POST", "OPTIONS"],
            allow_headers=["Authorization"],
        )
    ]
    client = client_for(Starlette(routes=routes, middleware=middleware))

    assert ask(client, "https://example.org", "POST", header).status_code == 200
    assert ask(client, "https://example.org", "POST", "Authorization").status_code == 200
    assert ask(client, "https://example.org", "POST", "X-Other").status_code == 400


def test_everything_is_allowed_with_credentials_too(client_for: ClientFor) -> None:
    middleware = [
        Middleware(
            CORSMiddleware,
            allow_origins=["*"],
            allow_methods=["*"],
            allow_headers=["*"],
            allow_credentials=True,
        )
    ]
    client = client_for(Starlette(routes=routes, middleware=middleware))

    response = client.get("/", headers={"Origin": "https://example.org", "Cookie": "a=b"})
    assert response.headers["access-control-allow-origin"] == "https://example.org"
    asked = ask(client, "https://example.org", "DELETE", "X-Anything")
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == "https://example.org"
    assert asked.headers["access-control-allow-headers"] == "X-Anything"


def test_the_defaults_of_cors_allow_little(client_for: ClientFor) -> None:
    middleware = [Middleware(CORSMiddleware, allow_origins=["https://example.org"])]
    client = client_for(Starlette(routes=routes, middleware=middleware))

    asked = ask(client, "https://example.org")
    assert asked.headers["access-control-allow-methods"] == "GET"
    assert asked.headers["access-control-max-age"] == "600"
    assert asked.headers["access-control-allow-headers"] == (
        "Accept, Accept-Language, Content-Language, Content-Type"
    )
    assert "access-control-allow-credentials" not in asked.headers
    response = client.get("/", headers={"Origin": "https://example.org"})
    assert "access-control-expose-headers" not in response.headers
    nobody = client_for(Starlette(routes=routes, middleware=[Middleware(CORSMiddleware)]))
    assert ask(nobody, "https://example.org").status_code == 400
