"""What a request costs, counted in calls of Python functions: a number that has no noise."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from types import FrameType
from typing import Any

import pytest

from bolide._json_codec import STANDARD
from bolide.applications import Bolide, Starlette
from bolide.middleware import Middleware
from bolide.requests import Request
from bolide.responses import JSONResponse, PlainTextResponse, Response
from bolide.routing import BaseRoute, Mount, Route
from bolide.types import ASGIApp, Message, Receive, Scope, Send


async def home(request: Request) -> Response:
    return PlainTextResponse("Hello")


async def data(request: Request) -> Response:
    return JSONResponse({"hello": "world"})


def http_scope(path: str) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost"), (b"accept", b"*/*")],
        "client": ("127.0.0.1", 1234),
        "server": ("127.0.0.1", 80),
    }


async def receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def frames(app: ASGIApp, path: str) -> Counter[str]:
    """Count the calls of Python functions in one request, all of them: also ours here.

    The first request makes what is made once, so the second is counted.
    """
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    def run() -> None:
        sent.clear()
        coroutine: Any = app(http_scope(path), receive, send)
        try:
            coroutine.send(None)
        except StopIteration:
            pass
        assert sent[0]["status"] == 200

    run()
    counted: Counter[str] = Counter()

    def note(frame: FrameType, event: str, arg: Any) -> None:
        if event == "call":
            counted[frame.f_code.co_qualname] += 1

    before = sys.getprofile()
    # Others may have asked to be called when garbage is collected.
    gc.disable()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
        gc.enable()
    for helper in (run, http_scope):
        del counted[helper.__code__.co_qualname]
    return counted


def routes(number: int) -> list[Route]:
    return [Route(f"/{index}/{{name}}", home) for index in range(number)]


async def item(request: Request) -> Response:
    return PlainTextResponse(request.path_params["name"])


class PassOn:
    """The least that a middleware can be."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


CASES: dict[str, tuple[str, list[BaseRoute], int]] = {
    "text": ("/", [Route("/", home)], 10),
    "JSON": ("/", [Route("/", data)], 13),
    "a parameter": ("/x", [Route("/{name}", item)], 13),
    "a mount": ("/a/x", [Mount("/a", routes=[Route("/{name}", item)])], 14),
    "mounts": ("/a/b/x", [Mount("/a", routes=[Mount("/b", routes=[Route("/x", home)])])], 12),
}
"""Path, routes, and the most frames."""


@pytest.mark.parametrize(("path", "routes", "most"), CASES.values(), ids=CASES)
def test_a_request_takes_few_frames(path: str, routes: list[BaseRoute], most: int) -> None:
    counted = frames(Starlette(routes=routes), path)
    assert counted.total() <= most, counted


@pytest.mark.parametrize(("path", "routes", "most"), CASES.values(), ids=CASES)
def test_bolide_takes_seven_frames_more(path: str, routes: list[BaseRoute], most: int) -> None:
    # The codec is the same, whatever is installed.
    counted = frames(Bolide(routes=routes, json=STANDARD), path)
    assert counted.total() <= most + 7, counted


@pytest.mark.parametrize(("cls", "most"), [(Starlette, 19), (Bolide, 26)])
def test_a_middleware_takes_one_frame(cls: type[Starlette], most: int) -> None:
    app = cls(routes=[Route("/", home)], middleware=[Middleware(PassOn)] * 5)
    counted = frames(app, "/")
    assert counted.total() <= most, counted


def test_the_last_of_many_routes_takes_as_many_frames_as_the_first() -> None:
    app = Starlette(routes=routes(1000))
    assert frames(app, "/0/x") == frames(app, "/999/x")


def test_many_mounts_take_as_many_frames_as_one() -> None:
    app = Starlette(routes=[Mount(f"/{index}", routes=routes(2)) for index in range(100)])
    assert frames(app, "/0/0/x") == frames(app, "/99/1/x")
