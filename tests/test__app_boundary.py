"""The outermost layers in one do what the layers do one by one: every case runs on both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from bolide._app_boundary import AppBoundary
from bolide._exchange import Exchange
from bolide.applications import Starlette
from bolide.exceptions import HTTPException, WebSocketException
from bolide.middleware import Middleware
from bolide.middleware.errors import ServerErrorMiddleware
from bolide.middleware.exceptions import ExceptionMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Mount, Route, Router, WebSocketRoute
from bolide.types import ASGIApp, Message, Receive, Scope, Send
from bolide.websockets import WebSocket

pytestmark = pytest.mark.anyio


class Trouble(Exception):
    """What an endpoint raises."""


async def fine(request: Request) -> Response:
    return PlainTextResponse("fine")


async def raise_trouble(request: Request) -> Response:
    raise Trouble("an endpoint's")


async def raise_http(request: Request) -> Response:
    raise HTTPException(403, "no entry", headers={"x-a": "b"})


async def ws_raise(websocket: WebSocket) -> None:
    raise WebSocketException(4001, "enough")


class Raising:
    """An ASGI application that raises, so that nothing further in handles it."""

    def __init__(self, exc: Exception, *before: Message) -> None:
        self.exc = exc
        self.before = before

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for message in self.before:
            await send(message)
        raise self.exc


class Note:
    """Middleware of a router."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["noted"] = True
        await self.app(scope, receive, send)


