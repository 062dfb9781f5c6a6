"""A limit on request bodies: refused when announced, refused when they arrive, never bypassed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._replay import BodyKeeper
from bolide.applications import Starlette
from bolide.exceptions import HTTPException
from bolide.middleware import Middleware
from bolide.middleware.body_limit import (
    MAX_BODY_SIZE_SCOPE_KEY,
    RequestBodyLimitMiddleware,
    RequestBodyLimitResponder,
)
from bolide.requests import Request
from bolide.responses import JSONResponse, PlainTextResponse, StreamingResponse
from bolide.routing import Mount, Route, Router
from bolide.testclient import TestClient
from bolide.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

TOO_LARGE = [
    {
        "type": "http.response.start",
        "status": 413,
        "headers": [(b"content-length", b"17"), (b"content-type", b"text/plain; charset=utf-8")],
    },
    {"type": "http.response.body", "body": b"Content Too Large"},
]


class Server:
    """Calls an application with a body in pieces, and keeps what it sends."""

    def __init__(self, *pieces: bytes, content_length: bytes | None = None) -> None:
        self.sent: list[Message] = []
        self.received = 0
        headers = [] if content_length is None else [(b"content-length", content_length)]
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "headers": headers,
        }
        self._messages: list[Message] = [
            {"type": "http.request", "body": piece, "more_body": True} for piece in pieces
        ]
        self._messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive(self) -> Message:
        self.received += 1
        return self._messages.pop(0) if self._messages else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def call(self, app: ASGIApp) -> list[Message]:
        await app(self.scope, self.receive, self.send)
        return self.sent


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    response = PlainTextResponse(await Request(scope, receive).body())
    await response(scope, receive, send)


async def ignore_body(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("ignored")(scope, receive, send)


def body_of(sent: list[Message]) -> bytes:
    return b"".join(message.get("body", b"") for message in sent)


# Sizes


@pytest.mark.parametrize("content_length", [None, b"5"])
async def test_a_body_of_exactly_the_limit_is_allowed(content_length: bytes | None) -> None:
    server = Server(b"123", b"45", content_length=content_length)

    assert body_of(await server.call(RequestBodyLimitMiddleware(echo, 5))) == b"12345"


@pytest.mark.parametrize("content_length", [None, b"6"])
async def test_a_body_over_the_limit_is_refused(content_length: bytes | None) -> None:
    server = Server(b"123", b"456", content_length=content_length)

    assert await server.call(RequestBodyLimitMiddleware(echo, 5)) == TOO_LARGE


async def test_a_length_announced_over_the_limit_is_refused_without_asking_for_the_body() -> None:
    server = Server(b"123456", content_length=b"6")
    await server.call(RequestBodyLimitMiddleware(echo, 5))

    assert server.received == 0


async def test_what_arrives_is_read_no_further_than_to_the_piece_over_the_limit() -> None:
    server = Server(*[b"12"] * 100)
    await server.call(RequestBodyLimitMiddleware(echo, 5))

    assert server.received == 3


@pytest.mark.parametrize(
    "content_length",
    [b"1", b"0", b"", b"many", b"-9", b"+9", b"9.0", b" 9", b"0x9", b"1_0", b"\xb2", b"9, 9"],
)
async def test_a_length_that_is_false_or_no_number_changes_nothing(content_length: bytes) -> None:
    small = Server(b"12345", content_length=content_length)
    large = Server(b"123456", content_length=content_length)

    assert body_of(await small.call(RequestBodyLimitMiddleware(echo, 5))) == b"12345"
    assert await large.call(RequestBodyLimitMiddleware(echo, 5)) == TOO_LARGE


@pytest.mark.parametrize("content_length", [b"6", b"10", b"0006", b"9" * 20, b"9" * 5000])
async def test_a_length_may_have_any_number_of_digits(content_length: bytes) -> None:
    server = Server(content_length=content_length)

    assert await server.call(RequestBodyLimitMiddleware(ignore_body, 5)) == TOO_LARGE


@pytest.mark.parametrize("content_length", [b"5", b"000", b"0" * 5000 + b"5"])
async def test_zeros_in_front_of_a_length_do_not_make_it_larger(content_length: bytes) -> None:
    server = Server(content_length=content_length)

    assert body_of(await server.call(RequestBodyLimitMiddleware(ignore_body, 5))) == b"ignored"


async def test_a_limit_of_zero_allows_empty_bodies_only() -> None:
    app = RequestBodyLimitMiddleware(echo, 0)

    assert (await Server().call(app))[0]["status"] == 200
    assert (await Server(content_length=b"0").call(app))[0]["status"] == 200
    assert await Server(b"1").call(app) == TOO_LARGE


async def test_a_negative_limit_is_no_error_and_allows_nothing_that_is_read() -> None:
    app = RequestBodyLimitMiddleware(echo, -1)

    assert await Server().call(app) == TOO_LARGE


async def test_a_message_without_a_body_counts_as_empty() -> None:
    async def receive() -> Message:
        return {"type": "http.request"}

    server = Server()
    await RequestBodyLimitMiddleware(echo, 0)(server.scope, receive, server.send)

    assert server.sent[0]["status"] == 200


@given(st.lists(st.binary(max_size=4), max_size=6), st.integers(0, 12))
async def test_any_chunking_meets_the_same_limit(pieces: list[bytes], limit: int) -> None:
    sent = await Server(*pieces).call(RequestBodyLimitMiddleware(echo, limit))
    body = b"".join(pieces)

    if len(body) > limit:
        assert sent == TOO_LARGE
    else:
        assert body_of(sent) == body


# What the application sees


async def test_the_error_is_an_http_exception_raised_from_receive() -> None:
    caught: list[HTTPException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            while True:
                await receive()
        except HTTPException as error:
            caught.append(error)
            raise

    await Server(b"123", b"456").call(RequestBodyLimitMiddleware(app, 5))
    await Server(b"123", content_length=b"6").call(RequestBodyLimitMiddleware(app, 5))

    assert [(error.status_code, error.detail) for error in caught] == [
        (413, "Content Too Large"),
        (413, "Content Too Large"),
    ]


async def test_a_disconnect_passes_through() -> None:
    received: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        received.extend([await receive(), await receive(), await receive()])

    await Server(b"1").call(RequestBodyLimitMiddleware(app, 5))

    assert received[-1] == {"type": "http.disconnect"}


async def test_messages_of_the_application_are_passed_on_as_they_are() -> None:
    early: Message = {"type": "http.response.early_hint", "links": []}
    start: Message = {"type": "http.response.start", "status": 200, "headers": []}
    body: Message = {"type": "http.response.body", "body": b"1"}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in (early, start, body):
            await send(message)

    sent = await Server().call(RequestBodyLimitMiddleware(app, 5))

    assert [id(message) for message in sent] == [id(early), id(start), id(body)]


async def test_a_body_that_is_kept_counts_once() -> None:
    read: list[bytes] = []

    class Reader:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            read.append(await Request(scope, receive).body())
            await self.app(scope, receive, send)

    limited = RequestBodyLimitMiddleware(Reader(RequestBodyLimitMiddleware(echo, 4)), 4)
    server = Server(b"da", b"ta")
    sent = await server.call(BodyKeeper(limited, 10))
    assert [*read, body_of(sent)] == [b"data", b"data"]


async def test_an_error_of_the_application_comes_out() -> None:
    error = HTTPException(413)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    with pytest.raises(HTTPException) as caught:
        await Server().call(RequestBodyLimitMiddleware(app, 5))
    assert caught.value is error


# The response


async def test_a_response_to_a_body_announced_too_large_and_never_read_is_replaced() -> None:
    server = Server(b"123456", content_length=b"6")

    assert await server.call(RequestBodyLimitMiddleware(ignore_body, 5)) == TOO_LARGE


async def test_a_response_is_replaced_once_whatever_else_is_sent_or_raised() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def chunks() -> AsyncGenerator[bytes, None]:
            yield b"1"
            yield b"2"

        await StreamingResponse(chunks())(scope, receive, send)
        await PlainTextResponse("again")(scope, receive, send)
        await receive()

    server = Server(b"123456", content_length=b"6")

    assert await server.call(RequestBodyLimitMiddleware(app, 5)) == TOO_LARGE


async def test_an_error_after_the_start_of_the_response_comes_out() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await receive()

    server = Server(b"123", b"456")
    with pytest.raises(HTTPException) as caught:
        await server.call(RequestBodyLimitMiddleware(app, 5))

    assert caught.value.status_code == 413
    assert [message["type"] for message in server.sent] == ["http.response.start"]


async def test_a_second_start_is_left_to_the_server_to_judge() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.start", "status": 500, "headers": []})

    sent = await Server().call(RequestBodyLimitMiddleware(app, 5))

    assert [message["status"] for message in sent] == [200, 500]


def custom_handler_app() -> Starlette:
    async def too_large(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": "custom"}, status_code=413)

    async def read(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await request.body())

    return Starlette(
        routes=[Route("/", read, methods=["POST"])],
        exception_handlers={413: too_large},
        max_body_size=5,
    )


def test_a_handler_of_the_application_answers_when_counting_has_tripped(
    client_for: Callable[..., TestClient],
) -> None:
    response = client_for(custom_handler_app()).post("/", content=iter([b"123", b"456"]))

    assert (response.status_code, response.json()) == (413, {"error": "custom"})


def test_a_handler_of_the_application_is_overruled_when_the_length_was_announced(
    client_for: Callable[..., TestClient],
) -> None:
    response = client_for(custom_handler_app()).post("/", content=b"123456")

    assert (response.status_code, response.text) == (413, "Content Too Large")


# The scope


async def test_the_limit_in_force_is_in_the_scope_during_the_call_only() -> None:
    seen: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope[MAX_BODY_SIZE_SCOPE_KEY])

    server = Server()
    before = dict(server.scope)
    await server.call(RequestBodyLimitMiddleware(app, 5))

    assert MAX_BODY_SIZE_SCOPE_KEY == "starlette.max_body_size"
    assert seen == [5]
    assert server.scope == before


async def test_the_outer_limit_is_back_in_the_scope_afterwards_even_after_an_error() -> None:
    seen: list[object] = []

    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope[MAX_BODY_SIZE_SCOPE_KEY])
        raise RuntimeError

    inner = RequestBodyLimitMiddleware(fail, 9)

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        with pytest.raises(RuntimeError):
            await inner(scope, receive, send)
        seen.append(scope[MAX_BODY_SIZE_SCOPE_KEY])
        raise RuntimeError

    server = Server()
    before = dict(server.scope)
    with pytest.raises(RuntimeError):
        await server.call(RequestBodyLimitMiddleware(outer, 5))

    assert seen == [9, 5]
    assert server.scope == before


async def test_a_scope_emptied_by_the_application_is_no_error() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope.clear()

    server = Server()
    await server.call(RequestBodyLimitMiddleware(app, 5))

    assert server.scope == {}


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_other_scopes_are_not_touched(kind: str) -> None:
    calls: list[tuple[object, ...]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append((dict(scope), scope, receive, send))

    server = Server(content_length=b"6")
    server.scope["type"] = kind
    before = dict(server.scope)
    receive, send = server.receive, server.send
    await RequestBodyLimitMiddleware(app, 5)(server.scope, receive, send)

    ((copy, scope, *channels),) = calls
    assert copy == before
    assert scope is server.scope
    assert channels == [receive, send]


# Several limits


@pytest.mark.parametrize("outer", [1, 100])
@pytest.mark.parametrize("content_length", [None, b"5", b"6"])
async def test_the_innermost_limit_holds(outer: int, content_length: bytes | None) -> None:
    app = RequestBodyLimitMiddleware(RequestBodyLimitMiddleware(echo, 5), outer)
    pieces = [b"123", b"456" if content_length != b"5" else b"45"]

    sent = await Server(*pieces, content_length=content_length).call(app)
    if content_length == b"5":
        assert body_of(sent) == b"12345"
    else:
        assert sent == TOO_LARGE


@pytest.mark.parametrize("content_length", [None, b"5"])
async def test_a_smaller_limit_on_the_way_to_the_innermost_does_not_refuse(
    content_length: bytes | None,
) -> None:
    app: ASGIApp = echo
    for limit in (5, 1, 100):
        app = RequestBodyLimitMiddleware(app, limit)

    assert body_of(await Server(b"12345", content_length=content_length).call(app)) == b"12345"


async def test_a_body_announced_over_the_innermost_limit_is_refused_when_it_is_asked_for() -> None:
    errors: list[HTTPException] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await receive()
        except HTTPException as error:
            errors.append(error)

    server = Server(content_length=b"6")
    await server.call(RequestBodyLimitMiddleware(RequestBodyLimitMiddleware(app, 5), 100))

    assert [error.status_code for error in errors] == [413]
    assert server.received == 0


async def test_there_is_one_responder_for_a_request() -> None:
    calls: list[Receive] = []

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(receive)

    async def between(scope: Scope, receive: Receive, send: Send) -> None:
        calls.append(receive)
        await RequestBodyLimitMiddleware(inner, 5)(scope, receive, send)

    await Server().call(RequestBodyLimitMiddleware(between, 9))

    assert calls[0] == calls[1]


async def test_an_inner_limit_survives_a_copy_of_the_scope() -> None:
    inner = RequestBodyLimitMiddleware(echo, 5)

    async def copying(scope: Scope, receive: Receive, send: Send) -> None:
        await inner(dict(scope), receive, send)

    app = RequestBodyLimitMiddleware(copying, 2)

    assert body_of(await Server(b"12345", content_length=b"5").call(app)) == b"12345"
    assert await Server(b"123456").call(app) == TOO_LARGE


async def test_what_was_read_before_an_inner_limit_counts_for_it() -> None:
    inner_calls: list[Scope] = []

    async def innermost(scope: Scope, receive: Receive, send: Send) -> None:
        inner_calls.append(scope)

    inner = RequestBodyLimitMiddleware(innermost, 5)

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await inner(scope, receive, send)

    assert await Server(b"123456").call(RequestBodyLimitMiddleware(reading, 9)) == TOO_LARGE
    assert inner_calls == []
    assert await Server(b"12345").call(RequestBodyLimitMiddleware(reading, 9)) == []
    assert len(inner_calls) == 1


async def test_an_inner_limit_holds_until_the_request_ends() -> None:
    inner = RequestBodyLimitMiddleware(ignore_body, 5)

    async def delaying(scope: Scope, receive: Receive, send: Send) -> None:
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        await inner(scope, receive, hold)
        for message in held:
            await send(message)

    app = RequestBodyLimitMiddleware(delaying, 100)

    assert await Server(content_length=b"6").call(app) == [
        # The inner limit is already in force when the response comes by.
        *TOO_LARGE
    ]
    up = RequestBodyLimitMiddleware(delaying, 1)
    assert body_of(await Server(content_length=b"5").call(up)) == b"ignored"


async def test_a_responder_handles_one_request_on_its_own() -> None:
    responder = RequestBodyLimitResponder(echo, 5)
    server = Server(b"123", b"4", content_length=b"4")

    assert body_of(await server.call(responder)) == b"1234"
    assert (responder.content_length, responder.total_size) == (4, 4)
    assert responder.response_started
    assert not responder.announced_too_large


# In applications


async def read(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


def test_applications_routers_mounts_and_routes_take_limits(
    client_for: Callable[..., TestClient],
) -> None:
    def post(path: str, **options: Any) -> Route:
        return Route(path, read, methods=["POST"], **options)

    app = Starlette(
        routes=[
            post("/app"),
            post("/less", max_body_size=2),
            post("/more", max_body_size=8),
            Mount("/mount", routes=[post("/"), post("/more", max_body_size=8)], max_body_size=3),
            Mount("/router", app=Router([post("/")], max_body_size=4)),
        ],
        max_body_size=5,
    )
    client = client_for(app)
    limits = {"/app": 5, "/less": 2, "/more": 8, "/mount/": 3, "/mount/more": 8, "/router/": 4}
    for path, limit in limits.items():
        for chunked in (False, True):
            for size, status in ((limit, 200), (limit + 1, 413)):
                content: Any = b"v" * size
                if chunked:
                    content = iter([content[:1], content[1:]])
                response = client.post(path, content=content)
                assert (path, response.status_code) == (path, status)
                assert response.text == ("v" * size if status == 200 else "Content Too Large")


def test_the_limit_of_an_application_holds_in_its_middleware(
    client_for: Callable[..., TestClient],
) -> None:
    class Reading:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                await receive()
                raise AssertionError
            await self.app(scope, receive, send)

    app = Starlette(middleware=[Middleware(Reading)], max_body_size=5)
    response = client_for(app).post("/", content=b"123456")

    assert (response.status_code, response.text) == (413, "Content Too Large")


def test_an_uploaded_file_counts(client_for: Callable[..., TestClient]) -> None:
    async def upload(request: Request) -> PlainTextResponse:
        async with request.form() as form:
            return PlainTextResponse(str(len(form)))

    app = Starlette(routes=[Route("/", upload, methods=["POST"])], max_body_size=1000)
    client = client_for(app)

    assert client.post("/", files={"f": b"v" * 100}).text == "1"
    assert client.post("/", files={"f": b"v" * 1000}).status_code == 413
    body = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n' + b"v" * 1000
    response = client.post(
        "/",
        content=iter([body, b"\r\n--b--"]),
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    assert (response.status_code, response.text) == (413, "Content Too Large")
