"""What a request costs in instructions and in memory: limits that no busy machine disturbs."""

from __future__ import annotations

import shutil
import sys

import pytest

from benchmarks import allocations, instructions, layers, peeling

# Over raw ASGI's, which is counted in the same run: about a tenth more than on CPython 3.11 and
# 3.13 built without profile-guided optimisation, where it takes most.
MOST_INSTRUCTIONS = {
    "S1": 21_600,
    "S2": 16_200,
    "S3": 28_700,
    "S4": 21_600,
    "S4p": 25_800,
    "S5": 27_100,
    "S5h": 27_100,
    "S6": 38_300,
    "S7": 27_500,
    "S8": 60_000,
    "S11n": 27_200,
    "S11": 72_500,
    "S16": 32_100,
}

# A tenth more than on either, too; for both faces of bolide.
MOST_BYTES = {
    "bolide": {
        "S1": 2_350,
        "S3": 2_350,
        "S4": 2_350,
        "S4p": 2_400,
        "S5": 2_300,
        "S5h": 2_300,
        "S11n": 4_250,
    },
    "bolide_face": {"S1": 3_300, "S3": 3_150},
}

BYTES = [(face, name) for face, limits in MOST_BYTES.items() for name in limits]


@pytest.fixture(scope="module")
def counted() -> dict[str, dict[str, float]]:
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    return instructions.count(sys.executable, "bolide", list(MOST_INSTRUCTIONS), seconds=240)


@pytest.mark.parametrize("name", MOST_INSTRUCTIONS)
def test_a_request_takes_few_instructions(counted: dict[str, dict[str, float]], name: str) -> None:
    assert counted[name]["own"] - counted[name]["raw"] <= MOST_INSTRUCTIONS[name], counted[name]


@pytest.fixture(scope="module")
def allocated() -> dict[tuple[str, str], dict[str, int]]:
    return {
        (face, name): found
        for face, limits in MOST_BYTES.items()
        for name, found in allocations.count(sys.executable, face, list(limits)).items()
    }


@pytest.mark.parametrize(("face", "name"), BYTES)
def test_a_request_holds_little_memory_at_its_peak_and_leaves_none(
    allocated: dict[tuple[str, str], dict[str, int]], face: str, name: str
) -> None:
    assert allocated[face, name]["peak"] <= MOST_BYTES[face][name]
    # Less than a byte a request: what stays is the interpreter's own.
    assert allocated[face, name]["left"] < 100


@pytest.mark.parametrize("face", layers.FACES)
def test_each_layer_of_a_request_can_be_counted_by_itself(face: str) -> None:
    names = []
    for name, run in peeling.parts(face):
        run(1)
        names.append(name)
    assert names[-1] == face
    compared_with = {"raw", "no endpoint", "nothing", "copying"}
    assert set(names) - compared_with - {face} <= layers.TITLES.keys()
