"""Curves: the paired time of a request against the number of routes, of headers, and so on.

All points of a curve have one unit, raw's time for `GET /`.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

from benchmarks import results
from benchmarks.inprocess import measure, versions
from benchmarks.peers import Peer, Process
from benchmarks.scenarios import CURVES

COMPARED = ("bolide", "starlette", "litestar", "falcon", "blacksheep")
"""Who takes part if nobody is named: building the others' apps takes longer than measuring."""


def main(peers: list[Peer], rounds: int, only: list[str] | None, partial: bool) -> None:
    """Measure all points of all curves, print, and store."""
    before = os.getloadavg()[0]
    figures: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        processes = [stack.enter_context(Process(peer)) for peer in peers]
        known = versions(processes)
        for curve, (_, sizes) in CURVES.items():
            if only and curve not in only:
                continue
            for size in sizes:
                found = measure(processes, f"{curve}/{size}", rounds)
                figures.setdefault(curve, {})[str(size)] = found
                line = "  ".join(f"{who} {each['ratio']}" for who, each in found.items())
                print(f"{curve}/{size} {line}", flush=True)
    results.store(
        "scale", {"figures": figures, "rounds": rounds, "versions": known}, before, partial
    )
