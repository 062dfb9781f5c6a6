"""Patterns of the seeds: the applications that they show in one piece."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypedDict

import pytest

from bolide.applications import Starlette
from bolide.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    SimpleUser,
    requires,
)
from bolide.background import BackgroundTask
from bolide.config import Config
from bolide.datastructures import Secret
from bolide.middleware import Middleware
from bolide.middleware.authentication import AuthenticationMiddleware
from bolide.middleware.cors import CORSMiddleware
from bolide.middleware.sessions import SessionMiddleware
from bolide.requests import Request
from bolide.responses import FileResponse, JSONResponse, PlainTextResponse
from bolide.routing import Mount, Route, WebSocketRoute
from bolide.staticfiles import StaticFiles
from bolide.templating import Jinja2Templates
from bolide.testclient import TestClient
from bolide.websockets import WebSocket

ClientFor = Callable[..., TestClient]


class AppState(TypedDict):
    http_client: Any


def complete_app(httpx: Any, processed: list[Any]) -> Starlette:
    # --- Config ---
    config = Config(".env")
    DEBUG = config("DEBUG", cast=bool, default=False)  # noqa: N806
    SECRET = config("SECRET_KEY", cast=Secret)  # noqa: N806

    # --- Lifespan with typed state ---
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[AppState]:
        async with httpx.AsyncClient() as client:
            yield {"http_client": client}

    # --- Auth ---
    class TokenAuthBackend(AuthenticationBackend):
        async def authenticate(self, conn):
            token = conn.headers.get("Authorization", "")
            if token == "Bearer valid-token":
                return AuthCredentials(["authenticated"]), SimpleUser("admin")
            return None

    # --- Templates ---
    templates = Jinja2Templates(directory="templates")

    # --- Endpoints ---
    async def homepage(request: Request[AppState]):
        client = request.state["http_client"]
        assert not client.is_closed
        return templates.TemplateResponse(request, "index.html")

    @requires("authenticated")
    async def api_data(request: Request[AppState]):
        client = request.state["http_client"]
        resp = await client.get("https://httpbin.org/json")
        return JSONResponse(resp.json())

    async def create_item(request):
        data = await request.json()
        task = BackgroundTask(process_item, item=data)
        return JSONResponse({"status": "accepted"}, status_code=202, background=task)

    async def process_item(item: dict[str, Any]):
        processed.append(item)  # heavy processing

    async def ws_echo(websocket: WebSocket):
        await websocket.accept()
        async for message in websocket.iter_text():
            await websocket.send_text(f"Echo: {message}")

    async def not_found(request, exc):
        return JSONResponse({"error": "Not found"}, status_code=404)

    # --- App assembly ---
    routes = [
        Route("/", homepage, name="homepage"),
        Route("/api/data", api_data, methods=["GET"]),
        Route("/api/items", create_item, methods=["POST"]),
        WebSocketRoute("/ws", ws_echo),
        Mount("/static", StaticFiles(directory="static"), name="static"),
    ]
    middleware = [
        Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"]),
        Middleware(SessionMiddleware, secret_key=str(SECRET)),
        Middleware(AuthenticationMiddleware, backend=TokenAuthBackend()),
    ]
    return Starlette(
        debug=DEBUG,
        routes=routes,
        middleware=middleware,
        exception_handlers={404: not_found},
        lifespan=lifespan,
    )


@pytest.mark.usefixtures("templates_are_read")
def test_the_complete_example_runs(client_for: ClientFor, httpx: Any, site: Path) -> None:
    processed: list[Any] = []

    with client_for(complete_app(httpx, processed)) as client:
        page: Any = client.get("/", headers={"Origin": "https://example.org"})
        assert page.template.name == "index.html"
        assert page.headers["access-control-allow-origin"] == "*"
        assert 'href="http://testserver/static/css/style.css"' in page.text
        assert client.get("/static/css/style.css").text == "body {}"

        assert client.get("/api/data").status_code == 403
        data = client.get("/api/data", headers={"Authorization": "Bearer valid-token"})
        assert data.json() == {"url": "https://httpbin.org/json"}

        accepted = client.post("/api/items", json={"name": "chair"})
        assert (accepted.status_code, accepted.json()) == (202, {"status": "accepted"})
        assert processed == [{"name": "chair"}]

        with client.websocket_connect("/ws") as websocket:
            websocket.send_text("hello")
            assert websocket.receive_text() == "Echo: hello"

        missing = client.get("/missing")
        assert (missing.status_code, missing.json()) == (404, {"error": "Not found"})


class Pool:
    """Stands in for a pool of connections to a database with one table of users."""

    def __init__(self) -> None:
        self.users: dict[int, dict[str, Any]] = {}
        self.closed = False

    async def execute(self, query: str, email: str, password: str) -> dict[str, Any]:
        assert query.startswith("INSERT INTO users")
        user_id = len(self.users) + 1
        self.users[user_id] = {"id": user_id, "email": email}
        return self.users[user_id]

    async def fetchrow(self, query: str, user_id: int) -> dict[str, Any] | None:
        assert query.startswith("SELECT * FROM users")
        return self.users.get(user_id)

    async def close(self) -> None:
        self.closed = True


def structured_app() -> Starlette:
    async def create_db_pool():
        return Pool()

    @asynccontextmanager
    async def lifespan(app):
        # Startup
        app.state.db = await create_db_pool()
        yield
        # Shutdown
        await app.state.db.close()

    async def create_user(request):
        data = await request.json()
        # Validate
        if not data.get("email"):
            return JSONResponse({"error": "email required"}, status_code=400)

        db = request.app.state.db
        user = await db.execute(
            "INSERT INTO users (email, password) VALUES ($1, $2) RETURNING *",
            data["email"],
            data["password"],
        )
        return JSONResponse(dict(user), status_code=201)

    async def get_user(request):
        user_id = request.path_params["user_id"]
        db = request.app.state.db
        user = await db.fetchrow("SELECT * FROM users WHERE id = $1", user_id)
        if not user:
            return JSONResponse({"error": "not found"}, status_code=404)
        return JSONResponse(dict(user))

    routes = [
        Mount(
            "/api",
            routes=[
                Route("/users", create_user, methods=["POST"]),
                Route("/users/{user_id:int}", get_user, methods=["GET"]),
            ],
        ),
    ]

    middleware = [
        Middleware(CORSMiddleware, allow_origins=["*"]),
    ]

    return Starlette(routes=routes, middleware=middleware, lifespan=lifespan)


def test_the_structured_application_runs(client_for: ClientFor) -> None:
    app = structured_app()

    with client_for(app) as client:
        db = app.state.db
        created = client.post("/api/users", json={"email": "a@b.org", "password": "p"})
        assert (created.status_code, created.json()) == (201, {"id": 1, "email": "a@b.org"})
        assert client.get("/api/users/1").json() == {"id": 1, "email": "a@b.org"}
        assert client.get("/api/users/2").status_code == 404
        assert client.post("/api/users", json={}).json() == {"error": "email required"}
        assert not db.closed
    assert db.closed


@pytest.mark.parametrize("asynchronous", [True, False])
def test_the_first_example_runs(asynchronous: bool, client_for: ClientFor, site: Path) -> None:
    if asynchronous:

        async def homepage(request):
            return PlainTextResponse("Hello, world!")

        async def profile(request):
            username = request.path_params["username"]
            return JSONResponse({"username": username})
    else:

        def homepage(request):
            return PlainTextResponse("Hello, world!")

        def profile(request):
            username = request.path_params["username"]
            return JSONResponse({"username": username})

    async def favicon(request):
        return FileResponse("favicon.ico")  # or Path instance

    async def websocket_endpoint(websocket):
        await websocket.accept()
        await websocket.send_text("Hello, websocket!")
        await websocket.close()

    routes = [
        Route("/", homepage),
        Route("/user/{username}", profile),
        Route("/favicon.ico", favicon),
        WebSocketRoute("/ws", websocket_endpoint),
        Mount("/static", StaticFiles(directory="static")),
    ]

    app = Starlette(debug=True, routes=routes)
    client = client_for(app)

    assert client.get("/").text == "Hello, world!"
    assert client.get("/user/alice").json() == {"username": "alice"}
    assert client.get("/favicon.ico").text == "an icon"
    assert client.get("/static/css/base.css").text == "html {}"
    with client.websocket_connect("/ws") as websocket:
        assert websocket.receive_text() == "Hello, websocket!"


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("applications", "Starlette"),
        ("responses", "FileResponse HTMLResponse JSONResponse PlainTextResponse"),
        ("requests", "Request"),
        ("routing", "Mount Route WebSocketRoute"),
        ("staticfiles", "StaticFiles"),
        ("testclient", "TestClient"),
        ("websockets", "WebSocket WebSocketDisconnect"),
        ("middleware", "Middleware"),
        ("middleware.cors", "CORSMiddleware"),
        ("middleware.gzip", "GZipMiddleware"),
        ("middleware.httpsredirect", "HTTPSRedirectMiddleware"),
        ("middleware.sessions", "SessionMiddleware"),
        ("middleware.trustedhost", "TrustedHostMiddleware"),
    ],
)
def test_every_import_of_the_overview_resolves(module: str, names: str) -> None:
    imported = importlib.import_module(f"bolide.{module}")

    for name in names.split():
        assert getattr(imported, name).__name__ == name
