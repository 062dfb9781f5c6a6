"""Writing to disk in batches: what was added is in the file, once, in order."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide import _disk_writer
from bolide._disk_writer import DiskWriter

pytestmark = pytest.mark.anyio


class File(SpooledTemporaryFile[bytes]):
    """Remembers in which threads it went to disk."""

    def rollover(self) -> None:
        threads.append(threading.get_ident())
        super().rollover()


threads: list[int] = []


@pytest.fixture
def file() -> Iterator[File]:
    threads.clear()
    with File() as file:
        yield file


async def test_it_is_full_when_so_much_has_gathered(file: File) -> None:
    writer = DiskWriter(5)
    writer.add(file, b"1234")
    assert not writer.is_full
    writer.add(file, b"5")
    assert writer.is_full
    await writer.write()
    assert not writer.is_full
    assert file.tell() == 5


async def test_a_file_goes_to_disk_once_and_in_another_thread(file: File) -> None:
    file.write(b"in memory, ")
    writer = DiskWriter(1)
    for _ in range(3):
        writer.add(file, b"x")
        await writer.write()
    await writer.finish()
    assert len(threads) == 1
    assert threads != [threading.get_ident()]
    assert file.read() == b"in memory, xxx"


async def test_there_is_nothing_to_finish_without_anything_to_write() -> None:
    await DiskWriter(1).finish()


async def test_many_pieces_are_written_in_order(file: File) -> None:
    pieces = [b"%d," % number for number in range(_disk_writer._MAX_BUFFERS * 2 + 1)]
    writer = DiskWriter(1)
    for piece in pieces:
        writer.add(file, piece)
    await writer.finish()
    assert file.read() == b"".join(pieces)


async def test_files_may_take_turns() -> None:
    with File() as a, File() as b:
        writer = DiskWriter(100)
        for number in range(4):
            writer.add((a, b)[number % 2], b"%d" % number)
        await writer.finish()
        assert (a.read(), b.read()) == (b"02", b"13")


async def test_a_file_can_be_written_to_afterwards(file: File) -> None:
    writer = DiskWriter(1)
    writer.add(file, b"abc")
    await writer.finish()
    file.seek(0, os.SEEK_END)
    file.write(b"d")
    file.seek(0)
    assert file.read() == b"abcd"


async def test_it_does_without_the_system_call(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "writev")
    writer = DiskWriter(1)
    for piece in (b"a", b"bc"):
        writer.add(file, piece)
    await writer.finish()
    assert file.read() == b"abc"


@given(
    pieces=st.lists(st.binary(max_size=10), max_size=20),
    most=st.lists(st.integers(1, 7), min_size=1, max_size=5),
)
def test_a_system_call_that_writes_a_part_only_is_gone_on_with(
    pieces: list[bytes], most: list[int]
) -> None:
    calls = 0

    def writev(descriptor: int, buffers: list[memoryview]) -> int:
        nonlocal calls
        calls += 1
        return os.write(descriptor, b"".join(buffers)[: most[calls % len(most)]])

    with SpooledTemporaryFile[bytes]() as file, pytest.MonkeyPatch.context() as patch:
        file.write(b"begun ")
        descriptor = file.fileno()
        patch.setattr(os, "writev", writev)
        _disk_writer._write(file, descriptor, pieces)
        file.seek(0)
        assert file.read() == b"begun " + b"".join(pieces)


async def test_an_error_of_the_disk_comes_out(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    def writev(descriptor: int, buffers: list[memoryview]) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", writev)
    writer = DiskWriter(1)
    writer.add(file, b"a")
    with pytest.raises(OSError, match="No space left"):
        await writer.finish()
