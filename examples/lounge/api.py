"""The JSON API: rooms and messages for programs, from any origin."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from bolide.authentication import requires
from bolide.background import BackgroundTask
from bolide.middleware import Middleware
from bolide.middleware.cors import CORSMiddleware
from bolide.requests import Request
from bolide.responses import JSONResponse, Response, StreamingResponse
from bolide.routing import Mount, Route
from examples.lounge.errors import BadInput
from examples.lounge.hub import Hub
from examples.lounge.store import Message, Store

PAGE = 100
MAX_NUMBER = 2**63 - 1
"""The largest number that SQLite knows."""


async def list_rooms(request: Request) -> Response:
    return JSONResponse(await request.state.store.rooms())


@requires("authenticated")
async def open_room(request: Request) -> Response:
    data = await json_object(request)
    room = await request.state.store.add_room(data.get("name"), data.get("topic", ""))
    return JSONResponse(room, 201)


async def list_messages(request: Request) -> Response:
    return JSONResponse(
        await request.state.store.messages(
            request.path_params["room"], after=number(request, "after", 0), limit=PAGE
        )
    )


@requires("authenticated")
async def post_message(request: Request) -> Response:
    data = await json_object(request)
    room, author = request.path_params["room"], request.user.identity
    message = await publish(request.state.store, request.state.hub, room, author, data.get("text"))
    mentions = BackgroundTask(request.state.store.note_mentions, message)
    return JSONResponse(message, 201, background=mentions)


async def show_message(request: Request) -> Response:
    return JSONResponse(await request.state.store.message(request.path_params["number"]))


async def export(request: Request) -> Response:
    """Stream all messages of a room, a line of JSON each, however many there are."""
    store: Store = request.state.store
    room = (await store.room(request.path_params["room"]))["name"]

    async def lines() -> AsyncIterator[str]:
        after = 0
        while page := await store.messages(room, after=after, limit=PAGE):
            yield "".join(json.dumps(message) + "\n" for message in page)
            after = page[-1]["id"]

    return StreamingResponse(lines(), media_type="application/x-ndjson")


@requires("authenticated")
async def me(request: Request) -> Response:
    name = request.user.identity
    return JSONResponse({"name": name, "mentions": await request.state.store.mentions(name)})


async def publish(store: Store, hub: Hub, room: str, author: str, text: object) -> Message:
    """Keep a message, and only then tell those who listen."""
    message = await store.add_message(room, author, text)
    hub.tell(message)
    return message


async def json_object(request: Request) -> dict[str, Any]:
    """Read the body of a request.

    Raises:
        BadInput: It is not a JSON object.
    """
    return parsed_object(await request.body())


def parsed_object(data: bytes | str) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        BadInput: It is not one.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise BadInput("That is not JSON.") from None
    if not isinstance(value, dict):
        raise BadInput("That is JSON, but not an object.")
    return value


def number(connection: Any, name: str, default: int) -> int:
    """Give a number from the query.

    Raises:
        BadInput: It is there, but is no number, or one that no message has.
    """
    text = connection.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= MAX_NUMBER):
        raise BadInput(f"{name!r} is a number from 0 on.")
    return int(text)


# Reading is for everybody; cookies are not sent along from other origins, passwords may be.
CORS = Middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_methods=["GET", "POST"],
    allow_headers=["Authorization", "Content-Type"],
)

api = Mount(
    "/api",
    routes=[
        Route("/rooms", list_rooms),
        Route("/rooms", open_room, methods=["POST"]),
        Route("/rooms/{room}/messages", list_messages),
        Route("/rooms/{room}/messages", post_message, methods=["POST"]),
        Route("/rooms/{room}/export", export),
        Route("/messages/{number:int}", show_message),
        Route("/me", me),
    ],
    middleware=[CORS],
)
