"""Gives apps requests by hand, in forked children, for `valgrind --tool=callgrind` to count.

    valgrind --tool=callgrind python -m benchmarks.driver FRAMEWORK SCENARIO [SCENARIO ...]

For each scenario two children are forked that differ in one thing: how many requests they give. So
one start of the interpreter, slow under valgrind, serves all. Lines on standard output tell the
process ids: `S1 raw 40 1234`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from typing import Any

from benchmarks.contest import Contestant, by_hand, check, make, outlives_its_answer, stay
from benchmarks.scenarios import Exchange, Scenario, find, send

FEW, MANY = 40, 240
"""How many requests the two children give."""


def give(app: Any, scenario: Scenario, number: int) -> None:
    for _ in range(number):
        by_hand(app, scenario)


async def give_in_loop(contestant: Contestant, number: int) -> None:
    if contestant.outlives:
        for _ in range(number):
            await check(contestant.app, contestant.scenario)
        return
    app, scenario = contestant.app, contestant.scenario
    for _ in range(number):
        await app(scenario.scope.copy(), Exchange(scenario.pieces, stay).receive, send)


def child(contestant: Contestant, number: int, loop: asyncio.AbstractEventLoop | None) -> int:
    """Fork a process that gives requests and ends; return its id."""
    process = os.fork()
    if process:
        os.waitpid(process, 0)
        return process
    status = 1
    try:
        # A collection would come at another request in each child.
        gc.disable()
        if loop is None:
            give(contestant.app, contestant.scenario, number)
        else:
            loop.run_until_complete(give_in_loop(contestant, number))
        status = 0
    finally:
        os._exit(status)


def measure(kind: str, framework: str, name: str) -> None:
    app = make(framework, name)
    if app is None:
        return
    scenario = find(name)
    loop = asyncio.new_event_loop()
    # Kept, as the app may hold on to what its lifespan made.
    contestant = Contestant(app, scenario, outlives_its_answer(framework, name))
    loop.run_until_complete(contestant.start())
    needed: asyncio.AbstractEventLoop | None = None
    try:
        give(app, scenario, 10)
    except Exception:
        needed = loop
    how = "loop" if needed else "hand"
    for number in (FEW, MANY):
        print(name, kind, how, number, child(contestant, number, needed), flush=True)


def main() -> None:
    framework, *names = sys.argv[1:]
    for name in names:
        measure("raw", "raw", name)
        if framework != "raw":
            measure("own", framework, name)
    sys.stdout.flush()
    # The loops stay open: closing them tells nothing.
    os._exit(0)


if __name__ == "__main__":
    main()
