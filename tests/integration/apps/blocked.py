"""A blocking endpoint that hangs until it is told to go on, and another one that does not."""

from __future__ import annotations

import threading

from bolide.applications import Bolide
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Route

go_on = threading.Event()
hanging: list[int] = []


def hang(request: Request) -> Response:
    hanging.append(1)
    go_on.wait(60)
    return PlainTextResponse("at last")


def health(request: Request) -> Response:
    return PlainTextResponse("well")


async def count(request: Request) -> Response:
    return PlainTextResponse(str(len(hanging)))


async def release(request: Request) -> Response:
    go_on.set()
    return PlainTextResponse("released")


app = Bolide(
    routes=[
        Route("/hang", hang),
        Route("/health", health),
        Route("/count", count),
        Route("/release", release),
    ],
    allowed_hosts=["*"],
)
