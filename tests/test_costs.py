"""What a request costs in instructions and in memory: limits that no busy machine disturbs."""

from __future__ import annotations

import shutil
import sys

import pytest

from benchmarks import allocations, instructions

# Over raw ASGI's, which is counted in the same run: about a tenth more than on CPython 3.11 and
# 3.13 built without profile-guided optimisation, where it takes most.
MOST_INSTRUCTIONS = {"S1": 41_000, "S3": 60_000}

MOST_BYTES = {"S1": 3_300, "S3": 3_400}


@pytest.fixture(scope="module")
def counted() -> dict[str, dict[str, float]]:
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    return instructions.count(sys.executable, "bolide", list(MOST_INSTRUCTIONS), seconds=240)


@pytest.mark.parametrize("name", MOST_INSTRUCTIONS)
def test_a_request_takes_few_instructions(counted: dict[str, dict[str, float]], name: str) -> None:
    assert counted[name]["own"] - counted[name]["raw"] <= MOST_INSTRUCTIONS[name], counted[name]


@pytest.fixture(scope="module")
def allocated() -> dict[str, dict[str, int]]:
    return allocations.count(sys.executable, "bolide", list(MOST_BYTES))


@pytest.mark.parametrize("name", MOST_BYTES)
def test_a_request_holds_little_memory_at_its_peak_and_leaves_none(
    allocated: dict[str, dict[str, int]], name: str
) -> None:
    assert allocated[name]["peak"] <= MOST_BYTES[name]
    # Less than a byte a request: what stays is the interpreter's own.
    assert allocated[name]["left"] < 100
