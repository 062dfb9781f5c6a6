"""Runs `benchmarks.probe` in a peer's environment, in a fresh process each time."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from benchmarks.peers import ROOT, Peer, environ


def probe(kind: str, peer: Peer) -> dict[str, Any]:
    """Give what the probe of a kind finds.

    Raises:
        RuntimeError: It failed.
    """
    command = [str(peer.python), "-m", "benchmarks.probe", kind, peer.name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environ())
    if done.returncode:
        raise RuntimeError(f"{peer.title}, {kind}: {done.stderr[-1000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
