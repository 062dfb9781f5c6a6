"""Reading an event stream, whole and in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._http.event_stream import EventStreamParser, EventTooLarge, ReceivedEvent
from bolide.exceptions import BolideError


def parse(*chunks: bytes, max_event_size: int = 1000) -> list[ReceivedEvent]:
    parser = EventStreamParser(max_event_size=max_event_size)
    return [event for chunk in chunks for event in parser.feed(chunk)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"", []),
        (b"data: one\n\n", [ReceivedEvent("one")]),
        (b"data:one\n\n", [ReceivedEvent("one")]),
        (b"data:  one\n\n", [ReceivedEvent(" one")]),
        (b"data: a:b\n\n", [ReceivedEvent("a:b")]),
        (b"data\n\n", [ReceivedEvent("")]),
        (b"data\ndata\n\n", [ReceivedEvent("\n")]),
        (b"data: one\ndata: two\n\n", [ReceivedEvent("one\ntwo")]),
        (b"data: one\r\ndata: two\r\n\r\n", [ReceivedEvent("one\ntwo")]),
        (b"data: one\rdata: two\r\r", [ReceivedEvent("one\ntwo")]),
        (b"data: one\n\r\n\n\ndata: two\n\n", [ReceivedEvent("one"), ReceivedEvent("two")]),
        (b"event: greeting\ndata: hi\n\n", [ReceivedEvent("hi", "greeting")]),
        (b"event: greeting\n\ndata: hi\n\n", [ReceivedEvent("hi")]),
        (b"event\ndata: hi\n\n", [ReceivedEvent("hi")]),
        (b": a comment\ndata: hi\n: another\n\n", [ReceivedEvent("hi")]),
        (b"colour: red\ndata: hi\n\n", [ReceivedEvent("hi")]),
        (b" data: hi\n\n", []),
        (b"Data: hi\n\n", []),
        (
            b"id: 1\ndata: a\n\ndata: b\n\n",
            [ReceivedEvent("a", id="1"), ReceivedEvent("b", id="1")],
        ),
        (b"id: 1\n\ndata: b\n\n", [ReceivedEvent("b", id="1")]),
        (b"id: 1\nid\ndata: b\n\n", [ReceivedEvent("b")]),
        (b"id: 1\nid: 2\x003\ndata: b\n\n", [ReceivedEvent("b", id="1")]),
        (b"retry: 50\ndata: a\n\ndata: b\n\n", [ReceivedEvent("a", retry=50), ReceivedEvent("b")]),
        (b"retry: 5s\ndata: a\n\n", [ReceivedEvent("a")]),
        (b"retry: -5\ndata: a\n\n", [ReceivedEvent("a")]),
        (b"retry\ndata: a\n\n", [ReceivedEvent("a")]),
        (b"retry: " + b"9" * 900 + b"\ndata: a\n\n", [ReceivedEvent("a", retry=10**19 - 1)]),
        (b"\xef\xbb\xbfdata: one\n\n", [ReceivedEvent("one")]),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: one\n\n", []),
        (b"\n\xef\xbb\xbfdata: one\n\n", []),
        ("data: é€😀\n\n".encode(), [ReceivedEvent("é€😀")]),
        (b"data: \xe2\x82\ndata: \xff\n\n", [ReceivedEvent("\ufffd\n\ufffd")]),
        (b"data: incomplete\n", []),
        (b"data: incomplete", []),
    ],
)
def test_a_stream_gives_its_events(stream: bytes, events: list[ReceivedEvent]) -> None:
    assert parse(stream) == events
    assert parse(*(stream[i : i + 1] for i in range(len(stream)))) == events


def test_a_cr_ends_its_line_before_the_next_byte_is_there() -> None:
    parser = EventStreamParser()
    assert list(parser.feed(b"data: one\r\r")) == [ReceivedEvent("one")]
    # This is the rest of the last line end, and no blank line.
    assert list(parser.feed(b"\ndata: two\r")) == []
    assert list(parser.feed(b"")) == []
    assert list(parser.feed(b"\n\n")) == [ReceivedEvent("two")]


def test_the_parser_knows_what_a_client_needs_to_connect_again() -> None:
    parser = EventStreamParser()
    assert (parser.last_event_id, parser.retry) == ("", None)
    assert list(parser.feed(b"retry: 10\nid: 7\n\n")) == []
    assert (parser.last_event_id, parser.retry) == ("7", 10)


@pytest.mark.parametrize(
    "stream", [b"data: 45678", b"data: 4567\n\n", b"data\n" * 10, b": a comment"]
)
def test_an_event_has_a_largest_size(stream: bytes) -> None:
    size = len(stream.partition(b"\n\n")[0])
    with pytest.raises(EventTooLarge, match=r"more than 9 bytes \(max_event_size\)") as raised:
        parse(stream, max_event_size=9)
    assert isinstance(raised.value, BolideError)
    assert isinstance(raised.value, ValueError)
    assert parse(stream, max_event_size=size) == parse(stream)


def test_comments_and_other_events_do_not_count() -> None:
    stream = b": ping\n" * 100 + b"data: 1\n\n" * 100
    assert parse(stream, max_event_size=9) == [ReceivedEvent("1")] * 100


# Pieces of streams that have a meaning at their edges.
NAMES = [b"data", b"id", b"event", b"retry"]
ENDS = [b"\r", b"\n", b"\r\n", b"\n\n"]
REST = [b":", b" ", b"1", b"x", b"\0", b"\xef\xbb\xbf", b"\xe2\x82", b"\xac"]
PIECES = st.sampled_from([*NAMES, *ENDS, *REST])


def outcome(chunks: list[bytes]) -> list[object]:
    """Give what a stream comes to: its events, and an error if it ends in one."""
    parser = EventStreamParser(max_event_size=20)
    found: list[object] = []
    try:
        for chunk in chunks:
            found.extend(parser.feed(chunk))
    except EventTooLarge:
        found.append(EventTooLarge)
    return [*found, parser.last_event_id, parser.retry]


def test_events_before_one_that_is_too_large_are_given() -> None:
    parser = EventStreamParser(max_event_size=9)
    events = parser.feed(b"data: 1\n\ndata: 45678")
    assert next(events) == ReceivedEvent("1")
    with pytest.raises(EventTooLarge):
        next(events)


@given(st.lists(PIECES), st.data())
def test_it_does_not_matter_how_the_stream_is_cut(pieces: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert outcome(chunks) == outcome([stream])
