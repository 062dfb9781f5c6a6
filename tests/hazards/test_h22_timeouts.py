"""Bodies that do not come: status 408 after a while. On a real server: test_stuck_requests.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from bolide.applications import Bolide, Starlette
from bolide.middleware import Middleware
from bolide.middleware.timeout import TimeoutMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Route
from bolide.testclient import TestClient
from bolide.types import ASGIApp, Message

pytestmark = pytest.mark.anyio

SOON = 0.02
MAX_SECONDS = 5


async def whole(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def in_pieces(request: Request) -> Response:
    return PlainTextResponse(str([chunk async for chunk in request.stream()]))


async def form(request: Request) -> Response:
    async with request.form() as data:
        return PlainTextResponse(str(len(data)))


def app_of(endpoint: Any, cls: type[Starlette] = Bolide, **options: Any) -> Starlette:
    return cls(routes=[Route("/", endpoint, methods=["POST"])], **options)


async def half_a_body(app: ASGIApp, http_version: str = "1.1") -> list[Message]:
    """Send half a body and no more; give the answer."""
    sent: list[Message] = []
    events: list[Message] = [{"type": "http.request", "body": b"a=", "more_body": True}]

    async def receive() -> Message:
        if not events:
            await anyio.sleep_forever()
        return events.pop()

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": http_version,
        "method": "POST",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", b"application/x-www-form-urlencoded"),
            (b"content-length", b"8"),
        ],
        "client": ("127.0.0.1", 1234),
        "server": ("127.0.0.1", 80),
    }
    with anyio.fail_after(MAX_SECONDS):
        await app(scope, receive, send)
    return sent


@pytest.mark.parametrize("endpoint", [whole, in_pieces, form])
@pytest.mark.parametrize(("http_version", "closes"), [("1.1", True), ("2", False)])
async def test_half_a_body_is_answered_with_408(
    endpoint: Any, http_version: str, closes: bool
) -> None:
    sent = await half_a_body(app_of(endpoint, body_idle_seconds=SOON), http_version)
    assert sent[0]["status"] == 408
    # The rest would be taken for the next request.
    assert ((b"connection", b"close") in sent[0]["headers"]) == closes


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(app_of(whole, Starlette), id="starlette"),
        pytest.param(app_of(whole, body_idle_seconds=0), id="bolide"),
    ],
)
async def test_starlette_waits_and_so_does_who_wants_to(app: Starlette) -> None:
    with anyio.move_on_after(SOON * 5) as waiting:
        await half_a_body(app)
    assert waiting.cancelled_caught


def test_by_default_it_is_half_a_minute() -> None:
    assert (Bolide().policy.body_idle_seconds, Starlette().policy.body_idle_seconds) == (30, 0)


@pytest.mark.parametrize("cls", [Bolide, Starlette])
@pytest.mark.parametrize("place", ["app", "route"])
def test_an_application_or_a_route_may_have_a_deadline(
    client_for: Callable[..., TestClient], cls: type[Starlette], place: str
) -> None:
    async def forever(request: Request) -> Response:
        await anyio.sleep_forever()
        raise AssertionError

    deadline = [Middleware(TimeoutMiddleware, SOON)]
    route = Route("/", forever, middleware=deadline if place == "route" else None)
    app = cls(routes=[route], middleware=deadline if place == "app" else None)
    assert client_for(app).get("/").status_code == 504
