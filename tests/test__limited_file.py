"""Files whose operations count against the limit on threads for files."""

from __future__ import annotations

import io
from typing import Any

import anyio
import pytest

from bolide._limited_file import LimitedFile
from bolide._policy import Policy
from bolide._settings import ACTIVE, Settings
from bolide._threads import ThreadLimits, file_limiter, run_file

pytestmark = pytest.mark.anyio


class Noting(io.BytesIO):
    """A file that notes how many threads are taken for files while it is worked with."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.taken: list[tuple[str, int]] = []

    def note(self, what: str) -> None:
        limiter: Any = anyio.from_thread.run_sync(file_limiter)
        self.taken.append((what, limiter.borrowed_tokens))

    def read(self, size: int | None = -1, /) -> bytes:
        self.note("read")
        return super().read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self.note("seek")
        return super().seek(offset, whence)

    def close(self) -> None:
        if not self.closed:
            self.note("close")
        super().close()


async def test_each_operation_takes_one_of_the_threads_for_files() -> None:
    before = ACTIVE.set(Settings(limits=ThreadLimits.of(Policy(max_file_threads=1))))
    try:
        noting = Noting(b"0123456789")
        file = LimitedFile(noting, run_file)
        assert await file.seek(5) == 5
        assert await file.seek(1, 1) == 6
        assert await file.read(2) == b"67"
        assert await file.read() == b"89"
        await file.aclose()
    finally:
        ACTIVE.reset(before)
    assert noting.taken == [(what, 1) for what in ("seek", "seek", "read", "read", "close")]
