"""Byte ranges: reading the header, and the arithmetic of a reply of several."""

from __future__ import annotations

import email
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._http.ranges import (
    MalformedRangeHeader,
    MultipartRanges,
    RangeNotSatisfiable,
    parse_range,
)
from bolide.exceptions import BolideError

SIZE = 1000
NOT_REQUESTED = "Range header: range must be requested"
REVERSED = "Range header: start must be less than end"


@pytest.mark.parametrize(
    ("header", "ranges"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-99", [(0, 100)]),
        ("bytes=100-", [(100, SIZE)]),
        ("bytes=999-", [(999, SIZE)]),
        ("bytes=-1", [(999, SIZE)]),
        ("bytes=-100", [(900, SIZE)]),
        ("bytes=-1000", [(0, SIZE)]),
        ("bytes=-5000", [(0, SIZE)]),
        ("bytes=900-5000", [(900, SIZE)]),
        ("bytes=00005-0010", [(5, 11)]),
        ("BYTES = 0-1 ", [(0, 2)]),
        ("bytes= 1 - 5 , 10 - 12", [(1, 6), (10, 13)]),
        ("bytes=\t1-5", [(1, 6)]),
    ],
)
def test_a_range_is_read(header: str, ranges: list[tuple[int, int]]) -> None:
    assert parse_range(header, SIZE) == ranges


@pytest.mark.parametrize(
    ("header", "ranges"),
    [
        ("bytes=0-9,20-29", [(0, 10), (20, 30)]),
        ("bytes=20-29,0-9", [(0, 10), (20, 30)]),
        ("bytes=0-9,5-14", [(0, 15)]),
        ("bytes=0-9,10-19", [(0, 20)]),
        ("bytes=0-9,11-19", [(0, 10), (11, 20)]),
        ("bytes=0-99,20-29", [(0, 100)]),
        ("bytes=0-0,0-0", [(0, 1)]),
        ("bytes=-10,0-", [(0, SIZE)]),
        ("bytes=0-9,40-49,5-29,30-39,60-69", [(0, 50), (60, 70)]),
    ],
)
def test_ranges_are_sorted_and_merged(header: str, ranges: list[tuple[int, int]]) -> None:
    assert parse_range(header, SIZE) == ranges


@pytest.mark.parametrize(
    "item",
    [
        *("", " ", "-", "5", "--5", "1-2-3"),
        *("a-b", "1-b", "a-5", "-a", "a-"),
        *("1_0-20", "+1-5", "1.0-5", "0x1-5", "1 0-20", "0-1="),
        *("\xb2-5", "\N{ARABIC-INDIC DIGIT ONE}-5"),
    ],
)
def test_an_item_that_is_no_range_is_skipped(item: str) -> None:
    assert parse_range(f"bytes={item},7-8", SIZE) == [(7, 9)]
    with pytest.raises(MalformedRangeHeader) as caught:
        parse_range(f"bytes={item}", SIZE)
    assert caught.value.content == NOT_REQUESTED


@pytest.mark.parametrize(
    ("header", "content"),
    [
        ("", "Malformed range header."),
        ("bytes", "Malformed range header."),
        ("bytes 0-1", "Malformed range header."),
        ("items=0-1", "Only support bytes range"),
        ("=0-1", "Only support bytes range"),
        ("bytes=", NOT_REQUESTED),
        ("bytes=,", NOT_REQUESTED),
        ("bytes=5-4", REVERSED),
        ("bytes=999-0", REVERSED),
        ("bytes=0-1,5-4", REVERSED),
    ],
)
def test_a_header_that_makes_no_sense_is_malformed(header: str, content: str) -> None:
    with pytest.raises(MalformedRangeHeader) as caught:
        parse_range(header, SIZE)

    assert caught.value.content == content
    assert str(caught.value) == content


