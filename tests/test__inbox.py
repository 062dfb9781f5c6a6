"""Readers and watchers of one channel: one asks at a time, and nobody takes another's events."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest

from bolide._inbox import LOST, MAX_HELD, Inbox, OnceInbox, StreamConsumed
from bolide._replay import KeptBody
from bolide.exceptions import BolideError
from bolide.types import Message

pytestmark = pytest.mark.anyio

GONE: Message = {"type": "http.disconnect"}


def chunk(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


class Server:
    """A channel that gives what is put there, and fails if it is asked by two at a time."""

    def __init__(self, *messages: Message) -> None:
        self.messages = list(messages)
        self.asked = 0
        self.arrived = anyio.Event()
        self.error: Exception | None = None
        self._busy = False

    async def __call__(self) -> Message:
        assert not self._busy
        self._busy = True
        self.asked += 1
        try:
            await anyio.lowlevel.checkpoint()
            while not self.messages:
                await self.arrived.wait()
                if self.error is not None:
                    raise self.error
            return self.messages.pop(0)
        finally:
            self._busy = False

    def put(self, *messages: Message) -> None:
        self.messages += messages
        self.arrived.set()
        self.arrived = anyio.Event()

    def fail(self, error: Exception) -> None:
        self.error = error
        self.arrived.set()


def once(server: Server) -> OnceInbox:
    return OnceInbox(server)


def kept(server: Server) -> KeptBody:
    return KeptBody(server, 0)


@pytest.fixture(params=[once, kept])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


async def read(inbox: Inbox) -> list[bytes]:
    receive = inbox.again()
    chunks = []
    more = True
    while more:
        message = await receive()
        assert LOST not in message, message[LOST]
        chunks.append(message["body"])
        more = message["more_body"]
    return chunks


async def test_events_come_as_they_are(kind: Any) -> None:
    server = Server(chunk(b"a"), chunk(b"b", more=False), GONE)
    inbox = kind(server)
    receive = inbox.again()
    messages = [await receive() for _ in range(3)]
    assert messages == [chunk(b"a"), chunk(b"b", more=False), GONE]
    assert (inbox.complete, inbox.gone) == (True, True)


async def test_a_body_in_one_piece_is_given_at_once(kind: Any) -> None:
    server = Server(chunk(b"a", more=False), GONE)
    inbox = kind(server)

    assert await inbox.whole() == b"a"
    assert server.asked == 1
    await inbox.wait_until_gone()


@pytest.mark.parametrize(
    "messages",
    [
        [chunk(b"a"), chunk(b"b", more=False)],
        [chunk(b"", more=True), chunk(b"", more=True), chunk(b"a", more=False)],
        [chunk(b"a"), {"type": "http.request", LOST: "told", "body": b"", "more_body": False}],
    ],
)
async def test_of_any_other_body_nothing_is_taken(kind: Any, messages: list[Message]) -> None:
    server = Server(*messages)
    inbox = kind(server)

    assert await inbox.whole() is None
    assert server.asked == 1
    receive = inbox.again()
    assert (await receive())["type"] == "http.request"


async def test_what_was_lost_before_it_came_here_is_no_body(kind: Any) -> None:
    lost: Message = {"type": "http.request", LOST: "told", "body": b"", "more_body": False}
    inbox = kind(Server(lost))

    assert await inbox.whole() is None
    assert (await inbox.again()())[LOST] == "told"


async def test_a_client_that_leaves_has_sent_no_body(kind: Any) -> None:
    inbox = kind(Server(GONE))

    assert await inbox.whole() is None
    assert await inbox.again()() == GONE


async def test_a_body_that_has_been_read_is_given_again_only_if_it_is_kept() -> None:
    messages = [chunk(b"a", more=False)]
    for inbox, again in (
        (OnceInbox(Server(*messages)), None),
        (KeptBody(Server(*messages), 9), b"a"),
    ):
        assert await read(inbox) == [b"a"]
        assert await inbox.whole() == again


async def test_a_client_that_has_left_stays_away(kind: Any) -> None:
    server = Server(GONE)
    inbox = kind(server)
    receive = inbox.again()
    assert [await receive(), await receive()] == [GONE, GONE]
    assert await inbox.poll() is True
    await inbox.wait_until_gone()
    assert server.asked == 1


async def test_watchers_leave_the_body_to_readers(kind: Any) -> None:
    server = Server(chunk(b"a"), chunk(b"b"), chunk(b"c", more=False))
    inbox = kind(server)
    left = []

    async def watch() -> None:
        await inbox.wait_until_gone()
        left.append(True)

    async with anyio.create_task_group() as task_group:
        for _ in range(3):
            task_group.start_soon(watch)
        await anyio.wait_all_tasks_blocked()
        assert server.messages == []
        assert b"".join(await read(inbox)) == b"abc"
        assert left == []
        server.put(GONE)
    assert left == [True] * 3


async def test_the_next_one_takes_over_from_who_is_cancelled(kind: Any) -> None:
    server = Server()
    inbox = kind(server)
    first = anyio.CancelScope()

    async def watch_for_a_while() -> None:
        with first:
            await inbox.wait_until_gone()

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(watch_for_a_while)
        await anyio.wait_all_tasks_blocked()
        task_group.start_soon(inbox.wait_until_gone)
        await anyio.wait_all_tasks_blocked()
        assert server.asked == 1
        first.cancel()
        await anyio.wait_all_tasks_blocked()
        assert server.asked == 2
        server.put(GONE)
    assert inbox.gone


async def test_an_error_is_everybodys_who_was_waiting(kind: Any) -> None:
    server = Server()
    inbox = kind(server)
    errors: list[Exception] = []

    async def watch() -> None:
        try:
            await inbox.wait_until_gone()
        except ValueError as exc:
            errors.append(exc)

    async with anyio.create_task_group() as task_group:
        for _ in range(2):
            task_group.start_soon(watch)
        await anyio.wait_all_tasks_blocked()
        error = ValueError("too much")
        server.fail(error)
    assert errors == [error, error]


async def test_polling_takes_what_is_there_and_does_not_wait(kind: Any) -> None:
    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        await anyio.sleep_forever()
        raise AssertionError

    messages = [chunk(b"a", more=False)]
    inbox = kind(receive)
    assert [await inbox.poll() for _ in range(3)] == [False] * 3
    messages.append(GONE)
    assert await inbox.poll() is True
    assert await read(inbox) == [b"a"]


async def test_polling_leaves_the_asking_to_who_asks_already(kind: Any) -> None:
    server = Server()
    inbox = kind(server)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(inbox.wait_until_gone)
        await anyio.wait_all_tasks_blocked()
        assert await inbox.poll() is False
        server.put(GONE)
    assert await inbox.poll() is True


def large(size: int = MAX_HELD) -> Message:
    return chunk(bytes(size))


async def test_a_watcher_holds_no_more_than_the_limit_until_somebody_reads(kind: Any) -> None:
    server = Server(large(), large(), large(), chunk(b"", more=False), GONE)
    inbox = kind(server)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(inbox.wait_until_gone)
        await anyio.wait_all_tasks_blocked()
        assert server.asked == 1
        assert len(b"".join(await read(inbox))) == 3 * MAX_HELD
    assert inbox.gone


async def test_many_small_pieces_count_for_more_than_their_bytes() -> None:
    server = Server(*[chunk(b"x")] * 1000)
    inbox = OnceInbox(server)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(inbox.wait_until_gone)
        await anyio.wait_all_tasks_blocked()
        task_group.cancel_scope.cancel()
    assert server.asked == 256


async def test_a_body_that_is_complete_is_held_whatever_its_size(kind: Any) -> None:
    server = Server(chunk(bytes(2 * MAX_HELD), more=False), GONE)
    inbox = kind(server)
    await inbox.wait_until_gone()
    assert len((await read(inbox))[0]) == 2 * MAX_HELD


@pytest.mark.parametrize("watch", ["poll", "wait_until_gone"])
async def test_a_large_body_that_nobody_reads_is_dropped_for_who_may_do_so(
    kind: Any, watch: str
) -> None:
    server = Server(large(), large(), GONE)
    inbox = kind(server)
    if watch == "poll":
        await inbox.advance()
        assert await inbox.poll() is False
    else:
        await inbox.wait_until_gone(may_drop=True)
    receive = inbox.again()
    message = await receive()
    assert (message["body"], message["more_body"]) == (b"", False)
    assert f"{MAX_HELD} bytes" in message[LOST]
    assert await receive() == GONE


async def test_who_was_waiting_goes_on_when_the_body_is_dropped(kind: Any) -> None:
    server = Server(large(), GONE)
    inbox = kind(server)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(inbox.wait_until_gone)
        await anyio.wait_all_tasks_blocked()
        assert not inbox.gone
        await inbox.wait_until_gone(may_drop=True)
    assert inbox.gone


async def test_a_body_that_is_being_read_is_not_dropped(kind: Any) -> None:
    server = Server(chunk(b"begun"), large(), large(), chunk(b"", more=False), GONE)
    inbox = kind(server)
    receive = inbox.again()
    assert (await receive())["body"] == b"begun"
    async with anyio.create_task_group() as task_group:

        async def watch() -> None:
            await inbox.wait_until_gone(may_drop=True)

        task_group.start_soon(watch)
        await anyio.wait_all_tasks_blocked()
        assert await inbox.poll() is False
        size = 0
        while (message := await receive())["more_body"]:
            size += len(message["body"])
        assert size == 2 * MAX_HELD
    assert inbox.gone


async def test_nothing_that_comes_after_a_body_is_piled_up() -> None:
    server = Server(
        chunk(b"a", more=False), chunk(b"b"), {"type": "other"}, chunk(b"c", more=False), GONE
    )
    inbox = OnceInbox(server)
    await inbox.wait_until_gone()
    assert [await inbox(), await inbox()] == [chunk(b"a", more=False), GONE]


async def test_what_comes_after_a_body_is_given_to_who_asks() -> None:
    inbox = OnceInbox(Server({"type": "other"}, chunk(b"a", more=False), chunk(b"b")))
    assert [await inbox() for _ in range(3)] == [
        {"type": "other"},
        chunk(b"a", more=False),
        chunk(b"b"),
    ]


def test_a_consumed_stream_is_an_error_of_ours_and_of_the_standard_library() -> None:
    assert issubclass(StreamConsumed, BolideError)
    assert issubclass(StreamConsumed, RuntimeError)


async def test_an_error_comes_out_to_who_is_alone(kind: Any) -> None:
    async def receive() -> Message:
        raise ValueError("too much")

    inbox = kind(receive)
    for _ in range(2):
        with pytest.raises(ValueError, match="too much"):
            await inbox.again()()
