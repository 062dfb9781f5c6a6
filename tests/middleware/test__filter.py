"""The one `send` of a middleware: which method sees which message, and what it hands on."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from bolide.middleware._filter import SendFilter, StartFilter, editable
from bolide.types import Message

pytestmark = pytest.mark.anyio

START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"1")]}
BODY: Message = {"type": "http.response.body", "body": b"1"}
OTHERS: list[Message] = [
    {"type": "http.response.early_hint", "links": []},
    {"type": "http.response.trailers", "headers": []},
    {"type": "http.response.pathsend", "path": "/"},
    {"type": "websocket.http.response.start", "status": 200, "headers": []},
    {"type": "websocket.accept"},
    {"type": "unheard.of"},
]


class Sent(list[Message]):
    async def send(self, message: Message) -> None:
        self.append(message)


@pytest.mark.parametrize("message", [START, BODY, *OTHERS], ids=lambda message: message["type"])
async def test_a_filter_that_changes_nothing_hands_on_the_very_message(message: Message) -> None:
    sent = Sent()
    before = dict(message)
    await SendFilter(sent.send)(message)

    assert len(sent) == 1
    assert sent[0] is message
    assert message == before


async def test_each_kind_of_message_has_a_method_of_its_own() -> None:
    seen: list[tuple[str, Message]] = []

    class Noting(SendFilter):
        __slots__ = ()

        def on_start(self, message: Message) -> Awaitable[None]:
            seen.append(("start", message))
            return super().on_start(message)

        def on_body(self, message: Message) -> Awaitable[None]:
            seen.append(("body", message))
            return super().on_body(message)

        def on_other(self, message: Message) -> Awaitable[None]:
            seen.append(("other", message))
            return super().on_other(message)

    sent = Sent()
    send = Noting(sent.send)
    for message in [START, BODY, *OTHERS]:
        await send(message)

    assert seen == [("start", START), ("body", BODY), *(("other", message) for message in OTHERS)]
    assert sent == [START, BODY, *OTHERS]


async def test_a_filter_may_hold_messages_back_and_send_others() -> None:
    class Shouting(SendFilter):
        __slots__ = ()

        async def on_body(self, message: Message) -> None:
            for byte in message["body"]:
                await self.send({**message, "body": bytes([byte]).upper()})

    sent = Sent()
    await Shouting(sent.send)({**BODY, "body": b"ab"})

    assert [message["body"] for message in sent] == [b"A", b"B"]


async def test_nothing_is_sent_before_the_awaitable_is_awaited() -> None:
    sent = Sent()
    awaitable = SendFilter(sent.send)(START)
    assert sent == []
    await awaitable
    assert sent == [START]


class Tagging(StartFilter):
    """Adds a header."""

    def on_start(self, start: Message) -> Message:
        return {**start, "headers": [*start["headers"], (b"b", b"2")]}


@pytest.mark.parametrize("message", [BODY, *OTHERS], ids=lambda message: message["type"])
async def test_a_filter_of_starts_hands_on_all_else_as_it_is(message: Message) -> None:
    sent = Sent()
    send = Tagging(sent.send)
    await send(message)

    assert len(sent) == 1
    assert sent[0] is message
    assert not send.response_started


async def test_a_filter_of_starts_sees_one_that_is_sent_and_one_that_is_led_past_it() -> None:
    sent = Sent()
    send, other = Tagging(sent.send), Tagging(Tagging(sent.send))
    await send(START)
    start, further = other.lead(START, None)

    assert sent == [{**START, "headers": [(b"a", b"1"), (b"b", b"2")]}]
    assert start == {**START, "headers": [(b"a", b"1"), (b"b", b"2"), (b"b", b"2")]}
    assert further == sent.send
    assert send.response_started
    assert other.response_started


def test_a_filter_of_starts_says_what_it_makes_of_them() -> None:
    with pytest.raises(NotImplementedError):
        StartFilter(Sent().send).lead(START, 0)


@pytest.mark.parametrize("kind", [list, tuple], ids=["list", "tuple"])
def test_headers_are_edited_in_a_copy_of_the_start(kind: type) -> None:
    start: Message = {**START, "headers": kind(START["headers"]), "trailers": True}
    before = {**start, "headers": kind(start["headers"])}
    copy, headers = editable(start)
    headers["b"] = "2"
    del headers["a"]

    assert copy == {**START, "headers": [(b"b", b"2")], "trailers": True}
    assert start == before


def test_a_start_without_headers_can_be_given_some() -> None:
    copy, headers = editable({"type": "http.response.start", "status": 200})
    headers["a"] = "1"

    assert copy == START
