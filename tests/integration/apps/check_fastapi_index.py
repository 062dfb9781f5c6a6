"""FastAPI's routers, routes and walk under the alias: with the index they answer as without it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import FastAPIError
from fastapi.responses import PlainTextResponse
from fastapi.routing import APIRoute, APIWebSocketRoute
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.routing import Match, Router
from starlette.types import ASGIApp, Message, Scope
from starlette.websockets import WebSocket

from bolide._routing.foreign import NarrowWalk


class ShoutingRoute(APIRoute):
    """A route that matches what its pattern does not."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches({**scope, "path": scope["path"].lower()})


class QuietRoute(APIRoute):
    """A route without a `matches` of its own."""


async def endpoint() -> str:
    return "an answer"


async def plain(request: Request) -> PlainTextResponse:
    return PlainTextResponse("a plain answer")


async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


async def mounted(scope: Scope, receive: Any, send: Any) -> None:
    await PlainTextResponse(f"mounted at {scope['root_path']}")(scope, receive, send)


SOURCES = ["/a", "/A", "/a/b", "/{x}", "/{x}/b", "/a/{x}", "/{x:int}", "/{p:path}", "/a/", "/b/"]
PATHS = ["/", "/a", "/A", "/a/b", "/a/b/", "/1", "/b", "/r/a", "/r", "/c/c/"]
Step = Callable[[APIRouter], None]


def api(cls: type[APIRoute], source: str, method: str) -> Step:
    return lambda router: router.add_api_route(
        source, endpoint, methods=[method], route_class_override=cls
    )


def included(prefix: str, steps: list[Step]) -> Step:
    def step(router: APIRouter) -> None:
        inner = APIRouter()
        for each in steps:
            each(inner)
        try:
            router.include_router(inner, prefix=prefix)
        except (FastAPIError, ValueError):
            # Prefix and path are both empty, or have the same parameter.
            pass

    return step


sources, methods = st.sampled_from(SOURCES), st.sampled_from(["GET", "POST"])
classes = st.sampled_from([APIRoute, APIRoute, ShoutingRoute, QuietRoute])
flat_steps = st.one_of(
    st.builds(api, classes, sources, methods),
    st.builds(api, classes, sources, methods),
    st.builds(lambda path: lambda router: router.add_api_websocket_route(path, talk), sources),
    st.builds(
        lambda path, method: lambda router: router.add_route(path, plain, [method]),
        sources,
        methods,
    ),
    st.builds(
        lambda path: lambda router: router.mount(path, mounted), st.sampled_from(["", "/a", "/{x}"])
    ),
    st.just(lambda router: router.host("a.org", mounted)),
)
steps = st.recursive(
    flat_steps,
    lambda inner: st.builds(
        included, st.sampled_from(["", "/a", "/b", "/{y}"]), st.lists(inner, max_size=4)
    ),
    max_leaves=6,
)
scopes = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["http", "http", "http", "websocket"]),
        "path": st.sampled_from(PATHS),
        "method": st.sampled_from(["GET", "POST", "PUT", "HEAD"]),
        "headers": st.sampled_from([[], [], [(b"host", b"a.org")]]),
        "root_path": st.sampled_from(["", "", "/r"]),
        "query_string": st.just(b""),
        "server": st.just(("testserver", 80)),
        "scheme": st.just("http"),
    }
)


async def outcome(app: ASGIApp, scope: Scope) -> tuple[list[Message], dict[str, Any]]:
    """Give what an application sends, and what it leaves in the scope."""
    sent: list[Message] = []
    connect: Message = {"type": "websocket.connect"}
    body: Message = {"type": "http.request"}

    async def receive() -> Message:
        return body if scope["type"] == "http" else connect

    async def send(message: Message) -> None:
        sent.append(message)

    async with AsyncExitStack() as stack:
        scope = {**scope, "fastapi_middleware_astack": stack}
        try:
            await app(scope, receive, send)
        except ValueError as error:
            # A parameter that a prefix has, too.
            sent.append({"type": "error", "text": str(error)})
    names = ("router", "route", "endpoint", "path_params", "path", "root_path", "fastapi")
    # FastAPI leaves an empty dictionary where it has asked an included router.
    return sent, {name: scope.get(name) or None for name in names}


