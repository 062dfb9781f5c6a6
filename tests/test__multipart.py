"""The library that reads multipart: finding it, and what we ask of it beyond what it does."""

from __future__ import annotations

import itertools
import sys
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bolide import _multipart
from bolide._http.memo import MAX_KEY_LENGTH, MAX_KEYS
from bolide._multipart import (
    MAX_BOUNDARY,
    MultiPartException,
    event_source,
    multipart_library,
)
from bolide.exceptions import BolideError, MissingExtra

LIBRARY = multipart_library()
FIELD = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'


def shown(events: list[Any]) -> list[Any]:
    """Replace segments by the names in them, and join the data between them."""
    result: list[Any] = []
    for event in events:
        if isinstance(event, bytes) and result and isinstance(result[-1], bytes):
            result[-1] += event
        elif event is None or isinstance(event, bytes):
            result.append(event)
        else:
            result.append((event.name, event.filename))
    return result


class Segment(NamedTuple):
    """Stands for a segment of the library in what `shown` gets."""

    name: str
    filename: None = None


def parse(*pieces: bytes, boundary: str = "b", takes_fields: bool = True) -> list[Any]:
    found: list[Any] = []

    def add_field(name: bytes, value: bytes) -> None:
        found.append(Segment(name.decode("latin-1")))
        found.extend([value] if value else [])
        found.append(None)

    events = event_source(LIBRARY, boundary, add_field if takes_fields else None)
    for piece in pieces:
        # Events and fields have one order only if each is taken before the next is looked for.
        for event in events(piece):
            found.append(event)
    return shown(found)


# Finding it


def without_library(monkeypatch: pytest.MonkeyPatch) -> None:
    # None makes the import fail, as that of a module that is not there.
    monkeypatch.setitem(sys.modules, "multipart", None)


def with_old_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "multipart", ModuleType("multipart"))


