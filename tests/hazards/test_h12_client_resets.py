"""Clients that leave early: a quiet line in the log. On a real server: test_rude_clients.py."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from bolide.applications import Bolide, Starlette
from bolide.middleware import Middleware
from bolide.middleware.base import BaseHTTPMiddleware
from bolide.requests import ClientDisconnect, Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Mount, Route
from bolide.types import ASGIApp, Message

pytestmark = pytest.mark.anyio

LOGGER = "bolide.disconnects"
LINES = ["POST '/': the client has left"]


async def upload(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def look(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    return response


REPORTED: list[Exception] = []


def report(request: Request, exc: Exception) -> Response:
    REPORTED.append(exc)
    return PlainTextResponse("sorry", 500)


def app_of(cls: type[Starlette], **options: Any) -> Starlette:
    options = {"exception_handlers": {500: report}, **options}
    return cls(routes=[Route("/", upload, methods=["POST"])], **options)


async def half_a_body(app: ASGIApp) -> list[Message]:
    """Send half a body and leave; give what the application answers all the same."""
    events = [
        {"type": "http.request", "body": b"half", "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return events.pop(0) if len(events) > 1 else events[0]

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"content-length", b"8")],
        "client": ("127.0.0.1", 1234),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return sent


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    REPORTED.clear()
    caplog.set_level(logging.INFO, LOGGER)
    return lambda: [record.getMessage() for record in caplog.records if record.name == LOGGER]


async def test_a_client_that_leaves_is_one_line_and_no_error(
    log: Callable[[], list[str]],
) -> None:
    sent = await half_a_body(app_of(Bolide))
    assert (sent, REPORTED, log()) == ([], [], LINES)


@pytest.mark.parametrize("count", [1, 2])
async def test_so_it_is_behind_middleware(log: Callable[[], list[str]], count: int) -> None:
    middleware = [Middleware(BaseHTTPMiddleware, dispatch=look)] * count
    await half_a_body(app_of(Bolide, middleware=middleware))
    assert log() == LINES


@pytest.mark.parametrize("inner", [Bolide, Starlette])
async def test_so_it_is_inside_a_mount(
    log: Callable[[], list[str]], inner: type[Starlette]
) -> None:
    await half_a_body(Bolide(routes=[Mount("/", app_of(inner))]))
    assert log() == LINES


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(app_of(Starlette), id="starlette"),
        pytest.param(app_of(Bolide, quiet_disconnects=False), id="bolide"),
    ],
)
async def test_starlette_raises_and_so_does_who_wants_to(
    app: Starlette, log: Callable[[], list[str]]
) -> None:
    with pytest.raises(ClientDisconnect):
        await half_a_body(app)
    assert [type(exc) for exc in REPORTED] == [ClientDisconnect]
    assert log() == []


async def test_an_application_inside_another_framework_tells_it(
    log: Callable[[], list[str]],
) -> None:
    # Middleware around the mount would wonder about an application that sends nothing.
    middleware = [Middleware(BaseHTTPMiddleware, dispatch=look)]
    outer = Starlette(routes=[Mount("/", app_of(Bolide))], middleware=middleware)
    with pytest.raises(ClientDisconnect):
        await half_a_body(outer)
    assert log() == []
