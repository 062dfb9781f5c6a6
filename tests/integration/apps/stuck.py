"""An application with requests that get stuck, each in its own way."""

from __future__ import annotations

from typing import cast

import anyio

from bolide.applications import Bolide
from bolide.middleware import Middleware
from bolide.middleware.timeout import TimeoutMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Mount, Route
from bolide.types import Receive, Scope, Send


async def upload(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def wait(request: Request) -> Response:
    await anyio.sleep_forever()
    raise AssertionError


async def part(request: Request) -> Response:
    """Begin to answer, and get stuck where no stream of ours would be ended."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"10")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        await anyio.sleep_forever()

    return cast(Response, app)


impatient = Bolide(routes=[Route("/upload", upload, methods=["POST"])], body_idle_seconds=0.5)

app = Bolide(
    routes=[
        Route("/upload", upload, methods=["POST"]),
        Mount("/impatient", impatient),
        Route("/deadline", wait, middleware=[Middleware(TimeoutMiddleware, 0.5)]),
        Route("/wait", wait),
        Route("/part", part),
    ],
    allowed_hosts=["*"],
    drain_seconds=0.5,
    background_drain_seconds=0.5,
    request_drain_seconds=1.0,
)