class CustomRouter(Router):
    """A router with a call of its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["custom"] = True
        await super().__call__(scope, receive, send)


def saying(text: str, status: int) -> Any:
    async def handler(request: Request, exc: Exception) -> Response:
        return PlainTextResponse(f"{text}: {exc}", status)

    return handler


async def failing_handler(request: Request, exc: Exception) -> Response:
    raise LookupError("a handler's")


START: Message = {"type": "http.response.start", "status": 200, "headers": []}

ROUTES = [
    Route("/fine", fine),
    Route("/trouble", raise_trouble),
    Route("/http", raise_http),
    Route("/app-trouble", Raising(Trouble("an app's"))),
    Route("/app-http", Raising(HTTPException(404, "no such thing"))),
    Route("/started-trouble", Raising(Trouble("too late"), START)),
    Route("/started-http", Raising(HTTPException(404), START)),
    Mount("/mount", routes=[Route("/fine", fine)]),
    WebSocketRoute("/ws", ws_raise),
]


class Outcome(NamedTuple):
    """All that can be seen of a call from outside."""

    sent: list[Message]
    raised: str | None
    cause: str
    scope: Scope


async def outcome_of(app: ASGIApp, scope: Scope) -> Outcome:
    sent: list[Message] = []
    scope = dict(scope)
    raised: BaseException | None = None

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    try:
        await app(scope, receive, send)
    except Exception as exc:
        raised = exc
    visible = {
        key: value
        for key, value in scope.items()
        if key not in ("starlette.exception_handlers", "router")
    }
    chain = repr(raised and raised.__context__), repr(raised and raised.__cause__)
    return Outcome(sent, None if raised is None else repr(raised), " ".join(chain), visible)


def boundary(inner: ExceptionMiddleware, **options: Any) -> ASGIApp:
    return AppBoundary(inner, **options)


def layers(inner: ExceptionMiddleware, **options: Any) -> ASGIApp:
    return ServerErrorMiddleware(inner, **options)


SCOPES: list[Scope] = [
    {"type": "http", "method": "GET", "path": path}
    for path in (
        "/fine",
        "/trouble",
        "/http",
        "/app-trouble",
        "/app-http",
        "/started-trouble",
        "/started-http",
        "/mount/fine",
        "/mount/nothing",
        "/nothing",
    )
] + [
    {"type": "http", "method": "POST", "path": "/fine", "app": None},
    {"type": "http", "method": "GET", "path": "/nothing", "app": None},
    {"type": "websocket", "path": "/ws"},
    {"type": "websocket", "path": "/nothing"},
]

HANDLERS: dict[str, dict[Any, Any]] = {
    "no handlers": {},
    "by class": {Trouble: saying("trouble", 418)},
    "by status": {404: saying("404", 404), 403: saying("403", 403), 405: saying("405", 405)},
    "failing": {Trouble: failing_handler, HTTPException: failing_handler},
}

ROUTERS: dict[str, Callable[[], ASGIApp]] = {
    "a router": lambda: Router(ROUTES),
    "a router with middleware": lambda: Router(ROUTES, middleware=[Middleware(Note)]),
    "a router of another class": lambda: CustomRouter(ROUTES),
    "something around a router": lambda: Note(Router(ROUTES)),
}

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "a handler": {"handler": saying("at last", 500)},
    "a failing handler": {"handler": failing_handler},
}


@pytest.mark.parametrize("scope", SCOPES, ids=lambda s: f"{s['type']} {s['path']}")
@pytest.mark.parametrize("handlers", HANDLERS.values(), ids=HANDLERS)
@pytest.mark.parametrize("make_router", ROUTERS.values(), ids=ROUTERS)
async def test_both_do_the_same(
    scope: Scope, handlers: dict[Any, Any], make_router: Callable[[], ASGIApp]
) -> None:
    router = make_router()
    for options in OPTIONS.values():
        actual, expected = [
            await outcome_of(make(ExceptionMiddleware(router, handlers), **options), scope)
            for make in (boundary, layers)
        ]
        assert actual == expected


both = pytest.mark.parametrize("make", [boundary, layers])
Make = Callable[..., ASGIApp]
TROUBLE_SCOPE: Scope = {"type": "http", "method": "GET", "path": "/app-trouble"}


@both
async def test_a_handled_exception_is_answered_and_not_raised(make: Make) -> None:
    inner = ExceptionMiddleware(Router(ROUTES), {Trouble: saying("trouble", 418)})
    outcome = await outcome_of(make(inner, handler=failing_handler), TROUBLE_SCOPE)

    assert outcome.raised is None
    assert [message.get("status") for message in outcome.sent] == [418, None]


@both
async def test_an_unhandled_exception_is_answered_and_raised(make: Make) -> None:
    outcome = await outcome_of(make(ExceptionMiddleware(Router(ROUTES))), TROUBLE_SCOPE)

    assert outcome.raised == repr(Trouble("an app's"))
    assert outcome.sent[0]["status"] == 500
    assert outcome.sent[1]["body"] == b"Internal Server Error"


@both
async def test_what_a_handler_raises_is_an_unhandled_exception(make: Make) -> None:
    inner = ExceptionMiddleware(Router(ROUTES), {Trouble: failing_handler})
    outcome = await outcome_of(make(inner, handler=saying("at last", 500)), TROUBLE_SCOPE)

    assert outcome.raised == repr(LookupError("a handler's"))
    assert outcome.sent[1]["body"] == b"at last: a handler's"


@both
async def test_an_exchange_from_further_out_is_shared(make: Make) -> None:
    seen: list[Send] = []

    class App:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(send)

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        raise NotImplementedError

    exchange = Exchange(send)
    await make(ExceptionMiddleware(App()))({"type": "http"}, receive, exchange)
    assert seen == [exchange]


@both
async def test_the_scope_holds_the_tables_of_handlers(make: Make) -> None:
    seen: list[Any] = []

    class App:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope["starlette.exception_handlers"])

    inner = ExceptionMiddleware(App(), {404: saying("404", 404)})
    await outcome_of(make(inner), {"type": "http"})
    assert seen == [inner.tables]


@both
async def test_a_lifespan_passes_through(make: Make) -> None:
    seen: list[Scope] = []

    class App:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope)
            raise Trouble("no lifespan")

    outcome = await outcome_of(make(ExceptionMiddleware(App())), {"type": "lifespan"})
    assert outcome.raised == repr(Trouble("no lifespan"))
    assert (outcome.sent, seen) == ([], [{"type": "lifespan"}])


# --- where it must not stand in -------------------------------------------------------------


def stack_of(**options: Any) -> Any:
    return Starlette(routes=ROUTES, **options).build_middleware_stack()


def test_it_stands_in_where_nothing_is_between_the_layers() -> None:
    assert type(stack_of()) is AppBoundary
    assert isinstance(stack_of(), ServerErrorMiddleware)


@pytest.mark.parametrize("options", [{"middleware": [Middleware(Note)]}, {"max_body_size": 10}])
def test_it_does_not_where_something_is(options: dict[str, Any]) -> None:
    assert type(stack_of(**options)) is ServerErrorMiddleware


def test_it_does_not_for_a_subclass() -> None:
    class Custom(ExceptionMiddleware):
        pass

    assert AppBoundary.suits(ExceptionMiddleware(Router()))
    assert not AppBoundary.suits(Custom(Router()))
    assert not AppBoundary.suits(Router())


@pytest.mark.parametrize("replaced", [ServerErrorMiddleware, ExceptionMiddleware])
async def test_it_does_not_where_a_layer_was_replaced(
    replaced: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = replaced.__call__
    calls: list[str] = []

    async def traced(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(type(self).__name__)
        await original(self, scope, receive, send)

    monkeypatch.setattr(replaced, "__call__", traced)
    app = Starlette(routes=ROUTES)
    outcome = await outcome_of(app, {"type": "http", "method": "GET", "path": "/fine"})

    assert calls == [replaced.__name__]
    assert outcome.sent[0]["status"] == 200


async def test_a_replaced_router_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Router.__call__
    calls: list[str] = []

    async def traced(self: Router, scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(scope["path"])
        await original(self, scope, receive, send)

    app = Starlette(routes=ROUTES)
    monkeypatch.setattr(Router, "__call__", traced)
    await outcome_of(app, {"type": "http", "method": "GET", "path": "/fine"})

    assert calls == ["/fine"]


async def test_an_inner_application_that_is_replaced_later_is_called() -> None:
    """Instrumentation may put itself between the layers after they were put together."""
    app = AppBoundary(ExceptionMiddleware(Router(ROUTES)))
    app.app = Note(app.app)
    outcome = await outcome_of(app, TROUBLE_SCOPE)

    assert outcome.scope["noted"] is True
    assert outcome.raised == repr(Trouble("an app's"))
    assert outcome.sent[0]["status"] == 500
