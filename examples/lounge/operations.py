"""What those ask who keep the lounge running: an application of its own, with its own lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio

from bolide.applications import Bolide
from bolide.requests import Request
from bolide.responses import JSONResponse, Response
from bolide.routing import Route


async def health(request: Request) -> Response:
    """Say that the database answers, and for how many seconds the lounge has been open."""
    # The store is in the state of the lounge, and over it lies what is said below.
    rooms = await request.state.store.rooms()
    seconds = int(anyio.current_time() - request.state.opened_at)
    return JSONResponse({"status": "ok", "rooms": len(rooms), "seconds": seconds})


async def ready(request: Request) -> Response:
    """Say whether to send people here: not to a server that is about to stop."""
    leaving = request.draining.is_set()
    return JSONResponse({"ready": not leaving}, 503 if leaving else 200)


@asynccontextmanager
async def lifespan(app: Bolide) -> AsyncIterator[dict[str, Any]]:
    """Begin after the lounge has opened its store, and end before it closes it."""
    yield {"opened_at": anyio.current_time()}


def create_operations() -> Bolide:
    """Make one for a lounge, to be mounted; mounting it is all that it takes."""
    return Bolide(routes=[Route("/health", health), Route("/ready", ready)], lifespan=lifespan)
