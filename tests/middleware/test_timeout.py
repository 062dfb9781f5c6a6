"""Timeouts: what is cut off, what the client gets, and what is left alone."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable
from math import inf
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from bolide.applications import Starlette
from bolide.background import BackgroundTask
from bolide.exceptions import BolideError, HTTPException
from bolide.middleware import Middleware
from bolide.middleware.timeout import RequestBodyTimeout, ResponseTimeout, TimeoutMiddleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response, StreamingResponse
from bolide.routing import Route
from bolide.testclient import TestClient
from bolide.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]
START: Message = {"type": "http.response.start", "status": 200, "headers": []}
END: Message = {"type": "http.response.body", "body": b"end"}


class Server:
    """Calls an application, and lets the time be up when the test says so."""

    def __init__(self, *pieces: bytes, http_version: str | None = "1.1") -> None:
        self.scope: Scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
        if http_version is not None:
            self.scope["http_version"] = http_version
        self.pieces = list(pieces or (b"",))
        self.stalls = False
        self.sent: list[Message] = []
        self.receive_deadlines: list[float] = []

    async def receive(self) -> Message:
        self.receive_deadlines.append(anyio.current_effective_deadline())
        if self.stalls and len(self.pieces) == 1:
            await anyio.sleep_forever()
        if self.pieces:
            piece = self.pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}
        await checkpoint()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def call(self, app: ASGIApp) -> list[Message]:
        await app(self.scope, self.receive, self.send)
        return self.sent

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None


@pytest.fixture
def scopes(monkeypatch: pytest.MonkeyPatch) -> list[anyio.CancelScope]:
    """Give the cancel scopes that are made, to move their deadlines."""
    made: list[anyio.CancelScope] = []
    move_on_after = anyio.move_on_after

    def remember(delay: float | None, shield: bool = False) -> anyio.CancelScope:
        made.append(move_on_after(delay, shield=shield))
        return made[-1]

    monkeypatch.setattr(anyio, "move_on_after", remember)
    return made


def let_time_be_up(scope: anyio.CancelScope) -> None:
    scope.deadline = anyio.current_time() - 1


async def never(*args: object) -> Any:
    raise AssertionError


async def stuck(scope: Scope, receive: Receive, send: Send) -> None:
    await anyio.sleep_forever()


async def read(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(await Request(scope, receive).body())(scope, receive, send)


# The beginning of the response


async def test_an_application_that_does_not_answer_is_cancelled_and_the_client_told() -> None:
    cancelled: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.append(True)

    server = Server()
    await server.call(TimeoutMiddleware(app, 0.01))

    assert cancelled == [True]
    assert server.status == 504
    assert server.sent[1]["body"] == b"Gateway Timeout"
    assert len(server.sent) == 2


async def test_the_time_is_what_was_said() -> None:
    deadlines: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        deadlines.append(anyio.current_effective_deadline())

    before = anyio.current_time()
    await Server().call(TimeoutMiddleware(app, 50))
    await Server().call(TimeoutMiddleware(app))
    await Server().call(TimeoutMiddleware(app, None))
    after = anyio.current_time()

    assert before + 50 <= deadlines[0] <= after + 50
    assert before + 60 <= deadlines[1] <= after + 60
    assert deadlines[2] == inf


async def test_a_response_that_has_begun_may_take_any_time() -> None:
    deadlines: list[float] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.early_hint", "links": []})
        deadlines.append(anyio.current_effective_deadline())
        await send(START)
        deadlines.append(anyio.current_effective_deadline())
        await send(END)

    server = Server()
    await server.call(TimeoutMiddleware(app, 50))

    assert deadlines[0] < inf
    assert deadlines[1] == inf
    assert server.sent[1:] == [START, END]


async def test_a_response_that_is_begun_by_another_task_has_begun() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send, START)
        assert anyio.current_effective_deadline() == inf
        await send(END)

    assert await Server().call(TimeoutMiddleware(app, 50)) == [START, END]


async def test_a_response_that_begins_when_the_time_is_up_is_too_late(
    scopes: list[anyio.CancelScope],
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        let_time_be_up(scopes[0])
        await send(START)
        raise AssertionError

    server = Server()
    await server.call(TimeoutMiddleware(app))

    assert server.status == 504
    assert len(server.sent) == 2


async def test_what_is_sent_by_the_cleanup_is_dropped(scopes: list[anyio.CancelScope]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        let_time_be_up(scopes[0])
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await send(START)
                await send(END)

    server = Server()
    await server.call(TimeoutMiddleware(app))

    assert server.status == 504
    assert len(server.sent) == 2


async def test_an_application_that_takes_no_notice_is_answered_for_all_the_same(
    scopes: list[anyio.CancelScope],
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        let_time_be_up(scopes[0])
        with anyio.CancelScope(shield=True):
            await send(START)
            await send(END)

    server = Server()
    await server.call(TimeoutMiddleware(app))

    assert server.status == 504
    assert len(server.sent) == 2


async def test_an_application_that_sends_nothing_is_left_to_the_server_to_judge() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await checkpoint()

    assert await Server().call(TimeoutMiddleware(app)) == []


async def test_an_error_comes_out_before_the_time_is_up_or_after(
    scopes: list[anyio.CancelScope],
) -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise OSError("broken")

    async def fail_in_cleanup(scope: Scope, receive: Receive, send: Send) -> None:
        let_time_be_up(scopes[-1])
        try:
            await anyio.sleep_forever()
        finally:
            raise OSError("broken")

    for app in (fail, fail_in_cleanup):
        server = Server()
        with pytest.raises(OSError, match="broken"):
            await server.call(TimeoutMiddleware(app))
        assert server.sent == []


async def test_a_cancellation_from_outside_is_not_answered() -> None:
    server = Server()
    with anyio.CancelScope() as outside:
        outside.cancel()
        await server.call(TimeoutMiddleware(stuck))
        raise AssertionError

    assert outside.cancelled_caught
    assert server.sent == []


async def test_a_cancellation_from_outside_wins_over_the_time(
    scopes: list[anyio.CancelScope],
) -> None:
    server = Server()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        let_time_be_up(scopes[0])
        outside.cancel()
        await anyio.sleep_forever()

    async def send(message: Message) -> None:
        await checkpoint()
        raise AssertionError

    with anyio.CancelScope() as outside:
        await TimeoutMiddleware(app)(server.scope, server.receive, send)

    assert outside.cancelled_caught


async def test_of_two_the_shorter_one_holds() -> None:
    server = Server()
    await server.call(TimeoutMiddleware(TimeoutMiddleware(stuck, 0.01)))
    assert server.status == 504

    server = Server()
    await server.call(TimeoutMiddleware(TimeoutMiddleware(stuck), 0.01))
    assert server.status == 504


# All of the response


async def test_the_whole_response_may_be_bounded(scopes: list[anyio.CancelScope]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        let_time_be_up(scopes[0])
        await anyio.sleep_forever()

    server = Server()
    with pytest.raises(ResponseTimeout, match=r"not done after 50 seconds") as caught:
        await server.call(TimeoutMiddleware(app, 50, whole=True))

    assert server.sent == [START]
    assert isinstance(caught.value, BolideError)
    assert isinstance(caught.value, TimeoutError)


async def test_a_whole_response_in_time_is_none_of_its_business(
    scopes: list[anyio.CancelScope],
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        assert anyio.current_effective_deadline() < inf
        await send(END)

    async def app_that_takes_no_notice(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        with anyio.CancelScope(shield=True):
            let_time_be_up(scopes[-1])
            await send(END)

    for each in (app, app_that_takes_no_notice):
        assert await Server().call(TimeoutMiddleware(each, whole=True)) == [START, END]


async def test_a_whole_response_that_has_not_begun_is_answered_for() -> None:
    server = Server()
    await server.call(TimeoutMiddleware(stuck, 0.01, whole=True))

    assert server.status == 504


@pytest.mark.parametrize("whole", [True, False])
async def test_background_tasks_are_part_of_the_whole_only(
    whole: bool, scopes: list[anyio.CancelScope]
) -> None:
    done: list[bool] = []

    async def work() -> None:
        if whole:
            let_time_be_up(scopes[0])
        else:
            assert anyio.current_effective_deadline() == inf
        await checkpoint()
        done.append(True)

    app = TimeoutMiddleware(Response(b"end", background=BackgroundTask(work)), whole=whole)
    if whole:
        with pytest.raises(ResponseTimeout):
            await Server().call(app)
    else:
        await Server().call(app)

    assert done == ([] if whole else [True])


# The body


@pytest.mark.parametrize(
    ("http_version", "headers"),
    [
        ("1.1", {"Connection": "close"}),
        ("1.0", {"Connection": "close"}),
        (None, {"Connection": "close"}),
        ("2", None),
        ("3", None),
    ],
)
async def test_a_body_that_does_not_come_is_an_error_of_receive(
    http_version: str | None, headers: dict[str, str] | None
) -> None:
    caught: list[HTTPException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["body"] == b"one"
        try:
            await receive()
        except HTTPException as error:
            caught.append(error)
        await PlainTextResponse("caught")(scope, receive, send)

    server = Server(b"one", b"two", http_version=http_version)
    server.stalls = True
    await server.call(TimeoutMiddleware(app, body_idle_seconds=0.01))

    assert (server.status, server.sent[1]["body"]) == (200, b"caught")
    error = caught[0]
    assert isinstance(error, RequestBodyTimeout)
    assert (error.status_code, error.detail) == (408, "Request Timeout")
    assert error.headers == headers


async def test_what_nobody_else_answers_is_answered_here() -> None:
    server = Server(b"one", b"two")
    server.stalls = True
    await server.call(TimeoutMiddleware(read, body_idle_seconds=0.01))

    assert server.status == 408
    assert (b"connection", b"close") in server.sent[0]["headers"]
    assert server.sent[1]["body"] == b"Request Timeout"


async def test_a_body_that_stops_when_the_response_has_begun_breaks_it_off() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await receive()
        await receive()

    server = Server(b"one", b"two")
    server.stalls = True
    with pytest.raises(RequestBodyTimeout):
        await server.call(TimeoutMiddleware(app, body_idle_seconds=0.01))

    assert server.sent == [START]


@pytest.mark.parametrize("headers", [None, {"X-Own": "1"}])
def test_the_error_can_be_made_by_others(headers: Any) -> None:
    error = RequestBodyTimeout(headers)

    assert (error.status_code, error.headers) == (408, headers)


async def test_each_piece_has_its_time_and_what_comes_after_the_body_any() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(3):
            await receive()
        assert (await receive())["type"] == "http.disconnect"

    server = Server(b"one", b"two", b"three")
    before = anyio.current_time()
    await server.call(TimeoutMiddleware(app, None))
    after = anyio.current_time()

    assert all(before + 30 <= each <= after + 30 for each in server.receive_deadlines[:3])
    assert server.receive_deadlines[3] == inf


async def test_a_client_that_leaves_in_the_middle_is_not_waited_for() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert [await receive(), await receive()] == [{"type": "http.disconnect"}] * 2

    server = Server()
    await TimeoutMiddleware(app)(server.scope, receive, server.send)


async def test_a_body_may_take_any_time() -> None:
    server = Server(b"one", b"two")
    await server.call(TimeoutMiddleware(read, None, body_idle_seconds=None))

    assert server.sent[1]["body"] == b"onetwo"
    assert server.receive_deadlines == [inf, inf]


async def test_the_time_of_a_body_does_not_go_beyond_that_of_the_response() -> None:
    server = Server(b"one", b"two")
    server.stalls = True
    await server.call(TimeoutMiddleware(read, 0.01, body_idle_seconds=50))

    assert server.status == 504


# The rest


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_anything_but_http_is_none_of_its_business(kind: str) -> None:
    calls: list[tuple[object, ...]] = []

    async def app(*args: object) -> None:
        calls.append(args)
        assert anyio.current_effective_deadline() == inf

    await TimeoutMiddleware(app)({"type": kind}, never, never)

    assert calls == [({"type": kind}, never, never)]


@pytest.mark.parametrize("value", [0, -1, -0.5, float("nan"), -inf])
@pytest.mark.parametrize("option", ["seconds", "body_idle_seconds"])
def test_a_time_that_is_not_positive_is_an_error(option: str, value: float) -> None:
    with pytest.raises(ValueError, match="positive number of seconds"):
        TimeoutMiddleware(stuck, **{option: value})  # type: ignore[arg-type]


# In an application


def test_a_route_may_have_a_time_of_its_own(client_for: ClientFor) -> None:
    async def slow(request: Request) -> Response:
        await anyio.sleep_forever()
        raise AssertionError

    async def stream(request: Request) -> Response:
        async def chunks() -> AsyncGenerator[bytes, None]:
            assert anyio.current_effective_deadline() == inf
            yield b"1"
            await checkpoint()
            yield b"2"

        return StreamingResponse(chunks())

    short = [Middleware(TimeoutMiddleware, 0.01)]
    routes = [
        Route("/slow", slow, middleware=short),
        Route("/stream", stream),
    ]
    client = client_for(Starlette(routes=routes, middleware=[Middleware(TimeoutMiddleware, 50)]))

    assert client.get("/slow").status_code == 504
    assert client.get("/stream").text == "12"


def test_a_handler_of_the_application_may_answer_a_body_that_does_not_come() -> None:
    async def upload(request: Request) -> Response:
        return PlainTextResponse(await request.body())

    async def too_slow(request: Request, exc: Exception) -> Response:
        return PlainTextResponse("Try again", 408)

    app = Starlette(
        routes=[Route("/", upload, methods=["POST"])],
        middleware=[Middleware(TimeoutMiddleware, body_idle_seconds=0.01)],
        exception_handlers={RequestBodyTimeout: too_slow},
    )
    server = Server(b"one", b"two")
    server.stalls = True
    anyio.run(server.call, app)

    assert (server.status, server.sent[1]["body"]) == (408, b"Try again")


def test_a_blocking_endpoint_runs_to_its_end_and_what_it_gives_comes_too_late(
    client_for: ClientFor, scopes: list[anyio.CancelScope]
) -> None:
    ended = threading.Event()

    def blocking(request: Request) -> Response:
        anyio.from_thread.run_sync(let_time_be_up, scopes[0])
        ended.set()
        return PlainTextResponse("late")

    app = Starlette(routes=[Route("/", blocking)], middleware=[Middleware(TimeoutMiddleware)])
    response = client_for(app).get("/")

    assert ended.is_set()
    assert (response.status_code, response.text) == (504, "Gateway Timeout")
