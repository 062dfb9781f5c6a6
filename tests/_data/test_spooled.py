"""Spooled files: they are what those of `tempfile` are, whatever is done with them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._data import spooled
from bolide._data.spooled import MAX_PIECES, SpooledFile

DATA = b"0123456789"


@pytest.fixture
def file() -> Iterator[SpooledFile]:
    with closing(SpooledFile()) as file:
        yield file


# In pieces, until somebody looks.


def test_what_was_written_comes_back_in_order(file: SpooledFile) -> None:
    assert [file.write(piece) for piece in (b"ab", b"", b"c")] == [2, 0, 1]
    assert file.seek(0) == 0
    assert file.read() == b"abc"


def test_a_file_in_one_piece_is_read_without_a_copy(file: SpooledFile) -> None:
    file.write(DATA)
    file.seek(0)
    assert file.read() is DATA


def test_it_is_written_on_where_it_ends(file: SpooledFile) -> None:
    file.write(DATA)
    assert file.tell() == len(DATA)
    file.write(b"more")
    assert file.seek(0) == 0
    assert file.read() == DATA + b"more"


def test_it_is_written_over_from_the_start(file: SpooledFile) -> None:
    file.write(DATA)
    file.seek(0)
    file.write(b"ab")
    file.seek(0)
    assert file.read() == b"ab23456789"


def test_what_can_be_changed_is_copied(file: SpooledFile) -> None:
    data = bytearray(DATA)
    file.write(data)
    data[0] = 0
    file.seek(0)
    assert file.read() == DATA


def test_no_more_than_so_many_pieces_are_kept_apart(file: SpooledFile) -> None:
    for _ in range(MAX_PIECES):
        file.write(b"x")
    assert file._pieces == [b"x"] * MAX_PIECES
    for _ in range(MAX_PIECES):
        file.write(b"y")
    assert file._pieces is None
    file.seek(0)
    assert file.read() == b"x" * MAX_PIECES + b"y" * MAX_PIECES


def test_closing_lets_go_of_what_was_written(file: SpooledFile) -> None:
    file.write(DATA)
    assert not file.closed
    for _ in range(2):
        file.close()
        assert file.closed
        assert not file._pieces
    for use in (file.read, file.tell, lambda: file.write(b"x"), lambda: file.seek(0)):
        with pytest.raises(ValueError, match="closed"):
            use()


Step = tuple[str, Any]

steps: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.binary(max_size=6)),
        st.tuples(st.just("write"), st.binary(max_size=6).map(bytearray)),
        st.tuples(st.just("writelines"), st.lists(st.binary(max_size=3), max_size=3)),
        st.tuples(st.just("seek"), st.integers(0, 12)),
        st.tuples(st.just("read"), st.integers(-1, 12)),
        st.tuples(st.just("readline"), st.none()),
        st.tuples(st.just("tell"), st.none()),
        st.tuples(st.just("truncate"), st.integers(0, 12)),
        st.tuples(st.just("rollover"), st.none()),
        st.tuples(st.just("flush"), st.none()),
    ),
    max_size=12,
)


def take(file: Any, step: Step) -> Any:
    name, argument = step
    method = getattr(file, name)
    return method() if argument is None else method(argument)


@given(steps=steps, max_size=st.sampled_from([0, 4, 10]))
def test_whatever_is_done_with_it_it_is_like_one_of_tempfile(
    steps: list[Step], max_size: int
) -> None:
    with (
        closing(SpooledFile(max_size=max_size)) as ours,
        closing(SpooledTemporaryFile(max_size=max_size)) as theirs,
    ):
        for step in [*steps, ("tell", None), ("seek", 0), ("read", -1)]:
            assert take(ours, step) == take(theirs, step)
            assert ours._rolled == theirs._rolled
    assert ours.closed
    assert theirs.closed


# Going to disk.


def refuse(*args: Any, **kwargs: Any) -> None:
    raise PermissionError("not here")


def test_a_file_goes_to_disk_when_it_grows() -> None:
    with SpooledFile(max_size=10) as file:
        file.write(DATA)
        assert not file._rolled
        file.write(b"more")
        assert file._rolled
        assert file.tell() == 14
        file.seek(0)
        assert file.read() == DATA + b"more"
        file.rollover()
        file.seek(2)
        assert file.read(2) == b"23"


@pytest.mark.parametrize("reason", ["platform", "file system"])
def test_without_unnamed_files_there_are_those_of_the_standard_library(
    reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason == "platform":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    else:
        monkeypatch.setattr(os, "O_TMPFILE", os.O_EXCL, raising=False)
        monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **kwargs: BytesIO())
    with SpooledFile(max_size=10) as file:
        file.write(DATA)
        file.seek(4)
        file.rollover()
        assert file._rolled
        assert file.read() == DATA[4:]


def test_what_cannot_go_to_disk_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(BytesIO):
        def write(self, data: Any) -> int:
            raise OSError("disk full")

    full = Full()
    monkeypatch.setattr(spooled, "_open_unnamed", lambda: full)
    with SpooledFile(max_size=100) as file:
        file.write(DATA)
        with pytest.raises(OSError, match="disk full"):
            file.rollover()
        assert full.closed
        file.seek(0)
        assert file.read() == DATA
