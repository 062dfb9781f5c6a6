"""S18: what importing a framework costs, and building apps of many routes, in CPU time."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from typing import Any, Final

from benchmarks import results
from benchmarks.peers import ROOT, Peer, environ
from benchmarks.probing import probe

_IMPORT: Final = (
    "import time; t = time.process_time(); import {}; print((time.process_time() - t) * 1000)"
)


def import_time(peer: Peer) -> float:
    """Give the CPU milliseconds of one import, in a new interpreter."""
    command = [str(peer.python), "-c", _IMPORT.format(peer.module)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=ROOT, env=environ()
    )
    return float(done.stdout)


def main(peers: list[Peer], rounds: int, partial: bool) -> None:
    """Measure all, in turn, print, and store."""
    before = os.getloadavg()[0]
    imports: dict[str, list[float]] = {peer.name: [] for peer in peers}
    builds: dict[str, list[dict[str, float]]] = {peer.name: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            imports[peer.name].append(import_time(peer))
    for _ in range(3):
        for peer in peers:
            try:
                builds[peer.name].append(probe("build", peer))
            except RuntimeError as error:
                print(error, file=sys.stderr)
    figures: dict[str, Any] = {}
    for peer in peers:
        figures[peer.name] = {"import": round(statistics.median(imports[peer.name]), 1)}
        for name in builds[peer.name][0] if builds[peer.name] else ():
            times = [each[name] for each in builds[peer.name]]
            figures[peer.name][name] = round(statistics.median(times), 1)
        print(peer.name, figures[peer.name], flush=True)
    results.store("startup", {"figures": figures, "rounds": rounds}, before, partial)
