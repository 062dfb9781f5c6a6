"""Paired time: what a request costs, in the processes of all frameworks, in turn.

A round goes through all frameworks. Each one's process runs a slice of raw ASGI and a slice of the
framework, one right after the other, and gives the ratio of the two. The median over the rounds is
the figure. Whatever slows down a machine for longer than two slices slows down both, and cancels.
"""

from __future__ import annotations

import os
import statistics
import sys
from contextlib import ExitStack
from typing import Any, Final

from benchmarks import results
from benchmarks.peers import Peer, Process, WorkerFailed
from benchmarks.scenarios import SCENARIOS

SLICE: Final = 0.008
"""Seconds that an app runs at a time."""


def measure(processes: list[Process], name: str, rounds: int) -> dict[str, Any]:
    """Measure one scenario, or one point of a curve, for all who have it."""
    taking_part = []
    problems = {}
    for process in processes:
        try:
            if process.ask("prepare", scenario=name)["has"]:
                # What is made at a first use is made now; caches of the processor fill.
                process.ask("slice", seconds=SLICE)
                taking_part.append(process)
        except WorkerFailed as error:
            problems[process.peer.name] = str(error)
    pairs: dict[str, list[dict[str, Any]]] = {each.peer.name: [] for each in taking_part}
    for _ in range(rounds):
        for process in taking_part:
            pairs[process.peer.name].append(process.ask("slice", seconds=SLICE))
    figures = {name: summary(found) for name, found in pairs.items()}
    if problems:
        print(*problems.values(), sep="\n", file=sys.stderr)
    return figures


def summary(pairs: list[dict[str, Any]]) -> dict[str, float]:
    """Give the medians over the rounds, and the quartiles of the ratio."""

    def each(kind: str, column: int) -> list[float]:
        return [pair[kind][column] / pair[kind][0] for pair in pairs]

    ratios = [own / raw for own, raw in zip(each("own", 1), each("raw", 1), strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return {
        "ratio": round(middle, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "microseconds": round(statistics.median(each("own", 1)) * 1e6, 2),
        "cpu": round(statistics.median(each("own", 2)) * 1e6, 2),
        "raw": round(statistics.median(each("raw", 1)) * 1e6, 2),
    }


def versions(processes: list[Process]) -> dict[str, str]:
    """Give the version of each framework, and of Python."""
    found = {}
    for process in processes:
        about = process.ask("about")
        found[process.peer.name] = about["packages"].get(process.peer.distribution, "?")
        found["python"] = about["python"]
    return found


def main(peers: list[Peer], rounds: int, only: list[str] | None, partial: bool) -> None:
    """Measure all scenarios, print, and store."""
    before = os.getloadavg()[0]
    figures = {}
    with ExitStack() as stack:
        processes = [stack.enter_context(Process(peer)) for peer in peers]
        known = versions(processes)
        for name in SCENARIOS:
            if only and name not in only:
                continue
            figures[name] = measure(processes, name, rounds)
            line = "  ".join(f"{who} {found['ratio']:.2f}" for who, found in figures[name].items())
            print(f"{name:5} {line}", flush=True)
    results.store(
        "inprocess", {"figures": figures, "rounds": rounds, "versions": known}, before, partial
    )
