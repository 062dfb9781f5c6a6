"""What is led past our layers arrives as what passes them message by message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from bolide.applications import Bolide, Starlette
from bolide.exceptions import HTTPException
from bolide.middleware import Middleware
from bolide.middleware.cors import CORSMiddleware
from bolide.middleware.gzip import GZipMiddleware
from bolide.middleware.http import HTTPMiddleware, ResponseStart
from bolide.middleware.security_headers import SecurityHeadersMiddleware
from bolide.middleware.sessions import SessionMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response, StreamingResponse
from bolide.routing import Route
from bolide.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

ORIGIN = "https://example.org"


class Teapots(HTTPMiddleware):
    """Makes a 204 a 418, and tells what there was."""

    def on_response_start(self, request: Request, start: ResponseStart) -> None:
        start.headers["x-status"] = str(start.status)
        if start.status == 204:
            start.status = 418


LAYERS = [
    Middleware(SecurityHeadersMiddleware, content_security_policy="default-src 'self'"),
    Middleware(CORSMiddleware, allow_origins=[ORIGIN], expose_headers=["X-Seen"]),
    Middleware(GZipMiddleware),
    Middleware(SessionMiddleware, secret_key="a secret of thirty-two bytes, yes", max_age=None),
    Middleware(Teapots),
]


class Between:
    """Hands messages on with a function of its own, past which nothing can be led."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        def hand_on(message: Message) -> Awaitable[None]:
            return send(message)

        await self.app(scope, receive, hand_on)


async def pieces() -> AsyncIterator[str]:
    for number in range(50):
        yield f"piece {number}, "


async def small(request: Request) -> Response:
    return PlainTextResponse("small", headers={"Vary": "Accept", "X-Seen": "yes"})


async def large(request: Request) -> Response:
    return PlainTextResponse("large " * 500, headers={"ETag": '"1"'})


async def stream(request: Request) -> Response:
    return StreamingResponse(pieces(), media_type="text/plain")


async def events(request: Request) -> Response:
    return StreamingResponse(pieces(), media_type="text/event-stream")


async def login(request: Request) -> Response:
    assert request.session == {}
    request.session["user"] = "ann"
    return Response(status_code=204)


async def own_origin(request: Request) -> Response:
    return PlainTextResponse("own", headers={"Access-Control-Allow-Origin": "null"})


async def refuse(request: Request) -> Response:
    raise HTTPException(403, "no entry")


async def fail(request: Request) -> Response:
    raise ZeroDivisionError


ENDPOINTS = {
    endpoint.__name__: endpoint
    for endpoint in (small, large, stream, events, login, own_origin, refuse, fail)
}


async def answer(app: ASGIApp, path: str, headers: dict[str, str]) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append({**message})

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": [(b"host", b"testserver"), *raw],
        "query_string": b"",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
    }
    try:
        await app(scope, receive, send)
    except ZeroDivisionError:
        sent.append({"type": "raised"})
    return sent


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": ORIGIN},
        {"origin": "https://example.com", "accept-encoding": "gzip"},
        {"origin": ORIGIN, "accept-encoding": "gzip, br", "cookie": "a=b"},
    ],
    ids=["bare", "origin", "other origin", "browser"],
)
@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize("face", [Starlette, Bolide])
async def test_both_ways_give_the_same_messages(
    face: Callable[..., Any], name: str, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A signature has the time in it.
    monkeypatch.setattr("itsdangerous.TimestampSigner.get_timestamp", lambda signer: 1)

    def routes() -> list[Route]:
        return [Route(f"/{name}", endpoint) for name, endpoint in ENDPOINTS.items()]

    led = face(routes=routes(), middleware=LAYERS)
    separated = [each for layer in LAYERS for each in (Middleware(Between), layer)]
    sent = face(routes=routes(), middleware=[*separated, Middleware(Between)])

    messages = await answer(led, f"/{name}", headers)
    assert messages[0]["type"] == "http.response.start"
    assert messages == await answer(sent, f"/{name}", headers)
