"""Patterns of the seeds: what an endpoint asks of its request, and forms with files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bolide.applications import Starlette
from bolide.middleware import Middleware
from bolide.middleware.base import BaseHTTPMiddleware
from bolide.requests import Request
from bolide.responses import JSONResponse, PlainTextResponse, Response
from bolide.routing import Route
from bolide.testclient import TestClient

ClientFor = Callable[..., TestClient]


def test_an_endpoint_asks_everything_of_one_request(client_for: ClientFor) -> None:
    seen: dict[str, Any] = {}

    async def endpoint(request: Request):
        # Method
        seen["method"] = request.method
        # URL components
        url = request.url
        seen["url"] = str(url)
        seen["path"] = request.url.path
        seen["scheme"] = request.url.scheme
        seen["port"] = request.url.port
        # Headers (immutable, case-insensitive multi-dict)
        seen["ct"] = request.headers["content-type"]
        seen["CT"] = request.headers["Content-Type"]
        # Query parameters (immutable multi-dict)
        seen["search"] = request.query_params["search"]
        seen["tags"] = request.query_params.getlist("tags")
        # Path parameters
        seen["user_id"] = request.path_params["user_id"]
        # Client address
        if request.client:
            seen["client"] = (request.client.host, request.client.port)
        # Cookies
        seen["token"] = request.cookies.get("session_token")
        # Body (various interfaces)
        seen["body"] = await request.body()
        seen["json"] = await request.json()
        # Form data
        async with request.form() as form:
            seen["username"] = form["username"]
        # Streaming body
        body = b""
        async for chunk in request.stream():
            body += chunk
        seen["stream"] = body
        # Check client disconnection
        if await request.is_disconnected():
            return None
        # Access app instance
        seen["app"] = request.app
        # Arbitrary state
        request.state.start_time = 1234567890
        seen["start_time"] = request.state.start_time
        return PlainTextResponse("OK")

    app = Starlette(routes=[Route("/users/{user_id}", endpoint, methods=["POST"])])
    client = client_for(app, base_url="http://localhost:8000", cookies={"session_token": "t"})

    response = client.post(
        "/users/7?search=chairs&tags=a&tags=b",
        # A body that is a form and JSON at once.
        content='"&username=alice&"',
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )

    assert response.text == "OK"
    assert seen == {
        "method": "POST",
        "url": "http://localhost:8000/users/7?search=chairs&tags=a&tags=b",
        "path": "/users/7",
        "scheme": "http",
        "port": 8000,
        "ct": "application/x-www-form-urlencoded",
        "CT": "application/x-www-form-urlencoded",
        "search": "chairs",
        "tags": ["a", "b"],
        "user_id": "7",
        "client": ("testclient", 50000),
        "token": "t",
        "body": b'"&username=alice&"',
        "json": "&username=alice&",
        "username": "alice",
        "stream": b'"&username=alice&"',
        "app": app,
        "start_time": 1234567890,
    }


def test_each_kind_of_body_is_awaited(client_for: ClientFor) -> None:
    async def as_json(request):
        return JSONResponse(await request.json())

    async def as_form(request):
        form = await request.form()
        return JSONResponse(dict(form))

    async def as_stream(request):
        body = b""
        async for chunk in request.stream():
            body += chunk
        return Response(body)

    async def as_body(request):
        return Response(await request.body())

    endpoints = (as_json, as_form, as_stream, as_body)
    routes = [Route(f"/{e.__name__}", e, methods=["POST"]) for e in endpoints]
    client = client_for(Starlette(routes=routes))

    assert client.post("/as_json", json={"a": [1]}).json() == {"a": [1]}
    assert client.post("/as_form", data={"a": "b"}).json() == {"a": "b"}
    assert client.post("/as_stream", content=iter([b"a", b"b"])).content == b"ab"
    assert client.post("/as_body", content=b"abc").content == b"abc"


def test_what_came_with_the_head_is_there_at_once(client_for: ClientFor) -> None:
    def endpoint(request):
        return JSONResponse(
            [request.path_params, dict(request.query_params), request.headers["x-custom"]]
        )

    client = client_for(Starlette(routes=[Route("/{name}", endpoint)]))

    response = client.get("/a?b=c", headers={"X-Custom": "d"})
    assert response.json() == [{"name": "a"}, {"b": "c"}, "d"]


def test_a_form_is_open_as_long_as_its_block(client_for: ClientFor) -> None:
    async def endpoint(request):
        async with request.form() as form:
            username = form["username"]
        return PlainTextResponse(username)

    client = client_for(Starlette(routes=[Route("/", endpoint, methods=["POST"])]))

    assert client.post("/", data={"username": "alice"}).text == "alice"


def uploads(seen: list[Any]) -> Starlette:
    """An application that notes what it can tell of a file."""

    async def upload(request):
        async with request.form(max_files=1000, max_fields=1000, max_part_size=1024 * 1024) as form:
            upload_file = form["file"]  # UploadFile instance
            filename = upload_file.filename
            content_type = upload_file.content_type
            size = upload_file.size  # bytes
            contents = await upload_file.read()
            await upload_file.seek(0)
            seen.extend([filename, content_type, size, contents, await upload_file.read()])
            await upload_file.close()
            seen.append(upload_file.file.closed)
        return PlainTextResponse("OK")

    return Starlette(routes=[Route("/upload", upload, methods=["POST"])])


def test_an_uploaded_file_tells_what_it_is(client_for: ClientFor, site: Path) -> None:
    seen: list[Any] = []

    with (site / "photo.jpg").open("rb") as file:
        response = client_for(uploads(seen)).post("/upload", files={"file": file})

    assert response.text == "OK"
    assert seen == ["photo.jpg", "image/jpeg", 7, b"a photo", b"a photo", True]


@pytest.mark.parametrize(
    ("files", "data", "problem"),
    [
        ([("file", ("a", b"a"))] * 1001, {}, "Too many files. Maximum number of files is 1000."),
        (
            [("file", ("a", b"a"))],
            {f"field{n}": "" for n in range(1001)},
            "Too many fields. Maximum number of fields is 1000.",
        ),
        (
            [("file", ("a", b"a"))],
            {"text": "x" * (1024 * 1024 + 1)},
            "Part exceeded maximum size of 1024KB.",
        ),
    ],
)
def test_a_form_has_limits(
    files: list[Any], data: dict[str, str], problem: str, client_for: ClientFor
) -> None:
    response = client_for(uploads([])).post("/upload", files=files, data=data)

    assert (response.status_code, response.text) == (400, problem)


@pytest.mark.anyio
async def test_a_request_knows_that_its_client_has_gone() -> None:
    async def receive():
        return {"type": "http.disconnect"}

    request = Request({"type": "http"}, receive)

    assert await request.is_disconnected() is True


def test_a_connected_client_has_not_gone(client_for: ClientFor) -> None:
    async def endpoint(request):
        return JSONResponse(await request.is_disconnected())

    client = client_for(Starlette(routes=[Route("/", endpoint)]))

    assert client.get("/").json() is False


def test_the_app_and_the_state_are_on_the_request(client_for: ClientFor) -> None:
    async def endpoint(request):
        app = request.app
        request.state.start_time = 1234567890
        return JSONResponse([app.state.name, Request(request.scope).state.start_time])

    app = Starlette(routes=[Route("/", endpoint)])
    app.state.name = "the app"

    assert client_for(app).get("/").json() == ["the app", 1234567890]


def test_a_body_is_kept_for_reading_it_again(client_for: ClientFor) -> None:
    async def endpoint(request):
        return JSONResponse([(await request.body()).decode(), (await request.body()).decode()])

    client = client_for(Starlette(routes=[Route("/", endpoint, methods=["POST"])]))

    assert client.post("/", content="once").json() == ["once", "once"]


def test_a_stream_is_read_once(client_for: ClientFor) -> None:
    async def endpoint(request):
        async for _ in request.stream():
            pass
        with pytest.raises(RuntimeError, match="Stream consumed"):
            await request.body()
        return PlainTextResponse("OK")

    client = client_for(Starlette(routes=[Route("/", endpoint, methods=["POST"])]))

    assert client.post("/", content="once").text == "OK"


async def echo(request):
    return Response(await request.body())


def test_a_body_read_in_a_middleware_is_there_for_the_endpoint(client_for: ClientFor) -> None:
    bodies: list[bytes] = []

    class ReadBody(BaseHTTPMiddleware):
        async def dispatch(self, request, call_next):
            bodies.append(await request.body())
            return await call_next(request)

    app = Starlette(routes=[Route("/", echo, methods=["POST"])], middleware=[Middleware(ReadBody)])

    assert client_for(app).post("/", content="the body").text == "the body"
    assert bodies == [b"the body"]


def test_a_body_read_in_a_pure_asgi_middleware_has_to_be_given_on(client_for: ClientFor) -> None:
    class ReadBody:
        def __init__(self, app) -> None:
            self.app = app

        async def __call__(self, scope, receive, send) -> None:
            body = await Request(scope, receive).body()

            async def receive_again():
                return {"type": "http.request", "body": body, "more_body": False}

            await self.app(scope, receive_again, send)

    app = Starlette(routes=[Route("/", echo, methods=["POST"])], middleware=[Middleware(ReadBody)])

    assert client_for(app).post("/", content="the body").text == "the body"


@pytest.mark.anyio
async def test_a_push_promise_is_a_method_of_the_request() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is received")

    scope = {"type": "http", "headers": [(b"accept", b"text/css"), (b"x-other", b"1")]}
    await Request(scope, receive, send).send_push_promise("/style.css")
    assert sent == []

    scope["extensions"] = {"http.response.push": {}}
    await Request(scope, receive, send).send_push_promise("/style.css")
    assert sent == [
        {"type": "http.response.push", "path": "/style.css", "headers": [(b"accept", b"text/css")]}
    ]
    assert not hasattr(Response(), "send_push_promise")
