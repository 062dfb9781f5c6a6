"""Step 3: a guest book that is kept in a file, and shows new entries as they come."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from bolide.applications import Bolide
from bolide.exceptions import HTTPException
from bolide.requests import Request
from bolide.responses import RedirectResponse, Response
from bolide.routing import Route, WebSocketRoute
from bolide.websockets import WebSocket, WebSocketDisconnect
from examples.tutorial.step1 import GREETINGS, greet
from examples.tutorial.step2 import read_entry, show_error, templates


class Book:
    """The entries, and an event that is set when there is a new one."""

    def __init__(self, entries: list[dict[str, str]]) -> None:
        self.entries = entries
        self.news = anyio.Event()

    def add(self, entry: dict[str, str]) -> None:
        self.entries.append(entry)
        self.news.set()
        self.news = anyio.Event()


def show_book(request: Request) -> Response:
    context = {"entries": request.state.book.entries, "languages": list(GREETINGS)}
    return templates.TemplateResponse(request, "live_book.html", context)


async def sign_book(request: Request) -> Response:
    request.state.book.add(await read_entry(request))
    return RedirectResponse(request.path_for("book"), status_code=303)


async def live(websocket: WebSocket) -> None:
    """Send every entry after the first `seen`, now and as they come."""
    await websocket.accept()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(send_news, websocket)
        message = await websocket.receive()
        while message["type"] != "websocket.disconnect":
            message = await websocket.receive()
        tasks.cancel_scope.cancel()


async def send_news(websocket: WebSocket) -> None:
    book: Book = websocket.state.book
    seen: int = websocket.path_params["seen"]
    try:
        while True:
            while seen < len(book.entries):
                await websocket.send_json(book.entries[seen])
                seen += 1
            await book.news.wait()
    except WebSocketDisconnect:
        pass


def create_app(path: Path) -> Bolide:
    """Make an application that keeps its book in a file."""
    file = anyio.Path(path)

    @asynccontextmanager
    async def lifespan(app: Bolide) -> AsyncIterator[dict[str, Any]]:
        entries = json.loads(await file.read_text("utf-8")) if await file.exists() else []
        yield {"book": Book(entries)}
        await file.write_text(json.dumps(entries), "utf-8")

    return Bolide(
        routes=[
            Route("/", show_book, name="book"),
            Route("/", sign_book, methods=["POST"]),
            Route("/greet/{language}", greet),
            WebSocketRoute("/live/{seen:int}", live),
        ],
        exception_handlers={HTTPException: show_error},
        lifespan=lifespan,
    )


app = create_app(Path("book.json"))