@settings(max_examples=300, deadline=None)
@given(st.lists(steps, max_size=10), scopes)
def test_the_narrow_walk_ends_where_the_whole_one_does(steps: list[Step], scope: Scope) -> None:
    router = APIRouter()
    for step in steps:
        step(router)
    assert isinstance(router.middleware_stack, NarrowWalk)
    # The same, but for what tells both apart: `app` walks over all routes.
    assert anyio.run(outcome, router, scope) == anyio.run(outcome, router.app, scope)


def many(number: int, cls: type[APIRoute] = APIRoute) -> FastAPI:
    app = FastAPI()
    app.router.route_class = cls
    for index in range(number):
        app.add_api_route(f"/route/{index}", endpoint)
        app.add_api_websocket_route(f"/socket/{index}", talk)
    return app


def test_only_candidates_are_walked_over() -> None:
    app = many(50)
    scope = {"type": "http", "path": "/route/49", "method": "GET"}
    (route,) = app.router.candidates(scope)
    assert isinstance(route, APIRoute)
    assert route.path == "/route/49"
    (socket,) = app.router.candidates({"type": "websocket", "path": "/socket/7"})
    assert isinstance(socket, APIWebSocketRoute)
    assert len(many(50, QuietRoute).router.candidates(scope)) == 1


def test_included_routers_are_found_by_the_paths_of_their_routes() -> None:
    app = FastAPI()
    routers = [APIRouter(prefix=f"/{number}") for number in range(20)]
    for router in routers:
        router.add_api_route("/x", endpoint)
        app.include_router(router, prefix="/in")
    scope = {"type": "http", "path": "/in/7/x", "method": "GET", "headers": [], "query_string": b""}
    (found,) = app.router.candidates(scope)
    assert found.original_router is routers[7]
    # It may grow, also by a host, which goes by no path. FastAPI does not notice that at once.
    routers[3].add_api_route("/y", endpoint)
    (found,) = app.router.candidates({**scope, "path": "/in/3/y"})
    assert found.original_router is routers[3]
    routers[3].host("a.org", mounted)
    assert app.router.candidates({**scope, "path": "/nowhere"}) == []
    routers[3].add_api_route("/z", endpoint)
    assert app.router.candidates({**scope, "path": "/nowhere"}) == [found]
    sent, _ = anyio.run(outcome, app.router, scope)
    assert sent[0]["status"] == 200


def test_an_override_that_is_not_known_stays_in_the_walk() -> None:
    app = many(50, ShoutingRoute)
    scope = {"type": "http", "path": "/ROUTE/49", "method": "GET"}
    assert len(app.router.candidates(scope)) == 50
    sent, _ = anyio.run(outcome, app.router, {**scope, "headers": [], "query_string": b""})
    assert sent[0]["status"] == 200


def test_a_router_that_walks_in_its_own_way_is_left_alone() -> None:
    class Own(APIRouter):
        async def app(self, scope: Scope, receive: Any, send: Any) -> None:
            await super().app(scope, receive, send)

    assert not isinstance(Own().middleware_stack, NarrowWalk)
    assert not isinstance(Router().middleware_stack, NarrowWalk)


def test_code_that_was_replaced_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    app = many(2)
    scope = {"type": "http", "path": "/route/1", "method": "GET"}
    monkeypatch.setattr(
        "fastapi.routing._get_scope_effective_route_context", lambda scope: scope.get("other")
    )
    assert len([r for r in app.router.candidates(scope) if isinstance(r, APIRoute)]) == 2
