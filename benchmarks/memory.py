"""Memory: of a route, of a WebSocket that says nothing, of a stream that stays open."""

from __future__ import annotations

import os
from typing import Any

from benchmarks import results
from benchmarks.peers import Peer
from benchmarks.probing import probe


def main(peers: list[Peer], partial: bool) -> None:
    """Measure bolide and Starlette, print, and store. It is exact: once is enough."""
    before = os.getloadavg()[0]
    figures: dict[str, Any] = {}
    for peer in peers:
        if peer.name in ("bolide", "starlette"):
            figures[peer.name] = {**probe("memory", peer), **probe("idle", peer)}
            print(peer.name, figures[peer.name], flush=True)
    results.store("memory", {"figures": figures}, before, partial)
