"""HTTP of the async test client: both bodies stream, and either side may go."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import anyio
import httpx2
import pytest
from anyio.lowlevel import checkpoint

from bolide._testing.conversation import GRACE_STEPS
from bolide.requests import ClientDisconnect, Request
from bolide.testclient import AsyncTestClient
from bolide.testing import InvalidEvent

pytestmark = pytest.mark.anyio

START = {"type": "http.response.start", "status": 200, "headers": []}
GONE = {"type": "http.disconnect"}


def body(chunk: bytes = b"", more: bool = False) -> Any:
    return {"type": "http.response.body", "body": chunk, "more_body": more}


def sending(*messages: Any, then: BaseException | None = None) -> Any:
    """Make an application that sends these events, and raises then."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        if then is not None:
            raise then

    return app


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer each chunk of the request before the next one is there."""
    await send(START)
    async for chunk in Request(scope, receive).stream():
        await send(body(chunk, more=True))
    await send(body())


def listening(log: list[Any], *messages: Any, then: Any = None) -> Any:
    """Make an application that sends these events, and logs what it hears, until it is alone."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        event: Any = None
        while event != GONE:
            event = await receive()
            log.append(event)
        if then is not None:
            await then()

    return app


def with_lifespan(app: Any) -> Any:
    """Give an application a lifespan in which nothing happens."""

    async def wrapper(scope: Any, receive: Any, send: Any) -> Any:
        if scope["type"] != "lifespan":
            return await app(scope, receive, send)
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        return await send({"type": "lifespan.shutdown.complete"})

    return wrapper


# Bodies


async def test_a_response_is_read_while_the_application_runs() -> None:
    log: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        for number in range(3):
            log.append(f"send {number}")
            await send(body(b"%d" % number, more=True))
        await send(body())

    async with AsyncTestClient(app).stream("GET", "/") as response:
        async with aclosing(response.aiter_bytes()) as chunks:
            assert await anext(chunks) == b"0"
            # One chunk may wait for its reader, but not two.
            assert "send 2" not in log
            assert [chunk async for chunk in chunks] == [b"1", b"2"]
        assert response.is_closed


async def test_a_request_streams_while_the_response_does() -> None:
    answered = anyio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        await answered.wait()
        yield b"two"

    async with (
        AsyncTestClient(echo).stream("POST", "/", content=chunks()) as response,
        aclosing(response.aiter_bytes()) as answer,
    ):
        assert await anext(answer) == b"one"
        answered.set()
        assert [chunk async for chunk in answer] == [b"two"]
    assert response.request.content == b"onetwo"


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, b""), ({"content": b"whole"}, b"whole"), ({"json": {"a": 1}}, b'{"a":1}')],
)
async def test_other_requests_come_whole(options: Any, expected: bytes) -> None:
    log: list[Any] = []
    client = AsyncTestClient(listening(log, START, body()))
    await client.request("POST", "/", **options)
    assert log == [{"type": "http.request", "body": expected, "more_body": False}, GONE]


async def test_files_are_uploaded() -> None:
    files = {"file": ("name", io.BytesIO(b"content"))}
    response = await AsyncTestClient(echo).post("/", files=files)
    assert b"\r\n\r\ncontent\r\n" in response.content


async def test_a_redirect_sends_the_body_again() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/":
            await Request(scope, receive).body()
            await send({**START, "status": 307, "headers": [(b"location", b"/echo")]})
            await send(body())
        else:
            await echo(scope, receive, send)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    response = await AsyncTestClient(app).post("/", content=chunks())
    assert response.content == b"onetwo"


async def test_a_body_that_nobody_reads_is_closed() -> None:
    log: list[str] = []

    async def chunks() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            yield b"two"
        finally:
            log.append("closed")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await sending(START, body())(scope, receive, send)

    await AsyncTestClient(app).post("/", content=chunks())
    assert log == ["closed"]


async def test_trailers_and_debug_information_are_on_the_response() -> None:
    app = sending(
        {"type": "http.response.debug", "info": {"template": "t"}},
        {**START, "trailers": True},
        body(b"x"),
        {"type": "http.response.trailers", "headers": [(b"a", b"b")]},
    )
    response = await AsyncTestClient(app).get("/")
    assert response.extensions["http.response.trailers"] == [(b"a", b"b")]
    assert response.template == "t"  # type: ignore[attr-defined]


async def test_a_response_cannot_be_read_twice() -> None:
    async with AsyncTestClient(sending(START, body(b"x"))).stream("GET", "/") as response:
        stream = response.stream
        await response.aread()
        assert isinstance(stream, httpx2.AsyncByteStream)
        with pytest.raises(httpx2.StreamClosed):
            await anext(aiter(stream))
        await response.aclose()


# The client leaves


async def test_leaving_the_block_is_a_disconnect() -> None:
    log: list[Any] = []
    async with AsyncTestClient(listening(log, START)).stream("GET", "/") as response:
        assert response.status_code == 200
    assert log[-1] == GONE


