"""One HTTP exchange: the order of events, back-pressure, ends of all kinds."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from bolide._connection import ClientDisconnect
from bolide._testing.conversation import GRACE_STEPS
from bolide._testing.http import HTTPConversation
from bolide._testing.validation import InvalidEvent
from bolide.types import ASGIApp, Message

pytestmark = pytest.mark.anyio

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
START_WITH_TRAILERS: Message = {**START, "trailers": True}
UNKNOWN: Message = {"type": "http.response.push", "path": "/"}


def body(chunk: Any = b"", more: bool = False) -> Message:
    return {"type": "http.response.body", "body": chunk, "more_body": more}


def trailers(*pairs: Any, more: bool = False) -> Message:
    return {"type": "http.response.trailers", "headers": pairs, "more_trailers": more}


def debug(**info: Any) -> Message:
    return {"type": "http.response.debug", "info": info}


def sending(*messages: Message) -> ASGIApp:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return app


def talk(app: ASGIApp, method: str = "GET", request: Any = b"", **options: Any) -> HTTPConversation:
    return HTTPConversation(app, {"type": "http", "method": method}, request, **options)


@asynccontextmanager
async def running(conversation: HTTPConversation) -> AsyncIterator[HTTPConversation]:
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(conversation.run)
        await conversation.started()
        yield conversation
        conversation.cancel()


async def read_all(conversation: HTTPConversation) -> list[bytes]:
    chunks: list[bytes] = []
    while (chunk := await conversation.read()) is not None:
        chunks.append(chunk)
    return chunks


# The response


async def test_the_start_is_known_before_the_body() -> None:
    start = {"type": "http.response.start", "status": 201, "headers": [[b"A", b"1"], (b"A", b"2")]}
    async with running(talk(sending(start, body(b"x")))) as response:
        assert response.response_started
        assert response.status == 201
        assert response.headers == [(b"A", b"1"), (b"A", b"2")]
        assert response.trailers is None
        assert not response.ended


async def test_a_start_without_headers_has_none() -> None:
    async with running(
        talk(sending({"type": "http.response.start", "status": 200}, body()))
    ) as response:
        assert response.headers == []


async def test_a_chunk_is_taken_when_the_reader_asks_for_it() -> None:
    sent: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        for chunk in (b"1", b"2", b""):
            await send(body(chunk, more=bool(chunk)))
            sent.append(chunk.decode())

    async with running(talk(app)) as response:
        await anyio.wait_all_tasks_blocked()
        assert sent == []
        assert await response.read() == b"1"
        await anyio.wait_all_tasks_blocked()
        assert sent == ["1"]
        assert await response.read() == b"2"
        await anyio.wait_all_tasks_blocked()
        assert sent == ["1", "2"]
        assert await response.read() is None
        assert sent == ["1", "2", ""]
        assert response.ended
        assert await response.read() is None


@pytest.mark.parametrize(("method", "chunk"), [("GET", b""), ("HEAD", b"chunk")])
async def test_parts_with_nothing_to_read_wait_for_the_reader_too(
    method: str, chunk: bytes
) -> None:
    sent = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        await send(START)
        for _ in range(50):
            await send(body(chunk, more=True))
            sent += 1
        await send(body(chunk))
        sent += 1

    async with running(talk(app, method)) as response:
        await anyio.wait_all_tasks_blocked()
        assert sent == 0
        assert await read_all(response) == []
        assert sent == 51


async def test_chunks_are_copied() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        buffer = bytearray(b"one")
        await send(START)
        await send(body(memoryview(buffer), more=True))
        buffer[:] = b"two"
        await send(body(buffer))
        buffer[:] = b"---"

    async with running(talk(app)) as response:
        assert await read_all(response) == [b"one", b"two"]


async def test_the_end_of_the_body_waits_for_the_application() -> None:
    background = anyio.Event()
    log: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sending(START, body(b"x"))(scope, receive, send)
        await background.wait()
        log.append("background")

    async def read() -> None:
        log.append(await response.read())
        log.append(await response.read())

    async with running(talk(app)) as response, anyio.create_task_group() as task_group:
        task_group.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        assert log == [b"x"]
        background.set()
    assert log == [b"x", "background", None]


@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_a_read_that_is_cancelled_loses_nothing(cancelled_first: bool) -> None:
    scope = anyio.CancelScope()

    async def app(_: Any, receive: Any, send: Any) -> None:
        await send(START)
        # The reader waits, and does not know yet that it is cancelled.
        if cancelled_first:
            scope.cancel()
        await send(body(b"first", more=True))
        scope.cancel()
        await send(body(b"second"))

    received: list[bytes | None] = []
    async with running(talk(app)) as response:
        with scope:
            received.append(await response.read())
        received.extend(await read_all(response))
    assert received == [b"first", b"second"]


async def test_a_read_without_a_chunk_can_time_out() -> None:
    async with running(talk(sending(START))) as response:
        assert await response.read() is None

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await anyio.sleep_forever()

    async with running(talk(app)) as response:
        with pytest.raises(TimeoutError), anyio.fail_after(0):
            await response.read()


async def test_an_endless_loop_of_empty_chunks_can_be_cancelled() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        while True:
            await send(body(b"", more=True))

    async with running(talk(app)) as response:
        with anyio.move_on_after(0.01) as scope:
            await response.read()
        assert scope.cancelled_caught
        await response.aclose()
        assert response.ended


async def test_debug_information_counts_until_the_body() -> None:
    async with running(
        talk(sending(debug(a=1), START, debug(b=2), body(b"x", more=True), debug(c=3), body()))
    ) as response:
        assert await read_all(response) == [b"x"]
        assert response.debug == {"b": 2}


async def test_trailers_are_collected_in_order() -> None:
    messages = [trailers([b"a", b"1"], more=True), trailers((b"a", b"2"))]
    async with running(talk(sending(START_WITH_TRAILERS, body(b"x"), *messages))) as response:
        assert response.trailers == []
        assert await read_all(response) == [b"x"]
        assert response.trailers == [(b"a", b"1"), (b"a", b"2")]
    response.raise_error()


@pytest.mark.parametrize("some", [[], [trailers((b"a", b"1"), more=True)]])
async def test_trailers_that_never_end_are_no_error(some: list[Message]) -> None:
    async with running(talk(sending(START_WITH_TRAILERS, body(), *some))) as response:
        assert await read_all(response) == []
        assert response.trailers == [(b"a", b"1")] * len(some)
    response.raise_error()


async def test_other_events_are_ignored() -> None:
    async with running(
        talk(sending(UNKNOWN, START, UNKNOWN, body(b"x", more=True), UNKNOWN, body(), UNKNOWN))
    ) as response:
        assert await read_all(response) == [b"x"]
    response.raise_error()


# The order of events

BODY = body(b"x")
T = START_WITH_TRAILERS


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([START, START], 'Received multiple "http.response.start" messages.'),
        ([START, BODY, START], 'Received multiple "http.response.start" messages.'),
        ([T, BODY, START], 'Received multiple "http.response.start" messages.'),
        ([BODY], 'Received "http.response.body" without "http.response.start".'),
        ([START, BODY, BODY], 'Received "http.response.body" after response completed.'),
        ([START, BODY, body()], 'Received "http.response.body" after response completed.'),
        ([T, BODY, BODY], 'Received "http.response.body" after body completed.'),
        ([T, BODY, trailers(), BODY], 'Received "http.response.body" after response completed.'),
        ([trailers()], 'Received "http.response.trailers" without declaring trailers.'),
        ([START, trailers()], 'Received "http.response.trailers" without declaring trailers.'),
        (
            [START, BODY, trailers()],
            'Received "http.response.trailers" without declaring trailers.',
        ),
        ([T, trailers()], 'Received "http.response.trailers" before body completed.'),
        (
            [T, BODY, trailers(), trailers()],
            'Received "http.response.trailers" after response completed.',
        ),
    ],
)
async def test_events_out_of_order_raise_in_the_application(
    messages: list[Message], text: str
) -> None:
    errors: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        *allowed, misplaced = messages
        for message in allowed:
            await send(message)
        try:
            await send(misplaced)
        except AssertionError as error:
            errors.append(str(error))
            raise

    async with running(talk(app)) as response:
        await read_all(response)
    assert errors == [text]
    with pytest.raises(AssertionError) as raised:
        response.raise_error()
    assert str(raised.value) == text


async def test_a_body_from_another_task_cannot_come_after_the_last_part() -> None:
    errors: list[str] = []

    async def late(send: Any) -> None:
        try:
            await send(body(b"late", more=True))
        except AssertionError as error:
            errors.append(str(error))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(late, send)
            task_group.start_soon(late, send)
            await anyio.wait_all_tasks_blocked()
            await send(body())

    async with running(talk(app)) as response:
        await anyio.wait_all_tasks_blocked()
        chunks = await read_all(response)
    # Who comes first is open, but what comes after the end is refused.
    assert len(chunks) + len(errors) == 2
    assert set(errors) <= {'Received "http.response.body" after response completed.'}


# The request


async def test_a_whole_body_is_one_event_and_then_the_client_is_there_until_the_response() -> None:
    log: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        log.append(await receive())

        async def listen() -> None:
            log.append(await receive())
            log.append(await receive())

        async with anyio.create_task_group() as task_group:
            task_group.start_soon(listen)
            await anyio.wait_all_tasks_blocked()
            await send(START)
            await send(body(b"x", more=True))
            await anyio.wait_all_tasks_blocked()
            log.append("last")
            await send(body())

    async with running(talk(app, request=b"data")) as response:
        await read_all(response)
    assert log == [
        {"type": "http.request", "body": b"data", "more_body": False},
        "last",
        {"type": "http.disconnect"},
        {"type": "http.disconnect"},
    ]


async def test_the_client_stays_until_the_trailers_have_come() -> None:
    log: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()

        async def listen() -> None:
            log.append((await receive())["type"])

        async with anyio.create_task_group() as task_group:
            task_group.start_soon(listen)
            await sending(START_WITH_TRAILERS, body())(scope, receive, send)
            await anyio.wait_all_tasks_blocked()
            log.append("trailers")
            await send(trailers())

    async with running(talk(app)) as response:
        await read_all(response)
    assert log == ["trailers", "http.disconnect"]


async def test_a_body_in_chunks_is_one_event_each() -> None:
    chunks = iter([(b"a", True), (b"", True), (b"b", False)])

    async def source() -> tuple[bytes, bool]:
        return next(chunks)

    log: list[Message] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sending(START, body())(scope, receive, send)
        for _ in range(4):
            log.append(await receive())

    async with running(talk(app, request=source)) as response:
        await read_all(response)
    assert log == [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request", "body": b"", "more_body": True},
        {"type": "http.request", "body": b"b", "more_body": False},
        {"type": "http.disconnect"},
    ]


async def test_an_application_can_poll_for_the_disconnect() -> None:
    async def poll(receive: Callable[[], Awaitable[Message]]) -> Message | None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            return await receive()
        return None

    polled: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        polled.append(await poll(receive))
        await sending(START, body())(scope, receive, send)
        polled.append(await poll(receive))

    async with running(talk(app)) as response:
        await read_all(response)
    assert polled == [None, {"type": "http.disconnect"}]


# The end


async def test_closing_an_unfinished_response_cancels_the_application() -> None:
    log: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await sending(START, body(b"x", more=True), body(b"y"))(scope, receive, send)
        except anyio.get_cancelled_exc_class():
            log.append("cancelled")
            raise

    async with running(talk(app)) as response:
        assert await response.read() == b"x"
        await response.aclose()
        assert log == ["cancelled"]
    response.raise_error()


@pytest.mark.parametrize(
    "messages", [[START, body(b"x")], [START_WITH_TRAILERS, body(b"x"), trailers()]]
)
async def test_closing_a_complete_response_waits_for_the_application(
    messages: list[Message],
) -> None:
    log: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sending(*messages)(scope, receive, send)
        for _ in range(200):
            await checkpoint()
        log.append("background")
        raise ValueError("background")

    async with running(talk(app)) as response:
        assert await response.read() == b"x"
        await anyio.wait_all_tasks_blocked()
        await response.aclose()
        assert log == ["background"]
    with pytest.raises(ValueError, match="background"):
        response.raise_error()


async def test_closing_before_the_trailers_cancels_the_application() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sending(START_WITH_TRAILERS, body(b"x"))(scope, receive, send)
        await anyio.sleep_forever()

    async with running(talk(app)) as response:
        assert await response.read() == b"x"
        await response.aclose()
        assert response.ended
    response.raise_error()


async def test_an_application_that_never_answers_is_an_error() -> None:
    async with running(talk(sending())) as response:
        assert not response.response_started
    with pytest.raises(AssertionError) as raised:
        response.raise_error()
    assert str(raised.value) == "TestClient did not receive any response."


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [body()],
        [{"type": "http.response.start", "status": 200, "headers": [("not", "bytes")]}],
    ],
)
async def test_without_raising_no_answer_is_an_empty_500(messages: list[Message]) -> None:
    async with running(talk(sending(*messages), raise_app_exceptions=False)) as response:
        assert (response.status, response.headers) == (500, [])
        assert await response.read() is None
    response.raise_error()


async def test_without_raising_what_was_sent_before_an_exception_arrives() -> None:
    messages = [START, body(b"x", more=True), START]
    async with running(talk(sending(*messages), raise_app_exceptions=False)) as response:
        assert await read_all(response) == [b"x"]
        assert response.status == 200
    response.raise_error()


# A law: chunks may be cut anywhere


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    positions = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(positions)]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@given(data=st.binary(max_size=100), cuts=st.lists(st.integers(0, 100), max_size=8))
def test_any_chunking_arrives_whole_and_in_order(
    backend: str, data: bytes, cuts: list[int]
) -> None:
    chunks = pieces(data, cuts)

    async def source() -> tuple[bytes, bool]:
        return waiting.pop(0), bool(waiting)

    async def echo(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            await send(body(message["body"], more=more))

    async def exchange() -> list[bytes]:
        async with running(talk(echo, request=source)) as response:
            return await read_all(response)

    waiting = list(chunks)
    received = anyio.run(exchange, backend=backend)
    assert received == [chunk for chunk in chunks if chunk]
    assert b"".join(received) == data


# Leaving


def noting(log: list[Any], *messages: Message, then: Any = None) -> ASGIApp:
    """Make an application that sends these events, and then notes what it receives."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        log.append(await receive())
        log.append(await receive())
        if then is not None:
            await then(send)

    return app