@pytest.mark.parametrize("arrange", [without_library, with_old_library])
def test_without_the_library_an_extra_is_missing(
    arrange: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrange(monkeypatch)
    with pytest.raises(MissingExtra, match="must be installed to use form parsing") as caught:
        multipart_library()

    assert isinstance(caught.value, AssertionError)
    assert caught.value.extra == "forms"


def test_the_error_is_a_value_error_with_its_message() -> None:
    error = MultiPartException("too much")

    assert isinstance(error, BolideError)
    assert isinstance(error, ValueError)
    assert error.message == str(error) == "too much"


# What it finds


def test_a_part_is_a_segment_then_data_then_an_end() -> None:
    assert parse(FIELD + b"--b--\r\n") == [("a", None), b"1", None]


def test_a_file_has_a_file_name() -> None:
    body = FIELD.replace(b'"a"', b'"a"; filename="f"') + b"--b--\r\n"

    assert parse(body) == [("a", "f"), b"1", None]


def test_header_bytes_come_back_as_they_were() -> None:
    events = event_source(LIBRARY, "b")
    raw = bytes(range(0x80, 0x100))
    segment = next(iter(events(FIELD.replace(b'"a"', b'"' + raw + b'"'))))

    assert segment.name.encode("latin-1") == raw


@pytest.mark.parametrize("header", [b"Content-Disposition: form-data", b"Content-Type: text/plain"])
def test_a_part_without_a_name_is_refused(header: bytes) -> None:
    with pytest.raises(MultiPartException) as caught:
        parse(b"--b\r\n" + header + b"\r\n\r\n1\r\n--b--\r\n")

    assert caught.value.message == 'The Content-Disposition header field "name" must be provided.'


def test_a_part_may_have_an_empty_name() -> None:
    assert parse(FIELD.replace(b'"a"', b'""') + b"--b--") == [("", None), b"1", None]


# The boundary


def test_a_boundary_may_be_as_long_as_the_limit() -> None:
    boundary = "b" * MAX_BOUNDARY
    body = FIELD.replace(b"--b", b"--" + boundary.encode()) + f"--{boundary}--".encode()

    assert parse(body, boundary=boundary) == [("a", None), b"1", None]


@pytest.mark.parametrize("boundary", ["b" * (MAX_BOUNDARY + 1), "", "a\nb", "a\rb"])
def test_what_is_no_boundary_is_refused(boundary: str) -> None:
    with pytest.raises(LIBRARY.MultipartError):
        event_source(LIBRARY, boundary)


@pytest.mark.parametrize(
    ("end", "may_begin_a_boundary"),
    [
        (b"", False),
        (b"\r", True),
        (b"\r\n", True),
        (b"\r\n--", True),
        (b"\r\r\n", True),
        (b"\r\n-x", False),
        (b"\r\n--c", False),
    ],
)
def test_a_piece_that_is_nothing_but_data_is_not_copied(
    end: bytes, may_begin_a_boundary: bool
) -> None:
    events = event_source(LIBRARY, "boundary")
    list(events(FIELD.replace(b"--b", b"--boundary")[:-3]))
    piece = b"data" * 100 + end
    found = list(events(piece))
    assert (found[0] is piece) is not may_begin_a_boundary
    rest = list(events(b"x\r\n--boundary--"))
    assert shown([*found, *rest]) == [piece + b"x", None]


# Fields that come at once


def fields_of(*pieces: bytes) -> list[tuple[bytes, bytes]]:
    fields: list[tuple[bytes, bytes]] = []
    events = event_source(LIBRARY, "b", lambda name, value: fields.append((name, value)))
    for piece in pieces:
        list(events(piece))
    return fields


@pytest.fixture(autouse=True)
def no_names(monkeypatch: pytest.MonkeyPatch) -> dict[bytes, bytes]:
    names: dict[bytes, bytes] = {}
    monkeypatch.setattr(_multipart, "_NAMES", names)
    return names


def test_a_field_with_a_known_head_comes_at_once() -> None:
    assert fields_of(FIELD * 3 + b"--b--") == [(b"a", b"1")]
    # The library is asked about the last one, as it has to say what comes after that.
    assert fields_of(FIELD * 3 + b"--b--") == [(b"a", b"1")] * 2
    body = FIELD * 4 + b"--b--"
    assert fields_of(body[:9], body[9:]) == [(b"a", b"1")] * 2
    assert parse(FIELD * 3 + b"--b--") == [("a", None), b"1", None] * 3


def test_a_field_may_be_empty_or_hold_what_looks_like_a_head() -> None:
    empty, odd = (FIELD.replace(b"1", value) for value in (b"", b"X: y\r\n\r\nz\r\n--"))
    expected = [(b"a", b""), (b"a", b"X: y\r\n\r\nz\r\n--"), (b"a", b"")]
    for _ in range(2):
        found = fields_of(empty + odd + empty + FIELD + b"--b--")
    assert found == expected


@pytest.mark.parametrize(
    "more",
    [
        b'; filename="f"',
        b"\r\nContent-Length: 1",
        b"\r\nX: " + b"y" * MAX_KEY_LENGTH,
        b"\r\nX: " + b"y" * 2000,
    ],
    ids=["file", "length", "long head", "longer head"],
)
def test_no_other_head_is_remembered(more: bytes, no_names: dict[bytes, bytes]) -> None:
    body = FIELD.replace(b"\r\n\r\n", more + b"\r\n\r\n") * 3 + FIELD
    assert fields_of(body + b"--b--") == fields_of(body + b"--b--") == []
    assert no_names == {}


def test_a_length_that_a_part_is_said_to_have_counts_each_time() -> None:
    body = FIELD.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\n")
    assert parse(body * 3 + b"--b--") == [("a", None), b"1", None] * 3
    with pytest.raises(LIBRARY.ParserError):
        parse(body * 2 + body.replace(b"\r\n\r\n1", b"\r\n\r\n12") + b"--b--")


@pytest.mark.parametrize(
    "body",
    [
        FIELD * 2 + FIELD.replace(b"\r\n\r\n", b"\r\n--bX: y\r\n\r\n") + FIELD + b"--b--",
        FIELD * 2 + FIELD.replace(b"1", b"1\r\n--bX") + FIELD + b"--b--",
        b"--b--\r\n" + FIELD * 2 + b"--b\r\n",
        FIELD * 2 + FIELD.replace(b"\r\n\r\n1", b"") + FIELD + b"--b--",
    ],
    ids=["in a head", "in a value", "after the end", "no blank line"],
)
def test_the_library_says_what_a_delimiter_is_in_an_odd_place(body: bytes) -> None:
    expected = outcome(body, takes_fields=False)
    for _ in range(2):
        assert outcome(body) == expected


def test_only_so_many_heads_are_remembered(no_names: dict[bytes, bytes]) -> None:
    for number in range(MAX_KEYS + 1):
        fields_of(FIELD.replace(b'"a"', b'"%d"' % number) + FIELD + b"--b--")
    assert list(no_names.values()) == [b"%d" % MAX_KEYS]


# Before the first boundary


@pytest.mark.parametrize("pieces", [[b"\r\n--b--"], [b"\r", b"\n-", b"-b--"], [b"-", b"-", b"b--"]])
def test_a_line_break_may_stand_before_the_first_boundary(pieces: list[bytes]) -> None:
    assert parse(*pieces) == []
    assert parse(*pieces[:-1], pieces[-1].removesuffix(b"--") + FIELD[3:]) == [("a", None), b"1"]


@pytest.mark.parametrize(
    "preamble", [b"x", b"-", b"-x", b"--c", b"\n", b"\r\r\n", b"\r\n\r\n", b"hello\r\n", b"\r\n-x"]
)
def test_anything_else_before_the_first_boundary_is_refused(preamble: bytes) -> None:
    body = preamble + FIELD
    with pytest.raises(LIBRARY.ParserError):
        parse(body)
    with pytest.raises(LIBRARY.ParserError):
        parse(*(bytes([byte]) for byte in body))


def test_input_that_is_no_form_is_refused_at_its_first_wrong_byte() -> None:
    events = event_source(LIBRARY, "boundary")
    assert list(events(b"--boun")) == []
    with pytest.raises(LIBRARY.ParserError):
        events(b"t")


# Malformed


@pytest.mark.parametrize(
    "body",
    [
        FIELD.replace(b"\r\n\r\n", b"\nX: y\r\n\r\n"),
        FIELD.replace(b"--b\r\n", b"--b\r\n\n"),
        FIELD.replace(b"\r\n\r\n", b"\r\n" + b"X: y\r\n" * 8 + b"\r\n"),
        FIELD.replace(b"\r\n\r\n", b"\r\nX: " + b"y" * 5000 + b"\r\n\r\n"),
        FIELD.replace(b"\r\n\r\n", b"\r\nX\r\n\r\n"),
        FIELD.replace(b"\r\n\r\n", b"\r\nX y: z\r\n\r\n"),
        FIELD + b"--bxx",
        b"--bxx",
    ],
    ids=[
        "line break in a header",
        "line break before a header",
        "nine headers",
        "long header",
        "header without a colon",
        "space in the name of a header",
        "boundary goes on",
        "first boundary goes on",
    ],
)
def test_malformed_input_is_refused_however_it_comes(body: bytes) -> None:
    with pytest.raises(LIBRARY.MultipartError):
        parse(body)
    with pytest.raises(LIBRARY.MultipartError):
        parse(*(bytes([byte]) for byte in body))


def test_a_part_may_have_eight_headers() -> None:
    body = FIELD.replace(b"\r\n\r\n", b"\r\n" + b"X: y\r\n" * 7 + b"\r\n")

    assert parse(body) == [("a", None), b"1"]


def test_a_header_line_may_be_continued() -> None:
    body = FIELD.replace(b"form-data; ", b"form-data;\r\n ")

    assert parse(body) == [("a", None), b"1"]


def outcome(*pieces: bytes, takes_fields: bool = True) -> Any:
    try:
        return parse(*pieces, takes_fields=takes_fields)
    except (LIBRARY.MultipartError, MultiPartException) as error:
        # What was wrong is told in other words for some chunkings; that it was is the same.
        return isinstance(error, MultiPartException)


TOKENS = (
    b"--b",
    b"\r\n--b\r\n",
    b"--b--",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"-",
    b"b",
    b"\x00\xff",
    b"X: y",
    b" ",
    b'Content-Disposition: form-data; name="a"',
    b'Content-Disposition: form-data; name="a"; filename=f',
    b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n',
    b"Content-Disposition: form-data",
    b"Content-Length: 1\r\n",
    FIELD,
)


@given(
    tokens=st.lists(st.sampled_from(TOKENS) | st.binary(max_size=3), max_size=15),
    is_begun=st.booleans(),
    cuts=st.lists(st.integers(1, 200)),
)
def test_any_chunking_of_any_input_has_the_same_outcome(
    tokens: list[bytes], is_begun: bool, cuts: list[int]
) -> None:
    body = (FIELD if is_begun else b"") + b"".join(tokens)
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[start:end] for start, end in itertools.pairwise(places)]

    # What the library makes of it is right; the first of ours may be the first to see a head.
    whole = outcome(body, takes_fields=False) if body else []
    for _ in range(2):
        assert outcome(*pieces) == whole
    assert outcome(*(bytes([byte]) for byte in body)) == whole


