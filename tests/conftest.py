"""Fixtures for the whole suite: both async backends, and no blocking call on the event loop."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

import bolide


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[BlockBuster]:
    """Fail a test whose code under test blocks the event loop."""
    with blockbuster_ctx(bolide) as blockbuster:
        for function in ("os.stat", "io.TextIOWrapper.read"):
            # The mimetypes and linecache modules read files the first time they are used.
            blockbuster.functions[function].can_block_in("mimetypes.py", "init")
            blockbuster.functions[function].can_block_in("linecache.py", "updatecache")
        yield blockbuster


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run a test that is marked `anyio` on each backend."""
    return str(request.param)
