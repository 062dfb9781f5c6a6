"""The long runs work, each shown by a short one; figures of long ones are in the documentation."""

from __future__ import annotations

import asyncio
import sys

import pytest

from reliability.fuzz import run_target, run_with_atheris
from reliability.fuzz_targets import TARGETS
from reliability.soak import soak
from reliability.stalls import measure

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.mark.parametrize("target", TARGETS)
def test_a_parser_survives_bytes_that_nobody_would_write(target: str) -> None:
    tried, culprit = run_target(target, seconds=0.3, seed=1)
    assert tried
    assert culprit is None


def test_so_it_does_where_they_are_looked_for() -> None:
    pytest.importorskip("atheris")
    tried, culprit = run_with_atheris("host", seconds=2)
    assert tried
    assert culprit is None


def test_a_server_leaks_no_descriptor_to_rude_clients() -> None:
    # Memory settles in longer runs only: here it may grow as it likes.
    assert asyncio.run(soak(requests=1000, websockets=50, max_growth=10.0))


def test_the_event_loop_is_not_kept_waiting_by_large_bodies() -> None:
    stalls = asyncio.run(measure(upload_size=16, response_size=8))
    # Far from the aim of 50 ms, so that a busy machine does not fail it.
    assert max(stalls.values()) < 1000
