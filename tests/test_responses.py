"""Responses of other kinds than text: JSON, redirects, streams."""

from __future__ import annotations

import gc
import json
import math
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from bolide import responses
from bolide._async import create_collapsing_task_group
from bolide._policy import Policy
from bolide.background import BackgroundTask
from bolide.datastructures import URL
from bolide.requests import ClientDisconnect
from bolide.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    MalformedRangeHeader,
    PlainTextResponse,
    RangeNotSatisfiable,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from bolide.testclient import TestClient
from bolide.types import Message, Receive, Scope, Send

OLD: Scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
NEW: Scope = {"type": "http", "asgi": {"spec_version": "2.4"}}
LAST: Message = {"type": "http.response.body", "body": b"", "more_body": False}


async def forever() -> None:
    """Wait to be cancelled; a test in which that does not happen fails."""
    with anyio.fail_after(5):
        await anyio.sleep_forever()


class Recorder:
    """A `send` that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        await checkpoint()
        self.messages.append(message)

    @property
    def pieces(self) -> list[Any]:
        return [message["body"] for message in self.messages[1:]]


class BrokenSend(Recorder):
    """A `send` that fails at one message, as servers do when the client is gone."""

    def __init__(self, at: int, error: BaseException | None = None) -> None:
        super().__init__()
        self.at = at
        self.error = error or OSError("gone")

    async def __call__(self, message: Message) -> None:
        if len(self.messages) == self.at:
            raise self.error
        await super().__call__(message)


class Stuck(Recorder):
    """A `send` that waits for ever at one message, as servers do when the client reads nothing."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self.reached = anyio.Event()

    async def __call__(self, message: Message) -> None:
        if len(self.messages) == self.at:
            self.reached.set()
            await forever()
        await super().__call__(message)


class Client:
    """A `receive` that says what it is told to say, and then nothing more."""

    def __init__(self, *types: str) -> None:
        self.types = list(types)
        self.cancelled = False

    async def __call__(self) -> Message:
        await checkpoint()
        if self.types:
            return {"type": self.types.pop(0)}
        try:
            await forever()
        finally:
            self.cancelled = True
        raise AssertionError("unreachable")


async def no_receive() -> Message:
    raise AssertionError("This response has nothing to receive.")


class Pieces:
    """An async iterator of a body that knows what happened to it."""

    def __init__(self, *pieces: Any) -> None:
        self.pieces = list(pieces)
        self.closed = False

    def __aiter__(self) -> AsyncIterator[Any]:
        return self.iterate()

    async def iterate(self) -> AsyncGenerator[Any, None]:
        try:
            for piece in self.pieces:
                await checkpoint()
                if isinstance(piece, BaseException):
                    raise piece
                yield piece
        finally:
            await checkpoint()
            self.closed = True


# JSON


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (None, b"null"),
        ({}, b"{}"),
        ({"a": [1, 2.5, True, None], "b": "c"}, b'{"a":[1,2.5,true,null],"b":"c"}'),
        ({"♥": "é\n"}, '{"♥":"é\\n"}'.encode()),
        ("text", b'"text"'),
        ((1, 2), b"[1,2]"),
    ],
)
def test_json_is_compact_and_utf_8(content: Any, body: bytes) -> None:
    response = JSONResponse(content)
    assert response.body == body
    assert response.raw_headers == [
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"application/json"),
    ]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # Half of a surrogate pair has no form in UTF-8.
    | st.text(st.characters(codec="utf-8")),
    lambda values: (
        st.lists(values) | st.dictionaries(st.text(st.characters(codec="utf-8")), values)
    ),
    max_leaves=10,
)


@given(json_values)
def test_json_means_what_went_in(value: Any) -> None:
    assert json.loads(JSONResponse(value).body) == value  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_has_no_infinity(value: float) -> None:
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        JSONResponse({"a": [value]})


def test_what_json_does_not_know_is_an_error() -> None:
    with pytest.raises(TypeError):
        JSONResponse(object())
    with pytest.raises(TypeError):
        JSONResponse()  # type: ignore[call-arg]


def test_json_takes_what_every_response_takes() -> None:
    task = BackgroundTask(gc.collect)
    response = JSONResponse(1, 201, {"x-a": "b"}, "application/problem+json", task)
    assert (response.status_code, response.background) == (201, task)
    assert response.headers["x-a"] == "b"
    assert response.headers["content-type"] == "application/problem+json"


