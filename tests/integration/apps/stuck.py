"""An application with requests that get stuck, each in its own way."""

from __future__ import annotations

import anyio

from bolide.applications import Bolide
from bolide.middleware import Middleware
from bolide.middleware.timeout import TimeoutMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Mount, Route


async def upload(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def wait(request: Request) -> Response:
    await anyio.sleep_forever()
    raise AssertionError


impatient = Bolide(routes=[Route("/upload", upload, methods=["POST"])], body_idle_seconds=0.5)

app = Bolide(
    routes=[
        Route("/upload", upload, methods=["POST"]),
        Mount("/impatient", impatient),
        Route("/deadline", wait, middleware=[Middleware(TimeoutMiddleware, 0.5)]),
        Route("/wait", wait),
    ],
    allowed_hosts=["*"],
    drain_seconds=0.5,
    background_drain_seconds=0.5,
)
