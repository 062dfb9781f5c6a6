"""Bodies that are too large: what is read as a whole has a limit, a stream has none."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from bolide.applications import Bolide, Starlette
from bolide.exceptions import HTTPException
from bolide.middleware import Middleware
from bolide.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Mount, Route
from bolide.testclient import TestClient
from bolide.types import Message

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]

KIB, MIB = 1024, 1024 * 1024
CHUNK = 64 * KIB
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"


async def body(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def json(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.json())))


async def form(request: Request) -> Response:
    async with request.form() as data:
        return PlainTextResponse(",".join(data))


async def stream(request: Request) -> Response:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return PlainTextResponse(str(size))


def post(path: str, endpoint: Any, **options: Any) -> Route:
    return Route(path, endpoint, methods=["POST"], **options)


ROUTES = [
    post("/body", body),
    post("/json", json),
    post("/form", form),
    post("/stream", stream),
    post("/more", body, max_body_size=3 * MIB),
    post("/less", stream, max_body_size=KIB),
    Mount("/mount", routes=[post("/body", body), post("/form", form)], max_body_size=3 * MIB),
]


class Server:
    """Sends a request of a given size chunk by chunk, and notes what it is asked for."""

    def __init__(self, size: int, first: bytes = b"", announced: int | None = None) -> None:
        self.left = size
        self.first = first
        self.asked = 0
        self.announced = announced
        self.status = 0
        self.answer = b""

    async def receive(self) -> Message:
        if self.asked and not self.left:
            # The client waits for its answer.
            await anyio.sleep_forever()
        chunk = self.first + b"z" * min(self.left, CHUNK - len(self.first))
        self.first = b""
        self.left = max(0, self.left - len(chunk))
        self.asked += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": self.left > 0}

    async def send(self, message: Message) -> None:
        self.status = message.get("status", self.status)
        self.answer += message.get("body", b"")

    async def ask(self, app: Any, path: str, content_type: str = "text/plain") -> int:
        headers = [(b"content-type", content_type.encode()), (b"accept", b"text/plain")]
        if self.announced is not None:
            headers.append((b"content-length", str(self.announced).encode()))
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        await app(scope, self.receive, self.send)
        return self.status


FILE = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
TOO_LARGE = [
    ("/body", "text/plain", b"", 2 * MIB),
    ("/json", "application/json", b"", 2 * MIB),
    ("/form", MULTIPART, FILE, 32 * MIB),
]


@pytest.mark.parametrize(("path", "content_type", "first", "limit"), TOO_LARGE)
@pytest.mark.parametrize("announced", [None, 10, 256 * MIB])
async def test_bolide_refuses_a_large_body_one_chunk_after_the_limit(
    path: str, content_type: str, first: bytes, limit: int, announced: int | None
) -> None:
    server = Server(256 * MIB, first, announced)
    assert await server.ask(Bolide(routes=ROUTES), path, content_type) == 413
    assert server.asked <= limit + CHUNK


@pytest.mark.parametrize(("path", "content_type", "first", "limit"), TOO_LARGE)
async def test_no_more_than_twice_the_limit_is_in_memory(
    path: str, content_type: str, first: bytes, limit: int
) -> None:
    app = Bolide(routes=ROUTES)
    await Server(CHUNK, first).ask(app, path, content_type)
    tracemalloc.start()
    try:
        await Server(4 * limit, first).ask(app, path, content_type)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most <= 2 * limit


async def test_fields_of_a_form_have_a_limit_together() -> None:
    field = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"z" * (MIB - 100)
    first = b"\r\n".join([field] * 10)
    server = Server(0, first + b"\r\n--b--\r\n")
    app = Bolide(routes=ROUTES)
    assert await server.ask(app, "/form", MULTIPART) == 400
    assert server.answer == b"The fields of the form are too large together."
    # Hardly anything is made of it.
    pairs = b"&".join([b"a=" + b"z" * (MIB - 100)] * 10)
    assert await Server(0, pairs).ask(app, "/form", URLENCODED) == 400


async def test_a_stream_has_no_limit() -> None:
    server = Server(100 * MIB)
    assert await server.ask(Bolide(routes=ROUTES), "/stream") == 200
    assert server.answer == str(100 * MIB).encode()


async def test_a_stream_is_not_kept_in_memory() -> None:
    app = Bolide(routes=ROUTES)
    await Server(CHUNK).ask(app, "/stream")
    tracemalloc.start()
    try:
        await Server(64 * MIB).ask(app, "/stream")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # What is kept to be read again, and as much while it is put together.
    assert most <= 2 * 2 * MIB + MIB


def test_a_body_of_just_the_limit_is_taken(client_for: ClientFor) -> None:
    client = client_for(Bolide(routes=ROUTES))
    assert client.post("/body", content=b"z" * (2 * MIB)).text == str(2 * MIB)
    accept = {"accept": "application/json"}
    response = client.post("/body", content=b"z" * (2 * MIB + 1), headers=accept)
    assert response.status_code == 413
    assert response.json()["detail"] == "The body is larger than 2097152 bytes (max_buffer_size)."


def test_the_limits_are_choices(client_for: ClientFor) -> None:
    client = client_for(Bolide(routes=ROUTES, max_buffer_size=3, max_form_size=None))
    assert client.post("/body", content=b"abc").status_code == 200
    assert client.post("/body", content=b"abcd").status_code == 413
    assert client.post("/form", data={"a": "z" * 1000}).status_code == 200
    client = client_for(Bolide(routes=ROUTES, max_buffer_size=None))
    assert client.post("/body", content=b"z" * (3 * MIB)).status_code == 200


def test_a_limit_set_for_a_place_holds_there_instead(client_for: ClientFor) -> None:
    client = client_for(Bolide(routes=ROUTES))
    for path in ("/more", "/mount/body"):
        assert client.post(path, content=b"z" * (3 * MIB)).status_code == 200
        assert client.post(path, content=b"z" * (3 * MIB + 1)).status_code == 413
    assert client.post("/less", content=b"z" * KIB).status_code == 200
    assert client.post("/less", content=b"z" * (KIB + 1)).status_code == 413
    client = client_for(Bolide(routes=ROUTES, max_body_size=4 * MIB))
    assert client.post("/body", content=b"z" * (4 * MIB)).status_code == 200
    assert client.post("/stream", content=b"z" * (4 * MIB + 1)).status_code == 413


def test_middleware_that_reads_the_body_has_the_limit_too(client_for: ClientFor) -> None:
    class Reading(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
            await request.body()
            return await call_next(request)

    client = client_for(Bolide(routes=ROUTES, middleware=[Middleware(Reading)]))
    assert client.post("/stream", content=b"z" * MIB).text == str(MIB)
    assert client.post("/stream", content=b"z" * (3 * MIB)).status_code == 413


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(lambda routes: Bolide(routes=routes), id="kept"),
        pytest.param(lambda routes: Bolide(routes=routes, max_replay_size=0), id="not kept"),
        pytest.param(
            lambda routes: Bolide(routes=routes, max_replay_size=10 * MIB), id="kept as a whole"
        ),
        pytest.param(
            lambda routes: Starlette(routes=routes, max_body_size=2 * MIB), id="max_body_size"
        ),
    ],
)
@pytest.mark.parametrize("read", ["body", "json", "form"])
async def test_what_was_refused_is_refused_again(app: Any, read: str) -> None:
    """Whoever catches it does not get the rest for the whole, nor an error that says otherwise."""
    statuses: list[int] = []

    async def stubborn(request: Request) -> Response:
        for each in (request, request, Request(request.scope, request.receive)):
            try:
                await getattr(each, read)()
            except HTTPException as exc:
                statuses.append(exc.status_code)
        return PlainTextResponse("refused")

    limit = 32 * MIB if read == "form" else 2 * MIB
    server = Server(limit + CHUNK, FILE if read == "form" else b"")
    with anyio.fail_after(5):
        await server.ask(app([post("/", stubborn)]), "/", MULTIPART)
    assert statuses == [413, 413, 413]


async def test_a_stream_of_what_was_refused_has_it_all_or_is_refused_too() -> None:
    got: list[int] = []

    async def stubborn(request: Request) -> Response:
        with pytest.raises(HTTPException):
            await request.body()
        return await stream(request)

    for replay, status in ((0, 413), (2 * MIB, 413), (4 * MIB, 200)):
        app = Bolide(routes=[post("/", stubborn)], max_replay_size=replay)
        server = Server(3 * MIB)
        got.append(await server.ask(app, "/"))
        assert (got[-1], server.answer == str(3 * MIB).encode()) == (status, status == 200)


def test_starlette_takes_any_body_that_nothing_limits(client_for: ClientFor) -> None:
    client = client_for(Starlette(routes=ROUTES))
    assert client.post("/body", content=b"z" * (5 * MIB)).text == str(5 * MIB)
    assert client.post("/json", content=b'"' + b"z" * (5 * MIB) + b'"').text == str(5 * MIB)
    file = FILE + b"z" * (33 * MIB) + b"\r\n--b--\r\n"
    response = client.post("/form", content=file, headers={"content-type": MULTIPART})
    assert response.text == "f"
    assert client.post("/more", content=b"z" * (3 * MIB + 1)).status_code == 413
