"""Reading an event stream: bytes in, server-sent events out.

RULES (WHATWG HTML, "Server-sent events", sections 9.2.5 and 9.2.6)

- The stream is UTF-8, malformed bytes become U+FFFD, and one byte order mark may come first.
- A line ends with CR LF, LF or CR; the end of the stream ends no line.
- A line is a comment (a colon first), a field (`name: value`, one space is dropped), or blank.
- A blank line gives the event that the fields before it describe, if there was any `data`.
- What is not complete when the stream ends is no event.

    field    value                            effect
    data     text                             one more line of the data
    event    text                             the name of the event
    id       text without U+0000              the last event id, for this and all later events
    retry    ASCII digits                     how long to wait before connecting again
    others                                    none

THEORY OF OPERATION

CR and LF are no part of any longer UTF-8 sequence, so bytes are split into lines first, and each
line is decoded by itself. A CR ends its line at once, since nobody knows when the next byte comes;
an LF that follows it, maybe in the next chunk, is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bolide.exceptions import BolideError

__all__ = ["DEFAULT_MAX_EVENT_SIZE", "EventStreamParser", "EventTooLarge", "ReceivedEvent"]

DEFAULT_MAX_EVENT_SIZE: Final = 1024 * 1024
"""How many bytes one event may have, unless somebody says otherwise."""

LINE_END: Final = re.compile(rb"\r\n|\n|\r")
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class EventTooLarge(BolideError, ValueError):
    """An event of a stream is larger than `max_event_size`."""

    def __init__(self, max_event_size: int) -> None:
        super().__init__(max_event_size)
        self.max_event_size = max_event_size

    def __str__(self) -> str:
        return f"A server-sent event has more than {self.max_event_size} bytes (max_event_size)."


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One server-sent event, as a client sees it.

    Attributes:
        data: The data; its lines are joined with line feeds.
        event: The name of the event.
        id: The last event id: that of this event, or of the last one before it that had one.
        retry: How many milliseconds the client shall wait before it connects again, if the fields
            of this event say so.
    """

    data: str
    event: str = "message"
    id: str = ""
    retry: int | None = None


class EventStreamParser:
    """Takes an event stream apart, chunk by chunk; the result does not depend on the chunks.

    Args:
        max_event_size: How many bytes the data of one event may have, and one line.

    Attributes:
        last_event_id: What a client says in `last-event-id` when it connects again.
        retry: How many milliseconds it waits before; None if the stream has not said.
    """

    def __init__(self, *, max_event_size: int = DEFAULT_MAX_EVENT_SIZE) -> None:
        self.max_event_size = max_event_size
        self.last_event_id: str = ""
        self.retry: int | None = None
        self._line = bytearray()
        self._at_start = True
        self._after_cr = False
        # Of the event that the next blank line ends:
        self._data: list[str] = []
        self._event = ""
        self._event_retry: int | None = None
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[ReceivedEvent]:
        """Give the events that are complete with this chunk; run it to its end.

        Raises:
            EventTooLarge: An event has more bytes than `max_event_size`.
        """
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        *lines, rest = LINE_END.split(chunk)
        for line in lines:
            self._extend_line(line)
            whole = bytes(self._line)
            self._line.clear()
            event = self._take_line(whole)
            if event is not None:
                yield event
        self._extend_line(rest)
        if chunk.endswith(b"\r"):
            self._after_cr = True

    def _extend_line(self, piece: bytes) -> None:
        self._line += piece
        if self._size + len(self._line) > self.max_event_size:
            raise EventTooLarge(self.max_event_size)

    def _take_line(self, line: bytes) -> ReceivedEvent | None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(BYTE_ORDER_MARK)
        if not line:
            return self._end_event()
        name, _, value = line.partition(b":")
        self._take_field(name, value.removeprefix(b" "))
        return None

    def _take_field(self, name: bytes, value: bytes) -> None:
        match name:
            case b"data":
                # The line feed counts, so that many empty lines do not come for nothing.
                self._size += len(value) + 1
                self._data.append(value.decode("utf-8", "replace"))
            case b"event":
                self._event = value.decode("utf-8", "replace")
            case b"id" if b"\0" not in value:
                self.last_event_id = value.decode("utf-8", "replace")
            case b"retry" if value.isdigit():
                self.retry = self._event_retry = _milliseconds(value)
            case _:
                pass

    def _end_event(self) -> ReceivedEvent | None:
        event = None
        if self._data:
            event = ReceivedEvent(
                "\n".join(self._data),
                self._event or "message",
                self.last_event_id,
                self._event_retry,
            )
        self._data = []
        self._event = ""
        self._event_retry = None
        self._size = 0
        return event


def _milliseconds(digits: bytes) -> int:
    """Read a number; one that is longer than any wait is cut to nineteen nines."""
    # SECURITY: `int` refuses thousands of digits with a ValueError of its own.
    return int(digits) if len(digits) < 20 else 10**19 - 1
