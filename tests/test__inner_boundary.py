"""Where the policy of the application says so, errors are answered inside the middleware."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from bolide._inner_boundary import InnerBoundary
from bolide._policy import Policy
from bolide.applications import Bolide, Starlette
from bolide.middleware import Middleware
from bolide.middleware.base import BaseHTTPMiddleware
from bolide.middleware.errors import ServerErrorMiddleware
from bolide.middleware.exceptions import ExceptionMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Mount, Route
from bolide.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio


class Trouble(Exception):
    """What an endpoint raises."""


async def raise_trouble(request: Request) -> Response:
    raise Trouble("an endpoint's")


class Raising:
    """An ASGI application that raises, so that nothing further in handles it."""

    def __init__(self, exc: Exception, *before: Message) -> None:
        self.exc = exc
        self.before = before

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for message in self.before:
            await send(message)
        raise self.exc


START: Message = {"type": "http.response.start", "status": 200, "headers": []}

ROUTES = [
    Route("/trouble", raise_trouble),
    Route("/app-trouble", Raising(Trouble("an app's"))),
]


class Outcome(NamedTuple):
    """All that can be seen of a call from outside."""

    sent: list[Message]
    raised: str | None


async def outcome_of(app: ASGIApp, scope: Scope) -> Outcome:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    try:
        await app(scope, receive, send)
    except Exception as exc:
        return Outcome(sent, repr(exc))
    return Outcome(sent, None)


class Stamp:
    """Middleware that leaves a mark in every response, and notes what comes by."""

    def __init__(self, app: ASGIApp, seen: list[Any]) -> None:
        self.app = app
        self.seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.seen.append(message["status"])
                message = {**message, "headers": [*message["headers"], (b"x-stamp", b"1")]}
            await send(message)

        try:
            await self.app(dict(scope), receive, send_stamped)
        except Exception as exc:
            self.seen.append(repr(exc))
            raise


class Reporting:
    """A handler that counts its calls."""

    def __init__(self) -> None:
        self.calls: list[Exception] = []

    async def __call__(self, request: Request, exc: Exception) -> Response:
        self.calls.append(exc)
        return PlainTextResponse(f"reported: {exc}", 500)


def get(path: str) -> Scope:
    return {"type": "http", "method": "GET", "path": path}


@pytest.mark.parametrize("path", ["/trouble", "/app-trouble"])
@pytest.mark.parametrize("stamps", [1, 3])
async def test_middleware_sees_an_error_as_a_response_and_then_as_an_exception(
    path: str, stamps: int
) -> None:
    seen: list[Any] = []
    handler = Reporting()
    middleware = [Middleware(Stamp, seen)] * stamps
    app = Bolide(routes=ROUTES, middleware=middleware, exception_handlers={500: handler})
    outcome = await outcome_of(app, get(path))

    error = repr(handler.calls[0])
    assert seen == [500] * stamps + [error] * stamps
    assert outcome.raised == error
    assert outcome.sent[0]["headers"].count((b"x-stamp", b"1")) == stamps
    assert [message["type"] for message in outcome.sent] == [
        "http.response.start",
        "http.response.body",
    ]
    assert len(handler.calls) == 1


async def test_in_starlette_it_is_an_exception_only() -> None:
    seen: list[Any] = []
    app = Starlette(routes=ROUTES, middleware=[Middleware(Stamp, seen)])
    outcome = await outcome_of(app, get("/trouble"))
    assert seen == [outcome.raised]
    assert outcome.sent[0]["status"] == 500


async def test_an_error_after_the_start_is_reported_once_and_raised() -> None:
    handler = Reporting()
    middleware = [Middleware(Stamp, [])]
    routes = [Route("/", Raising(Trouble("too late"), START))]
    app = Bolide(routes=routes, middleware=middleware, exception_handlers={Exception: handler})
    outcome = await outcome_of(app, get("/"))
    assert outcome.raised == repr(handler.calls[0])
    assert (len(outcome.sent), len(handler.calls)) == (1, 1)


async def test_the_error_of_a_middleware_is_answered_outside() -> None:
    class Failing(Stamp):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise Trouble("a middleware's")

    handler = Reporting()
    app = Bolide(middleware=[Middleware(Failing, [])], exception_handlers={500: handler})
    outcome = await outcome_of(app, get("/"))
    assert outcome.raised == repr(Trouble("a middleware's"))
    assert [outcome.sent[0]["status"], outcome.sent[1]["body"]] == [
        500,
        b"reported: a middleware's",
    ]


async def test_an_answer_that_a_middleware_has_kept_is_given_outside() -> None:
    class Mute(Stamp):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def send_nothing(message: Message) -> None:
                pass

            await self.app(scope, receive, send_nothing)

    handler = Reporting()
    middleware = [Middleware(Mute, [])]
    app = Bolide(routes=ROUTES, middleware=middleware, exception_handlers={500: handler})
    outcome = await outcome_of(app, get("/trouble"))
    assert (outcome.sent[0]["status"], len(handler.calls)) == (500, 2)


async def test_the_same_exception_object_is_answered_in_each_request() -> None:
    handler = Reporting()
    middleware = [Middleware(Stamp, [])]
    app = Bolide(routes=ROUTES, middleware=middleware, exception_handlers={500: handler})
    bodies = [(await outcome_of(app, get("/app-trouble"))).sent[1]["body"] for _ in range(2)]
    assert bodies == [b"reported: an app's"] * 2


async def test_an_exception_whose_class_forbids_attributes_is_answered() -> None:
    class Frozen(Exception):
        def __setattr__(self, name: str, value: Any) -> None:
            raise AttributeError(name)

    handler = Reporting()
    routes = [Route("/", Raising(Frozen("cold")))]
    middleware = [Middleware(Stamp, [])]
    app = Bolide(routes=routes, middleware=middleware, exception_handlers={500: handler})
    outcome = await outcome_of(app, get("/"))
    assert outcome.sent[1]["body"] == b"reported: cold"
    assert len(handler.calls) == 1


async def test_an_error_of_an_application_inside_another_is_answered_once() -> None:
    inner, outer = Reporting(), Reporting()
    stamp = [Middleware(Stamp, [])]
    sub = Bolide(routes=ROUTES, middleware=stamp, exception_handlers={500: inner})
    mount = Mount("/sub", app=sub)
    for handlers in ({500: outer}, {500: outer, Trouble: outer}):
        app = Bolide(routes=[mount], middleware=stamp, exception_handlers=handlers)
        outcome = await outcome_of(app, get("/sub/trouble"))
        assert outcome.raised == repr(Trouble("an endpoint's"))
        assert outcome.sent[1]["body"] == b"reported: an endpoint's"
    assert (len(inner.calls), len(outer.calls)) == (2, 0)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("path", ["/trouble", "/app-trouble"])
async def test_base_middleware_sees_the_response(path: str, layers: int) -> None:
    seen: list[int] = []

    async def dispatch(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        seen.append(response.status_code)
        return response

    handler = Reporting()
    app = Bolide(
        routes=ROUTES,
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)] * layers,
        exception_handlers={Exception: handler},
    )
    outcome = await outcome_of(app, get(path))
    assert seen == [500] * layers
    assert outcome.raised == repr(handler.calls[0])
    assert (outcome.sent[0]["status"], len(handler.calls)) == (500, 1)


async def test_the_inner_layer_stands_by_itself_where_a_layer_was_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original: Any = ExceptionMiddleware.__call__
    calls: list[str] = []

    async def traced(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(scope["path"])
        await original(self, scope, receive, send)

    async def dispatch(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        return PlainTextResponse(f"seen: {response.status_code}")

    monkeypatch.setattr(ExceptionMiddleware, "__call__", traced)
    app = Bolide(routes=ROUTES, middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)])
    outcome = await outcome_of(app, get("/trouble"))
    assert calls == ["/trouble"]
    assert b"".join(message.get("body", b"") for message in outcome.sent) == b"seen: 500"


async def test_without_middleware_there_is_no_inner_layer() -> None:
    policy = Policy(errors_inside_middleware=True)
    stack: Any = Starlette(policy=policy).build_middleware_stack()
    assert type(stack.app) is ExceptionMiddleware
    app = Starlette(policy=policy, middleware=[Middleware(Stamp, [])])
    stack = app.build_middleware_stack()
    assert type(stack) is ServerErrorMiddleware
    assert type(stack.app.app) is InnerBoundary