async def test_closing_the_response_is_a_disconnect() -> None:
    log: list[Any] = []
    async with AsyncTestClient(listening(log, START)).stream("GET", "/") as response:
        await response.aclose()
        assert log[-1] == GONE


async def test_being_cancelled_is_a_disconnect() -> None:
    log: list[Any] = []
    listens = anyio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        listens.set()
        await listening(log)(scope, receive, send)

    async with AsyncTestClient(with_lifespan(app)) as client:
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(client.get, "/")
            await listens.wait()
            task_group.cancel_scope.cancel()
        assert log[-1] == GONE


async def test_without_a_block_being_cancelled_cancels_the_application() -> None:
    log: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            scope["state"]["cancel"].cancel()
            await anyio.sleep_forever()
        finally:
            log.append("ended")

    client = AsyncTestClient(app)
    with anyio.CancelScope() as client.app_state["cancel"]:
        await client.get("/")
    assert log == ["ended"]


async def test_a_body_that_breaks_off_is_a_disconnect() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        raise OSError("the cable is out")

    log: list[Any] = []
    client = AsyncTestClient(listening(log))
    with pytest.raises(OSError, match="the cable is out"):
        await client.post("/", content=chunks())
    assert log == [{"type": "http.request", "body": b"one", "more_body": True}, GONE]


async def test_a_body_may_break_off_while_the_response_streams() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        raise OSError("the cable is out")

    async def read(received: list[bytes]) -> None:
        async with AsyncTestClient(echo).stream("POST", "/", content=chunks()) as response:
            received.extend([chunk async for chunk in response.aiter_bytes()])

    with pytest.raises(OSError, match="the cable is out"):
        await read([])


async def test_an_application_has_a_few_steps_to_clean_up() -> None:
    log: list[Any] = []

    async def clean_up() -> None:
        for _ in range(GRACE_STEPS // 2):
            await checkpoint()
        log.append("clean")

    async with AsyncTestClient(listening(log, START, then=clean_up)).stream("GET", "/"):
        pass
    assert log[-1] == "clean"


async def test_an_application_that_goes_on_is_cancelled() -> None:
    log: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        try:
            await anyio.sleep_forever()
        finally:
            log.append("ended")

    async with AsyncTestClient(app).stream("GET", "/"):
        pass
    assert log == ["ended"]


async def test_an_application_may_complain_that_its_client_is_gone() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        async for _ in Request(scope, receive).stream():
            pass

    async def chunks() -> AsyncIterator[bytes]:
        yield b"one"
        await anyio.sleep_forever()

    async with AsyncTestClient(app).stream("POST", "/", content=chunks()):
        pass


async def test_after_the_last_chunk_nobody_is_gone_early() -> None:
    log: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sending(START, body(b"x"))(scope, receive, send)
        for _ in range(2 * GRACE_STEPS):
            await checkpoint()
        log.append("background")

    assert (await AsyncTestClient(app).get("/")).content == b"x"
    assert log == ["background"]


# The application fails


@pytest.mark.parametrize(
    "messages", [[], [START], [START, body(b"x", more=True)], [START, body(b"x")]]
)
async def test_an_exception_comes_out_of_the_request(messages: list[Any]) -> None:
    client = AsyncTestClient(sending(*messages, then=ValueError("mine")))
    with pytest.raises(ValueError, match="mine"):
        await client.get("/")


async def test_without_exceptions_a_client_sees_what_others_see() -> None:
    app = sending(then=ValueError("mine"))
    response = await AsyncTestClient(app, raise_server_exceptions=False).get("/")
    assert (response.status_code, response.content) == (500, b"")


async def test_a_disconnect_that_did_not_happen_is_raised() -> None:
    with pytest.raises(ClientDisconnect):
        await AsyncTestClient(sending(START, then=ClientDisconnect())).get("/")


async def leave_with(error: Exception) -> None:
    """Leave a response by an exception, when the application has failed, too."""
    app = sending(START, then=ValueError("theirs"))
    async with AsyncTestClient(app).stream("GET", "/") as response:
        assert response.status_code == 200
        raise error


async def test_an_exception_of_the_block_counts_for_more() -> None:
    with pytest.raises(KeyError, match="ours") as raised:
        await leave_with(KeyError("ours"))
    assert raised.value.__notes__ == ["The application failed, too: ValueError('theirs')"]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], "has not started a response"),
        ([{**START, "status": "200"}], "`status` must be an int"),
        ([START, body(b"x", more=True)], "the last part of the body is missing"),
        ([START, body(b"x"), body(b"y")], "nothing may come next"),
    ],
)
async def test_events_are_checked_unless_told_otherwise(messages: Any, expected: str) -> None:
    with pytest.raises(InvalidEvent, match=expected):
        await AsyncTestClient(sending(*messages)).get("/")


async def test_sloppy_events_may_pass() -> None:
    app = sending({**START, "status": True, "headers": [(b"X-A", b"1")]}, body(b"x", more=True))
    response = await AsyncTestClient(app, validate_events=False).get("/")
    assert (response.headers["x-a"], response.content) == ("1", b"x")
