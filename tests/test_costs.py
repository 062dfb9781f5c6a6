"""What a request costs in instructions and in memory, and an import in modules.

Limits that no busy machine disturbs.
"""

from __future__ import annotations

import gc
import shutil
import subprocess
import sys
import tracemalloc

import pytest

from benchmarks.contest import by_hand, make
from benchmarks.instructions import count
from benchmarks.scenarios import find

# Over raw ASGI's, which is counted in the same run: about a tenth more than on CPython 3.11 and
# 3.13 built without profile-guided optimisation, where it takes most.
MOST_INSTRUCTIONS = {"S1": 41_000, "S3": 60_000}

MOST_BYTES = {"S1": 3_300, "S3": 3_400}


@pytest.fixture(scope="module")
def counted() -> dict[str, dict[str, float]]:
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    return count(sys.executable, "bolide", list(MOST_INSTRUCTIONS), seconds=240)


@pytest.mark.parametrize("name", MOST_INSTRUCTIONS)
def test_a_request_takes_few_instructions(counted: dict[str, dict[str, float]], name: str) -> None:
    assert counted[name]["own"] - counted[name]["raw"] <= MOST_INSTRUCTIONS[name], counted[name]


@pytest.mark.parametrize("name", MOST_BYTES)
def test_a_request_holds_little_memory_at_its_peak_and_leaves_none(name: str) -> None:
    app = make("bolide", name)
    scenario = find(name)
    for _ in range(20):
        by_hand(app, scenario)
    gc.collect()
    tracemalloc.start()
    try:
        by_hand(app, scenario)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(100):
            by_hand(app, scenario)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before <= MOST_BYTES[name]
    # Less than a byte a request: what stays is the interpreter's own.
    assert after - before < 100


# What AnyIO itself imports is not ours to save.
IMPORTED = """\
import sys, anyio, anyio.lowlevel, anyio.to_thread
before = set(sys.modules)
import bolide.applications
print(*(set(sys.modules) - before))
"""

# Used by few applications, or in few requests: S18.
IMPORTED_WHERE_USED = {
    "asyncio",
    "bolide._data.saving",
    "bolide._debug_page",
    "bolide._debug_values",
    "bolide._http.accept",
    "bolide._http.cookies",
    "bolide._http.origin",
    "bolide._limited_file",
    "bolide._signals",
    "bolide.formparsers",
    "difflib",
    "email",
    "hashlib",
    "html",
    "http.client",
    "http.cookies",
    "logging",
    "mimetypes",
    "pathlib",
    "secrets",
    "shutil",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "traceback",
    "uuid",
}


def test_an_import_takes_only_what_most_applications_need() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True
    )
    imported = set(done.stdout.split())
    assert "bolide.applications" in imported
    assert imported & IMPORTED_WHERE_USED == set()
    assert len(imported) <= 100
