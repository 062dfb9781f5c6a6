"""A route of HTTP requests: its methods, what it matches, and whether there is more to it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from bolide.exceptions import HTTPException
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Match, Route, Router
from bolide.types import ASGIApp, Message, Receive, Scope, Send

ClientFor = Callable[..., Any]


async def show_path(request: Request) -> Response:
    return PlainTextResponse(request.scope["path"])


async def show_params(request: Request) -> Response:
    return PlainTextResponse(repr(request.path_params))


async def raw_app(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("raw")(scope, receive, send)


class Instance:
    """An endpoint that is an object."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("instance")(scope, receive, send)

    async def method(self, request: Request) -> Response:
        return PlainTextResponse("method")

    @classmethod
    def class_method(cls, request: Request) -> Response:
        return PlainTextResponse(cls.__name__)

    @staticmethod
    async def static_method(request: Request) -> Response:
        return PlainTextResponse("static")


async def call(app: ASGIApp, scope: Scope) -> list[Message]:
    """Call an application with a scope, and give what it sends."""
    sent: list[Message] = []

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    ("endpoint", "methods", "expected"),
    [
        (show_path, None, {"GET", "HEAD"}),
        (show_path, ["get"], {"GET", "HEAD"}),
        (show_path, ("POST", "query"), {"POST", "QUERY"}),
        (show_path, [], set()),
        (functools.partial(show_path), None, {"GET", "HEAD"}),
        (Instance(), None, None),
        (Instance, None, None),
        (Instance(), ["GET"], {"GET", "HEAD"}),
    ],
)
def test_methods(endpoint: Any, methods: Any, expected: set[str] | None) -> None:
    assert Route("/", endpoint, methods=methods).methods == expected


@pytest.mark.parametrize("methods", [None, []])
def test_without_methods_any_method_is_taken(methods: Any) -> None:
    route = Route("/", Instance(), methods=methods)
    for method in ("GET", "POST", "get", "ODD"):
        assert route.matches({"type": "http", "path": "/", "method": method})[0] is Match.FULL


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"type": "http", "path": "/7", "method": "GET"}, Match.FULL),
        ({"type": "http", "path": "/7", "method": "HEAD"}, Match.FULL),
        ({"type": "http", "path": "/7", "method": "POST"}, Match.PARTIAL),
        ({"type": "http", "path": "/7", "method": "get"}, Match.PARTIAL),
        ({"type": "http", "path": "/x", "method": "GET"}, Match.NONE),
        ({"type": "http", "path": "/root/7", "root_path": "/root", "method": "GET"}, Match.FULL),
        ({"type": "websocket", "path": "/7"}, Match.NONE),
    ],
)
def test_what_a_route_matches(scope: Scope, expected: Match) -> None:
    before = dict(scope)
    match, child_scope = Route("/{id:int}", show_path).matches(scope)
    assert match is expected
    if expected is Match.NONE:
        assert child_scope == {}
    else:
        assert child_scope == {"endpoint": show_path, "path_params": {"id": 7}}
    assert scope == before


def test_inner_path_parameters_win() -> None:
    scope = {"type": "http", "path": "/7", "method": "GET", "path_params": {"id": 1, "a": 2}}
    _, child_scope = Route("/{id:int}", show_path).matches(scope)
    assert child_scope["path_params"] == {"id": 7, "a": 2}
    assert scope["path_params"] == {"id": 1, "a": 2}


@pytest.mark.anyio
async def test_a_wrong_method_is_refused_with_what_is_allowed() -> None:
    route = Route("/", show_path, methods=["GET", "PUT"])
    scope: Scope = {"type": "http", "path": "/", "method": "POST"}

    start, body = await call(route, dict(scope))
    assert (start["status"], body["body"]) == (405, b"Method Not Allowed")
    headers = dict(start["headers"])
    assert set(headers[b"allow"].split(b", ")) == {b"GET", b"HEAD", b"PUT"}

    with pytest.raises(HTTPException) as caught:
        await call(route, {**scope, "app": None})
    assert caught.value.status_code == 405
    assert caught.value.headers is not None
    assert set(caught.value.headers["Allow"].split(", ")) == {"GET", "HEAD", "PUT"}


def test_options_is_a_method_like_any_other(client_for: ClientFor) -> None:
    router = Router([Route("/a", show_path), Route("/b", show_path, methods=["OPTIONS"])])
    client = client_for(router)
    assert client.options("/a").status_code == 405
    assert client.options("/b").text == "/b"


def test_it_is_plain_unless_it_is_handled_in_another_way() -> None:
    class Derived(Route):
        pass

    class Handling(Route):
        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            await raw_app(scope, receive, send)

    replaced = Route("/", show_path)
    replaced.handle = raw_app  # type: ignore[method-assign]
    routes = [Route("/", show_path), Derived("/", show_path), Handling("/", show_path), replaced]
    assert [route.is_plain for route in routes] == [True, True, False, False]
