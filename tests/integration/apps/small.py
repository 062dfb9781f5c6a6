"""A small application for Starlette, one that does not start, and some that are none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def who(request: Request) -> JSONResponse:
    return JSONResponse({"request": Request.__module__, "state": request.state.word})


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
    yield {"word": "open"}


@asynccontextmanager
async def no_database(app: Starlette) -> AsyncIterator[None]:
    raise ConnectionError("no database")
    yield


app = Starlette(routes=[Route("/", who)], lifespan=lifespan)
failing = Starlette(lifespan=no_database)
settings = {"debug": True}


def create_app() -> Starlette:
    return app
