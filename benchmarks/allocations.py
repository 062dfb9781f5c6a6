"""Memory that requests hold at their peak, and leave behind: by tracemalloc, without an event loop.

A process of its own, as whatever traces the lines of a program allocates, too.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

from benchmarks.contest import by_hand, make
from benchmarks.peers import ROOT, environ
from benchmarks.scenarios import find

REQUESTS = 100


def count(
    python: Path | str, framework: str, scenarios: Sequence[str], seconds: float = 240
) -> dict[str, dict[str, int]]:
    """Give `peak` and `left` for each scenario, in bytes: of one request, and after 100 of them.

    Args:
        python: The interpreter of the framework's environment.
        framework: The module in `apps`.
        scenarios: Their names.
        seconds: How long it may take.
    """
    command = [python, "-m", "benchmarks.allocations", framework, *scenarios]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environ(), timeout=seconds
    )
    if done.returncode:
        raise RuntimeError(f"{framework}: {done.stderr[-2000:]}")
    counted: dict[str, dict[str, int]] = json.loads(done.stdout)
    return counted


def measure(framework: str, name: str) -> dict[str, int]:
    app = make(framework, name)
    scenario = find(name)
    for _ in range(20):
        by_hand(app, scenario)
    gc.collect()
    tracemalloc.start()
    try:
        by_hand(app, scenario)
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(REQUESTS):
            by_hand(app, scenario)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return {"peak": peak - before, "left": after - before}


if __name__ == "__main__":
    print(json.dumps({name: measure(sys.argv[1], name) for name in sys.argv[2:]}))
