"""Files that count against the limit on threads for files when they are closed."""

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
    """A file that notes how many threads are taken for files while it is closed."""

    taken: list[int]

    def close(self) -> None:
        if not self.closed:
            limiter: Any = anyio.from_thread.run_sync(file_limiter)
            self.taken = [limiter.borrowed_tokens]
        super().close()


async def test_to_close_one_takes_one_of_the_threads_for_files() -> None:
    before = ACTIVE.set(Settings(limits=ThreadLimits.of(Policy(max_file_threads=1))))
    try:
        noting = Noting(b"0123456789")
        await LimitedFile(noting, run_file).aclose()
    finally:
        ACTIVE.reset(before)
    assert noting.taken == [1]
    assert noting.closed
