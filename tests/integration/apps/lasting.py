"""Connections that never end by themselves, and a background task that takes its time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from bolide.applications import Bolide
from bolide.background import BackgroundTask
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response, StreamingResponse
from bolide.routing import Route, WebSocketRoute
from bolide.websockets import WebSocket


async def ticks(request: Request) -> Response:
    async def produce() -> AsyncIterator[str]:
        try:
            yield "begin\n"
            await request.draining.wait()
            yield "told\n"
            await anyio.sleep_forever()
        finally:
            print("cleaned up after the stream", flush=True)

    return StreamingResponse(produce())


async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    try:
        await anyio.sleep_forever()
    finally:
        print("cleaned up after the socket", flush=True)


async def listening(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


async def mail(request: Request) -> Response:
    return PlainTextResponse("ok", background=BackgroundTask(send_mail))


async def send_mail() -> None:
    try:
        await anyio.sleep_forever()
    finally:
        print("cleaned up after the task", flush=True)


@asynccontextmanager
async def lifespan(app: Bolide) -> AsyncIterator[None]:
    yield
    print("shut down", flush=True)


app = Bolide(
    routes=[
        Route("/ticks", ticks),
        Route("/mail", mail),
        WebSocketRoute("/chat", chat),
        WebSocketRoute("/listening", listening),
    ],
    lifespan=lifespan,
    drain_seconds=1,
    background_drain_seconds=1,
)