GONE: Message = {"type": "http.disconnect"}


async def test_an_application_hears_that_its_client_has_hung_up() -> None:
    log: list[Any] = []
    async with running(talk(noting(log, START))) as response:
        await response.hang_up()
        assert response.ended
    response.raise_error()
    assert log[1:] == [GONE]


async def test_nobody_hears_what_is_sent_after_that() -> None:
    async def nonsense(send: Any) -> None:
        await send(START)
        await send({"type": "http.response.trailers"})

    async with running(talk(noting([], START, then=nonsense))) as response:
        await response.hang_up()
    response.raise_error()


async def test_a_chunk_that_nobody_takes_does_not_hold_the_application() -> None:
    log: list[Any] = []
    async with running(talk(noting(log, START, body(b"one", more=True)))) as response:
        await response.hang_up()
    assert len(log) == 2


async def test_an_application_that_does_not_care_is_cancelled() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        while True:
            await send(body(b"x", more=True))

    async with running(talk(app)) as response:
        await response.hang_up()
        assert response.ended
    response.raise_error()


async def test_after_a_complete_response_hanging_up_is_waiting() -> None:
    log: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sending(START, body(b"x"))(scope, receive, send)
        for _ in range(2 * GRACE_STEPS):
            await checkpoint()
        log.append("background")

    async with running(talk(app)) as response:
        assert await response.read() == b"x"
        await response.hang_up()
    assert log == ["background"]


