"""The runner: `python -m benchmarks [PART] [--rounds N] [--only S1,S3] [--frameworks a,b]`.

It needs nothing but the standard library; what it measures runs in environments of its own.
"""

from __future__ import annotations

import argparse

from benchmarks import (
    environments,
    inprocess,
    instructions,
    layers,
    memory,
    plot,
    report,
    scale,
    startup,
    wire,
)
from benchmarks.peers import chosen

PARTS = ("inprocess", "instructions", "layers", "startup", "memory", "scale", "wire")


def names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "part",
        nargs="?",
        default="all",
        choices=["all", *PARTS, "environments", "report"],
        help="what to measure; report writes RESULTS.md and the plots anew",
    )
    parser.add_argument("--rounds", type=int, default=25, help="of paired times, 25")
    parser.add_argument("--wire-rounds", type=int, default=7, help="of load, 7")
    parser.add_argument("--only", type=names, help="scenarios, or curves of scale: S1,S3")
    parser.add_argument("--frameworks", type=names, help="bolide,starlette")
    parser.add_argument("--newest", action="store_true", help="environments of newest releases")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    if given.part == "environments":
        environments.main(given.frameworks, given.newest)
        return
    if given.part == "all":
        environments.main(given.frameworks, newest=False, missing_only=True)
    parts = PARTS if given.part == "all" else (given.part,)
    peers = chosen(given.frameworks)
    partial = bool(given.only or given.frameworks)
    if "inprocess" in parts:
        inprocess.main(peers, given.rounds, given.only, partial)
    try:
        if "instructions" in parts:
            instructions.main(peers, given.only, partial)
        if "layers" in parts:
            layers.main(peers)
    except instructions.NoValgrind as error:
        print(error)
    if "startup" in parts:
        startup.main(peers, given.rounds, partial)
    if "memory" in parts:
        memory.main(peers, partial)
    if "scale" in parts:
        compared = given.frameworks or list(scale.COMPARED)
        scale.main(chosen(compared), given.rounds, given.only, partial)
    if "wire" in parts:
        wire.main(peers, given.wire_rounds, given.only, partial)
    report.main()
    plot.main()


if __name__ == "__main__":
    main()