def test_json_may_be_rendered_by_another_library() -> None:
    class Pretty(JSONResponse):
        def render(self, content: Any) -> bytes:
            return json.dumps(content, indent=1).encode()

    assert Pretty([1]).body == b"[\n 1\n]"


def test_a_client_reads_json(client_for: Callable[..., TestClient]) -> None:
    response = client_for(JSONResponse({"a": "♥"})).get("/")
    assert response.json() == {"a": "♥"}
    assert response.headers["content-type"] == "application/json"


# Redirects


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("/I ♥ tests/", "/I%20%E2%99%A5%20tests/"),
        ("https://example.org/a?b=c&d=[e]#f", "https://example.org/a?b=c&d=[e]#f"),
        ("/already%20quoted", "/already%20quoted"),
        ("/_.-~:/%#?=@[]!$&'()*+,;", "/_.-~:/%#?=@[]!$&'()*+,;"),
        ('/"<>\\^`{|}', "/%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("/a\r\nset-cookie: b", "/a%0D%0Aset-cookie:%20b"),
        ("/\x00", "/%00"),
        ("", ""),
        (URL("https://example.org/é"), "https://example.org/%C3%A9"),
    ],
)
def test_a_redirect_quotes_what_a_url_may_not_hold(url: str | URL, location: str) -> None:
    response = RedirectResponse(url)
    assert response.raw_headers == [
        (b"content-length", b"0"),
        (b"location", location.encode("ascii")),
    ]
    assert response.body == b""


@given(st.text(st.characters(codec="utf-8")))
def test_a_location_is_visible_ascii(url: str) -> None:
    location = RedirectResponse(url).headers["location"]
    assert all(33 <= ord(character) < 127 for character in location)
    assert RedirectResponse(location).headers["location"] == location


def test_a_redirect_keeps_the_method_unless_told_otherwise() -> None:
    assert RedirectResponse("/").status_code == 307
    assert RedirectResponse("/", 303).status_code == 303


def test_the_url_of_a_redirect_replaces_a_given_location() -> None:
    response = RedirectResponse("/b", headers={"Location": "/a", "x-a": "1"})
    assert response.headers.getlist("location") == ["/b"]
    assert response.headers["x-a"] == "1"


def test_a_redirect_keeps_its_task() -> None:
    task = BackgroundTask(gc.collect)
    assert RedirectResponse("/", background=task).background is task