async def test_whoever_is_cancelled_while_waiting_cancels_the_application() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sending(START, body(b"x"))(scope, receive, send)
        await anyio.sleep_forever()

    async with running(talk(app)) as response:
        assert await response.read() == b"x"
        with anyio.CancelScope() as cancelled:
            cancelled.cancel()
            await response.hang_up()
        assert response.ended


async def test_a_client_that_hangs_up_misses_no_answer() -> None:
    log: list[Any] = []
    conversation = talk(noting(log))
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(conversation.run)
        await checkpoint()
        await conversation.hang_up()
    conversation.raise_error()
    assert not conversation.response_started


@pytest.mark.parametrize(("error", "raised"), [(ClientDisconnect, False), (ValueError, True)])
async def test_being_told_of_the_disconnect_is_no_failure(
    error: type[Exception], raised: bool
) -> None:
    async def fail(send: Any) -> None:
        raise error

    async with running(talk(noting([], START, then=fail))) as response:
        await response.hang_up()
    with pytest.raises(error) if raised else nullcontext():
        response.raise_error()


async def test_a_disconnect_that_did_not_happen_is_a_failure() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ClientDisconnect

    conversation = talk(app)
    await conversation.run()
    with pytest.raises(ClientDisconnect):
        conversation.raise_error()


async def test_a_body_that_breaks_off_is_a_disconnect() -> None:
    parts = iter([(b"one", True), None])

    async def source() -> tuple[bytes, bool] | None:
        return next(parts)

    log: list[Any] = []
    conversation = talk(noting(log), request=source)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(conversation.run)
        await conversation.started()
        assert conversation.left
        assert await conversation.read() is None
    assert log == [{"type": "http.request", "body": b"one", "more_body": True}, GONE]


async def test_hanging_up_does_not_wait_for_the_body() -> None:
    reading = anyio.Event()

    async def source() -> tuple[bytes, bool]:
        reading.set()
        await anyio.sleep_forever()
        raise AssertionError

    log: list[Any] = []
    conversation = talk(noting(log), request=source)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(conversation.run)
        await reading.wait()
        await conversation.hang_up()
    assert log == [GONE, GONE]


async def test_events_are_checked_if_that_is_wanted() -> None:
    app = sending({"type": "http.response.start", "status": 99})
    for validate, expected in ((False, None), (True, InvalidEvent)):
        conversation = talk(app, validate_events=validate)
        await conversation.run()
        assert type(conversation.error) is (expected or type(None))
