"""The straight way through layer, router and endpoint does what they do one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from bolide._exchange import Exchange
from bolide.background import BackgroundTask
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


def straight(
    router: ASGIApp, handlers: dict[Any, Any] | None = None, **options: Any
) -> ServerErrorMiddleware:
    return ServerErrorMiddleware(ExceptionMiddleware(router, handlers), **options)


def one_by_one(
    router: ASGIApp, handlers: dict[Any, Any] | None = None, **options: Any
) -> ServerErrorMiddleware:
    async def opaque(scope: Scope, receive: Receive, send: Send) -> None:
        await router(scope, receive, send)

    return ServerErrorMiddleware(ExceptionMiddleware(opaque, handlers), **options)


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
            await outcome_of(make(router, handlers, **options), scope)
            for make in (straight, one_by_one)
        ]
        assert actual == expected


both = pytest.mark.parametrize("make", [straight, one_by_one])
Make = Callable[..., ServerErrorMiddleware]


@both
@pytest.mark.parametrize("status", [200, 201, 204, 304, 500])
async def test_a_response_is_sent_and_its_background_task_run(make: Make, status: int) -> None:
    done: list[str] = []

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("text", status, background=BackgroundTask(done.append, "done"))

    app = make(Router([Route("/", endpoint)]))
    outcome = await outcome_of(app, {**TROUBLE_SCOPE, "path": "/"})
    assert [message.get("status") for message in outcome.sent] == [status, None]
    assert outcome.sent[1]["body"] == b"text"
    assert done == ["done"]


@both
async def test_an_error_of_a_background_task_comes_after_the_response(make: Make) -> None:
    async def fail() -> None:
        raise Trouble("a task's")

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("text", background=BackgroundTask(fail))

    app = make(Router([Route("/", endpoint)]), {Trouble: saying("trouble", 418)})
    outcome = await outcome_of(app, {**TROUBLE_SCOPE, "path": "/"})
    assert [message.get("status") for message in outcome.sent] == [200, None]
    assert "already started" in (outcome.raised or "")


TROUBLE_SCOPE: Scope = {"type": "http", "method": "GET", "path": "/app-trouble"}


@both
@pytest.mark.parametrize("path", ["/trouble", "/app-trouble"])
async def test_a_handled_exception_is_answered_and_not_raised(make: Make, path: str) -> None:
    app = make(Router(ROUTES), {Trouble: saying("trouble", 418)}, handler=failing_handler)
    outcome = await outcome_of(app, {**TROUBLE_SCOPE, "path": path})

    assert outcome.raised is None
    assert [message.get("status") for message in outcome.sent] == [418, None]


@both
@pytest.mark.parametrize("path", ["/trouble", "/app-trouble"])
async def test_an_unhandled_exception_is_answered_and_raised(make: Make, path: str) -> None:
    outcome = await outcome_of(make(Router(ROUTES)), {**TROUBLE_SCOPE, "path": path})

    assert "Trouble" in (outcome.raised or "")
    assert outcome.sent[0]["status"] == 500
    assert outcome.sent[1]["body"] == b"Internal Server Error"


@both
@pytest.mark.parametrize("path", ["/trouble", "/app-trouble"])
async def test_what_a_handler_raises_is_an_unhandled_exception(make: Make, path: str) -> None:
    app = make(Router(ROUTES), {Trouble: failing_handler}, handler=saying("at last", 500))
    outcome = await outcome_of(app, {**TROUBLE_SCOPE, "path": path})

    assert outcome.raised == repr(LookupError("a handler's"))
    assert outcome.sent[1]["body"] == b"at last: a handler's"


@both
async def test_a_handler_gets_the_request_of_the_endpoint(make: Make) -> None:
    seen: list[Request] = []

    async def endpoint(request: Request) -> Response:
        seen.append(request)
        raise Trouble("an endpoint's")

    async def handler(request: Request, exc: Exception) -> Response:
        seen.append(request)
        return PlainTextResponse("handled")

    await outcome_of(
        make(Router([Route("/", endpoint)]), {Trouble: handler}), {**TROUBLE_SCOPE, "path": "/"}
    )
    assert seen[0] is seen[1]


@both
async def test_what_an_endpoint_has_sent_itself_has_been_started(make: Make) -> None:
    async def endpoint(request: Request) -> Response:
        await request._send(START)
        raise Trouble("an endpoint's")

    app = make(Router([Route("/", endpoint)]), {Trouble: saying("trouble", 418)})
    outcome = await outcome_of(app, {**TROUBLE_SCOPE, "path": "/"})
    assert outcome.sent == [START]
    assert "already started" in (outcome.raised or "")


@both
async def test_an_endpoint_that_returns_no_response_is_told_so(make: Make) -> None:
    async def endpoint(request: Request) -> Any:
        return "text"

    app = make(Router([Route("/", endpoint)]))
    outcome = await outcome_of(app, {**TROUBLE_SCOPE, "path": "/"})
    assert "is not a response" in (outcome.raised or "")


@both
async def test_an_exchange_from_further_out_is_shared(make: Make) -> None:
    seen: list[Any] = []

    async def endpoint(request: Request) -> Response:
        seen.append(request._send)
        return PlainTextResponse("fine")

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        pass

    exchange = Exchange(send)
    scope = {**TROUBLE_SCOPE, "path": "/"}
    await make(Router([Route("/", endpoint)]))(scope, receive, exchange)
    assert seen == [exchange]
    assert exchange.response_started


@both
async def test_a_lifespan_passes_through(make: Make) -> None:
    seen: list[Scope] = []

    class App:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope)
            raise Trouble("no lifespan")

    outcome = await outcome_of(make(App()), {"type": "lifespan"})
    assert outcome.raised == repr(Trouble("no lifespan"))
    assert (outcome.sent, seen) == ([], [{"type": "lifespan"}])


# --- what is replaced is called ---------------------------------------------------------------


@pytest.mark.parametrize("replaced", [ServerErrorMiddleware, ExceptionMiddleware, Router])
async def test_a_layer_that_was_replaced_is_called(
    replaced: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instrumentation does so before the layers are put together, or after."""
    app = straight(Router(ROUTES))
    original = replaced.__call__
    calls: list[str] = []

    async def traced(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(type(self).__name__)
        await original(self, scope, receive, send)

    monkeypatch.setattr(replaced, "__call__", traced)
    for each in (app, straight(Router(ROUTES))):
        outcome = await outcome_of(each, {**TROUBLE_SCOPE, "path": "/fine"})
        assert outcome.sent[0]["status"] == 200
    assert calls == [replaced.__name__] * 2


@pytest.mark.parametrize("layer", ["outer", "inner"])
async def test_an_application_that_is_replaced_later_is_called(layer: str) -> None:
    """Instrumentation may put itself between the layers after they were put together."""
    outer = straight(Router(ROUTES))
    inner: Any = outer if layer == "outer" else outer.app
    inner.app = Note(inner.app)
    outcome = await outcome_of(outer, TROUBLE_SCOPE)

    assert outcome.scope["noted"] is True
    assert outcome.raised == repr(Trouble("an app's"))
    assert outcome.sent[0]["status"] == 500


async def test_a_request_whose_constructor_was_replaced_is_made_by_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = straight(Router(ROUTES))
    made: list[Request] = []
    original = Request.__init__

    def init(self: Request, *args: Any) -> None:
        original(self, *args)
        made.append(self)

    monkeypatch.setattr(Request, "__init__", init)
    outcome = await outcome_of(app, {**TROUBLE_SCOPE, "path": "/fine"})
    assert outcome.sent[1]["body"] == b"fine"
    assert len(made) == 1


async def test_a_response_whose_call_was_replaced_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = straight(Router(ROUTES))
    original = Response.__call__

    async def traced(self: Response, scope: Scope, receive: Receive, send: Send) -> None:
        scope["traced"] = True
        await original(self, scope, receive, send)

    monkeypatch.setattr(Response, "__call__", traced)
    outcome = await outcome_of(app, {**TROUBLE_SCOPE, "path": "/fine"})
    assert outcome.scope["traced"] is True
    assert outcome.sent[1]["body"] == b"fine"


async def test_an_endpoint_that_is_replaced_later_is_called() -> None:
    route = Route("/", fine)
    app = straight(Router([route]))
    scope = {**TROUBLE_SCOPE, "path": "/"}
    await outcome_of(app, scope)
    route.app = Note(route.app)
    assert (await outcome_of(app, scope)).scope["noted"] is True


async def test_a_route_whose_handle_was_replaced_is_handled_by_it() -> None:
    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("handled")(scope, receive, send)

    route: Any = Route("/", fine)
    route.handle = handle
    outcome = await outcome_of(straight(Router([route])), {**TROUBLE_SCOPE, "path": "/"})
    assert outcome.sent[1]["body"] == b"handled"
