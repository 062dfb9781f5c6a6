"""Limits of a route or a mount: the innermost one holds, and only while a request is inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bolide._policy import OWN_POLICY_KEY, Policy, UnknownOption, policy_of
from bolide._settings import ACTIVE, Settings
from bolide._threads import ThreadLimits, endpoint_limiter, file_limiter
from bolide.applications import Bolide, Starlette
from bolide.middleware import Middleware
from bolide.middleware._limits_layer import LimitOptions, LimitsLayer
from bolide.requests import Request
from bolide.responses import JSONResponse, Response
from bolide.routing import Mount, Route, WebSocketRoute
from bolide.testclient import TestClient
from bolide.types import ASGIApp, Receive, Scope, Send
from bolide.websockets import WebSocket, WebSocketDisconnect

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]


async def limits_here(request: Request) -> Response:
    policy = policy_of(request.scope)
    return JSONResponse([policy.max_json_depth, policy.max_json_values, policy.max_buffer_size])


async def nothing(*_: Any) -> Any:
    raise AssertionError


def limits_at(client_for: ClientFor, app: Starlette, path: str = "/mount/route") -> Any:
    return client_for(app).get(path).json()


def nested(
    cls: type[Starlette], outer: LimitOptions | None, inner: LimitOptions | None, **options: Any
) -> Starlette:
    route = Route("/route", limits_here, limits=inner)
    return cls(routes=[Mount("/mount", routes=[route], limits=outer), route], **options)


def test_the_innermost_limit_holds_and_others_stay(client_for: ClientFor) -> None:
    app = nested(Bolide, {"max_json_depth": 5, "max_json_values": 500}, {"max_json_values": 9})
    # Twice: what was worked out for one request serves the next.
    for _ in range(2):
        assert limits_at(client_for, app) == [5, 9, Bolide().policy.max_buffer_size]
        assert limits_at(client_for, app, "/route") == [128, 9, 2 * 1024 * 1024]


def test_a_limit_can_be_taken_away_and_starlette_can_have_one(client_for: ClientFor) -> None:
    app = nested(Bolide, {"max_buffer_size": None}, None)
    assert limits_at(client_for, app) == [128, 100_000, None]
    app = nested(Starlette, {"max_buffer_size": 10}, None)
    assert limits_at(client_for, app) == [None, None, 10]
    assert limits_at(client_for, app, "/route") == [None, None, None]


def test_an_application_that_is_mounted_has_its_own(client_for: ClientFor) -> None:
    inner = Bolide(routes=[Route("/route", limits_here)], max_json_depth=3)
    app = Bolide(routes=[Mount("/mount", app=inner, limits={"max_json_values": 9})])
    assert limits_at(client_for, app) == [3, 100_000, 2 * 1024 * 1024]


def test_one_route_in_two_applications(client_for: ClientFor) -> None:
    route = Route("/route", limits_here, limits={"max_json_depth": 5})
    for _ in range(2):
        assert limits_at(client_for, Bolide(routes=[route]), "/route")[:2] == [5, 100_000]
        assert limits_at(client_for, Starlette(routes=[route]), "/route")[:2] == [5, None]


def test_middleware_of_the_route_is_inside(client_for: ClientFor) -> None:
    seen: list[Any] = []

    class Look:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(policy_of(scope).max_json_depth)
            await self.app(scope, receive, send)

    route = Route("/", limits_here, middleware=[Middleware(Look)], limits={"max_json_depth": 5})
    app = Bolide(routes=[route], middleware=[Middleware(Look)])
    client_for(app).get("/")
    assert seen == [128, 5]


@pytest.mark.parametrize("make", [Route, WebSocketRoute])
def test_a_limit_that_there_is_not_is_refused(make: Any) -> None:
    with pytest.raises(UnknownOption, match="did you mean 'max_json_depth'"):
        make("/", nothing, limits={"max_json_dept": 1})
    # An option of an application, which means nothing here.
    with pytest.raises(UnknownOption):
        Mount("/", nothing, limits={"max_cookie_size": 1})  # type: ignore[typeddict-unknown-key]


async def test_what_was_there_is_put_back() -> None:
    before = object(), Policy(max_json_depth=1)
    for scope in ({"type": "http"}, {"type": "http", OWN_POLICY_KEY: before}):
        seen: list[Any] = []

        async def app(scope: Scope, receive: Receive, send: Send, seen: Any = seen) -> None:
            seen += [policy_of(scope).max_json_depth, endpoint_limiter(), file_limiter()]

        layer = LimitsLayer(app, {"max_json_depth": 7, "max_endpoint_threads": 2})
        threads = ACTIVE.set(Settings(limits=ThreadLimits(Policy(max_file_threads=3))))
        outer, copy = ACTIVE.get().limits, dict(scope)
        await layer(scope, nothing, nothing)
        assert scope == copy
        assert ACTIVE.get().limits is outer
        ACTIVE.reset(threads)
        assert seen[0] == 7
        assert [seen[1].threads, seen[2].total_tokens] == [2, 3]


async def test_threads_of_its_own_without_any_further_out() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert file_limiter() is None
        limiter = endpoint_limiter()
        assert limiter is not None
        assert limiter.threads == 2

    await LimitsLayer(app, {"max_endpoint_threads": 2})({"type": "http"}, nothing, nothing)


async def test_a_lifespan_passes_by() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(policy_of(scope).max_json_depth)

    await LimitsLayer(app, {"max_json_depth": 7})({"type": "lifespan"}, nothing, nothing)
    assert seen == [None]


# WebSockets


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())


@pytest.mark.parametrize("cls", [Bolide, Starlette])
@pytest.mark.parametrize(("size", "taken"), [(10, True), (11, False)])
def test_a_message_is_measured_by_the_innermost_limit(
    client_for: ClientFor, cls: type[Starlette], size: int, taken: bool
) -> None:
    route = WebSocketRoute("/route", echo, limits={"max_message_size": 10})
    app = cls(routes=[Mount("/mount", routes=[route], limits={"max_message_size": 5})])
    with client_for(app).websocket_connect("/mount/route") as websocket:
        websocket.send_text("x" * size)
        if taken:
            assert websocket.receive_text() == "x" * size
        else:
            with pytest.raises(WebSocketDisconnect) as closed:
                websocket.receive_text()
            assert closed.value.code == 1009


def test_a_larger_message_may_be_taken_than_by_the_application(client_for: ClientFor) -> None:
    route = WebSocketRoute("/", echo, limits={"max_message_size": None})
    app = Bolide(routes=[route], max_message_size=5)
    with client_for(app).websocket_connect("/") as websocket:
        websocket.send_text("longer than that")
        assert websocket.receive_text() == "longer than that"
