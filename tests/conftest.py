"""Fixtures for the whole suite: both async backends, and no blocking call on the event loop."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import HealthCheck, settings

import bolide
from bolide.testclient import TestClient

# How long an example takes says more of the machine, and of who else uses it, than of us.
settings.register_profile("bolide", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bolide")


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[BlockBuster]:
    """Fail a test whose code under test blocks the event loop."""
    with blockbuster_ctx(bolide) as blockbuster:
        for function in ("os.stat", "io.TextIOWrapper.read"):
            # The mimetypes and linecache modules read files the first time they are used.
            blockbuster.functions[function].can_block_in("mimetypes.py", "init")
            blockbuster.functions[function].can_block_in("linecache.py", "updatecache")
        # The test client waits in a test's thread for the event loop in its own, and the files
        # that a test sends are read there.
        blockbuster.functions["threading.Lock.acquire"].can_block_in("threads.py", "wrapper")
        blockbuster.functions["io.BufferedReader.read"].can_block_in("/testclient.py", "receive")
        yield blockbuster


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run a test that is marked `anyio` on each backend."""
    return str(request.param)


@pytest.fixture
def client_for(anyio_backend: Any) -> Callable[..., TestClient]:
    """Make test clients for the backend of the test: `client_for(app)`."""
    return functools.partial(TestClient, backend=anyio_backend)


@pytest.fixture
def quick_collections() -> Iterator[None]:
    """Let the garbage collector look only at what the test makes, for tests that call it often."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