@pytest.mark.parametrize(
    "header",
    [
        "bytes=1000-",
        "bytes=1000-1001",
        "bytes=0-1,1000-",
        "bytes=1000-5",
        "bytes=5-4,1000-",
        "bytes=-0",
        "bytes=5-4,-0",
    ],
)
def test_a_range_that_begins_outside_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_range(header, SIZE)

    assert caught.value.max_size == SIZE
    assert str(caught.value) == "A range begins outside the 1000 bytes of the file."


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"])
def test_an_empty_file_satisfies_no_range(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_range(header, 0)


def test_a_number_of_any_length_is_a_number() -> None:
    # Python alone would refuse to read more than 4300 digits.
    nines = "9" * 5000

    assert parse_range(f"bytes=5-{nines}", SIZE) == [(5, SIZE)]
    assert parse_range(f"bytes=-{nines}", SIZE) == [(0, SIZE)]
    assert parse_range(f"bytes={'0' * 5000}5-9", SIZE) == [(5, 10)]
    with pytest.raises(RangeNotSatisfiable):
        parse_range(f"bytes={nines}-", SIZE)


def test_a_number_is_exact_up_to_the_largest_file() -> None:
    size = 2**63 - 1

    assert parse_range(f"bytes={size - 1}-{size}", size) == [(size - 1, size)]


@pytest.mark.parametrize(
    ("items", "ranges"), [(99, [(0, 2)]), (100, [(0, 2)]), (101, None), (5000, None)]
)
def test_a_header_with_too_many_items_is_ignored(
    items: int, ranges: list[tuple[int, int]] | None
) -> None:
    assert parse_range("bytes=" + ",".join(["0-1"] * items), SIZE) == ranges


def test_items_that_are_no_ranges_count_too() -> None:
    assert parse_range("bytes=0-1" + "," * 99, SIZE) == [(0, 2)]
    assert parse_range("bytes=0-1" + "," * 100, SIZE) is None


def test_the_number_of_items_can_be_chosen() -> None:
    assert parse_range("bytes=0-1,4-5", SIZE, max_ranges=2) == [(0, 2), (4, 6)]
    assert parse_range("bytes=0-1,4-5", SIZE, max_ranges=1) is None


def test_the_unit_is_looked_at_before_the_number_of_items() -> None:
    with pytest.raises(MalformedRangeHeader, match="Only support bytes range"):
        parse_range("items=" + "," * 1000, SIZE)


def test_errors_can_be_caught_as_what_they_are() -> None:
    assert MalformedRangeHeader().content == "Malformed range header."
    for error in (MalformedRangeHeader, RangeNotSatisfiable):
        assert issubclass(error, BolideError)
        assert issubclass(error, ValueError)


# Laws


@st.composite
def asked_ranges(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """A file size and inclusive ranges that begin in the file and may end beyond it."""
    size = draw(st.integers(1, 300))
    starts = draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=20))
    return size, [(start, draw(st.integers(start, size + 20))) for start in starts]


def header_of(asked: list[tuple[int, int]]) -> str:
    return "bytes=" + ", ".join(f"{first}-{last}" for first, last in asked)


@given(asked_ranges())
def test_the_bytes_asked_for_are_given_once_and_no_others(
    case: tuple[int, list[tuple[int, int]]],
) -> None:
    size, asked = case
    wanted = {place for first, last in asked for place in range(first, min(last + 1, size))}

    ranges = parse_range(header_of(asked), size)

    assert ranges is not None
    assert [place for start, end in ranges for place in range(start, end)] == sorted(wanted)


headers = st.text() | st.text("0123456789-, =").map("bytes={}".format)


@given(headers, st.integers(0, 500), st.integers(1, 20))
def test_any_header_gives_ranges_inside_the_file_or_a_documented_error(
    header: str, size: int, max_ranges: int
) -> None:
    try:
        ranges = parse_range(header, size, max_ranges=max_ranges)
    except (MalformedRangeHeader, RangeNotSatisfiable):
        return

    if ranges is None:
        assert header.count(",") >= max_ranges
        return
    assert 1 <= len(ranges) <= max_ranges
    edges = [edge for pair in ranges for edge in pair]
    assert edges == sorted(set(edges))
    assert edges[0] >= 0
    assert edges[-1] <= size


# Several ranges in one body


def body_of(parts: MultipartRanges, content: bytes) -> bytes:
    body = b""
    for start, end in parts.ranges:
        body += parts.part_header(start, end) + content[start:end] + parts.PART_END
    return body + parts.closing


def test_the_pieces_of_a_body_of_several_ranges() -> None:
    parts = MultipartRanges([(0, 10), (20, 22)], 526, "text/plain; charset=utf-8", "edge")

    assert parts.media_type == "multipart/byteranges; boundary=edge"
    assert parts.part_header(0, 10) == (
        b"--edge\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-9/526\r\n\r\n"
    )
    assert parts.PART_END == b"\r\n"
    assert parts.closing == b"--edge--"


def test_the_length_of_a_body_of_several_ranges() -> None:
    parts = MultipartRanges([(0, 101), (200, 301)], 526, "text/plain; charset=utf-8", "0" * 26)

    assert parts.content_length == 448


@given(asked_ranges(), st.text("0123456789abcdef", min_size=1, max_size=70))
def test_a_body_of_several_ranges_is_as_long_as_announced_and_can_be_read(
    case: tuple[int, list[tuple[int, int]]], boundary: str
) -> None:
    size, asked = case
    content = bytes(ord("g") + place % 20 for place in range(size))
    ranges = parse_range(header_of(asked), size)
    assert ranges is not None
    parts = MultipartRanges(ranges, size, "text/x-thing", boundary)

    body = body_of(parts, content)

    assert len(body) == parts.content_length
    message = email.message_from_bytes(f"Content-Type: {parts.media_type}\r\n\r\n".encode() + body)
    payloads = message.get_payload()
    assert isinstance(payloads, list)
    read = [part for part in payloads if isinstance(part, Message)]
    assert [part["Content-Range"] for part in read] == [
        f"bytes {start}-{end - 1}/{size}" for start, end in ranges
    ]
    assert [part.get_payload(decode=True) for part in read] == [
        content[start:end] for start, end in ranges
    ]
