"""Whether a response has started is seen by whoever holds the exchange."""

from __future__ import annotations

import pytest

from bolide._exchange import Exchange
from bolide.types import Message, Send

pytestmark = pytest.mark.anyio


class Recorder:
    """A `send` that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)


async def test_messages_are_handed_on_as_they_are() -> None:
    send = Recorder()
    exchange = Exchange(send)
    start: Message = {"type": "http.response.start", "status": 200}
    body: Message = {"type": "http.response.body", "body": b""}

    await exchange(start)
    await exchange(body)

    assert exchange.send is send
    assert send.messages[0] is start
    assert send.messages[1] is body


async def test_the_start_of_a_response_is_remembered() -> None:
    exchange = Exchange(Recorder())
    assert not exchange.response_started

    await exchange({"type": "http.response.start", "status": 200})
    assert exchange.response_started

    await exchange({"type": "http.response.body", "body": b""})
    assert exchange.response_started


@pytest.mark.parametrize("kind", ["http.response.debug", "http.response.push", "websocket.accept"])
async def test_other_messages_start_nothing(kind: str) -> None:
    exchange = Exchange(Recorder())

    await exchange({"type": kind})

    assert not exchange.response_started


async def test_a_start_that_could_not_be_sent_counts_as_sent() -> None:
    async def broken(message: Message) -> None:
        raise OSError

    exchange = Exchange(broken)

    with pytest.raises(OSError):
        await exchange({"type": "http.response.start", "status": 200})

    assert exchange.response_started


class Adding(Exchange):
    """Adds its number to the status, unless the body is too large for it."""

    def __init__(self, send: Send, number: int) -> None:
        super().__init__(send)
        self.number = number

    def lead(self, start: Message, size: int | None) -> tuple[Message, Send]:
        if size is None or size > self.number:
            return start, self.__call__
        return super().lead({**start, "status": start["status"] + self.number}, size)


def test_a_response_is_led_past_all_exchanges_at_once() -> None:
    send = Recorder()
    outer = Exchange(send)
    middle = Adding(outer, 20)
    inner = Adding(middle, 10)
    start: Message = {"type": "http.response.start", "status": 200}

    assert inner.lead(start, 5) == ({**start, "status": 230}, send)
    assert [each.response_started for each in (inner, middle, outer)] == [True, True, True]
    assert start["status"] == 200
    assert send.messages == []


@pytest.mark.parametrize("size", [None, 15])
def test_a_response_is_led_no_further_than_to_who_wants_its_messages(size: int | None) -> None:
    outer = Exchange(Recorder())
    middle = Adding(outer, 10)
    inner = Exchange(middle)
    start: Message = {"type": "http.response.start", "status": 200}

    assert inner.lead(start, size) == (start, middle.__call__)
    assert [each.response_started for each in (inner, middle, outer)] == [True, False, False]
