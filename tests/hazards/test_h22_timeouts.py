"""Requests that get stuck: bodies that do not come, and endpoints that wait for ever.

On a real server: tests/integration/test_stuck_requests.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from bolide.applications import Bolide, Starlette
from bolide.background import BackgroundTask
from bolide.middleware import Middleware
from bolide.middleware._draining import ResponseCutOff
from bolide.middleware.base import BaseHTTPMiddleware
from bolide.middleware.timeout import TimeoutMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Route
from bolide.testclient import TestClient
from bolide.types import ASGIApp, Message, Receive, Scope, Send

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


async def half_a_body(
    app: ASGIApp, http_version: str = "1.1", then: Callable[[], None] = lambda: None
) -> list[Message]:
    """Send half a body and no more; give the answer.

    Args:
        app: The application.
        http_version: The version of HTTP.
        then: Called when the rest is waited for, or a while after the response has begun.
    """
    sent: list[Message] = []
    events: list[Message] = [{"type": "http.request", "body": b"a=", "more_body": True}]

    async def receive() -> Message:
        if not events:
            then()
            await anyio.sleep_forever()
        return events.pop()

    async def send(message: Message) -> None:
        sent.append(message)
        then()

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


# When the server is told to stop.

DRAINING = {"drain_seconds": SOON, "request_drain_seconds": SOON * 2}


def stuck_app(endpoint: Any, **options: Any) -> Bolide:
    app = Bolide(routes=[Route("/", endpoint, methods=["POST"])], **{**DRAINING, **options})
    assert app.policy.body_idle_seconds == 30
    return app


def headers_of(sent: list[Message]) -> dict[bytes, bytes]:
    return dict(sent[0]["headers"])


async def stuck(request: Request) -> Response:
    request.app.drain()
    await anyio.sleep_forever()
    raise AssertionError


async def stuck_inside(request: Request) -> Response:
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(stuck, request)
    raise AssertionError


class PassOn(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        return response


@pytest.mark.parametrize("endpoint", [whole, in_pieces, form])
@pytest.mark.parametrize("layers", [[], [Middleware(PassOn)]], ids=["bare", "middleware"])
async def test_half_a_body_is_answered_with_503_when_draining_is_over(
    endpoint: Any, layers: list[Middleware], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bolide._running_request.MARGIN_SECONDS", 0)
    app = stuck_app(endpoint, middleware=layers, request_drain_seconds=MAX_SECONDS * 10)
    sent = await half_a_body(app, then=app.drain)
    assert sent[0]["status"] == 503
    assert headers_of(sent)[b"retry-after"] == b"1"
    assert headers_of(sent)[b"connection"] == b"close"
    assert b"".join(message.get("body", b"") for message in sent) == b"Service Unavailable"


@pytest.mark.parametrize("endpoint", [stuck, stuck_inside])
@pytest.mark.parametrize("layers", [[], [Middleware(PassOn)]], ids=["bare", "middleware"])
@pytest.mark.parametrize(("http_version", "closes"), [("1.1", True), ("2", False)])
async def test_an_endpoint_that_waits_for_ever_is_answered_with_503(
    endpoint: Any, layers: list[Middleware], http_version: str, closes: bool
) -> None:
    sent = await half_a_body(stuck_app(endpoint, middleware=layers), http_version)
    assert sent[0]["status"] == 503
    assert headers_of(sent)[b"retry-after"] == b"1"
    # HTTP/2 has no such header.
    assert (b"connection" in headers_of(sent)) == closes


async def begin_and_wait(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    await anyio.sleep_forever()


async def half_a_response(request: Request) -> Any:
    return begin_and_wait


async def test_a_response_that_has_begun_is_broken_off() -> None:
    app = stuck_app(half_a_response)
    with pytest.raises(ResponseCutOff):
        await half_a_body(app, then=app.drain)


async def test_a_background_task_has_its_own_time() -> None:
    done: list[str] = []

    async def task(app: Bolide) -> None:
        app.drain()
        await anyio.sleep(SOON * 5)
        done.append("task")

    async def endpoint(request: Request) -> Response:
        await anyio.sleep(0.001)
        return PlainTextResponse("data", background=BackgroundTask(task, request.app))

    for seconds in (0, MAX_SECONDS):
        sent = await half_a_body(stuck_app(endpoint, background_drain_seconds=seconds))
        assert sent[0]["status"] == 200
    assert done == ["task", "task"]


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(Starlette(routes=[Route("/", stuck, methods=["POST"])]), id="starlette"),
        pytest.param(stuck_app(stuck, request_drain_seconds=0), id="bolide"),
    ],
)
async def test_on_starlette_it_goes_on_and_so_it_does_for_who_wants_to(app: Starlette) -> None:
    with anyio.move_on_after(SOON * 5) as waiting:
        await half_a_body(app)
    assert waiting.cancelled_caught


async def test_a_request_that_is_done_in_time_notices_nothing() -> None:
    async def endpoint(request: Request) -> Response:
        request.app.drain()
        await anyio.sleep(SOON)
        return PlainTextResponse("data")

    sent = await half_a_body(stuck_app(endpoint, request_drain_seconds=MAX_SECONDS))
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"data")


def test_by_default_a_request_has_less_than_half_a_minute() -> None:
    assert Bolide().policy.request_drain_seconds == 25
    assert Starlette().policy.request_drain_seconds == 0
