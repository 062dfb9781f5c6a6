"""Server-sent events of a response."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from bolide._testing.event_source import EventSource, NoEventStream, read_events
from bolide.exceptions import BolideError
from bolide.testing import EventTooLarge, ReceivedEvent

pytestmark = pytest.mark.anyio

TYPE = {"content-type": "Text/Event-Stream; charset=utf-8"}


def response(*chunks: bytes, status: int = 200, headers: Any = TYPE) -> httpx2.Response:
    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return httpx2.Response(status, headers=headers, content=stream())


async def test_events_are_iterated() -> None:
    async with read_events(response(b"data: 1\n\ndata", b": 2\n\n", b"data: 3\n")) as events:
        assert [event async for event in events] == [ReceivedEvent("1"), ReceivedEvent("2")]


async def test_events_are_taken_one_by_one() -> None:
    stream = response(b"retry: 9\n\nid: a\ndata: 1\n\n", b"data: 2\n\n")
    async with read_events(stream) as events:
        assert isinstance(events, EventSource)
        assert events.response is stream
        assert (events.last_event_id, events.retry) == ("", None)
        assert await anext(events) == ReceivedEvent("1", id="a")
        assert (events.last_event_id, events.retry) == ("a", 9)
        assert await anext(events) == ReceivedEvent("2", id="a")
        with pytest.raises(StopAsyncIteration):
            await anext(events)


async def test_events_have_a_largest_size() -> None:
    async with read_events(response(b"data: 1\n\ndata: 23\n\n"), max_event_size=7) as events:
        assert await anext(events) == ReceivedEvent("1")
        with pytest.raises(EventTooLarge):
            await anext(events)


@pytest.mark.parametrize(
    ("status", "headers", "got"),
    [
        (204, TYPE, "204 and 'Text/Event-Stream; charset=utf-8'"),
        (200, {"content-type": "text/plain"}, "200 and 'text/plain'"),
        (404, {}, "404 and ''"),
    ],
)
async def test_another_response_has_no_events(status: int, headers: Any, got: str) -> None:
    with pytest.raises(NoEventStream) as raised:
        await read_events(response(status=status, headers=headers)).__aenter__()
    assert isinstance(raised.value, AssertionError)
    assert isinstance(raised.value, BolideError)
    assert str(raised.value) == (
        f"Expected a response with status 200 and content type 'text/event-stream', got {got}."
    )
