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
from bolide.types import Message

pytestmark = pytest.mark.anyio


async def look(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    return response


@pytest.mark.parametrize("cls", [Bolide, Starlette])
@pytest.mark.parametrize("layers", [0, 1, 3])
@pytest.mark.parametrize("error", [ValueError("in the middle"), HTTPException(404)])
async def test_the_error_reaches_the_server_once_and_nothing_is_sent_after_it(
    cls: type[Starlette], layers: int, error: Exception
) -> None:
    async def broken(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"the beginning"
            raise error

        return StreamingResponse(pieces())

    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    app = cls(
        routes=[Route("/", broken)],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=look)] * layers,
    )
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
    with pytest.raises(Exception) as raised:
        await app(scope, receive, send)
    known = raised.value
    assert known is error or known.__cause__ is error
    assert sent[0]["type"] == "http.response.start"
    assert {message["type"] for message in sent[1:]} == {"http.response.body"}
    assert b"".join(message.get("body", b"") for message in sent) == b"the beginning"
    if not layers:
        # The server breaks the connection off: whoever reads learns that it is not whole.
        assert sent[-1].get("more_body") is True
