"""Files that count against a limit of ours on threads, instead of AnyIO's, when they are closed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, BinaryIO

import anyio

__all__ = ["LimitedFile"]


class LimitedFile(anyio.AsyncFile[bytes]):
    """A file that is closed in a worker thread as somebody else says.

    Whoever reads it takes `wrapped` to a thread, for more than one operation at a time.

    Args:
        file: The file.
        run: `run(func, *args)` calls a function in such a thread.
    """

    def __init__(self, file: BinaryIO, run: Callable[..., Awaitable[Any]]) -> None:
        super().__init__(file)
        self._run = run

    async def aclose(self) -> None:
        await self._run(self.wrapped.close)
