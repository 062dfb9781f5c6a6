"""A small application that uses most of what a request can touch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import lru_cache
from pathlib import Path

from bolide.applications import Bolide
from bolide.middleware import Middleware
from bolide.middleware.gzip import GZipMiddleware
from bolide.requests import Request
from bolide.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from bolide.routing import Route, WebSocketRoute
from bolide.websockets import WebSocket

MEBIBYTE = 1024 * 1024


async def home(request: Request) -> Response:
    return PlainTextResponse("hello")


async def echo(request: Request) -> Response:
    return JSONResponse(await request.json())


async def form(request: Request) -> Response:
    async with request.form() as data:
        return JSONResponse(sorted(data))


async def stream(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 4096

    return StreamingResponse(pieces())


@lru_cache(1)
def compressible(mebibytes: int) -> bytes:
    return b"0123456789abcdef" * (mebibytes * 65536)


async def compressed(request: Request) -> Response:
    return Response(compressible(request.path_params["mebibytes"]))


async def compressed_stream(request: Request) -> Response:
    piece = b"0123456789abcdef" * 4095

    async def pieces() -> AsyncIterator[bytes]:
        # Nothing here ever waits.
        for _ in range(request.path_params["mebibytes"] * MEBIBYTE // len(piece)):
            yield piece

    return StreamingResponse(pieces())


async def file(request: Request) -> Response:
    return FileResponse(Path(__file__))


def blocking(request: Request) -> Response:
    return PlainTextResponse("from a thread")


async def live(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


app = Bolide(
    routes=[
        Route("/", home),
        Route("/echo", echo, methods=["POST"]),
        Route("/form", form, methods=["POST"], max_body_size=1024 * MEBIBYTE),
        Route("/stream", stream),
        Route("/compressed/{mebibytes:int}", compressed),
        Route("/compressed-stream/{mebibytes:int}", compressed_stream),
        Route("/file", file),
        Route("/blocking", blocking),
        WebSocketRoute("/live", live),
    ],
    middleware=[Middleware(GZipMiddleware)],
)
