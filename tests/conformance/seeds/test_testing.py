"""Patterns of the seeds: how applications are tested."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import trio
from httpx2 import ASGITransport, AsyncClient

from bolide.applications import Starlette
from bolide.responses import JSONResponse, PlainTextResponse
from bolide.routing import Route, WebSocketRoute
from bolide.testclient import TestClient
from bolide.websockets import WebSocketDisconnect

ClientFor = Callable[..., TestClient]

events: list[str] = []


@asynccontextmanager
async def lifespan(app):
    events.append("startup")
    yield
    events.append("shutdown")


async def homepage(request):
    return JSONResponse({"hello": "world"})


async def protected(request):
    return JSONResponse(request.headers.get("authorization"))


async def create_user(request):
    return JSONResponse(await request.json(), status_code=201)


async def upload(request):
    async with request.form() as form:
        return JSONResponse([form["file"].filename, (await form["file"].read()).decode()])


async def failing(request):
    raise RuntimeError("on purpose")


async def client_address(request):
    return JSONResponse(list(request.client))


async def backend(request):
    return PlainTextResponse("trio" if trio.lowlevel.in_trio_run() else "asyncio")


async def ws(websocket):
    await websocket.accept()
    try:
        data = await websocket.receive_text()
        await websocket.send_text(f"Echo: {data}")
        await websocket.send_json(await websocket.receive_json())
        await websocket.receive_text()
    except WebSocketDisconnect:
        events.append("disconnect")


app = Starlette(
    routes=[
        Route("/", homepage),
        Route("/protected", protected),
        Route("/users", create_user, methods=["POST"]),
        Route("/upload", upload, methods=["POST"]),
        Route("/failing", failing),
        Route("/client", client_address),
        Route("/backend", backend),
        WebSocketRoute("/ws", ws),
    ],
    lifespan=lifespan,
)


@pytest.fixture(autouse=True)
def no_events() -> None:
    events.clear()


def test_homepage() -> None:
    client = TestClient(app)
    response = client.get("/")
    assert response.status_code == 200
    assert response.json() == {"hello": "world"}


def test_the_lifespan_runs_in_a_with_block(client_for: ClientFor) -> None:
    with client_for(app) as client:
        assert events == ["startup"]
        response = client.get("/")
        assert response.status_code == 200
    assert events == ["startup", "shutdown"]


def test_the_lifespan_does_not_run_without_one(client_for: ClientFor) -> None:
    client_for(app).get("/")

    assert events == []


def test_headers_are_set_for_all_requests_or_for_one(client_for: ClientFor) -> None:
    client = client_for(app)

    client.headers = {"Authorization": "Bearer token123"}
    assert client.get("/protected").json() == "Bearer token123"
    other = client.get("/protected", headers={"Authorization": "Bearer other"})
    assert other.json() == "Bearer other"
    assert client.get("/protected").json() == "Bearer token123"


def test_json_and_files_are_posted(client_for: ClientFor, site: Path) -> None:
    client = client_for(app)

    response = client.post("/users", json={"name": "Alice"})
    assert (response.status_code, response.json()) == (201, {"name": "Alice"})
    with open("photo.jpg", "rb") as f:  # noqa: PTH123
        response = client.post("/upload", files={"file": f})
    assert response.json() == ["photo.jpg", "a photo"]


def test_an_error_of_the_application_is_raised_or_answered(client_for: ClientFor) -> None:
    with pytest.raises(RuntimeError, match="on purpose"):
        client_for(app).get("/failing")

    client = client_for(app, raise_server_exceptions=False)
    assert client.get("/failing").status_code == 500


def test_the_address_of_the_client_is_chosen(client_for: ClientFor) -> None:
    client = client_for(app, client=("localhost", 8000))

    assert client.get("/client").json() == ["localhost", 8000]


def test_the_backend_is_chosen() -> None:
    assert TestClient(app).get("/backend").text == "asyncio"
    with TestClient(app, backend="trio") as client:
        response = client.get("/backend")
    assert response.text == "trio"


def test_options_of_the_backend_are_passed_on() -> None:
    pytest.importorskip("uvloop")

    async def loop(request):
        import asyncio

        return PlainTextResponse(type(asyncio.get_running_loop()).__module__)

    client = TestClient(Starlette(routes=[Route("/", loop)]), backend_options={"use_uvloop": True})

    assert client.get("/").text.partition(".")[0] == "uvloop"


def test_websocket(client_for: ClientFor) -> None:
    client = client_for(app)
    with client.websocket_connect("/ws") as ws:
        ws.send_text("hello")
        data = ws.receive_text()
        assert data == "Echo: hello"
        ws.send_json({"key": "value"})
        result = ws.receive_json()
        assert result == {"key": "value"}
        ws.close()
    assert events == ["disconnect"]


@pytest.mark.anyio
async def test_an_application_is_called_by_an_async_client() -> None:
    transport = ASGITransport(app=app)
    async with AsyncClient(transport=transport, base_url="http://testserver") as client:
        response = await client.get("/")
        assert response.status_code == 200
    assert response.json() == {"hello": "world"}


OLDER_LIBRARY = """\
import sys, types, warnings
import httpx2
sys.modules["httpx"], sys.modules["httpx2"] = httpx2, None
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import bolide.testclient
print(*[warning.category.__name__ for warning in caught])
print(caught[0].message)
"""


def test_the_client_is_built_on_httpx2_and_warns_about_its_predecessor() -> None:
    assert issubclass(TestClient, httpx2.Client)

    output = subprocess.run(
        [sys.executable, "-c", OLDER_LIBRARY], capture_output=True, check=True, text=True
    ).stdout.splitlines()
    assert output[0] == "StarletteDeprecationWarning"
    assert "httpx2" in output[1]
