"""An error after the headers: known once, and the body is left without its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bolide.applications import Bolide, Starlette
from bolide.exceptions import HTTPException
from bolide.middleware import Middleware
from bolide.middleware.base import BaseHTTPMiddleware
from bolide.requests import Request
from bolide.responses import Response, StreamingResponse
from bolide.routing import Route
from bolide.types import ASGIApp, Message

pytestmark = pytest.mark.anyio


async def look(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    return response


async def broken_off(error: Exception) -> AsyncIterator[bytes]:
    yield b"the beginning"
    raise error


async def ask(app: ASGIApp) -> tuple[Exception | None, list[Message]]:
    """Give what the server is left with: an error, and what was sent."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost")],
        "client": ("127.0.0.1", 1234),
        "server": ("127.0.0.1", 80),
    }
    try:
        await app(scope, receive, send)
    except Exception as exc:
        return exc, sent
    return None, sent


@pytest.mark.parametrize("cls", [Bolide, Starlette])
@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("error", [ValueError("in the middle"), HTTPException(404)])
async def test_the_error_reaches_the_server_once_and_nothing_is_sent_after_it(
    cls: type[Starlette], layers: int, error: Exception
) -> None:
    async def broken(request: Request) -> Response:
        return StreamingResponse(broken_off(error))

    app = cls(
        routes=[Route("/", broken)],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=look)] * layers,
    )
    known, sent = await ask(app)
    assert known is not None
    assert known is error or known.__cause__ is error
    assert sent[0]["type"] == "http.response.start"
    assert {message["type"] for message in sent[1:]} == {"http.response.body"}
    assert b"".join(message.get("body", b"") for message in sent) == b"the beginning"
    # The server breaks the connection off: whoever reads learns that the body is not whole. On
    # Starlette, it is ended behind middleware.
    ended = cls is Starlette and layers > 0
    assert sent[-1].get("more_body", False) is not ended


@pytest.mark.parametrize(
    ("cls", "options", "answer"),
    [
        (Bolide, {}, "broken"),
        (Bolide, {"break_off_bodies": False}, "the beginning"),
        (Starlette, {}, "the beginning"),
    ],
)
async def test_middleware_that_reads_the_body_learns_that_it_is_not_whole(
    cls: type[Starlette], options: dict[str, Any], answer: str
) -> None:
    async def read(request: Request, call_next: Any) -> Response:
        response = await call_next(request)
        try:
            return Response(b"".join([chunk async for chunk in response.body_iterator]))
        except ValueError:
            return Response(b"broken", 502)

    async def broken(request: Request) -> Response:
        return StreamingResponse(broken_off(ValueError("in the middle")))

    app = cls(
        routes=[Route("/", broken)],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=read)],
        **options,
    )
    # What has been caught is known; else the error goes on to the server.
    raised, sent = await ask(app)
    assert (raised is None) == (answer == "broken")
    assert b"".join(message.get("body", b"") for message in sent) == answer.encode()
