"""Server-sent events, as a test reads them from a response that goes on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Self

from bolide._http.event_stream import DEFAULT_MAX_EVENT_SIZE, EventStreamParser, ReceivedEvent
from bolide._testing.chosen import httpx
from bolide.exceptions import BolideError


class NoEventStream(BolideError, AssertionError):
    """A response is not what a browser reads events from: status 200 and `text/event-stream`."""

    def __init__(self, status_code: int, content_type: str) -> None:
        super().__init__(status_code, content_type)
        self.status_code = status_code
        self.content_type = content_type

    def __str__(self) -> str:
        return (
            "Expected a response with status 200 and content type 'text/event-stream',"
            f" got {self.status_code} and {self.content_type!r}."
        )


class EventSource:
    """The server-sent events of a response: `async for event in events`, or `await anext(events)`.

    Attributes:
        response: The response; its status and headers are there before the first event.
    """

    def __init__(
        self, response: httpx.Response, chunks: AsyncIterator[bytes], *, max_event_size: int
    ) -> None:
        self.response = response
        self._chunks = chunks
        self._parser = EventStreamParser(max_event_size=max_event_size)
        self._complete: Iterator[ReceivedEvent] = iter(())

    @property
    def last_event_id(self) -> str:
        """What a client says in `last-event-id` when it connects again."""
        return self._parser.last_event_id

    @property
    def retry(self) -> int | None:
        """How many milliseconds a client waits before it connects again, if it was told."""
        return self._parser.retry

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ReceivedEvent:
        """Wait for the next event.

        Raises:
            EventTooLarge: An event has more bytes than `max_event_size`.
        """
        while (event := next(self._complete, None)) is None:
            self._complete = self._parser.feed(await anext(self._chunks))
        return event


@asynccontextmanager
async def read_events(
    response: httpx.Response, *, max_event_size: int = DEFAULT_MAX_EVENT_SIZE
) -> AsyncGenerator[EventSource]:
    """Read the events of a response that has just started.

    Raises:
        NoEventStream: It has none.
    """
    content_type = response.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if (response.status_code, media_type) != (200, "text/event-stream"):
        raise NoEventStream(response.status_code, content_type)
    async with aclosing(response.aiter_bytes()) as chunks:
        yield EventSource(response, chunks, max_event_size=max_event_size)
