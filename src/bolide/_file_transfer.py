"""Sending what a file holds: all of it, a range of it, or several.

RULES

A large file is opened once a transfer and closed whatever happens, also when the task is cancelled.
The last message of a transfer says `more_body` False.

THEORY OF OPERATION

A trip to a worker thread and back takes as long as reading 200 KiB that the system has in memory.
So a thread reads several chunks at a time, each of which becomes a message; what is held for a
client that reads slowly is `BATCH_SIZE` and no more, or one chunk that is larger. A file of less
than a chunk can be read whole on another trip that is due anyway, with `read_small`.
"""

from __future__ import annotations

import math
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio

from bolide._http.ranges import MultipartRanges
from bolide._threads import open_file, run_file
from bolide.exceptions import BolideError
from bolide.types import Send

__all__ = [
    "BATCH_SIZE",
    "FilePath",
    "FileTooShort",
    "read_small",
    "send_content",
    "send_path",
    "send_range",
    "send_ranges",
    "send_whole",
]

FilePath = str | os.PathLike[str]

BATCH_SIZE: Final = 256 * 1024
"""How many bytes of chunks are read at a time."""

_MAX_CHUNKS: Final = 16
"""How many chunks are read at a time, small as they may be."""


class FileTooShort(BolideError, RuntimeError):
    """A file has shrunk since its length was announced."""


def read_small(path: FilePath, size: int) -> bytes | None:
    """Give all that a file holds, or None if that is not as much as was expected. Blocks.

    None also means that the file cannot be read: then it is to be opened as any other, which says
    why.
    """
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            content = file.read(size + 1)
    except OSError:
        return None
    return content if len(content) == size else None


@asynccontextmanager
async def _open(path: FilePath) -> AsyncGenerator[anyio.AsyncFile[bytes], None]:
    """Open a file for reading, for as long as the context lasts."""
    file: anyio.AsyncFile[bytes] | None = None
    # Shielded, since what a cancelled worker thread has opened would never be closed.
    with anyio.CancelScope(shield=True):
        file = await open_file(path)
    assert file is not None
    try:
        yield file
    finally:
        with anyio.CancelScope(shield=True):
            await file.aclose()


class _Chunks:
    """The chunks of a file, or of a range of it, some of which are read in advance.

    Args:
        file: The file.
        chunk_size: How many bytes a chunk has.
        start: Where to begin; by default where the file is.
        size: How many bytes to read at the most.
    """

    __slots__ = ("_chunk_size", "_file", "_left", "_ready", "_start")

    def __init__(
        self,
        file: anyio.AsyncFile[bytes],
        chunk_size: int,
        start: int | None = None,
        size: float = math.inf,
    ) -> None:
        self._file: Any = file.wrapped
        self._chunk_size = chunk_size
        self._start = start
        self._left = size
        self._ready: list[bytes] = []

    async def read(self) -> bytes:
        """Give the next chunk; one that is shorter than it should be is the last of the file."""
        if not self._ready:
            await run_file(self._read_batch)
        return self._ready.pop()

    def _read_batch(self) -> None:
        if self._start is not None:
            self._file.seek(self._start)
            self._start = None
        chunks: list[bytes] = []
        for _ in range(min(max(BATCH_SIZE // self._chunk_size, 1), _MAX_CHUNKS)):
            wanted = int(min(self._chunk_size, self._left))
            chunks.append(self._file.read(wanted))
            self._left -= len(chunks[-1])
            if len(chunks[-1]) < wanted or self._left <= 0:
                break
        self._ready = chunks[::-1]


async def send_content(path: FilePath, content: bytes, announced: int | None, send: Send) -> None:
    """Send a file that has been read, or as much of it as was announced."""
    if announced is not None and len(content) < announced:
        raise FileTooShort(f"File at path {path} is shorter than expected.")
    body = content if announced is None else content[:announced]
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def send_path(path: FilePath, send: Send) -> None:
    """Let the server send a file (ASGI path send extension)."""
    await send({"type": "http.response.pathsend", "path": str(path)})


async def send_whole(path: FilePath, chunk_size: int, announced: int | None, send: Send) -> None:
    """Send a file to its end, or as much as was announced.

    Every full chunk says that there is more, so that a file of just so many chunks ends with an
    empty one.
    """
    left = math.inf if announced is None else announced
    async with _open(path) as file:
        chunks = _Chunks(file, chunk_size)
        more_body = True
        while more_body:
            chunk = await chunks.read()
            more_body = len(chunk) == chunk_size
            if len(chunk) > left:
                # The file has grown, and the client was told where the response ends.
                chunk, more_body = chunk[: int(left)], False
            left -= len(chunk)
            if not more_body and announced is not None and left > 0:
                raise FileTooShort(f"File at path {path} is shorter than expected.")
            await send({"type": "http.response.body", "body": chunk, "more_body": more_body})


async def send_range(
    path: FilePath, chunk_size: int, start: int, end: int, exact: bool, send: Send
) -> None:
    """Send a half-open range of a file."""
    async with _open(path) as file:
        chunks = _Chunks(file, chunk_size, start, end - start)
        more_body = True
        while more_body:
            chunk = await chunks.read()
            if exact and not chunk:
                raise FileTooShort(f"File at path {path} is shorter than expected.")
            start += len(chunk)
            more_body = bool(chunk) and start < end
            await send({"type": "http.response.body", "body": chunk, "more_body": more_body})


async def send_ranges(
    path: FilePath, chunk_size: int, multipart: MultipartRanges, send: Send
) -> None:
    """Send several ranges, each as a part of a multipart body (RFC 9110, section 14.6)."""

    async def send_piece(piece: bytes, *, more_body: bool = True) -> None:
        await send({"type": "http.response.body", "body": piece, "more_body": more_body})

    async with _open(path) as file:
        for start, end in multipart.ranges:
            await send_piece(multipart.part_header(start, end))
            chunks = _Chunks(file, chunk_size, start, end - start)
            at = start
            while at < end:
                chunk = await chunks.read()
                if not chunk:
                    raise FileTooShort(f"File at path {path} is shorter than expected.")
                at += len(chunk)
                await send_piece(chunk)
            await send_piece(multipart.PART_END)
        await send_piece(multipart.closing, more_body=False)
