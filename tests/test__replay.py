"""Bodies that are kept are read again, in any order; what is larger is read once."""

from __future__ import annotations

import gc
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._inbox import LOST, OnceInbox
from bolide._replay import BodyKeeper, KeptBody, Replay, inbox_of, like
from bolide.applications import Starlette
from bolide.types import Message, Receive, Scope, Send

GONE: Message = {"type": "http.disconnect"}


def chunk(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def body_of(*pieces: bytes) -> list[Message]:
    *some, last = pieces
    return [*map(chunk, some), chunk(last, more=False)]


def channel(*messages: Message) -> Receive:
    waiting = list(messages)

    async def receive() -> Message:
        if not waiting:
            await anyio.sleep_forever()
        await anyio.lowlevel.checkpoint()
        return waiting.pop(0)

    return receive


async def read(receive: Receive) -> list[bytes]:
    """Read a body to its end; the last piece may be empty."""
    pieces = []
    more = True
    while more:
        message = await receive()
        assert LOST not in message, message[LOST]
        pieces.append(message["body"])
        more = message["more_body"]
    return pieces


@pytest.mark.anyio
async def test_a_body_is_read_as_often_as_one_likes() -> None:
    replay = Replay(channel(*body_of(b"ab", b"c", b"")), max_size=3)
    assert await read(replay.body.again()) == [b"ab", b"c", b""]
    assert await read(replay.body.again()) == [b"abc"]
    assert await read(replay) == [b"abc"]


@pytest.mark.anyio
async def test_a_reader_may_be_ahead_of_another() -> None:
    body = KeptBody(channel(*body_of(b"a", b"b", b"c", b"d")), max_size=10)
    first, second, third = body.again(), body.again(), body.again()
    assert [await first(), await first()] == [chunk(b"a"), chunk(b"b")]
    assert [await second(), await second()] == [chunk(b"ab"), chunk(b"c")]
    assert [await first(), await first()] == [chunk(b"c"), chunk(b"d", more=False)]
    assert await third() == chunk(b"abcd", more=False)
    assert await second() == chunk(b"d", more=False)


@pytest.mark.anyio
async def test_several_readers_wait_for_one_piece() -> None:
    body = KeptBody(channel(*body_of(b"a", b"b")), max_size=10)
    found: list[bytes] = []

    async def reader() -> None:
        found.append(b"".join(await read(body.again())))

    async with anyio.create_task_group() as task_group:
        for _ in range(3):
            task_group.start_soon(reader)
    assert found == [b"ab"] * 3


@pytest.mark.anyio
@pytest.mark.parametrize("pieces", [[b"abc"], [b"a", b"b", b"c"], [b"ab", b"c", b""]])
async def test_what_is_larger_can_be_read_once(pieces: list[bytes]) -> None:
    body = KeptBody(channel(*body_of(*pieces)), max_size=2)
    assert b"".join(await read(body.again())) == b"abc"
    message = await body.again()()
    assert (message["body"], message["more_body"]) == (b"", False)
    assert message[LOST].startswith("Stream consumed: ")
    assert "2 bytes (max_replay_size)" in message[LOST]


@pytest.mark.anyio
async def test_one_who_has_begun_too_late_is_told_while_the_other_reads_on() -> None:
    body = KeptBody(channel(*body_of(b"ab", b"cd", b"ef")), max_size=3)
    first, second = body.again(), body.again()
    assert [await first(), await first()] == [chunk(b"ab"), chunk(b"cd")]
    assert LOST in await second()
    assert await first() == chunk(b"ef", more=False)


@pytest.mark.anyio
async def test_what_nobody_has_read_is_kept_whatever_has_been_forgotten() -> None:
    body = KeptBody(channel(*body_of(b"ab", b"cd", b"ef")), max_size=3)
    reader = body.again()
    assert await reader() == chunk(b"ab")
    await body.advance()
    await body.advance()
    assert await reader() == chunk(b"cdef", more=False)


@pytest.mark.anyio
async def test_many_small_pieces_are_put_together() -> None:
    body = KeptBody(channel(*body_of(*[b"x"] * 1000)), max_size=1000)
    assert len(await read(body.again())) == 1000
    assert await read(body.again()) == [b"x" * 1000]


@pytest.mark.anyio
async def test_a_body_is_in_memory_once() -> None:
    body = KeptBody(channel(*body_of(b"a", b"b")), max_size=10)
    whole = b"".join(await read(body.again()))
    body.put_together(whole)
    assert (await body.again()())["body"] is whole
    body.put_together(b"something else")
    assert (await body.again()())["body"] is whole


@pytest.mark.anyio
async def test_a_client_that_leaves_early_is_told_of_after_what_it_has_sent() -> None:
    body = KeptBody(channel(chunk(b"a"), GONE), max_size=10)
    for _ in range(2):
        reader = body.again()
        assert [await reader(), await reader(), await reader()] == [chunk(b"a"), GONE, GONE]


@pytest.mark.anyio
async def test_nothing_is_taken_in_after_the_end_of_a_body() -> None:
    body = KeptBody(channel(*body_of(b"a"), chunk(b"b"), {"type": "other"}, GONE), max_size=10)
    await body.wait_until_gone()
    assert await read(body.again()) == [b"a"]


@pytest.mark.anyio
async def test_that_a_body_is_lost_passes_through_other_channels() -> None:
    inner = KeptBody(channel(*body_of(b"abc")), max_size=2)
    await read(inner.again())
    receive = inner.again()

    async def wrapper() -> Message:
        return await receive()

    message = await Replay(wrapper, 100)()
    assert "2 bytes" in message[LOST]


@given(
    pieces=st.lists(st.binary(max_size=5), min_size=1, max_size=8),
    max_size=st.integers(1, 20),
    order=st.lists(st.integers(0, 2), max_size=30),
)
def test_readers_get_all_of_a_body_or_are_told(
    pieces: list[bytes], max_size: int, order: list[int]
) -> None:
    async def scenario() -> None:
        body = KeptBody(channel(*body_of(*pieces)), max_size)
        readers = [body.again() for _ in range(3)]
        found = [b"", b"", b""]
        ended: list[Any] = [None, None, None]
        for index in [*order, *[0] * 9, *[1] * 9, *[2] * 9]:
            if ended[index] is None:
                message = await readers[index]()
                found[index] += message["body"]
                if LOST in message:
                    ended[index] = "lost"
                elif not message["more_body"]:
                    ended[index] = found[index]
        whole = b"".join(pieces)
        assert whole in ended
        assert set(ended) <= {whole, "lost"}
        if len(whole) <= max_size:
            assert ended == [whole] * 3

    anyio.run(scenario)


# Who shares what.


async def nothing() -> Message:
    raise AssertionError


class Wrapper:
    async def receive(self) -> Message:
        return await nothing()


def test_all_who_listen_to_one_channel_share_its_inbox() -> None:
    scope: Scope = {}
    wrapper, another = Wrapper(), Wrapper()
    inbox = inbox_of(scope, wrapper.receive)
    other_inbox = inbox_of(scope, another.receive)
    assert isinstance(inbox, OnceInbox)
    assert inbox_of({**scope}, wrapper.receive) is inbox
    assert inbox_of(scope, another.receive) is other_inbox
    assert inbox is not other_inbox


def test_an_inbox_that_nobody_uses_goes_away() -> None:
    scope: Scope = {}
    inbox = inbox_of(scope, nothing)
    inbox.gone = True
    del inbox
    assert inbox_of(scope, nothing).gone is False


def test_a_body_is_kept_where_the_application_says_so() -> None:
    app = Starlette(policy=Starlette.policy.changed({"max_replay_size": 7}))
    scope: Scope = {"app": app}
    body = inbox_of(scope, nothing)
    assert isinstance(body, KeptBody)
    assert body.max_size == 7
    body.complete = True
    del body
    gc.collect()
    assert inbox_of(scope, nothing).complete is True


@pytest.mark.anyio
@pytest.mark.parametrize("max_size", [2, 1], ids=["kept", "too large"])
async def test_a_body_in_one_piece_is_given_as_it_is_and_kept_if_it_is_not_too_large(
    max_size: int,
) -> None:
    body = b"ab"
    replay = Replay(channel(*body_of(body), GONE), max_size)
    assert await replay.whole() is body

    if max_size == 2:
        assert await replay.whole() is body
        assert await read(replay) == [b"ab"]
        assert await replay.whole() is body
    else:
        assert LOST in await replay()
    assert not replay.body.gone
    await replay.body.wait_until_gone()


@pytest.mark.anyio
@pytest.mark.parametrize("messages", [body_of(b"a", b"b"), [GONE]])
async def test_of_what_is_no_body_in_one_piece_nothing_is_taken(messages: list[Message]) -> None:
    replay = Replay(channel(*messages), 5)
    assert await replay.whole() is None
    if messages == [GONE]:
        assert await replay() == GONE
    else:
        assert await read(replay) == [b"a", b"b"]


@pytest.mark.anyio
@pytest.mark.parametrize("pieces", [[b"ab"], [b"a", b"b"]])
async def test_who_comes_while_a_body_is_awaited_has_it_too(pieces: list[bytes]) -> None:
    may_arrive = anyio.Event()
    source = channel(*body_of(*pieces))

    async def receive() -> Message:
        await may_arrive.wait()
        return await source()

    replay = Replay(receive, 5)
    found: list[Any] = []

    async def take_whole() -> None:
        found.append(await replay.whole())

    async def take_all() -> None:
        found.append(b"".join(await read(replay)))

    async with anyio.create_task_group() as task_group:
        for work in (take_whole, take_whole, take_all):
            task_group.start_soon(work)
            await anyio.wait_all_tasks_blocked()
        may_arrive.set()

    whole = b"ab" if len(pieces) == 1 else None
    assert found.count(b"ab") == (3 if whole else 1)
    assert found.count(None) == (0 if whole else 2)


@pytest.mark.anyio
@pytest.mark.parametrize("is_shared", [True, False])
async def test_who_awaits_a_body_may_be_cancelled(is_shared: bool) -> None:
    may_arrive = anyio.Event()
    source = channel(*body_of(b"ab"))

    async def receive() -> Message:
        await may_arrive.wait()
        return await source()

    replay = Replay(receive, 5)
    found: list[Any] = []

    async def take_all() -> None:
        found.append(await read(replay))

    async with anyio.create_task_group() as task_group:
        with anyio.CancelScope() as reading:
            async with anyio.create_task_group() as readers:
                readers.start_soon(replay.whole)
                await anyio.wait_all_tasks_blocked()
                if is_shared:
                    task_group.start_soon(take_all)
                    await anyio.wait_all_tasks_blocked()
                reading.cancel()
        may_arrive.set()

    assert found == ([[b"ab"]] if is_shared else [])
    assert await replay.whole() == b"ab"


def test_a_channel_that_replays_has_the_inbox_with_it() -> None:
    replay = Replay(nothing, 5)
    assert inbox_of({}, replay) is replay.body
    assert (replay.body.source, replay.body.max_size) == (nothing, 5)


def test_a_wrapper_of_a_channel_that_replays_does_so_too() -> None:
    wrapper = Wrapper().receive
    assert like(nothing, wrapper) is wrapper
    replay: Any = like(Replay(nothing, 5), wrapper)
    assert isinstance(replay, Replay)
    assert (replay.source, replay.max_size) == (wrapper, 5)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["http", "websocket", "lifespan"])
async def test_the_layer_of_an_application_has_bodies_of_requests_kept(kind: str) -> None:
    received: list[Receive] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        received.append(receive)

    async def send(message: Message) -> None:
        raise AssertionError

    keeper = BodyKeeper(app, 5)
    await keeper({"type": kind}, nothing, send)
    assert isinstance(received[0], Replay) is (kind == "http")
    # Mounted in another one, it leaves the outer one to it.
    await keeper({"type": kind}, received[0], send)
    assert received[1] is received[0]
