"""What a file holds is read in few goes, and sent as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide import _file_transfer
from bolide._file_transfer import FileTooShort, read_small, send_content, send_whole
from bolide.types import Message


@pytest.mark.parametrize(("size", "content"), [(5, b"12345"), (4, None), (6, None), (0, None)])
def test_a_small_file_is_read_if_it_is_as_long_as_expected(
    tmp_path: Path, size: int, content: bytes | None
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")
    assert read_small(path, size) == content


def test_an_empty_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    assert read_small(path, 0) == b""


def test_what_cannot_be_read_is_nothing(tmp_path: Path) -> None:
    assert read_small(tmp_path / "missing", 5) is None
    assert read_small(tmp_path, 5) is None


@pytest.mark.anyio
@pytest.mark.parametrize(("announced", "body"), [(None, b"12345"), (5, b"12345"), (3, b"123")])
async def test_no_more_of_a_content_is_sent_than_was_announced(
    announced: int | None, body: bytes
) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await send_content("file", b"12345", announced, send)
    assert sent == [{"type": "http.response.body", "body": body, "more_body": False}]
    with pytest.raises(FileTooShort):
        await send_content("file", b"12345", 6, send)
    assert len(sent) == 1


@given(
    st.integers(0, 100), st.integers(1, 40), st.integers(1, 100), st.none() | st.integers(0, 100)
)
def test_chunks_do_not_depend_on_how_many_are_read_at_a_time(
    size: int, chunk_size: int, batch_size: int, announced: int | None
) -> None:
    content = bytes(range(size))
    end = size if announced is None else announced

    class File:
        """A file in memory."""

        def __init__(self) -> None:
            self.at = 0

        def read(self, wanted: int) -> bytes:
            found = content[self.at : self.at + wanted]
            self.at += len(found)
            return found

        async def aclose(self) -> None:
            self.at = -1

        @property
        def wrapped(self) -> File:
            return self

    files: list[File] = []

    async def open_file(path: Any, *, mode: str) -> Any:
        files.append(File())
        return files[-1]

    sent: list[bytes] = []

    async def send(message: Message) -> None:
        sent.append(message["body"])

    async def run() -> None:
        if end > size:
            with pytest.raises(FileTooShort):
                await send_whole("file", chunk_size, announced, send)
        else:
            await send_whole("file", chunk_size, announced, send)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(anyio, "open_file", open_file)
        monkeypatch.setattr(_file_transfer, "BATCH_SIZE", batch_size)
        anyio.run(run)
    assert [file.at for file in files] == [-1]
    if end <= size:
        assert b"".join(sent) == content[:end]
    assert all(len(piece) == chunk_size for piece in sent[:-1])
