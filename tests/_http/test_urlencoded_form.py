"""Urlencoded bodies in pieces: what is found does not depend on where they are cut."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bolide._http.urlencoded import decode_pairs
from bolide._http.urlencoded_form import FieldSplitter


class Recorder:
    """Writes down what it is told, and puts the fields together."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fields: list[tuple[bytes, bytes]] = []
        self._name = self._value = b""

    def on_field_start(self) -> None:
        self.calls.append("start")
        self._name = self._value = b""

    def on_field_name(self, data: bytes, start: int, end: int) -> None:
        assert 0 <= start <= end <= len(data)
        self.calls.append(f"name {data[start:end].decode('latin-1')}")
        self._name += data[start:end]

    def on_field_data(self, data: bytes, start: int, end: int) -> None:
        assert 0 <= start <= end <= len(data)
        self.calls.append(f"data {data[start:end].decode('latin-1')}")
        self._value += data[start:end]

    def on_field_end(self) -> None:
        self.calls.append("end")
        self.fields.append((self._name, self._value))


def split(*pieces: bytes) -> Recorder:
    recorder = Recorder()
    splitter = FieldSplitter(recorder)
    for piece in pieces:
        splitter.feed(piece)
    splitter.close()
    return recorder


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", []),
        (b"a=1", [(b"a", b"1")]),
        (b"a=1&b=2", [(b"a", b"1"), (b"b", b"2")]),
        (b"a", [(b"a", b"")]),
        (b"a=", [(b"a", b"")]),
        (b"=1", [(b"", b"1")]),
        (b"=", [(b"", b"")]),
        (b"a=b=c", [(b"a", b"b=c")]),
        (b"&&a=1&&&b&", [(b"a", b"1"), (b"b", b"")]),
        (b"&", []),
        (b"a=1&a=2", [(b"a", b"1"), (b"a", b"2")]),
        (b"a;b=1;c", [(b"a;b", b"1;c")]),
        (b"%26=%3D", [(b"%26", b"%3D")]),
        (b"\xff=\x00", [(b"\xff", b"\x00")]),
    ],
)
def test_a_body_is_split_into_names_and_values(
    body: bytes, fields: list[tuple[bytes, bytes]]
) -> None:
    assert split(body).fields == fields
    assert split(*(bytes([byte]) for byte in body)).fields == fields


@pytest.mark.parametrize(
    ("pieces", "fields"),
    [
        ((b"a", b"b=1"), [(b"ab", b"1")]),
        ((b"a", b"=1"), [(b"a", b"1")]),
        ((b"a=", b"1"), [(b"a", b"1")]),
        ((b"a=1", b"2"), [(b"a", b"12")]),
        ((b"a=1", b"=2"), [(b"a", b"1=2")]),
        ((b"a=1", b"&b=2"), [(b"a", b"1"), (b"b", b"2")]),
        ((b"a=1&", b"b=2"), [(b"a", b"1"), (b"b", b"2")]),
        ((b"a=1&", b"&b=2"), [(b"a", b"1"), (b"b", b"2")]),
        ((b"a", b"&"), [(b"a", b"")]),
        ((b"", b"a", b"", b"=", b"", b"1", b""), [(b"a", b"1")]),
    ],
)
def test_a_piece_may_end_anywhere(
    pieces: tuple[bytes, ...], fields: list[tuple[bytes, bytes]]
) -> None:
    assert split(*pieces).fields == fields


def test_a_field_is_told_of_in_order_and_before_it_is_complete() -> None:
    recorder = Recorder()
    splitter = FieldSplitter(recorder)

    splitter.feed(b"ab")
    assert recorder.calls == ["start", "name ab"]
    splitter.feed(b"c=12")
    assert recorder.calls[2:] == ["name c", "data 12"]
    splitter.feed(b"3&")
    assert recorder.calls[4:] == ["data 3", "end"]
    splitter.feed(b"d")
    splitter.close()
    assert recorder.calls[6:] == ["start", "name d", "end"]


def test_closing_again_ends_nothing_more() -> None:
    recorder = Recorder()
    splitter = FieldSplitter(recorder)
    splitter.feed(b"a")
    splitter.close()
    splitter.close()

    assert recorder.calls == ["start", "name a", "end"]


def test_what_the_target_raises_ends_the_parsing_at_once() -> None:
    class AtMostTwo(Recorder):
        def on_field_start(self) -> None:
            super().on_field_start()
            if self.calls.count("start") > 2:
                raise OverflowError

    recorder = AtMostTwo()
    with pytest.raises(OverflowError):
        FieldSplitter(recorder).feed(b"a=1&" * 100_000)

    assert recorder.calls.count("start") == 3
    assert recorder.calls.count("end") == 2


def pieces_of(alphabet: st.SearchStrategy[bytes]) -> st.SearchStrategy[Any]:
    return st.lists(alphabet, max_size=12)


@given(pieces_of(st.binary(max_size=5) | st.text("a&=%", max_size=5).map(str.encode)))
@example([b"a=1", b"&", b"&b", b"=", b""])
def test_any_chunking_gives_the_same_fields(pieces: list[bytes]) -> None:
    in_pieces, whole = split(*pieces), split(b"".join(pieces))

    assert in_pieces.fields == whole.fields


@given(st.lists(st.text("a&=%+;\xff1", max_size=8).map(lambda text: text.encode("latin-1"))))
def test_the_fields_are_those_of_a_query_string(pieces: list[bytes]) -> None:
    decoded: list[tuple[str, str]] = []
    for name, value in split(*pieces).fields:
        decoded += decode_pairs((name + b"=" + value).decode("latin-1"))

    assert decoded == decode_pairs(b"".join(pieces).decode("latin-1"))


@given(st.lists(st.binary(max_size=6)))
def test_every_field_is_started_and_ended_once_in_turn(pieces: list[bytes]) -> None:
    turns = [call for call in split(*pieces).calls if call in ("start", "end")]

    assert turns == ["start", "end"] * (len(turns) // 2)
