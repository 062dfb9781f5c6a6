"""Memory: many requests leave nothing behind. On a real server: `make soak`, 200,000 of them."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import anyio
import pytest

from bolide.applications import Bolide, Starlette
from bolide.background import BackgroundTask
from bolide.middleware import Middleware
from bolide.middleware.base import BaseHTTPMiddleware
from bolide.requests import Request
from bolide.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from bolide.routing import Route
from bolide.types import Message

REQUESTS = 120
# Each of these leaves less than this, in bytes: something of a request would be far more.
MAX_LEFT = 50


async def echo(request: Request) -> Response:
    return JSONResponse(await request.json(), background=BackgroundTask(nothing))


async def nothing() -> None:
    return


async def stream(request: Request) -> Response:
    return StreamingResponse(iter(["a", "b"]))


async def broken(request: Request) -> Response:
    raise ValueError(await request.body())


def blocking(request: Request) -> Response:
    return PlainTextResponse("blocking")


async def pass_on(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    return response


async def ask(app: Starlette, path: str, number: int) -> None:
    # Another body, query and cookie each time: what is kept by any of them would pile up.
    body = b'{"number": %d, "text": "%s"}' % (number, b"x" * 1000)

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        return

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": f"{path}/{number}",
        "raw_path": f"{path}/{number}".encode(),
        "query_string": b"number=%d" % number,
        "root_path": "",
        "headers": [
            (b"host", b"h%d.example" % number),
            (b"cookie", b"number=%d" % number),
            (b"accept", b"text/x%d" % number),
        ],
        "client": ("127.0.0.1", number),
        "server": ("127.0.0.1", 80),
    }
    try:
        await app(scope, receive, send)
    except ValueError:
        assert path == "/broken"


@pytest.mark.usefixtures("quick_collections")
@pytest.mark.parametrize("cls", [Bolide, Starlette])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("layers", [0, 2])
@pytest.mark.parametrize("path", ["/echo", "/stream", "/broken", "/blocking"])
def test_requests_leave_nothing_behind(
    cls: type[Starlette], backend: str, layers: int, path: str
) -> None:
    def route(endpoint: Any) -> Route:
        limits: Any = {"max_json_depth": 10}
        name = f"/{endpoint.__name__}/{{number:int}}"
        return Route(name, endpoint, methods=["POST"], limits=limits)

    app = cls(
        routes=[*map(route, (echo, stream, broken, blocking))],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=pass_on)] * layers,
        # Event loops forget timers that were stopped by the hundred, or the thousand.
        **({"body_idle_seconds": 0} if cls is Bolide else {}),
    )

    async def main() -> int:
        async def some(first: int) -> int:
            for number in range(first, first + REQUESTS):
                await ask(app, path, number)
            gc.collect()
            return tracemalloc.get_traced_memory()[0]

        # What is made once is made now, and what is kept for some requests.
        tracemalloc.start()
        try:
            for warming_up in range(5):
                before = await some(warming_up * REQUESTS)
            return await some(5 * REQUESTS) - before
        finally:
            tracemalloc.stop()

    assert anyio.run(main, backend=backend) < MAX_LEFT * REQUESTS