HEADS = [
    b'Content-Disposition: form-data; name="a"',
    b'Content-Disposition: form-data; name="b"',
    b'Content-Disposition: form-data; name="f"; filename="x"',
]
# What looks like a delimiter, or a part of one, at a place where it is none.
SCRAPS = [b"--b\r\n", b"--b--", b"--b", b"\r\n", b"\r", b"-", b"\r\n--", b"\r\n--bx", b"value"]
texts = st.lists(st.sampled_from(SCRAPS), max_size=3).map(b"".join)
forms = st.lists(st.tuples(st.sampled_from(HEADS), texts), min_size=1, max_size=5).map(
    lambda parts: b"\r\n".join(b"--b\r\n" + head + b"\r\n\r\n" + text for head, text in parts)
)


@given(
    form=forms,
    end=st.sampled_from([b"\r\n--b--\r\n", b"\r\n--b", b"--b--", b""]),
    places=st.lists(st.integers(0, 200), max_size=6),
)
@settings(max_examples=500)
def test_fields_that_are_known_are_what_the_library_makes_of_them(
    form: bytes, end: bytes, places: list[int]
) -> None:
    data = form + end
    cuts = [0, *sorted(place for place in places if place < len(data)), len(data)]
    pieces = [data[at:to] for at, to in itertools.pairwise(cuts) if at < to]

    def outcome_of(takes_fields: bool) -> Any:
        try:
            return parse(*pieces, takes_fields=takes_fields)
        except (LIBRARY.MultipartError, MultiPartException):
            return "malformed"

    assert outcome_of(True) == outcome_of(False)
