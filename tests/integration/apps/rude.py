"""An application whose clients are rude: it takes no notice of that itself."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from anyio.lowlevel import checkpoint

from bolide.applications import Bolide
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response, StreamingResponse
from bolide.routing import Route, WebSocketRoute
from bolide.websockets import WebSocket

logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")


async def upload(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def endless(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        while True:
            await checkpoint()
            yield b"x" * 65536

    return StreamingResponse(pieces())


async def broken(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"the beginning"
        raise ValueError("in the middle")

    return StreamingResponse(pieces())


async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        await websocket.send_text(await websocket.receive_text())


app = Bolide(
    routes=[
        Route("/upload", upload, methods=["POST"]),
        Route("/endless", endless),
        Route("/broken", broken),
        WebSocketRoute("/talk", talk),
    ]
)
