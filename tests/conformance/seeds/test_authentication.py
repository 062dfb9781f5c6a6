"""Patterns of the seeds: who asks, and what that allows."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

import pytest

from bolide.applications import Starlette
from bolide.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    SimpleUser,
    requires,
)
from bolide.middleware import Middleware
from bolide.middleware.authentication import AuthenticationMiddleware
from bolide.responses import JSONResponse, PlainTextResponse
from bolide.routing import Route
from bolide.testclient import TestClient

ClientFor = Callable[..., TestClient]


class BasicAuthBackend(AuthenticationBackend):
    async def authenticate(self, conn):
        if "Authorization" not in conn.headers:
            return None
        auth = conn.headers["Authorization"]
        try:
            scheme, credentials = auth.split()
            if scheme.lower() != "basic":
                return None
            decoded = base64.b64decode(credentials).decode("ascii")
        except (ValueError, UnicodeDecodeError, binascii.Error):
            raise AuthenticationError("Invalid credentials")  # noqa: B904
        username, _, password = decoded.partition(":")
        # Verify credentials here...
        assert password == "secret"
        return AuthCredentials(["authenticated"]), SimpleUser(username)


async def homepage(request):
    if request.user.is_authenticated:
        return PlainTextResponse(f"Hello, {request.user.display_name}")
    return PlainTextResponse("Hello, anonymous")


@requires("authenticated")
async def dashboard(request):
    return PlainTextResponse("Dashboard")


@requires(["authenticated", "admin"], status_code=404)
async def admin_panel(request):
    return PlainTextResponse("Admin")


@requires("authenticated", redirect="homepage")
async def settings(request):
    return PlainTextResponse("Settings")


def on_auth_error(request, exc):
    return JSONResponse({"error": str(exc)}, status_code=401)


routes = [
    Route("/", homepage, name="homepage"),
    Route("/dashboard", dashboard),
    Route("/admin", admin_panel),
    Route("/settings", settings),
]

middleware = [
    Middleware(AuthenticationMiddleware, backend=BasicAuthBackend(), on_error=on_auth_error),
]

app = Starlette(routes=routes, middleware=middleware)

ALICE = ("alice", "secret")


def test_a_backend_finds_out_who_asks(client_for: ClientFor) -> None:
    client = client_for(app)

    assert client.get("/").text == "Hello, anonymous"
    assert client.get("/", auth=ALICE).text == "Hello, alice"
    bearer = client.get("/", headers={"Authorization": "Bearer token"})
    assert bearer.text == "Hello, anonymous"


@pytest.mark.parametrize("authorization", ["Basic", "Basic a", "Basic /w=="])
def test_bad_credentials_have_an_answer_of_their_own(
    authorization: str, client_for: ClientFor
) -> None:
    response = client_for(app).get("/", headers={"Authorization": authorization})

    assert (response.status_code, response.json()) == (401, {"error": "Invalid credentials"})


def test_an_endpoint_requires_scopes(client_for: ClientFor) -> None:
    client = client_for(app, follow_redirects=False)

    assert client.get("/dashboard").status_code == 403
    assert client.get("/dashboard", auth=ALICE).text == "Dashboard"
    # Known, but no admin.
    assert client.get("/admin", auth=ALICE).status_code == 404
    assert client.get("/settings", auth=ALICE).text == "Settings"
    elsewhere = client.get("/settings")
    assert elsewhere.status_code == 303
    assert elsewhere.headers["location"] == (
        "http://testserver/?next=http%3A%2F%2Ftestserver%2Fsettings"
    )


def test_those_unknown_are_sent_to_the_login(client_for: ClientFor) -> None:
    @requires("authenticated", redirect="login")
    async def protected_endpoint(request):
        return JSONResponse({"user": request.user.display_name})

    async def login(request):
        return PlainTextResponse("Who are you?")

    routes = [Route("/protected", protected_endpoint), Route("/login", login, name="login")]
    client = client_for(Starlette(routes=routes, middleware=middleware))

    assert client.get("/protected").text == "Who are you?"
    assert client.get("/protected", auth=ALICE).json() == {"user": "alice"}


def test_a_token_says_who_asks(client_for: ClientFor) -> None:
    class TokenAuthBackend(AuthenticationBackend):
        async def authenticate(self, conn):
            token = conn.headers.get("Authorization", "")
            if token == "Bearer valid-token":
                return AuthCredentials(["authenticated"]), SimpleUser("admin")
            return None

    middleware = [Middleware(AuthenticationMiddleware, backend=TokenAuthBackend())]
    client = client_for(Starlette(routes=routes, middleware=middleware))

    headers = {"Authorization": "Bearer valid-token"}
    assert client.get("/", headers=headers).text == "Hello, admin"
    assert client.get("/").text == "Hello, anonymous"
