"""Middleware as one function: in place and apart, it must be the same to everybody."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from bolide.applications import Starlette
from bolide.background import BackgroundTask
from bolide.exceptions import HTTPException
from bolide.middleware import Middleware
from bolide.middleware.base import MAX_HELD_BACK, BaseHTTPMiddleware
from bolide.middleware.exceptions import ExceptionMiddleware
from bolide.requests import ClientDisconnect, Request
from bolide.responses import (
    FileResponse,
    JSONResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from bolide.routing import Mount, Route, Router, WebSocketRoute
from bolide.testclient import TestClient
from bolide.types import ASGIApp, Message, Receive, Scope, Send
from bolide.websockets import WebSocket

ClientFactory = Callable[..., TestClient]
Wrap = Callable[[ASGIApp], ASGIApp]


class NotOurs:
    """An ASGI middleware of somebody else: what follows it cannot be called in place."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(params=["in place", "apart", "three in place", "three apart", "in between"])
def stack(request: pytest.FixtureRequest) -> Callable[..., ASGIApp]:
    """Make an application with a dispatch function, at some depth: `stack(dispatch, endpoint)`."""

    async def pass_on(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        return response

    def make(dispatch: Any, endpoint: Any, **options: Any) -> Starlette:
        tested = Middleware(BaseHTTPMiddleware, dispatch=dispatch)
        more = Middleware(BaseHTTPMiddleware, dispatch=pass_on)
        not_ours = Middleware(NotOurs)
        layers = {
            "in place": [tested],
            "apart": [tested, not_ours],
            "three in place": [more, tested, more],
            "three apart": [more, tested, more, not_ours],
            "in between": [more, not_ours, tested, not_ours, more],
        }[request.param]
        route = Route("/{path:path}", endpoint, methods=["GET", "POST", "HEAD"])
        return Starlette(routes=[route], middleware=layers, **options)

    return make


async def pass_on(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    return response


async def hello(request: Request) -> Response:
    return PlainTextResponse("Hello")


def http_scope(**more: Any) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": "GET",
        "path": "/",
        "root_path": "",
        "query_string": b"",
        "headers": [],
        **more,
    }


class Wire:
    """The server's side of one request: what it says, and what it was told."""

    def __init__(self, *events: Message) -> None:
        self.events = [*events] or [{"type": "http.request", "body": b"", "more_body": False}]
        self.sent: list[Message] = []
        self.log: list[str] = []
        self.receives = 0

    async def receive(self) -> Message:
        self.receives += 1
        await anyio.lowlevel.checkpoint()
        if not self.events:
            await anyio.sleep_forever()
        return self.events.pop(0)

    async def send(self, message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        self.sent.append(message)
        self.log.append(message["type"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    async def run(self, app: ASGIApp, **scope: Any) -> Wire:
        await app(http_scope(**scope), self.receive, self.send)
        return self


START: Message = {"type": "http.response.start", "status": 200, "headers": []}


def chunk(body: bytes = b"", more_body: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more_body}


# What goes out


@pytest.mark.anyio
async def test_a_response_is_passed_on_in_chunks_with_an_empty_one_at_the_end(
    stack: Any,
) -> None:
    wire = await Wire().run(stack(pass_on, hello))
    headers = [(b"content-length", b"5"), (b"content-type", b"text/plain; charset=utf-8")]
    assert wire.sent == [
        {"type": "http.response.start", "status": 200, "headers": headers},
        chunk(b"Hello", more_body=True),
        chunk(),
    ]


@pytest.mark.anyio
async def test_an_empty_response_has_only_the_last_chunk(stack: Any) -> None:
    async def endpoint(request: Request) -> Response:
        return Response(status_code=204)

    wire = await Wire().run(stack(pass_on, endpoint))
    assert wire.sent[0]["status"] == 204
    assert wire.sent[1:] == [chunk()]


def test_the_response_can_be_changed(client_for: ClientFactory, stack: Any) -> None:
    async def dispatch(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        assert response.media_type is None
        assert response.background is None
        response.headers["x-mine"] = "yes"
        response.status_code = 418
        return response

    answer = client_for(stack(dispatch, hello)).get("/")
    assert (answer.status_code, answer.headers["x-mine"], answer.text) == (418, "yes", "Hello")


def test_the_same_response_object_can_be_returned_again_and_again(
    client_for: ClientFactory, stack: Any
) -> None:
    response = PlainTextResponse("Hello", headers={"x-number": "0"})

    async def endpoint(request: Request) -> Response:
        return response

    async def dispatch(request: Request, call_next: Any) -> Response:
        passed_on: Response = await call_next(request)
        passed_on.headers.append("x-number", "1")
        return passed_on

    client = client_for(stack(dispatch, endpoint))
    for _ in range(3):
        assert client.get("/").headers.get_list("x-number") == ["0", "1"]


@pytest.mark.parametrize("kind", ["plain", "streamed", "bare"])
def test_the_body_can_be_read_and_replaced(
    client_for: ClientFactory, stack: Any, kind: str
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"Hel", b"", b"lo"):
            yield piece

    async def endpoint(request: Request) -> Any:
        if kind == "streamed":
            return StreamingResponse(pieces(), headers={"content-length": "5"})
        return PlainTextResponse("Hello") if kind == "plain" else bare_response

    async def bare_response(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**START, "headers": [(b"content-length", b"5")]})
        await send(chunk(b"Hello"))

    async def dispatch(request: Request, call_next: Any) -> Response:
        response: Any = await call_next(request)
        body = b"".join([piece async for piece in response.body_iterator])
        assert [piece async for piece in response.body_iterator] == []
        return Response(body.upper(), headers=dict(response.headers))

    assert client_for(stack(dispatch, endpoint)).get("/").text == "HELLO"


def test_the_body_iterator_can_be_replaced(client_for: ClientFactory, stack: Any) -> None:
    async def dispatch(request: Request, call_next: Any) -> Response:
        response: Any = await call_next(request)

        async def shout(pieces: AsyncIterator[bytes]) -> AsyncIterator[str | bytes]:
            async for piece in pieces:
                yield piece.upper()
            yield "!"

        response.body_iterator = shout(response.body_iterator)
        del response.headers["content-length"]
        return response  # type: ignore[no-any-return]

    assert client_for(stack(dispatch, hello)).get("/").text == "HELLO!"


def test_a_body_that_was_read_is_not_sent_again(client_for: ClientFactory, stack: Any) -> None:
    async def dispatch(request: Request, call_next: Any) -> Response:
        response: Any = await call_next(request)
        async for _ in response.body_iterator:
            pass
        response.headers["content-length"] = "0"
        return response  # type: ignore[no-any-return]

    assert client_for(stack(dispatch, hello)).get("/").text == ""


@pytest.mark.anyio
async def test_a_body_is_sent_as_it_comes(stack: Any) -> None:
    wire = Wire()

    async def pieces() -> AsyncIterator[bytes]:
        for number in range(10):
            # Each task on the way may have one in its hands.
            assert number - wire.log.count("http.response.body") <= 2
            yield b"%d" % number

    async def endpoint(request: Request) -> Response:
        return StreamingResponse(pieces())

    await wire.run(stack(pass_on, endpoint))
    assert wire.sent[1:] == [chunk(b"%d" % n, more_body=True) for n in range(10)] + [chunk()]


def test_a_file_comes_through(client_for: ClientFactory, stack: Any, tmp_path: Any) -> None:
    path = tmp_path / "file.txt"
    path.write_text("0123456789")

    async def endpoint(request: Request) -> Response:
        return FileResponse(path)

    client = client_for(stack(pass_on, endpoint))
    assert client.get("/").text == "0123456789"
    part = client.get("/", headers={"range": "bytes=2-4"})
    assert (part.status_code, part.text) == (206, "234")
    assert client.head("/").headers["content-length"] == "10"


@pytest.mark.anyio
async def test_a_path_to_send_is_passed_on_as_it_is(stack: Any) -> None:
    async def response(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send({"type": "http.response.pathsend", "path": "/file"})

    async def endpoint(request: Request) -> Any:
        return response

    wire = await Wire().run(stack(pass_on, endpoint))
    assert wire.sent == [START, {"type": "http.response.pathsend", "path": "/file"}]


@pytest.mark.anyio
async def test_early_hints_go_out_at_once(stack: Any) -> None:
    wire = Wire()

    async def endpoint(request: Request) -> Response:
        await request.send_early_hints("</style.css>; rel=preload")
        assert wire.log == ["http.response.early_hint"]
        return PlainTextResponse("Hello")

    await wire.run(stack(pass_on, endpoint), extensions={"http.response.early_hint": {}})
    assert wire.log[0] == "http.response.early_hint"
    assert wire.body == b"Hello"


def test_what_a_template_was_made_of_reaches_a_test(client_for: ClientFactory, stack: Any) -> None:
    async def response(scope: Scope, receive: Receive, send: Send) -> None:
        info = {"template": "page", "context": {"a": 1}}
        await send({"type": "http.response.debug", "info": info})
        await PlainTextResponse("Hello")(scope, receive, send)

    async def endpoint(request: Request) -> Any:
        return response

    answer: Any = client_for(stack(pass_on, endpoint)).get("/")
    assert (answer.template, answer.context) == ("page", {"a": 1})


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("before", "message", "text"),
    [
        ([], {"type": "http.response.push"}, "Unexpected message before the response started"),
        ([START], {"type": "http.response.push"}, "Unexpected message: "),
    ],
)
async def test_a_message_that_cannot_be_passed_on_is_an_error(
    stack: Any, before: list[Message], message: Message, text: str
) -> None:
    async def response(scope: Scope, receive: Receive, send: Send) -> None:
        for earlier in before:
            await send(earlier)
        await send(message)

    async def endpoint(request: Request) -> Any:
        return response

    with pytest.raises(AssertionError, match=text):
        await Wire().run(stack(pass_on, endpoint))


@pytest.mark.anyio
async def test_an_endpoint_may_send_its_response_itself(stack: Any) -> None:
    async def endpoint(request: Request) -> Any:
        await PlainTextResponse("Hello")(request.scope, request.receive, request._send)
        return Response(b"too late")

    wire = await Wire().run(stack(pass_on, endpoint))
    assert wire.body == b"Hello"
    assert wire.log.count("http.response.start") == 1


@pytest.mark.anyio
async def test_what_an_endpoint_sends_itself_in_place_is_held_back_to_a_limit() -> None:
    async def endpoint(request: Request) -> Any:
        await request._send(START)
        await request._send(chunk(bytes(MAX_HELD_BACK), more_body=True))
        await request._send(chunk(b"more"))

    app = BaseHTTPMiddleware(Router([Route("/", endpoint)]), pass_on)
    with pytest.raises(RuntimeError, match="Return a response instead"):
        await Wire().run(app)


# Errors


def test_an_error_can_be_caught_around_call_next(client_for: ClientFactory, stack: Any) -> None:
    async def endpoint(request: Request) -> Response:
        raise ValueError("mine")

    async def dispatch(request: Request, call_next: Any) -> Response:
        try:
            response: Response = await call_next(request)
        except ValueError as exc:
            return PlainTextResponse(f"caught {exc}")
        return response

    assert client_for(stack(dispatch, endpoint)).get("/").text == "caught mine"


def test_an_error_comes_out_as_it_is(client_for: ClientFactory, stack: Any) -> None:
    errors = {
        "/plain": ValueError("plain"),
        "/group": ExceptionGroup("a group of its own", [ValueError("one")]),
        "/caused": ValueError("caused"),
    }

    async def endpoint(request: Request) -> Response:
        error = errors[request.url.path]
        if request.url.path == "/caused":
            raise error from KeyError("cause")
        raise error

    client = client_for(stack(pass_on, endpoint))
    for path, error in errors.items():
        with pytest.raises(type(error)) as caught:
            client.get(path)
        assert caught.value is error
    assert errors["/plain"].__cause__ is None
    assert isinstance(errors["/caused"].__cause__, KeyError)


def test_the_context_of_an_error_becomes_its_cause(client_for: ClientFactory, stack: Any) -> None:
    async def endpoint(request: Request) -> Response:
        try:
            raise KeyError("first")
        except KeyError:
            raise ValueError("second")  # noqa: B904

    with pytest.raises(ValueError, match="second") as caught:
        client_for(stack(pass_on, endpoint)).get("/")
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_error_of_dispatch_comes_out(client_for: ClientFactory, stack: Any) -> None:
    cleaned_up: list[str] = []

    async def endpoint(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                yield b"never read"
            finally:
                cleaned_up.append("generator")

        return StreamingResponse(pieces())

    async def dispatch(request: Request, call_next: Any) -> Response:
        await call_next(request)
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        client_for(stack(dispatch, endpoint)).get("/")
    assert cleaned_up == ["generator"]


def test_a_handled_error_is_a_response_for_the_middleware(
    client_for: ClientFactory, stack: Any
) -> None:
    async def endpoint(request: Request) -> Response:
        if request.url.path == "/http":
            raise HTTPException(403, "No")
        raise LookupError

    async def handler(request: Request, exc: Exception) -> Response:
        return JSONResponse({"error": "handled"}, 400)

    seen: list[int] = []

    async def dispatch(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        seen.append(response.status_code)
        return response

    app = stack(dispatch, endpoint, exception_handlers={LookupError: handler})
    client = client_for(app)
    assert client.get("/http").text == "No"
    assert client.get("/other").json() == {"error": "handled"}
    assert seen == [403, 400]


@pytest.mark.anyio
async def test_an_error_after_the_start_comes_out_after_what_was_streamed(stack: Any) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"some"
        raise ValueError("too late")

    async def endpoint(request: Request) -> Response:
        return StreamingResponse(pieces())

    wire = Wire()
    with pytest.raises(ValueError, match="too late"):
        await wire.run(stack(pass_on, endpoint))
    assert wire.sent[1:] == [chunk(b"some", more_body=True), chunk()]


@pytest.mark.anyio
async def test_a_handled_error_after_the_start_is_an_error(stack: Any) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"some"
        raise HTTPException(400)

    async def endpoint(request: Request) -> Response:
        return StreamingResponse(pieces())

    with pytest.raises(RuntimeError, match="response already started"):
        await Wire().run(stack(pass_on, endpoint))


@pytest.mark.anyio
async def test_an_application_without_a_response_is_an_error(stack: Any) -> None:
    async def endpoint(request: Request) -> Any:
        raise LookupError

    async def handler(request: Request, exc: Exception) -> None:
        return None

    with pytest.raises(RuntimeError, match=r"No response returned\."):
        await Wire().run(stack(pass_on, endpoint, exception_handlers={LookupError: handler}))


@pytest.mark.anyio
async def test_what_is_no_response_is_a_clear_error(stack: Any) -> None:
    async def endpoint(request: Request) -> Any:
        return {"a": "dict"}

    with pytest.raises(TypeError, match="not a response"):
        await Wire().run(stack(pass_on, endpoint))


@pytest.mark.anyio
async def test_an_interrupt_comes_out_bare(stack: Any) -> None:
    class Interrupt(BaseException):
        pass

    async def endpoint(request: Request) -> Response:
        raise Interrupt

    with pytest.raises(Interrupt):
        await Wire().run(stack(pass_on, endpoint))


@pytest.mark.anyio
async def test_a_dispatch_has_to_be_given_or_written() -> None:
    with pytest.raises(NotImplementedError):
        await Wire().run(BaseHTTPMiddleware(Router([Route("/", hello)])))


# Order


@pytest.mark.anyio
async def test_background_tasks_run_after_the_response_inner_and_outer(stack: Any) -> None:
    wire = Wire()

    def note(name: str) -> BackgroundTask:
        async def task() -> None:
            await anyio.lowlevel.checkpoint()
            wire.log.append(name)

        return BackgroundTask(task)

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("Hello", background=note("inner"))

    async def dispatch(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.background = note("outer")
        return response

    await wire.run(stack(dispatch, endpoint))
    assert wire.log[:3] == ["http.response.start", "http.response.body", "http.response.body"]
    assert sorted(wire.log[3:]) == ["inner", "outer"]


@pytest.mark.anyio
async def test_a_background_task_runs_also_when_its_response_is_replaced(stack: Any) -> None:
    done: list[str] = []

    async def task() -> None:
        done.append("task")

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("Hello", background=BackgroundTask(task))

    async def dispatch(request: Request, call_next: Any) -> Response:
        await call_next(request)
        return PlainTextResponse("Something else")

    wire = await Wire().run(stack(dispatch, endpoint))
    assert wire.body == b"Something else"
    assert done == ["task"]


@pytest.mark.anyio
async def test_an_error_of_a_background_task_comes_out(stack: Any) -> None:
    async def task() -> None:
        raise ValueError("in the background")

    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("Hello", background=BackgroundTask(task))

    wire = Wire()
    with pytest.raises(ValueError, match="in the background"):
        await wire.run(stack(pass_on, endpoint))
    assert wire.body == b"Hello"


@pytest.mark.anyio
async def test_middlewares_nest_like_functions() -> None:
    wire = Wire()

    def layer(name: str) -> Middleware:
        async def dispatch(request: Request, call_next: Any) -> Response:
            wire.log.append(f"{name} in")
            response: Response = await call_next(request)
            wire.log.append(f"{name} out")
            return response

        return Middleware(BaseHTTPMiddleware, dispatch=dispatch)

    app = Starlette(routes=[Route("/", hello)], middleware=[layer("a"), layer("b"), layer("c")])
    await wire.run(app)
    assert wire.log[:6] == ["a in", "b in", "c in", "c out", "b out", "a out"]


def test_a_middleware_may_answer_itself(client_for: ClientFactory, stack: Any) -> None:
    async def dispatch(request: Request, call_next: Any) -> Response:
        return PlainTextResponse("not today", 503)

    answer = client_for(stack(dispatch, hello)).get("/")
    assert (answer.status_code, answer.text) == (503, "not today")


def test_a_middleware_may_answer_with_a_file_or_a_stream(
    client_for: ClientFactory, stack: Any, tmp_path: Any
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a file")

    async def dispatch(request: Request, call_next: Any) -> Response:
        return FileResponse(path)

    assert client_for(stack(dispatch, hello)).get("/").content == b"a file"


def test_the_application_can_be_called_twice(client_for: ClientFactory, stack: Any) -> None:
    calls: list[bytes] = []

    async def endpoint(request: Request) -> Response:
        calls.append(await request.body())
        if len(calls) == 1:
            return StreamingResponse(iter([b"first"]), 500)
        return PlainTextResponse("second")

    async def dispatch(request: Request, call_next: Any) -> Response:
        await request.body()
        response: Response = await call_next(request)
        if response.status_code == 500:
            response = await call_next(request)
        return response

    assert client_for(stack(dispatch, endpoint)).post("/", content=b"data").text == "second"
    assert calls == [b"data", b"data"]


def test_context_variables_come_back(client_for: ClientFactory, stack: Any) -> None:
    variable: ContextVar[str] = ContextVar("variable", default="unset")
    seen: list[str] = []

    async def endpoint(request: Request) -> Response:
        seen.append(variable.get())
        variable.set("by the endpoint")
        return PlainTextResponse("Hello")

    async def dispatch(request: Request, call_next: Any) -> Response:
        variable.set("by dispatch")
        response: Response = await call_next(request)
        seen.append(variable.get())
        return response

    client_for(stack(dispatch, endpoint)).get("/")
    assert seen == ["by dispatch", "by the endpoint"]


@pytest.mark.anyio
async def test_a_scope_that_is_cancelled_around_call_next_cancels_what_it_waits_for(
    stack: Any,
) -> None:
    async def endpoint(request: Request) -> Response:
        with anyio.CancelScope():
            await anyio.sleep_forever()
        return PlainTextResponse("never")

    async def dispatch(request: Request, call_next: Any) -> Response:
        with anyio.move_on_after(0):
            response: Response = await call_next(request)
            return response
        return PlainTextResponse("too slow", 504)

    with anyio.fail_after(5):
        wire = Wire({"type": "http.disconnect"})
        async with anyio.create_task_group() as task_group:

            async def run() -> None:
                await wire.run(stack(dispatch, endpoint))
                task_group.cancel_scope.cancel()

            task_group.start_soon(run)
            while wire.body != b"too slow":
                await anyio.lowlevel.checkpoint()
            # What runs apart goes on to its end, and this one has none.
            task_group.cancel_scope.cancel()
    assert wire.sent[0]["status"] == 504


@pytest.mark.anyio
async def test_a_stream_under_cancel_scopes_on_both_sides_is_sent(stack: Any) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        with anyio.CancelScope():
            yield b"one "
            yield b"two"

    async def endpoint(request: Request) -> Response:
        with anyio.CancelScope():
            await anyio.lowlevel.checkpoint()
            return StreamingResponse(pieces())

    async def dispatch(request: Request, call_next: Any) -> Response:
        with anyio.CancelScope():
            response: Response = await call_next(request)
        return response

    assert (await Wire().run(stack(dispatch, endpoint))).body == b"one two"


# The body of the request


def test_both_sides_can_read_the_body(client_for: ClientFactory, stack: Any) -> None:
    async def endpoint(request: Request) -> Response:
        return Response(await request.body())

    async def dispatch(request: Request, call_next: Any) -> Response:
        assert await request.body() == b"data"
        response: Response = await call_next(request)
        assert await request.body() == b"data"
        return response

    assert client_for(stack(dispatch, endpoint)).post("/", content=b"data").content == b"data"


def test_a_stream_that_dispatch_has_read_is_empty_for_the_application(
    client_for: ClientFactory, stack: Any
) -> None:
    async def endpoint(request: Request) -> Response:
        return Response(b"got:" + await request.body())

    async def dispatch(request: Request, call_next: Any) -> Response:
        assert b"".join([piece async for piece in request.stream()]) == b"data"
        response: Response = await call_next(request)
        return response

    assert client_for(stack(dispatch, endpoint)).post("/", content=b"data").content == b"got:"


def test_a_stream_can_be_shared(client_for: ClientFactory, stack: Any) -> None:
    async def endpoint(request: Request) -> Response:
        async with contextlib.aclosing(request.stream()) as stream:
            return Response(await anext(stream))

    async def dispatch(request: Request, call_next: Any) -> Response:
        stream = request.stream()
        got = [await anext(stream)]
        response: Any = await call_next(request)
        got += [piece async for piece in response.body_iterator]
        got += [piece async for piece in stream]
        return Response(b"|".join(got))

    data = iter([b"one", b"two", b"three"])
    answer = client_for(stack(dispatch, endpoint)).post("/", content=data)
    assert answer.content == b"one|two|three|"


def test_a_stream_that_the_application_has_read_is_gone(
    client_for: ClientFactory, stack: Any
) -> None:
    async def endpoint(request: Request) -> Response:
        return Response(await request.body())

    async def dispatch(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        with pytest.raises(RuntimeError, match="Stream consumed"):
            await request.body()
        return response

    assert client_for(stack(dispatch, endpoint)).post("/", content=b"data").content == b"data"


@pytest.mark.anyio
async def test_nobody_receives_what_nobody_asked_for(stack: Any) -> None:
    wire = await Wire().run(stack(pass_on, hello))
    assert wire.receives == 0


@pytest.mark.anyio
async def test_a_disconnect_is_told_again_and_again(stack: Any) -> None:
    kinds: list[str] = []

    async def endpoint(request: Request) -> Response:
        kinds.extend([(await request.receive())["type"] for _ in range(4)])
        return Response()

    async def dispatch(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        assert await request.is_disconnected()
        return response

    wire = Wire({"type": "http.request", "body": b"a"}, {"type": "http.disconnect"})
    await wire.run(stack(dispatch, endpoint))
    assert kinds == ["http.request", *["http.disconnect"] * 3]
    assert wire.receives == 2


@pytest.mark.anyio
async def test_a_body_that_breaks_off_is_a_disconnect_for_the_application(stack: Any) -> None:
    async def endpoint(request: Request) -> Response:
        with pytest.raises(ClientDisconnect):
            await request.body()
        return Response(b"gone")

    wire = Wire(
        {"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.disconnect"}
    )
    assert (await wire.run(stack(pass_on, endpoint))).body == b"gone"


@pytest.mark.anyio
async def test_a_server_that_goes_on_after_the_body_is_an_error(stack: Any) -> None:
    async def endpoint(request: Request) -> Response:
        await request.receive()
        await request.receive()
        return Response()

    message: Message = {"type": "http.request", "body": b"a", "more_body": False}
    with pytest.raises(RuntimeError, match="Unexpected message received: http.request"):
        await Wire(message, message).run(stack(pass_on, endpoint))


# Where the application keeps bodies


def keeping(size: int) -> Any:
    return Starlette.policy.changed({"max_replay_size": size})


async def by_body(request: Request) -> bytes:
    return await request.body()


async def by_stream(request: Request) -> bytes:
    return b"".join([piece async for piece in request.stream()])


async def by_form(request: Request) -> bytes:
    [(name, value)] = (await request.form()).multi_items()
    return f"{name}={value}".encode()


async def by_asgi(request: Request) -> bytes:
    pieces = []
    more_body = True
    while more_body:
        message = await request.receive()
        pieces.append(message["body"])
        more_body = message["more_body"]
    return b"".join(pieces)


@pytest.mark.parametrize("outer", [by_body, by_stream, by_form, by_asgi])
@pytest.mark.parametrize("inner", [by_body, by_stream, by_form, by_asgi])
def test_a_kept_body_can_be_read_by_everybody(
    client_for: ClientFactory, stack: Any, outer: Any, inner: Any
) -> None:
    async def endpoint(request: Request) -> Response:
        return Response(await inner(request))

    async def dispatch(request: Request, call_next: Any) -> Response:
        assert await outer(request) == b"name=value"
        for _ in range(2):
            response: Response = await call_next(request)
        assert await request.body() == b"name=value"
        return response

    client = client_for(stack(dispatch, endpoint, policy=keeping(10)))
    for content in (b"name=value", iter([b"na", b"me=val", b"ue"])):
        headers = {"content-type": "application/x-www-form-urlencoded"}
        assert client.post("/", content=content, headers=headers).content == b"name=value"


def test_a_body_that_is_too_large_to_be_kept_is_an_error_for_who_comes_second(
    client_for: ClientFactory, stack: Any
) -> None:
    async def endpoint(request: Request) -> Response:
        with pytest.raises(RuntimeError, match=r"^Stream consumed: .* 9 bytes"):
            await request.body()
        return Response(b"told")

    async def dispatch(request: Request, call_next: Any) -> Response:
        assert await by_stream(request) == b"name=value"
        response: Response = await call_next(request)
        return response

    client = client_for(stack(dispatch, endpoint, policy=keeping(9)))
    assert client.post("/", content=b"name=value").content == b"told"


def test_a_body_that_dispatch_has_put_there_is_the_body(
    client_for: ClientFactory, stack: Any
) -> None:
    async def endpoint(request: Request) -> Response:
        return Response(await request.body())

    async def dispatch(request: Request, call_next: Any) -> Response:
        request._body = (await request.body()).upper()
        response: Response = await call_next(request)
        return response

    client = client_for(stack(dispatch, endpoint, policy=keeping(10)))
    assert client.post("/", content=b"data").content == b"DATA"


@pytest.mark.anyio
@pytest.mark.parametrize("kept", [0, 100])
async def test_all_may_wait_for_the_client_to_leave_at_the_same_time(stack: Any, kept: int) -> None:
    class OneAtATime(Wire):
        busy = False

        async def receive(self) -> Message:
            assert not self.busy
            self.busy = True
            if not self.events:
                await asked_for_body.wait()
                self.events.append({"type": "http.disconnect"})
            message = await super().receive()
            self.busy = False
            return message

    asked_for_body = anyio.Event()
    left: list[str] = []

    async def wait(request: Request, who: str) -> None:
        await request.disconnected()
        left.append(who)

    async def endpoint(request: Request) -> Response:
        async with anyio.create_task_group() as task_group:
            for _ in range(2):
                task_group.start_soon(wait, request, "endpoint")
            await anyio.wait_all_tasks_blocked()
            body = await request.body()
            asked_for_body.set()
        return Response(body)

    async def dispatch(request: Request, call_next: Any) -> Response:
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(wait, request, "dispatch")
            await anyio.wait_all_tasks_blocked()
            response: Response = await call_next(request)
        return response

    wire = OneAtATime(
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request", "body": b"b", "more_body": False},
    )
    await wire.run(stack(dispatch, endpoint, policy=keeping(kept)))
    assert wire.body == b"ab"
    assert sorted(left) == ["dispatch", "endpoint", "endpoint"]


# The end of the application


@pytest.mark.anyio
async def test_an_application_whose_response_was_replaced_learns_that_the_client_is_gone() -> None:
    learned: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        learned.append((await receive())["type"])
        for _ in range(3):
            await send(chunk(b"dropped", more_body=True))
        await send(chunk())
        await send(chunk(b"dropped too"))

    async def dispatch(request: Request, call_next: Any) -> Response:
        await request.body()
        await call_next(request)
        await request.receive()
        return PlainTextResponse("replaced")

    wire = Wire(
        {"type": "http.request", "body": b"", "more_body": False},
        {"type": "http.disconnect"},
    )
    await wire.run(BaseHTTPMiddleware(app, dispatch))
    assert wire.body == b"replaced"
    assert learned


@pytest.mark.anyio
async def test_a_wait_for_the_client_ends_when_the_response_was_replaced() -> None:
    learned: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        async with anyio.create_task_group() as task_group:

            async def watch() -> None:
                learned.append((await receive())["type"])

            task_group.start_soon(watch)
            await anyio.lowlevel.checkpoint()
            await send(START)
            await send(chunk(b"dropped", more_body=True))
        learned.append((await receive())["type"])

    async def dispatch(request: Request, call_next: Any) -> Response:
        await call_next(request)
        return PlainTextResponse("replaced")

    wire = await Wire().run(BaseHTTPMiddleware(app, dispatch))
    assert wire.body == b"replaced"
    assert learned == ["http.disconnect", "http.disconnect"]


@pytest.mark.anyio
async def test_contexts_of_inner_middleware_end_after_the_response_was_sent() -> None:
    wire = Wire()

    class Context:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async with self.context():
                await self.app(scope, receive, send)

        @contextlib.asynccontextmanager
        async def context(self) -> AsyncIterator[None]:
            yield
            await anyio.lowlevel.checkpoint()
            wire.log.append("left")

    layers = [Middleware(BaseHTTPMiddleware, dispatch=pass_on), Middleware(Context)]
    await wire.run(Starlette(routes=[Route("/", hello)], middleware=layers))
    assert wire.log[-2:] == ["http.response.body", "left"]


# What is called in place, and what is not


@pytest.mark.anyio
async def test_what_is_not_http_passes_through() -> None:
    kinds: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        kinds.append(scope["type"])

    middleware = BaseHTTPMiddleware(app, pass_on)
    for kind in ("websocket", "lifespan"):
        await middleware({"type": kind}, Wire().receive, Wire().send)
    assert kinds == ["websocket", "lifespan"]


def test_websockets_pass_through(client_for: ClientFactory) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    layers = [Middleware(BaseHTTPMiddleware, dispatch=pass_on)]
    app = Starlette(routes=[WebSocketRoute("/", endpoint)], middleware=layers)
    with client_for(app).websocket_connect("/"):
        pass


class OwnRoute(Route):
    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().handle(scope, receive, send)


class OwnRouter(Router):
    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().app(scope, receive, send)


class OwnMiddleware(BaseHTTPMiddleware):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


class OwnExceptionMiddleware(ExceptionMiddleware):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


SAME: list[tuple[str, ASGIApp]] = [
    ("a route of an own class", Router([OwnRoute("/", hello)])),
    ("a router of an own class", OwnRouter([Route("/", hello)])),
    ("a middleware of an own class", OwnMiddleware(Router([Route("/", hello)]), pass_on)),
    ("an own exception middleware", OwnExceptionMiddleware(Router([Route("/", hello)]))),
    ("a route with middleware", Router([Route("/", hello, middleware=[Middleware(NotOurs)])])),
    ("a router with middleware", Router([Route("/", hello)], middleware=[Middleware(NotOurs)])),
    ("a route with a body limit", Router([Route("/", hello, max_body_size=10)])),
    ("a mounted router", Router([Mount("/", routes=[Route("/", hello)])])),
    ("an application", Starlette(routes=[Route("/", hello)])),
    ("an exception middleware", ExceptionMiddleware(Router([Route("/", hello)]))),
    ("a bare application", PlainTextResponse("Hello")),
]


@pytest.mark.anyio
@pytest.mark.parametrize("app", [app for _, app in SAME], ids=[name for name, _ in SAME])
@pytest.mark.parametrize("layers", [1, 2])
async def test_every_application_can_be_wrapped(app: ASGIApp, layers: int) -> None:
    for _ in range(layers):
        app = BaseHTTPMiddleware(app, pass_on)
    wire = await Wire().run(app)
    assert wire.body == b"Hello"
    assert wire.log == ["http.response.start", "http.response.body", "http.response.body"]


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("POST", "/hello", 405)]
)
@pytest.mark.parametrize("layers", [1, 3])
def test_a_refusal_passes_the_middleware(
    client_for: ClientFactory, method: str, path: str, status: int, layers: int
) -> None:
    seen: list[int] = []

    async def dispatch(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        seen.append(response.status_code)
        return response

    app = Starlette(
        routes=[Route("/hello", hello)],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)] * layers,
    )
    assert client_for(app).request(method, path).status_code == status
    assert seen == [status] * layers


def test_dispatch_may_change_where_the_request_goes(client_for: ClientFactory) -> None:
    async def dispatch(request: Request, call_next: Any) -> Response:
        request.scope["path"] = "/new"
        response: Response = await call_next(request)
        return response

    app = Starlette(
        routes=[Route("/new", hello), Mount("/old", app=PlainTextResponse("old"))],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=dispatch)],
    )
    assert client_for(app).get("/old").text == "Hello"


@pytest.mark.anyio
async def test_many_layers_in_place_need_one_task() -> None:
    tasks: set[int] = set()

    async def dispatch(request: Request, call_next: Any) -> Response:
        tasks.add(anyio.get_current_task().id)
        response: Response = await call_next(request)
        tasks.add(anyio.get_current_task().id)
        return response

    async def endpoint(request: Request) -> Response:
        tasks.add(anyio.get_current_task().id)
        return PlainTextResponse("Hello")

    layers = [Middleware(BaseHTTPMiddleware, dispatch=dispatch)] * 5
    await Wire().run(Starlette(routes=[Route("/", endpoint)], middleware=layers))
    assert tasks == {anyio.get_current_task().id}