def test_a_client_follows_a_redirect(client_for: Callable[..., TestClient]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response: Response = RedirectResponse("/here it is")
        if scope["path"] != "/":
            response = PlainTextResponse(scope["path"])
        await response(scope, receive, send)

    client = client_for(app)
    assert client.get("/").text == "/here it is"
    response = client.get("/", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (307, "/here%20it%20is")


# Streams: what goes out


@pytest.mark.anyio
@pytest.mark.parametrize("scope", [OLD, NEW, {"type": "http"}])
async def test_each_piece_is_a_message_and_an_empty_one_the_last(scope: Scope) -> None:
    send = Recorder()
    view = memoryview(b"view")
    pieces = Pieces("é", b"bytes", view, b"", "")
    response = StreamingResponse(pieces, 201, {"x-a": "1"}, "text/plain")
    await response(scope, Client(), send)

    start, *bodies = send.messages
    assert start == {
        "type": "http.response.start",
        "status": 201,
        "headers": [(b"x-a", b"1"), (b"content-type", b"text/plain; charset=utf-8")],
    }
    assert bodies == [
        {"type": "http.response.body", "body": piece, "more_body": True}
        for piece in ["é".encode(), b"bytes", view, b"", b""]
    ] + [LAST]
    assert bodies[2]["body"] is view
    assert pieces.closed


@pytest.mark.anyio
async def test_text_is_encoded_in_the_charset_of_the_class() -> None:
    class Latin(StreamingResponse):
        charset = "latin-1"

    send = Recorder()
    await Latin(Pieces("é"), media_type="text/plain")(NEW, no_receive, send)
    assert send.pieces == [b"\xe9", b""]
    assert send.messages[0]["headers"] == [(b"content-type", b"text/plain; charset=latin-1")]


def test_a_stream_has_no_length_but_the_one_given() -> None:
    assert StreamingResponse(Pieces()).raw_headers == []
    response = StreamingResponse(Pieces(), headers={"Content-Length": "3"})
    assert response.raw_headers == [(b"content-length", b"3")]


def test_the_media_type_of_a_class_of_streams_is_kept() -> None:
    class Events(StreamingResponse):
        media_type = "text/event-stream"

    assert Events(Pieces()).headers["content-type"] == "text/event-stream; charset=utf-8"
    assert Events(Pieces(), media_type="a/b").headers["content-type"] == "a/b"


def test_an_async_iterable_is_used_as_it_is() -> None:
    pieces = Pieces()
    assert StreamingResponse(pieces).body_iterator is pieces


@pytest.mark.anyio
@pytest.mark.parametrize("make", [list, tuple, iter], ids=["list", "tuple", "iterator"])
async def test_a_blocking_iterable_is_streamed(
    make: Callable[[list[str]], Iterable[str]],
) -> None:
    send = Recorder()
    await StreamingResponse(make(["a", "b"]))(NEW, no_receive, send)
    assert send.pieces == [b"a", b"b", b""]


@pytest.mark.anyio
async def test_each_step_of_a_blocking_iterable_is_taken_in_another_thread() -> None:
    threads: list[int] = []

    def produce() -> Iterator[bytes]:
        for _ in range(3):
            threads.append(threading.get_ident())
            yield b"a"

    await StreamingResponse(produce())(NEW, no_receive, Recorder())
    assert len(threads) == 3
    assert threading.get_ident() not in threads


def test_a_client_reads_a_stream(client_for: Callable[..., TestClient]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await StreamingResponse(Pieces("a", b"b", "♥"))(scope, receive, send)

    response = client_for(app).get("/")
    assert response.text == "ab♥"
    assert "content-length" not in response.headers


@pytest.mark.anyio
async def test_a_stream_denies_a_websocket_without_listening() -> None:
    calls: list[str] = []
    send = Recorder()
    response = StreamingResponse(Pieces("a"), 403, background=BackgroundTask(calls.append, "later"))
    await response({"type": "websocket"}, no_receive, send)
    assert send.messages == [
        {"type": "websocket.http.response.start", "status": 403, "headers": []},
        {"type": "websocket.http.response.body", "body": b"a", "more_body": True},
        {"type": "websocket.http.response.body", "body": b"", "more_body": False},
    ]
    assert calls == ["later"]


# Streams: clients that leave


@pytest.mark.anyio
@pytest.mark.parametrize("version", ["2.4", "2.10", "3.0"])
async def test_a_newer_server_is_not_listened_to(version: str) -> None:
    send = Recorder()
    scope = {"type": "http", "asgi": {"spec_version": version}}
    await StreamingResponse(Pieces("a"))(scope, no_receive, send)
    assert send.pieces == [b"a", b""]


@pytest.mark.anyio
@pytest.mark.parametrize("at", [0, 1, 2], ids=["start", "piece", "end"])
@pytest.mark.parametrize("scope", [OLD, NEW])
async def test_a_send_that_fails_says_that_the_client_is_gone(at: int, scope: Scope) -> None:
    calls: list[str] = []
    send = BrokenSend(at)
    pieces = Pieces("a")
    response = StreamingResponse(pieces, background=BackgroundTask(calls.append, "later"))
    with pytest.raises(ClientDisconnect) as caught:
        await response(scope, Client(), send)
    assert caught.value.__cause__ is send.error
    assert calls == []


@pytest.mark.anyio
@pytest.mark.parametrize("iterable", ["generator", "object"])
async def test_an_async_generator_is_closed_when_a_send_fails(iterable: str) -> None:
    pieces = Pieces("a", "b")
    content = pieces.iterate() if iterable == "generator" else pieces
    with pytest.raises(ClientDisconnect):
        await StreamingResponse(content)(NEW, no_receive, BrokenSend(1))
    assert pieces.closed


@pytest.mark.anyio
@pytest.mark.parametrize("at", [0, 1])
async def test_an_iterable_that_can_be_closed_is_closed_too(at: int) -> None:
    class Resource(Pieces):
        released = 0

        async def aclose(self) -> None:
            await checkpoint()
            self.released += 1

    resource = Resource("a", "b")
    with pytest.raises(ClientDisconnect):
        await StreamingResponse(resource)(NEW, no_receive, BrokenSend(at))
    assert resource.released == 1


@pytest.mark.anyio
@pytest.mark.parametrize("scope", [OLD, NEW])
async def test_another_failure_of_send_stays_what_it_is(scope: Scope) -> None:
    send = BrokenSend(1, LookupError())
    with pytest.raises(LookupError) as caught:
        await StreamingResponse(Pieces("a"))(scope, Client(), send)
    assert caught.value is send.error


@pytest.mark.anyio
@pytest.mark.parametrize("scope", [OLD, NEW])
@pytest.mark.parametrize(
    "error",
    [LookupError(), OSError()],
    ids=["LookupError", "OSError"],
)
async def test_a_failure_of_the_body_comes_out_as_it_is(scope: Scope, error: Exception) -> None:
    calls: list[str] = []
    client, send = Client(), Recorder()
    response = StreamingResponse(
        Pieces("a", error), background=BackgroundTask(calls.append, "later")
    )
    with pytest.raises(type(error)) as caught:
        await response(scope, client, send)
    assert caught.value is error
    assert send.pieces == [b"a"]
    assert calls == []


@pytest.mark.anyio
@pytest.mark.parametrize("scope", [OLD, NEW])
async def test_a_group_of_failures_of_the_body_stays_that_group(scope: Scope) -> None:
    errors = [ValueError()]
    response = StreamingResponse(Pieces(ExceptionGroup("mine", errors)))
    with pytest.raises(ExceptionGroup) as caught:
        await response(scope, Client(), Recorder())
    assert (caught.value.message, list(caught.value.exceptions)) == ("mine", errors)


@pytest.mark.anyio
@pytest.mark.parametrize("scope", [OLD, {"type": "http", "asgi": {}}, {"type": "http"}])
async def test_a_client_that_leaves_an_older_server_ends_the_stream_quietly(scope: Scope) -> None:
    calls: list[str] = []
    send = Stuck(at=1)
    pieces = Pieces("a", "b")
    response = StreamingResponse(pieces, background=BackgroundTask(calls.append, "later"))
    await response(scope, Client("http.request", "other", "http.disconnect"), send)

    assert pieces.closed
    assert len(send.messages) == 1
    assert calls == ["later"]


@pytest.mark.anyio
async def test_a_client_that_leaves_wakes_a_body_that_waits() -> None:
    send = Recorder()

    async def waiting() -> AsyncGenerator[str, None]:
        yield "a"
        await forever()

    await StreamingResponse(waiting())(OLD, Client("http.disconnect"), send)
    assert LAST not in send.messages


@pytest.mark.anyio
async def test_the_listening_ends_with_the_stream() -> None:
    client = Client("http.request")
    send = Recorder()
    pieces = Pieces(*"abcdefgh")
    await StreamingResponse(pieces)(OLD, client, send)
    assert send.messages[-1] == LAST
    assert client.cancelled


@pytest.mark.anyio
async def test_a_stream_that_waits_for_nothing_ends_when_the_client_leaves() -> None:
    left = anyio.Event()
    closed = False

    async def endless() -> AsyncGenerator[bytes, None]:
        nonlocal closed
        try:
            for _ in range(2_000_000):
                yield b"a"
        finally:
            closed = True
        raise AssertionError("Nobody has noticed that the client has left.")

    async def receive() -> Message:
        await left.wait()
        return {"type": "http.disconnect"}

    # As uvicorn's does: it waits for nothing, and drops what nobody will get.
    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            left.set()

    await StreamingResponse(endless())(OLD, receive, send)
    assert closed


@pytest.mark.anyio
@pytest.mark.parametrize("scope", [OLD, NEW])
async def test_others_get_their_turn_during_a_stream_that_waits_for_nothing(scope: Scope) -> None:
    stopped = False

    async def stop() -> None:
        nonlocal stopped
        stopped = True

    async def until_stopped() -> AsyncGenerator[bytes, None]:
        for _ in range(2_000_000):
            if stopped:
                return
            yield b"a"
        raise AssertionError("Others had no turn.")

    async def send(message: Message) -> None:
        pass

    async with create_collapsing_task_group() as task_group:
        task_group.start_soon(stop)
        await StreamingResponse(until_stopped())(scope, Client(), send)


@pytest.mark.anyio
async def test_a_failure_of_receive_comes_out_as_it_is() -> None:
    error = LookupError()

    async def broken() -> Message:
        raise error

    async def waiting() -> AsyncGenerator[str, None]:
        yield "a"
        await forever()

    with pytest.raises(LookupError) as caught:
        await StreamingResponse(waiting())(OLD, broken, Recorder())
    assert caught.value is error


@pytest.mark.anyio
@pytest.mark.parametrize("scope", [OLD, NEW])
async def test_a_stream_that_is_cancelled_from_outside_is_closed(scope: Scope) -> None:
    calls: list[str] = []
    send = Stuck(at=1)
    pieces = Pieces("a", "b")
    response = StreamingResponse(pieces, background=BackgroundTask(calls.append, "later"))
    async with create_collapsing_task_group() as task_group:
        task_group.start_soon(response, scope, Client(), send)
        await send.reached.wait()
        task_group.cancel_scope.cancel()

    assert pieces.closed
    assert calls == []


@pytest.mark.anyio
async def test_what_cannot_be_encoded_closes_the_body() -> None:
    pieces = Pieces(1)
    with pytest.raises(AttributeError):
        await StreamingResponse(pieces.iterate())(NEW, no_receive, Recorder())
    assert pieces.closed


@pytest.mark.anyio
async def test_a_body_that_cannot_be_closed_is_left_alone() -> None:
    class Bare:
        def __aiter__(self) -> Bare:
            return self

        async def __anext__(self) -> str:
            raise LookupError

    with pytest.raises(LookupError):
        await StreamingResponse(Bare())(NEW, no_receive, Recorder())


@pytest.mark.anyio
async def test_the_background_task_runs_when_all_is_sent() -> None:
    send = Recorder()
    seen: list[Message] = []

    async def later() -> None:
        seen.extend(send.messages)

    await StreamingResponse(Pieces("a"), background=BackgroundTask(later))(NEW, no_receive, send)
    assert seen[-1] == LAST


@pytest.mark.anyio
async def test_subclasses_decide_when_a_client_is_gone_and_what_is_sent() -> None:
    class Impatient(StreamingResponse):
        async def listen_for_disconnect(self, receive: Receive) -> None:
            await started.wait()

        async def stream_response(self, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            started.set()
            await forever()

    started = anyio.Event()
    send = Recorder()
    await Impatient(Pieces("a"))(OLD, no_receive, send)
    assert [message["type"] for message in send.messages] == ["http.response.start"]


# The module


def test_the_module_names_what_it_offers() -> None:
    assert responses.__all__ == sorted(responses.__all__)
    for name in responses.__all__:
        assert hasattr(responses, name), name


@pytest.mark.parametrize(
    "public",
    [
        FileResponse,
        HTMLResponse,
        JSONResponse,
        MalformedRangeHeader,
        PlainTextResponse,
        RangeNotSatisfiable,
        RedirectResponse,
        Response,
        StreamingResponse,
    ],
)
def test_classes_say_that_they_are_from_here(public: type) -> None:
    assert public.__module__ == "bolide.responses"


def test_the_exceptions_of_ranges_tell_what_to_answer() -> None:
    assert MalformedRangeHeader().content == "Malformed range header."
    assert MalformedRangeHeader("other").content == "other"
    assert RangeNotSatisfiable(7).max_size == 7


@pytest.mark.anyio
@pytest.mark.parametrize(("cut", "body"), [(True, b""), (False, b"ab")])
async def test_the_application_says_whether_a_stream_that_its_status_forbids_is_sent(
    cut: bool, body: bytes
) -> None:
    class App:
        policy = Policy(cut_forbidden_bodies=cut)

    send = Recorder()
    scope: Scope = {"type": "http", "asgi": {"spec_version": "2.4"}, "app": App()}
    response = StreamingResponse([b"a", b"b"], 204, {"content-length": "2"})
    await response(scope, no_receive, send)

    assert b"".join(message["body"] for message in send.messages[1:]) == body
    headers = send.messages[0]["headers"]
    assert headers == ([] if cut else [(b"content-length", b"2")])
