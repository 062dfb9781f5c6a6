"""A FastAPI application on bolide, unchanged: under a server, and with its own test client."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.sync.client import connect

APPS = Path(__file__).parent / "apps"
MAX_SECONDS = 30

# Not imported here: that would import Starlette, too.
for package in ("fastapi", "python_multipart"):
    if subprocess.run([sys.executable, "-c", f"import {package}"], capture_output=True).returncode:
        pytest.skip(f"{package} is not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def shop(serve_module: Callable[..., Any]) -> Iterator[Any]:
    """Serve the shop."""
    return serve_module(
        *("-m", "bolide", "run", "--as-starlette", "fastapi_shop:app", "--app-dir", str(APPS)),
        *("--port", "0"),
    )


@pytest.fixture
def client(shop: Any) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=shop.url, timeout=MAX_SECONDS) as client:
        yield client


def test_it_is_bolide_that_serves(client: httpx2.Client) -> None:
    answer = client.get("/version").json()
    assert answer == {"starlette": "1.10.0", "request": "bolide.requests"}


def test_routers_and_models(client: httpx2.Client) -> None:
    assert client.get("/items/1").json() == {"name": "lamp", "price": 9.5, "tags": []}
    assert client.get("/items/", params={"limit": 1}).json()[0]["name"] == "lamp"
    made = client.post("/items/", json={"name": "table", "price": 20, "tags": ["wood"]})
    assert (made.status_code, made.headers["x-made"]) == (201, "yes")
    assert client.get(made.json()["url"]).json()["tags"] == ["wood"]


def test_what_is_refused(client: httpx2.Client) -> None:
    assert client.get("/items/7").json() == {"detail": "no such item"}
    wrong = client.post("/items/", json={"name": "", "price": -1})
    assert wrong.status_code == 422
    assert [error["loc"] for error in wrong.json()["detail"]] == [
        ["body", "name"],
        ["body", "price"],
    ]
    assert client.get("/items/x").status_code == 422
    assert client.get("/items/", params={"limit": 1000}).status_code == 422
    gone = client.post("/items/", json={"name": "unicorn", "price": 1})
    assert (gone.status_code, gone.text) == (409, "no unicorn left")
    assert client.delete("/items/1").status_code == 405
    assert client.get("/nowhere").json() == {"detail": "Not Found"}
    broken = client.get("/broken")
    assert (broken.status_code, broken.text) == (500, "Internal Server Error")


def test_a_slash_too_few_is_redirected(client: httpx2.Client) -> None:
    answer = client.get("/items")
    assert answer.status_code == 307
    assert answer.headers["location"].endswith("/items/")


def test_dependencies_and_security(client: httpx2.Client) -> None:
    assert client.get("/me").status_code == 401
    bad = client.get("/me", headers={"Authorization": "Bearer x"})
    assert (bad.status_code, bad.headers["www-authenticate"]) == (401, "Bearer")
    before = client.get("/closed").json()
    good = client.get("/me", headers={"Authorization": "Bearer secret"})
    assert good.json() == {"name": "ada", "db": "connection"}
    assert client.get("/closed").json() == before + 1
    assert client.get("/basic").headers["www-authenticate"].startswith("Basic")
    assert client.get("/basic", auth=("ada", "x")).json() == "ada"


def test_forms_and_files(client: httpx2.Client) -> None:
    answer = client.post(
        "/upload", data={"title": "A lamp"}, files={"picture": ("lamp.png", b"x" * 100_000)}
    )
    assert answer.json() == {"title": "A lamp", "name": "lamp.png", "size": 100_000}
    assert client.post("/upload", data={"title": "no file"}).status_code == 422


def test_background_tasks_and_the_state_of_the_lifespan(client: httpx2.Client) -> None:
    assert client.post("/notes/hello").json() == {"accepted": "hello"}
    answer = client.get("/notes").json()
    assert "hello" in answer["notes"]
    assert answer["state"] == "open"


def test_a_stream_arrives(client: httpx2.Client) -> None:
    with client.stream("GET", "/stream") as answer:
        assert list(answer.iter_lines()) == ["0", "1", "2", "3", "4"]


def test_a_websocket_talks(shop: Any, client: httpx2.Client) -> None:
    with connect(f"{shop.websocket_url}/ws/lobby") as socket:
        socket.send("hello")
        assert json.loads(socket.recv(MAX_SECONDS)) == {
            "room": "lobby",
            "text": "hello",
            "db": "connection",
        }


def test_files_and_other_applications_are_mounted(client: httpx2.Client) -> None:
    source = (APPS / "fastapi_shop.py").read_text(encoding="utf-8")
    assert client.get("/static/fastapi_shop.py").text == source
    assert client.get("/static/nope.py").status_code == 404
    assert client.get("/inner/where").json() == {"root_path": "/inner"}
    assert client.get("/plain/").text == "a plain route"


def test_middleware_works(client: httpx2.Client) -> None:
    answer = client.get("/openapi.json", headers={"Origin": "https://example.org"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["access-control-allow-origin"] == "https://example.org"
    assert answer.headers["x-stamp"] == "/openapi.json"


def test_the_openapi_page_is_there(client: httpx2.Client) -> None:
    assert "swagger-ui" in client.get("/docs").text
    assert "redoc" in client.get("/redoc").text
    schema = client.get("/openapi.json").json()
    assert schema["info"] == {"title": "The shop", "version": "1.2.3"}
    assert {"/items/{item_id}", "/me", "/upload"} <= set(schema["paths"])
    assert "OAuth2PasswordBearer" in schema["components"]["securitySchemes"]


def test_its_own_tests_pass_under_the_plugin() -> None:
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "bolide.pytest_plugin", "--as-starlette"),
            *("-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(APPS)),
            str(APPS / "check_fastapi_shop.py"),
        ],
        cwd=APPS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "4 passed" in result.stdout, result.stdout + result.stderr


def test_the_index_leaves_out_only_what_would_say_no() -> None:
    """Fails, too, if FastAPI's code is not the one that was read: see `fingerprints.py`."""
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "bolide.pytest_plugin", "--as-starlette"),
            *("-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(APPS)),
            str(APPS / "check_fastapi_index.py"),
        ],
        cwd=APPS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "6 passed" in result.stdout, result.stdout + result.stderr
