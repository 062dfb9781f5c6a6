"""Files that are read in other threads than AnyIO's own, because these are limited otherwise."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any, BinaryIO

import anyio

__all__ = ["LimitedFile"]


class LimitedFile(anyio.AsyncFile[bytes]):
    """A file, each operation on which is done in a worker thread as somebody else says.

    Args:
        file: The file.
        run: `run(func, *args)` calls a function in such a thread.
    """

    def __init__(self, file: BinaryIO, run: Callable[..., Awaitable[Any]]) -> None:
        super().__init__(file)
        self._run = run

    async def read(self, size: int = -1) -> bytes:
        data: bytes = await self._run(self.wrapped.read, size)
        return data

    async def seek(self, offset: int, whence: int | None = os.SEEK_SET) -> int:
        position: int = await self._run(self.wrapped.seek, offset, whence or os.SEEK_SET)
        return position

    async def aclose(self) -> None:
        await self._run(self.wrapped.close)
