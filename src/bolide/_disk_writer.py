"""Writing what has gathered for files in one worker thread's go."""

from __future__ import annotations

import os
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import Final

from bolide._threads import run_file

__all__ = ["DiskWriter"]

_MAX_BUFFERS: Final = 512
"""How many pieces one system call takes; POSIX promises 16, and Linux and macOS take 1024."""


class DiskWriter:
    """Keeps what is to be written to files until there is enough to be worth a thread.

    PERF: benchmarks/upload.py. A trip to a thread and back costs as much as writing 200 KiB.

    Args:
        max_pending_size: How many bytes are kept.
    """

    def __init__(self, max_pending_size: int) -> None:
        self.max_pending_size = max_pending_size
        self._pending: list[tuple[SpooledTemporaryFile[bytes], list[bytes]]] = []
        self._pending_size = 0
        self._descriptors: dict[SpooledTemporaryFile[bytes], int] = {}

    @property
    def is_full(self) -> bool:
        """Whether it is time to write."""
        return self._pending_size >= self.max_pending_size

    def add(self, file: SpooledTemporaryFile[bytes], data: bytes) -> None:
        """Let data be written to the end of a file, which then is on disk."""
        if not self._pending or self._pending[-1][0] is not file:
            self._pending.append((file, []))
        self._pending[-1][1].append(data)
        self._pending_size += len(data)

    async def write(self) -> None:
        """Write all that there is.

        Raises:
            OSError: Something could not be written.
        """
        await run_file(self._write_pending)

    async def finish(self) -> None:
        """Write all that there is, and rewind the files to their beginnings.

        Raises:
            OSError: Something could not be written.
        """
        if self._pending or self._descriptors:
            await run_file(self._write_pending, True)

    def _write_pending(self, rewind: bool = False) -> None:
        pending, self._pending, self._pending_size = self._pending, [], 0
        for file, pieces in pending:
            if file not in self._descriptors:
                # To have a descriptor, it goes to disk.
                self._descriptors[file] = file.fileno()
            _write(file, self._descriptors[file], pieces)
        if rewind:
            for file in self._descriptors:
                file.seek(0)


def _write(file: SpooledTemporaryFile[bytes], descriptor: int, pieces: list[bytes]) -> None:
    if not hasattr(os, "writev"):
        file.write(b"".join(pieces))
        return
    # Past the buffer of the file object, which would take a system call for each piece, and hold
    # the interpreter between them.
    file.flush()
    waiting = [memoryview(piece) for piece in pieces]
    while waiting:
        written = os.writev(descriptor, list(islice(waiting, _MAX_BUFFERS)))
        while waiting and written >= len(waiting[0]):
            written -= len(waiting.pop(0))
        if written:
            waiting[0] = waiting[0][written:]
    # The file object has to learn where it is.
    file.seek(0, os.SEEK_END)
