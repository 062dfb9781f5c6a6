"""Compressing responses: what is compressed, and that it comes out as it went in."""

from __future__ import annotations

import gzip
import threading
import zlib
from collections.abc import Callable
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide.applications import Starlette
from bolide.middleware import Middleware
from bolide.middleware import gzip as gzip_module
from bolide.middleware.gzip import (
    DEFAULT_EXCLUDED_CONTENT_TYPES,
    GZipMiddleware,
    GZipResponder,
    IdentityResponder,
    unattached_send,
)
from bolide.requests import Request
from bolide.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from bolide.routing import Route
from bolide.testclient import TestClient
from bolide.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]
Pairs = list[tuple[bytes, bytes]]

LARGE = b"x" * 4000


def start(headers: Pairs | None = None, status: int = 200, **more: Any) -> Message:
    return {
        "type": "http.response.start",
        "status": status,
        "headers": [] if headers is None else headers,
        **more,
    }


def body(data: bytes = b"", more_body: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more_body}


def sending(*messages: Message) -> Any:
    """Make an application that sends these."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


async def call(app: Any, accept: str | None = "gzip") -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        raise RuntimeError("nothing is to be received")

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [] if accept is None else [(b"accept-encoding", accept.encode())]
    await app({"type": "http", "headers": headers}, receive, send)
    return sent


def decompress(messages: list[Message]) -> bytes:
    return gzip.decompress(b"".join(message["body"] for message in messages))


def test_the_excluded_types_come_in_order() -> None:
    assert DEFAULT_EXCLUDED_CONTENT_TYPES == (
        "application/grpc",
        "application/gzip",
        "application/x-gzip",
        "application/zip",
        "audio/*",
        "font/woff",
        "font/woff2",
        "image/avif",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/webp",
        "text/event-stream",
        "video/*",
    )


def test_the_defaults_are_those_of_the_middleware_and_of_its_responders() -> None:
    middleware = GZipMiddleware(sending())
    responder = GZipResponder(sending(), 500)

    assert middleware.minimum_size == 500
    for made in (middleware, responder):
        assert (made.compresslevel, made.thread_minimum_size) == (9, 131072)
        assert made.exclude_content_types == DEFAULT_EXCLUDED_CONTENT_TYPES


# Complete bodies


async def test_a_complete_body_is_compressed() -> None:
    app = GZipMiddleware(
        sending(start([(b"content-length", b"4000"), (b"x-a", b"1")]), body(LARGE))
    )

    first, second = await call(app)

    assert first["headers"] == [
        (b"content-length", str(len(second["body"])).encode()),
        (b"x-a", b"1"),
        (b"vary", b"Accept-Encoding"),
        (b"content-encoding", b"gzip"),
    ]
    assert (second["type"], second["more_body"]) == ("http.response.body", False)
    assert len(second["body"]) < 100
    assert decompress([second]) == LARGE


async def test_a_complete_body_gets_a_length_even_if_it_had_none() -> None:
    first, second = await call(GZipMiddleware(sending(start(), body(LARGE))))

    assert (b"content-length", str(len(second["body"])).encode()) in first["headers"]


async def test_trailers_cannot_follow_a_length() -> None:
    messages = [
        start([(b"content-length", b"4000")], trailers=True),
        body(LARGE),
        {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")]},
    ]

    first, second, third = await call(GZipMiddleware(sending(*messages)))

    assert first["headers"] == [(b"vary", b"Accept-Encoding"), (b"content-encoding", b"gzip")]
    assert first["trailers"] is True
    assert decompress([second]) == LARGE
    assert third is messages[2]


@pytest.mark.parametrize("accept", ["gzip", "br, gzip;q=0.5", "x-gzip, deflate"])
async def test_a_client_that_names_gzip_gets_it(accept: str) -> None:
    first, _ = await call(GZipMiddleware(sending(start(), body(LARGE))), accept)

    assert (b"content-encoding", b"gzip") in first["headers"]


@pytest.mark.parametrize("accept", [None, "", "identity", "br, deflate", "*"])
async def test_another_client_gets_the_body_as_it_is(accept: str | None) -> None:
    messages = [start([(b"content-length", b"4000")]), body(LARGE)]

    first, second = await call(GZipMiddleware(sending(*messages)), accept)

    assert first["headers"] == [(b"content-length", b"4000"), (b"vary", b"Accept-Encoding")]
    assert second is messages[1]


@pytest.mark.parametrize("accept", ["gzip", None])
@pytest.mark.parametrize(("size", "touched"), [(0, False), (499, False), (500, True)])
async def test_a_small_body_is_left_alone(accept: str | None, size: int, touched: bool) -> None:
    messages = [start(), body(b"x" * size)]

    sent = await call(GZipMiddleware(sending(*messages)), accept)

    if touched:
        assert (b"vary", b"Accept-Encoding") in sent[0]["headers"]
    else:
        assert sent[0] is messages[0]
        assert sent[1] is messages[1]
        assert sent[0]["headers"] == []


@pytest.mark.parametrize(("minimum_size", "touched"), [(0, True), (10, True), (11, False)])
async def test_the_size_of_a_small_body_can_be_chosen(minimum_size: int, touched: bool) -> None:
    app = GZipMiddleware(sending(start(), body(b"0123456789")), minimum_size=minimum_size)

    first, second = await call(app)

    assert ((b"content-encoding", b"gzip") in first["headers"]) is touched
    assert (decompress([second]) if touched else second["body"]) == b"0123456789"


async def test_a_body_message_may_say_nothing() -> None:
    messages = [start(), {"type": "http.response.body"}]

    assert await call(GZipMiddleware(sending(*messages))) == messages
    _, second = await call(GZipMiddleware(sending(*messages), minimum_size=0))
    assert decompress([second]) == b""


async def test_accept_encoding_is_added_to_what_the_response_depends_on() -> None:
    given_headers = [(b"vary", b"Cookie"), (b"vary", b"Origin")]

    for accept in ("gzip", None):
        first, _ = await call(
            GZipMiddleware(sending(start(list(given_headers)), body(LARGE))), accept
        )
        varies = [value for name, value in first["headers"] if name == b"vary"]
        assert varies == [b"Cookie, Origin, Accept-Encoding"]


@pytest.mark.parametrize("accept", ["gzip", None])
async def test_a_start_without_headers_gets_some(accept: str | None) -> None:
    messages: list[Message] = [{"type": "http.response.start", "status": 200}, body(LARGE)]

    first, _ = await call(GZipMiddleware(sending(*messages)), accept)

    assert (b"vary", b"Accept-Encoding") in first["headers"]


async def test_the_list_of_the_response_object_is_not_touched() -> None:
    response = PlainTextResponse("x" * 4000)
    before = list(response.raw_headers)
    app = GZipMiddleware(response)

    first = await call(app)
    second = await call(app)

    assert response.raw_headers == before
    assert first == second


# Bodies in pieces


async def test_every_piece_can_be_read_at_once() -> None:
    pieces = [b"first", b"", b"second", b"third"]
    messages = [body(piece, more_body=True) for piece in pieces] + [body(b"last")]
    app = GZipMiddleware(sending(start([(b"content-length", b"19"), (b"x-a", b"1")]), *messages))

    first, *sent = await call(app)

    assert first["headers"] == [
        (b"x-a", b"1"),
        (b"vary", b"Accept-Encoding"),
        (b"content-encoding", b"gzip"),
    ]
    decompressor = zlib.decompressobj(15 + 16)
    assert [decompressor.decompress(message["body"]) for message in sent] == [*pieces, b"last"]
    assert [message["more_body"] for message in sent] == [True] * 4 + [False]
    assert decompressor.eof
    assert all(message["body"] for message in sent)


async def test_no_piece_waits_for_the_next_one() -> None:
    counts: list[int] = []
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in (start(), body(b"a", more_body=True), body(b"b", more_body=True), body()):
            await send(message)
            counts.append(len(sent))

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise RuntimeError("nothing is to be received")

    scope = {"type": "http", "headers": [(b"accept-encoding", b"gzip")]}
    await GZipMiddleware(app)(scope, receive, send)

    # Only the start is held back.
    assert counts == [0, 2, 3, 4]


async def test_pieces_for_another_client_stay_as_they_are() -> None:
    messages = [
        start([(b"content-length", b"2")]),
        body(b"a", more_body=True),
        body(b"b", more_body=False),
    ]

    first, *sent = await call(GZipMiddleware(sending(*messages)), None)

    assert first["headers"] == [(b"content-length", b"2"), (b"vary", b"Accept-Encoding")]
    assert [id(message) for message in sent] == [id(message) for message in messages[1:]]


CHUNKS = st.lists(st.binary(max_size=300), min_size=1, max_size=8)


@given(
    chunks=CHUNKS,
    level=st.integers(0, 9),
    minimum_size=st.integers(0, 300),
    thread_minimum_size=st.sampled_from([0, 100, 100_000]),
)
def test_whatever_the_pieces_the_client_reads_what_was_sent(
    chunks: list[bytes], level: int, minimum_size: int, thread_minimum_size: int
) -> None:
    messages = [body(chunk, more_body=True) for chunk in chunks[:-1]] + [body(chunks[-1])]
    app = GZipMiddleware(sending(start(), *messages), minimum_size, level, thread_minimum_size)

    first, *sent = anyio.run(call, app)

    assert len(sent) == len(chunks)
    if (b"content-encoding", b"gzip") in first["headers"]:
        decompressor = zlib.decompressobj(15 + 16)
        assert [decompressor.decompress(message["body"]) for message in sent] == chunks
        assert decompressor.eof
        assert decompressor.unused_data == b""
    else:
        assert len(chunks) == 1
        assert len(chunks[0]) < minimum_size
        assert sent[0]["body"] == chunks[0]


@pytest.mark.parametrize("level", [0, 1, 6, 9])
async def test_the_level_of_compression_can_be_chosen(level: int) -> None:
    text = b"".join(b"%d,%d;" % (number, number * number) for number in range(3000))
    compressor = zlib.compressobj(level, zlib.DEFLATED, 15 + 16)

    _, second = await call(GZipMiddleware(sending(start(), body(text)), compresslevel=level))

    assert second["body"] == compressor.compress(text) + compressor.flush()


async def test_the_level_of_compression_is_the_highest_by_default() -> None:
    messages = [start(), body(bytes(range(256)) * 20)]

    assert await call(GZipMiddleware(sending(*messages))) == await call(
        GZipMiddleware(sending(*messages), compresslevel=9)
    )


# What is left alone


LEFT_ALONE = [
    start([(b"content-encoding", b"br"), (b"content-type", b"text/plain")]),
    start([(b"content-encoding", b"")]),
    start([(b"content-range", b"bytes 0-3999/5000")], status=206),
    start([(b"content-type", b"image/png")]),
]


@pytest.mark.parametrize("accept", ["gzip", None])
@pytest.mark.parametrize("first", LEFT_ALONE)
async def test_encodings_ranges_and_compressed_types_are_left_alone(
    first: Message, accept: str | None
) -> None:
    messages = [
        first,
        body(LARGE, more_body=True),
        body(),
        {"type": "http.response.trailers", "headers": []},
    ]

    sent = await call(GZipMiddleware(sending(*messages)), accept)

    assert [id(message) for message in sent] == [id(message) for message in messages]


async def test_the_start_of_what_is_left_alone_is_not_held_back() -> None:
    # An event stream may have nothing to say for a long time.
    first = start([(b"content-type", b"text/event-stream")])

    sent = await call(GZipMiddleware(sending(first)))

    assert len(sent) == 1
    assert sent[0] is first


async def test_a_start_alone_is_held_back() -> None:
    assert await call(GZipMiddleware(sending(start()))) == []


TYPES = [
    ("image/png", True),
    ("Image/PNG", True),
    (" image/png ; charset=x", True),
    ("image/pngx", False),
    ("image/svg+xml", False),
    ("audio/mpeg", True),
    ("audio", True),
    ("audiophile/x", False),
    ("video/mp4;codecs=x", True),
    ("text/event-stream; charset=utf-8", True),
    ("application/grpc", True),
    ("application/grpc+proto", True),
    ("application/grpc-web", False),
    ("application/json", False),
    ("text/html; x=image/png", False),
    ("", False),
]


@pytest.mark.parametrize(("content_type", "excluded"), TYPES)
async def test_the_media_type_decides_without_parameters_and_case(
    content_type: str, excluded: bool
) -> None:
    first = start([(b"content-type", content_type.encode())])

    sent = await call(GZipMiddleware(sending(first, body(LARGE))))

    assert (sent[0] is first) is excluded
    assert ((b"content-encoding", b"gzip") in sent[0]["headers"]) is not excluded


@pytest.mark.parametrize("accept", ["gzip", None])
@pytest.mark.parametrize("make", [GZipMiddleware, GZipResponder, IdentityResponder])
async def test_the_types_to_leave_alone_can_be_chosen(make: Any, accept: str | None) -> None:
    # They are read as media types are: without case, space and parameters.
    types = ("Text/HTML; charset=utf-8", " font/* ")

    async def is_left_alone(content_type: bytes) -> bool:
        first = start([(b"content-type", content_type)])
        app = make(sending(first, body(LARGE)), 500, exclude_content_types=types)
        return (await call(app, accept))[0] is first

    assert await is_left_alone(b"text/html")
    assert await is_left_alone(b"font/ttf")
    assert not await is_left_alone(b"text/plain")
    # These replace the default ones.
    assert not await is_left_alone(b"image/png")
    assert not await is_left_alone(b"application/grpc+proto")


@pytest.mark.parametrize("content_type", ["application/grpc+proto", "image/png", "video/mp4"])
async def test_nothing_needs_to_be_left_alone(content_type: str) -> None:
    app = GZipMiddleware(
        sending(start([(b"content-type", content_type.encode())]), body(LARGE)),
        exclude_content_types=(),
    )

    first, second = await call(app)

    assert (b"content-encoding", b"gzip") in first["headers"]
    assert decompress([second]) == LARGE


# Other messages


@pytest.mark.parametrize("accept", ["gzip", None])
@pytest.mark.parametrize("headers", [[], [(b"content-type", b"image/png")]])
async def test_a_file_that_the_server_sends_is_left_alone(
    headers: Pairs, accept: str | None
) -> None:
    messages = [start(headers), {"type": "http.response.pathsend", "path": "/file"}]

    sent = await call(GZipMiddleware(sending(*messages)), accept)

    assert [id(message) for message in sent] == [id(message) for message in messages]
    assert len(headers) == len(sent[0]["headers"])


@pytest.mark.parametrize("accept", ["gzip", None])
async def test_hints_go_out_before_the_start_that_is_held_back(accept: str | None) -> None:
    hint: Message = {"type": "http.response.early_hint", "links": [b"</a>; rel=preload"]}
    trailers: Message = {"type": "http.response.trailers", "headers": []}

    sent = await call(
        GZipMiddleware(sending(start(trailers=True), hint, body(LARGE), trailers)), accept
    )

    assert [message["type"].rpartition(".")[2] for message in sent] == [
        "early_hint",
        "start",
        "body",
        "trailers",
    ]
    assert sent[0] is hint
    assert sent[3] is trailers


@pytest.mark.parametrize("accept", ["gzip", None])
@pytest.mark.parametrize("kind", ["http.response.debug", "http.response.push", "http.x"])
async def test_other_messages_are_dropped(accept: str | None, kind: str) -> None:
    app = GZipMiddleware(sending({"type": kind}, start(), {"type": kind}, body(b"small")))

    sent = await call(app, accept)

    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_only_http_is_touched(kind: str) -> None:
    calls: list[tuple[Any, ...]] = []

    async def app(*args: Any) -> None:
        calls.append(args)

    async def channel(*args: Any) -> Any: ...

    scope: Scope = {"type": kind}
    await GZipMiddleware(app)(scope, channel, channel)

    assert calls == [(scope, channel, channel)]


# Threads and memory


def record_threads(responder: GZipResponder) -> list[int]:
    """Have the compressor of a responder note the threads that it is used in."""
    threads: list[int] = []
    compressor = zlib.compressobj(9, zlib.DEFLATED, 15 + 16)

    class Recording:
        def compress(self, data: bytes, /) -> bytes:
            threads.append(threading.get_ident())
            return compressor.compress(data)

        def flush(self, mode: int = zlib.Z_FINISH, /) -> bytes:
            return compressor.flush(mode)

    responder._compressor = Recording()
    return threads


async def test_large_pieces_are_compressed_in_threads() -> None:
    here = threading.get_ident()
    chunks = [b"x" * 99, b"y" * 100, b"z" * 5, b"w" * 1000, b""]
    messages = [body(chunk, more_body=bool(chunk)) for chunk in chunks]
    responder = GZipResponder(sending(start(), *messages), 500, thread_minimum_size=100)
    threads = record_threads(responder)

    _, *sent = await call(responder)

    assert [thread == here for thread in threads] == [True, False, True, False, True]
    assert decompress(sent) == b"".join(chunks)


async def test_pieces_below_128_kib_are_compressed_at_once() -> None:
    here = threading.get_ident()
    chunks = [b"x" * (128 * 1024 - 1), b"x" * (128 * 1024)]
    messages = [body(chunks[0], more_body=True), body(chunks[1])]
    responder = GZipResponder(sending(start(), *messages), 500)
    threads = record_threads(responder)

    _, *sent = await call(responder)

    assert [thread == here for thread in threads] == [True, False]
    assert decompress(sent) == b"".join(chunks)


async def test_the_threads_of_blocking_endpoints_are_not_taken() -> None:
    # All of the default limiter is in use, so compressing would wait for ever under it.
    limiter = anyio.to_thread.current_default_thread_limiter()
    total = int(limiter.total_tokens)
    owners = [object() for _ in range(total)]
    for owner in owners:
        limiter.acquire_on_behalf_of_nowait(owner)
    try:
        with anyio.fail_after(5):
            _, second = await call(
                GZipMiddleware(sending(start(), body(LARGE)), thread_minimum_size=0)
            )
    finally:
        for owner in owners:
            limiter.release_on_behalf_of(owner)

    assert decompress([second]) == LARGE


async def test_no_more_than_40_pieces_are_compressed_at_the_same_time() -> None:
    running = 0
    all_are_in = anyio.Event()
    release = threading.Event()

    def enter() -> None:
        nonlocal running
        running += 1
        if running == 40:
            all_are_in.set()

    class Waiting:
        def compress(self, data: bytes, /) -> bytes:
            anyio.from_thread.run_sync(enter)
            release.wait()
            return data

        def flush(self, mode: int = zlib.Z_FINISH, /) -> bytes:
            return b""

    async def respond() -> None:
        responder = GZipResponder(sending(start(), body(LARGE)), 500, thread_minimum_size=0)
        responder._compressor = Waiting()
        await call(responder)

    async with anyio.create_task_group() as task_group:
        for _ in range(50):
            task_group.start_soon(respond)
        try:
            with anyio.fail_after(5):
                await all_are_in.wait()
            limiter = gzip_module._limiter.get()
            statistics = limiter.statistics()
        finally:
            release.set()

    assert (statistics.borrowed_tokens, statistics.tasks_waiting) == (40, 10)
    assert running == 50


async def test_a_compressor_is_made_only_when_something_is_compressed() -> None:
    small = GZipResponder(sending(start(), body(b"small")), 500)
    excluded = GZipResponder(sending(start([(b"content-encoding", b"br")]), body(LARGE)), 500)
    large = GZipResponder(sending(start(), body(LARGE)), 500)
    for responder in (small, excluded, large):
        assert responder._compressor is None
        await call(responder)

    assert small._compressor is None
    assert excluded._compressor is None
    assert large._compressor is not None
    assert large._compressor is large.compressor


async def test_a_responder_that_was_not_called_cannot_send() -> None:
    responder = IdentityResponder(sending(), 500)

    with pytest.raises(RuntimeError, match="send awaitable not set"):
        await responder.send({})
    with pytest.raises(RuntimeError, match="send awaitable not set"):
        await unattached_send({})


# In an application


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("kind", [list, tuple, iter])
async def test_what_counts_is_what_the_request_said_when_it_came(kind: Any, strict: bool) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["headers"] == [(b"accept-encoding", b"gzip")]
        scope["headers"].clear()
        scope["app"] = None
        await Response(LARGE)(scope, receive, send)

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = kind([(b"accept-encoding", b"gzip")])
    middleware: Any = GZipMiddleware(app, strict=strict)
    await middleware({"type": "http", "headers": headers}, None, send)
    assert decompress(sent[1:]) == LARGE


def test_a_client_reads_every_kind_of_response(client_for: ClientFor, tmp_path: Any) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(LARGE)

    async def plain(request: Request) -> Response:
        return PlainTextResponse(LARGE)

    async def small(request: Request) -> Response:
        return PlainTextResponse("OK")

    async def stream(request: Request) -> Response:
        async def pieces() -> Any:
            for _ in range(10):
                yield b"x" * 400

        return StreamingResponse(pieces())

    async def file(request: Request) -> Response:
        return FileResponse(path)

    app = Starlette(
        routes=[
            Route("/plain", plain),
            Route("/small", small),
            Route("/stream", stream),
            Route("/file", file),
        ],
        middleware=[Middleware(GZipMiddleware)],
    )
    with client_for(app) as client:
        for name in ("plain", "stream", "file"):
            response = client.get(f"/{name}", headers={"accept-encoding": "gzip"})
            assert response.content == LARGE
            assert response.headers["content-encoding"] == "gzip"
            assert response.headers["vary"] == "Accept-Encoding"
            assert ("content-length" in response.headers) is (name != "stream")

        response = client.get("/small", headers={"accept-encoding": "gzip"})
        assert (response.text, response.headers["content-length"]) == ("OK", "2")
        assert not {"content-encoding", "vary"} & set(response.headers)

        response = client.get("/plain", headers={"accept-encoding": "identity"})
        assert response.headers["content-length"] == "4000"
        assert "content-encoding" not in response.headers


# By the letter of RFC 9110


def strict_headers(
    client_for: Any, response: Response, accepted: str = "gzip", **options: Any
) -> dict[str, str]:
    client = client_for(GZipMiddleware(response, minimum_size=1, strict=True, **options))
    got = client.get("/", headers={"accept-encoding": accepted})
    assert got.text == "a body"
    return dict(got.headers)


def test_a_strict_middleware_weakens_the_tag_of_what_it_compresses(client_for: Any) -> None:
    response = PlainTextResponse("a body", headers={"etag": '"a"'})
    assert strict_headers(client_for, response)["etag"] == 'W/"a"'
    assert strict_headers(client_for, response, "gzip;q=0")["etag"] == '"a"'
    response = PlainTextResponse("a body", headers={"etag": 'W/"a"'})
    assert strict_headers(client_for, response)["etag"] == 'W/"a"'


def test_a_strict_middleware_leaves_alone_what_is_not_to_be_changed(client_for: Any) -> None:
    for cache_control, compressed in (("private, No-Transform", False), ("no-store", True)):
        response = PlainTextResponse("a body", headers={"cache-control": cache_control})
        assert ("content-encoding" in strict_headers(client_for, response)) is compressed


def test_a_strict_middleware_leaves_cookies_alone_unless_asked(client_for: Any) -> None:
    response = PlainTextResponse("a body", headers={"set-cookie": "a=b"})
    assert "content-encoding" not in strict_headers(client_for, response)
    asked = strict_headers(client_for, response, compress_with_cookies=True)
    assert asked["content-encoding"] == "gzip"
