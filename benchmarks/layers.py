"""Instructions of each layer that a `GET /` passes in bolide, counted by `callgrind`.

`peeling.py` calls the real objects from the inside out: the response, then the layer around it, and
so on to the application. What one layer takes is the difference to what is inside it. So the layers
add up to the whole.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from benchmarks import results
from benchmarks.instructions import callgrind
from benchmarks.peers import PEERS, Peer

FACES: Final = ("Starlette", "Bolide")

TITLES: Final = {
    "exchange": "giving the request, taking two messages",
    "sending": "sending the response",
    "endpoint": "the endpoint, and its `Response` being made",
    "request": "the `Request` being made",
    "choosing": "choosing the route",
    "ExceptionMiddleware": "exceptions (`ExceptionMiddleware`)",
    "ServerErrorMiddleware": "server errors (`ServerErrorMiddleware`)",
    "BodyKeeper": "keeping bodies (`BodyKeeper`)",
    "DrainBoundary": "draining (`DrainBoundary`)",
    "application": "the application (`__call__`)",
}
"""Layers, from the inside out. Others, should there be any, go by the names of their classes."""


def count(python: Path | str, face: str, seconds: float = 600) -> dict[str, float]:
    """Count the instructions of each layer, of raw ASGI, and of all layers.

    Args:
        python: The interpreter of bolide's environment.
        face: `Starlette` or `Bolide`.
        seconds: How long it may take.

    Raises:
        NoValgrind: It is not installed.
        RuntimeError: It failed.
    """
    output, collected = callgrind(python, "benchmarks.peeling", face, seconds=seconds)
    lines = [line.split("\t") for line in output.splitlines()]
    taken = {}
    for (name, few, less), (_, many, more) in zip(lines[::2], lines[1::2], strict=True):
        taken[name] = (collected[more] - collected[less]) / (int(many) - int(few))
    parts = {
        "exchange": taken.pop("exchange"),
        "endpoint": taken.pop("endpoint") - taken.pop("no endpoint"),
        "request": taken.pop("request") - taken.pop("nothing"),
        "choosing": taken.pop("choosing") - taken.pop("copying"),
    }
    raw, sending = taken.pop("raw"), taken.pop("sending")
    parts["sending"] = sending - parts["exchange"]
    inside = sum(parts.values())
    for name, whole in taken.items():
        parts["application" if name == face else name] = whole - inside
        inside = whole
    return {name: round(number) for name, number in parts.items()} | {
        "raw": round(raw),
        "whole": round(inside),
    }


def ordered(figures: dict[str, dict[str, float]]) -> list[str]:
    """Give the names of the layers that any face has, from the inside out."""
    found = {name for each in figures.values() for name in each} - {"raw", "whole"}
    unknown = sorted(found - TITLES.keys())
    return [name for name in [*TITLES, *unknown] if name in found]


def main(peers: list[Peer]) -> None:
    """Count for both faces, print, and store."""
    bolide = PEERS["bolide"]
    if bolide not in peers:
        return
    before = os.getloadavg()[0]
    figures = {face: count(bolide.python, face) for face in FACES}
    for face, found in figures.items():
        names = [name for name in [*ordered(figures), "whole"] if name in found]
        print(f"{face}: ", *(f" {name} {found[name] / 1000:.1f}k" for name in names), flush=True)
    results.store("layers", {"figures": figures}, before)
