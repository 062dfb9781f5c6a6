"""Instructions per request, counted by `valgrind --tool=callgrind`: the same on a busy machine.

Two children of one process give 40 and 240 requests; the difference over 200 is what one costs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from benchmarks import results
from benchmarks.peers import ROOT, Peer, environ

SCENARIOS: Final = (
    "S1",
    "S2",
    "S3",
    "S4",
    "S4p",
    "S5",
    "S5h",
    "S6",
    "S7",
    "S8",
    "S11n",
    "S11",
    "S16",
)
"""What needs no threads and no waiting."""

_CHILD: Final = re.compile(r"^(\S+) (raw|own) (hand|loop) (\d+) (\d+)$", re.MULTILINE)
_COLLECTED: Final = re.compile(r"^==(\d+)== Collected : (\d+)$", re.MULTILINE)


class NoValgrind(Exception):
    """valgrind is not installed."""


def count(
    python: Path | str, framework: str, scenarios: Sequence[str], seconds: float = 1800
) -> dict[str, dict[str, float]]:
    """Count the instructions of a request, of raw's apps and of a framework's.

    Args:
        python: The interpreter of the framework's environment.
        framework: The module in `apps`.
        scenarios: Their names.
        seconds: How long it may take.

    Returns:
        For each scenario `raw` and `own`, in instructions, and `loop`, which is 1 where the app
        does not do without an event loop.

    Raises:
        NoValgrind: It is not installed.
        RuntimeError: It failed.
    """
    output, collected = callgrind(
        python, "benchmarks.driver", framework, *scenarios, seconds=seconds
    )
    counted: dict[str, dict[str, float]] = {}
    found = _CHILD.findall(output)
    for few, many in zip(found[::2], found[1::2], strict=True):
        scenario, kind, how, *_ = few
        requests = int(many[3]) - int(few[3])
        number = (collected[many[4]] - collected[few[4]]) / requests
        counted.setdefault(scenario, {})[kind] = round(number)
        if kind == "own":
            counted[scenario]["loop"] = int(how == "loop")
    return counted


def callgrind(
    python: Path | str, module: str, *arguments: str, seconds: float = 1800
) -> tuple[str, dict[str, int]]:
    """Run a module under `callgrind`.

    Args:
        python: The interpreter.
        module: What it runs.
        arguments: What the module is told.
        seconds: How long it may take.

    Returns:
        What the module printed, and the instructions of each process, by its id.

    Raises:
        NoValgrind: It is not installed.
        RuntimeError: It failed.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise NoValgrind("valgrind is not installed")
    options = ["--tool=callgrind", "--callgrind-out-file=/dev/null"]
    command = [valgrind, *options, python, "-m", module, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environ(), timeout=seconds
    )
    if done.returncode:
        raise RuntimeError(f"{module} {arguments}: {done.stderr[-2000:]}")
    collected = {process: int(number) for process, number in _COLLECTED.findall(done.stderr)}
    return done.stdout, collected


def main(peers: list[Peer], only: list[str] | None, partial: bool) -> None:
    """Count for all frameworks, print, and store."""
    before = os.getloadavg()[0]
    names = [name for name in SCENARIOS if not only or name in only]
    figures: dict[str, dict[str, Any]] = {}

    def one(peer: Peer) -> tuple[str, dict[str, dict[str, float]]]:
        try:
            return peer.name, count(peer.python, peer.name, names)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            print(error, file=sys.stderr)
            return peer.name, {}

    # Other processes do not change the count.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for who, counted in pool.map(one, peers):
            for name, numbers in counted.items():
                if "own" in numbers:
                    figures.setdefault(name, {})[who] = numbers
            shown = "  ".join(
                f"{name} {numbers['own'] / 1000:.1f}k"
                for name, numbers in counted.items()
                if "own" in numbers
            )
            print(f"{who}: {shown}", flush=True)
    results.store("instructions", {"figures": figures}, before, partial)
