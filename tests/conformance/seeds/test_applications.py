"""Patterns of the seeds: the application object, its state, and its pieces used alone."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import asynccontextmanager
from http.client import HTTPConnection
from importlib.metadata import metadata, requires
from pathlib import Path

import pytest

from bolide.applications import Starlette
from bolide.background import BackgroundTask
from bolide.exceptions import HTTPException
from bolide.middleware import Middleware
from bolide.middleware.cors import CORSMiddleware
from bolide.middleware.gzip import GZipMiddleware
from bolide.middleware.sessions import SessionMiddleware
from bolide.responses import JSONResponse, PlainTextResponse, StreamingResponse
from bolide.routing import Mount, Route, Router, WebSocketRoute
from bolide.staticfiles import StaticFiles
from bolide.testclient import TestClient

ClientFor = Callable[..., TestClient]

MAX_SECONDS = 30
MAIN = """\
from contextlib import asynccontextmanager
from bolide.applications import Starlette
from bolide.responses import JSONResponse
from bolide.routing import Route

@asynccontextmanager
async def lifespan(app):
    print("Starting up", flush=True)
    yield
    print("Shutting down", flush=True)

async def homepage(request):
    return JSONResponse({"hello": "world"})

app = Starlette(routes=[Route("/", homepage)], lifespan=lifespan)
"""


@pytest.mark.parametrize("debug", [True, False])
def test_an_application_is_made_of_a_list_of_routes(debug: bool, client_for: ClientFor) -> None:
    async def homepage(request):
        return JSONResponse({"hello": "world"})

    routes = [Route("/", endpoint=homepage)]
    app = Starlette(debug=debug, routes=routes)

    assert app.debug is debug
    assert client_for(app).get("/").json() == {"hello": "world"}


def test_an_application_takes_all_its_parts_as_arguments(
    client_for: ClientFor, capsys: pytest.CaptureFixture[str]
) -> None:
    @asynccontextmanager
    async def lifespan(app):
        print("Starting up")
        yield
        print("Shutting down")

    async def homepage(request):
        return JSONResponse({"hello": "world"})

    app = Starlette(
        debug=True,
        routes=[Route("/", homepage)],
        middleware=[Middleware(SessionMiddleware, secret_key="secret")],
        exception_handlers={},
        lifespan=lifespan,
    )

    with client_for(app) as client:
        assert capsys.readouterr().out == "Starting up\n"
        assert client.get("/").json() == {"hello": "world"}
    assert capsys.readouterr().out == "Shutting down\n"


def test_each_part_of_an_application_can_be_left_out(client_for: ClientFor) -> None:
    app = Starlette(
        debug=False, routes=None, middleware=None, exception_handlers=None, lifespan=None
    )

    assert client_for(app).get("/").status_code == 404


def test_a_handler_is_named_by_a_status_code_or_a_class_and_may_be_sync(
    client_for: ClientFor,
) -> None:
    class TooLate(Exception): ...

    def by_code(request, exc):
        return PlainTextResponse("by code", status_code=404)

    async def by_class(request, exc):
        return PlainTextResponse("by class", status_code=409)

    async def late(request):
        raise TooLate

    app = Starlette(
        routes=[Route("/late", late)], exception_handlers={404: by_code, TooLate: by_class}
    )
    client = client_for(app)

    assert client.get("/nothing").text == "by code"
    assert client.get("/late").text == "by class"


def test_state_of_the_application_is_there_for_endpoints(client_for: ClientFor) -> None:
    async def dashboard(request):
        email = request.app.state.ADMIN_EMAIL
        return JSONResponse({"admin": email})

    app = Starlette(routes=[Route("/dashboard", dashboard)])
    app.state.ADMIN_EMAIL = "admin@example.org"

    assert client_for(app).get("/dashboard").json() == {"admin": "admin@example.org"}


def test_a_response_works_without_an_application_class(client_for: ClientFor) -> None:
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        response = PlainTextResponse("Hello, world!")
        await response(scope, receive, send)

    assert client_for(app).get("/").text == "Hello, world!"


def test_an_application_is_mounted_after_the_outer_one_was_made(client_for: ClientFor) -> None:
    async def homepage(request):
        return PlainTextResponse("Home of the mounted one")

    subapp = Starlette(routes=[Route("/", homepage)])
    app = Starlette()
    app.mount("/sub", subapp, name=None)

    assert client_for(app).get("/sub/").text == "Home of the mounted one"


def test_all_pieces_of_the_toolkit_work_without_the_application_class(
    client_for: ClientFor, site: Path
) -> None:
    done: list[str] = []

    async def stream(request):
        async def words():
            yield "one "
            yield "two"

        request.session["seen"] = True
        response = StreamingResponse(words(), background=BackgroundTask(done.append, "stream"))
        response.set_cookie("flavour", "plain")
        return response

    async def talk(websocket):
        await websocket.accept()
        await websocket.send_text(await websocket.receive_text())
        await websocket.close()

    app = Router(
        routes=[
            Route("/stream", stream),
            WebSocketRoute("/talk", talk),
            Mount("/static", StaticFiles(directory="static")),
        ]
    )
    app = SessionMiddleware(app, secret_key="secret")
    app = CORSMiddleware(GZipMiddleware(app), allow_origins=["*"])
    client = client_for(app)

    response = client.get("/stream", headers={"Origin": "https://example.org"})
    assert response.text == "one two"
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["access-control-allow-origin"] == "*"
    assert set(response.cookies) == {"session", "flavour"}
    assert done == ["stream"]
    assert client.get("/static/css/base.css").text == "html {}"
    with client.websocket_connect("/talk") as websocket:
        websocket.send_text("hello")
        assert websocket.receive_text() == "hello"


def test_a_health_check_is_a_route_for_get(client_for: ClientFor) -> None:
    async def health_check(request):
        return JSONResponse({"status": "healthy", "version": "1.0.0"})

    routes = [
        Route("/health", health_check, methods=["GET"]),
    ]
    client = client_for(Starlette(routes=routes))

    assert client.get("/health").json() == {"status": "healthy", "version": "1.0.0"}
    assert client.post("/health").status_code == 405


def test_an_endpoint_gives_up_with_an_http_exception(client_for: ClientFor) -> None:
    db = {"1": {"name": "chair"}}

    async def get_item(request):
        item_id = request.path_params["item_id"]
        item = db.get(item_id)
        if not item:
            raise HTTPException(status_code=404, detail="Item not found")
        return JSONResponse(item)

    client = client_for(Starlette(routes=[Route("/items/{item_id}", get_item)]))

    assert client.get("/items/1").json() == {"name": "chair"}
    assert (client.get("/items/2").status_code, client.get("/items/2").text) == (
        404,
        "Item not found",
    )


def test_it_needs_anyio_only() -> None:
    needed = [text for text in requires("bolide") or [] if "extra ==" not in text]

    assert {re.split(r"[^\w-]", text)[0] for text in needed} == {"anyio", "typing-extensions"}


def test_it_needs_python_3_11() -> None:
    assert metadata("bolide")["Requires-Python"] == ">=3.11"


def test_the_extra_full_has_every_optional_library() -> None:
    wanted = [text for text in requires("bolide") or [] if "extra == 'full'" in text]

    assert {re.split(r"[^\w-]", text)[0] for text in wanted} >= {
        "httpx2",
        "itsdangerous",
        "jinja2",
        "multipart",
        "opentelemetry-api",
        "pyyaml",
    }


def test_an_application_runs_under_uvicorn(site: Path) -> None:
    pytest.importorskip("uvicorn")
    (site / "main.py").write_text(MAIN)
    command = "-m uvicorn main:app --host 127.0.0.1 --port 0 --workers 1 --access-log"

    with subprocess.Popen(
        [sys.executable, *command.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            log = ""
            while (found := re.search(r"http://127\.0\.0\.1:(\d+)", log)) is None:
                line = server.stdout.readline()
                assert line, log
                log += line
            connection = HTTPConnection("127.0.0.1", int(found[1]), timeout=MAX_SECONDS)
            connection.request("GET", "/")
            body = connection.getresponse().read()
            connection.close()
        finally:
            server.terminate()
        server.wait(MAX_SECONDS)
        log += server.stdout.read()

    assert body == b'{"hello":"world"}'
    assert '"GET / HTTP/1.1" 200' in log
    assert log.index("Starting up") < log.index("Shutting down")
