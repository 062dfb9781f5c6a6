"""Patterns of the seeds: kinds of responses, cookies, files and streams."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import anyio
import pytest

from bolide import responses
from bolide.applications import Starlette
from bolide.background import BackgroundTask
from bolide.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from bolide.routing import Route
from bolide.testclient import TestClient

ClientFor = Callable[..., TestClient]


class asyncio:  # noqa: N801
    """Stands in for the library, of which the patterns use `sleep` only, on both backends."""

    @staticmethod
    async def sleep(delay: float) -> None:
        await anyio.lowlevel.checkpoint()


class orjson:  # noqa: N801
    """Stands in for the library, of which the patterns use `dumps` only."""

    @staticmethod
    def dumps(content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()


def answering(endpoint: Callable[..., Any]) -> Starlette:
    return Starlette(routes=[Route("/", endpoint)])


@pytest.mark.parametrize(
    "prefix", ["", "PlainText", "HTML", "JSON", "Redirect", "Streaming", "File"]
)
def test_every_kind_of_response_is_in_one_module(prefix: str) -> None:
    assert issubclass(getattr(responses, f"{prefix}Response"), Response)


def test_a_response_says_what_it_is(client_for: ClientFor) -> None:
    response = client_for(
        Response("Hello", media_type="text/plain", status_code=200, headers={"X-Custom": "value"})
    ).get("/")

    assert (response.status_code, response.text) == (200, "Hello")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["x-custom"] == "value"


@pytest.mark.parametrize(
    ("response", "media_type", "body"),
    [
        (PlainTextResponse("Hello, world!"), "text/plain; charset=utf-8", b"Hello, world!"),
        (HTMLResponse("<h1>Hello</h1>"), "text/html; charset=utf-8", b"<h1>Hello</h1>"),
        (JSONResponse({"key": "value"}), "application/json", b'{"key":"value"}'),
    ],
)
def test_a_kind_of_response_sets_its_media_type(
    response: Response, media_type: str, body: bytes, client_for: ClientFor
) -> None:
    answer = client_for(response).get("/")

    assert (answer.headers["content-type"], answer.content) == (media_type, body)


@pytest.mark.parametrize(
    ("response", "status_code"),
    [
        (RedirectResponse(url="/new-location", status_code=301), 301),
        (RedirectResponse("/new-location"), 307),
    ],
)
def test_a_redirect_is_temporary_unless_said_otherwise(
    response: Response, status_code: int, client_for: ClientFor
) -> None:
    answer = client_for(response, follow_redirects=False).get("/")

    assert (answer.status_code, answer.headers["location"]) == (status_code, "/new-location")


def test_a_response_of_our_own_renders_with_another_library(client_for: ClientFor) -> None:
    class OrjsonResponse(JSONResponse):
        def render(self, content: Any) -> bytes:
            return orjson.dumps(content)

    async def endpoint(request):
        return OrjsonResponse({"b": 1, "a": 2})

    response = client_for(answering(endpoint)).get("/")

    assert response.content == b'{"a":2,"b":1}'
    assert response.headers["content-type"] == "application/json"


def test_a_response_of_our_own_renders_any_content(client_for: ClientFor) -> None:
    class CSVResponse(Response):
        media_type = "text/csv"

        def render(self, content: list[list[str]]) -> bytes:
            return "".join(",".join(row) + "\r\n" for row in content).encode()

    response = client_for(CSVResponse([["a", "b"], ["c", "d"]])).get("/")

    assert response.text == "a,b\r\nc,d\r\n"
    assert response.headers["content-type"] == "text/csv; charset=utf-8"


def test_text_is_streamed_from_an_async_generator(client_for: ClientFor) -> None:
    async def streaming_data(request):
        async def generate():
            for i in range(1000):
                yield f"data: {i}\n"
                await asyncio.sleep(0.1)

        return StreamingResponse(generate(), media_type="text/plain")

    response = client_for(answering(streaming_data)).get("/")

    assert response.text == "".join(f"data: {i}\n" for i in range(1000))
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_events_are_streamed_from_an_async_generator(client_for: ClientFor) -> None:
    async def generate():
        for i in range(10):
            yield f"data: {i}\n\n"
            await asyncio.sleep(0.5)

    async def stream(request):
        return StreamingResponse(generate(), media_type="text/event-stream")

    with client_for(answering(stream)).stream("GET", "/") as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert list(response.iter_text()) == [f"data: {i}\n\n" for i in range(10)]


@pytest.mark.parametrize("disposition", ["attachment", "inline"])
def test_a_file_is_offered_under_a_name(
    disposition: str, client_for: ClientFor, site: Path
) -> None:
    async def download(request):
        return FileResponse(
            path="reports/annual.pdf",
            filename="annual-report.pdf",
            media_type="application/pdf",
            content_disposition_type=disposition,
        )

    response = client_for(answering(download)).get("/")

    assert response.content == b"%PDF"
    assert response.headers["content-disposition"] == f'{disposition}; filename="annual-report.pdf"'
    assert response.headers["content-type"] == "application/pdf"
    assert response.headers["content-length"] == "4"
    assert response.headers["accept-ranges"] == "bytes"
    assert "last-modified" in response.headers
    assert "etag" in response.headers


def test_the_media_type_of_a_file_is_guessed(client_for: ClientFor, site: Path) -> None:
    for path in ("favicon.ico", Path("favicon.ico")):

        async def favicon(request, path=path):
            return FileResponse(path)  # or Path instance

        response = client_for(answering(favicon)).get("/")
        assert response.text == "an icon"
        assert response.headers["content-type"] == mimetypes.guess_type("favicon.ico")[0]


def test_a_cookie_is_set_and_taken_back(client_for: ClientFor) -> None:
    async def login(request):
        response = JSONResponse({"ok": True})
        response.set_cookie(
            key="session",
            value="abc123",
            max_age=3600,
            httponly=True,
            secure=True,
            samesite="lax",
        )
        return response

    async def logout(request):
        response = JSONResponse({"ok": True})
        response.delete_cookie(key="session")
        return response

    app = Starlette(routes=[Route("/login", login), Route("/logout", logout)])
    client = client_for(app, base_url="https://testserver")

    cookie = SimpleCookie(client.get("/login").headers["set-cookie"])["session"]
    assert cookie.value == "abc123"
    assert (cookie["max-age"], cookie["httponly"], cookie["secure"]) == ("3600", True, True)
    assert cookie["samesite"] == "lax"
    assert client.cookies["session"] == "abc123"
    client.get("/logout")
    assert "session" not in client.cookies


@pytest.mark.parametrize("status_code", [201, 202, 400, 404])
def test_json_has_any_status(status_code: int, client_for: ClientFor) -> None:
    by_place = JSONResponse({"a": 1}, status_code=status_code)
    by_name = JSONResponse(status_code=status_code, content={"a": 1})

    for response in (by_place, by_name):
        answer = client_for(response).get("/")
        assert (answer.status_code, answer.json()) == (status_code, {"a": 1})


@pytest.mark.parametrize("value", [{"a": 1}, "text"])
def test_an_endpoint_that_returns_no_response_fails(value: object, client_for: ClientFor) -> None:
    async def endpoint(request):
        return value

    with pytest.raises(TypeError):
        client_for(answering(endpoint)).get("/")


def test_a_task_runs_after_the_response(client_for: ClientFor) -> None:
    sent: list[int] = []

    async def process_upload(request):
        # Stream large files instead of loading into memory
        body = b""
        async for chunk in request.stream():
            body += chunk

        # Background task for post-processing
        task = BackgroundTask(send_notification, user_id=request.path_params["user_id"])
        assert sent == []
        return JSONResponse({"status": "processing"}, background=task)

    async def send_notification(user_id: int):
        # This runs after response is sent
        sent.append(user_id)

    app = Starlette(routes=[Route("/users/{user_id:int}", process_upload, methods=["POST"])])

    response = client_for(app).post("/users/5", content=b"a large file")
    assert response.json() == {"status": "processing"}
    assert sent == [5]
