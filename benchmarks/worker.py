"""A framework's process: told over a pipe what to run, it answers how long that took.

    python -m benchmarks.worker FRAMEWORK

A line of JSON comes in, a line of JSON goes out:

- `{"do": "about"}` gives the versions of what is installed.
- `{"do": "prepare", "scenario": "S1"}` makes and starts raw's app and the framework's.
- `{"do": "slice", "seconds": 0.008}` gives `{"raw": [requests, seconds, cpu], "own": [...]}`: both
  apps in turn, in the same process, one right after the other. That is the pair of a paired time.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
from importlib.metadata import distributions
from typing import Any

from benchmarks.contest import Contestant, make, outlives_its_answer
from benchmarks.scenarios import find


class Worker:
    """Answers one request of the runner after the other."""

    def __init__(self, framework: str) -> None:
        self.framework = framework
        self.pair: list[Contestant] = []

    async def do(self, request: dict[str, Any]) -> dict[str, Any]:
        method = getattr(self, request.pop("do"))
        result: dict[str, Any] = await method(**request)
        return result

    async def about(self) -> dict[str, Any]:
        return {
            "python": platform.python_version(),
            "packages": {
                found.metadata["Name"].lower(): found.version for found in distributions()
            },
        }

    async def prepare(self, scenario: str) -> dict[str, Any]:
        for contestant in self.pair:
            await contestant.stop()
        self.pair = []
        own = make(self.framework, scenario)
        if own is None:
            return {"has": False}
        # A curve is to show what grows, so its unit must not grow along.
        unit = "S1" if "/" in scenario else scenario
        outlives = outlives_its_answer(self.framework, scenario)
        self.pair = [
            Contestant(make("raw", unit), find(unit)),
            Contestant(own, find(scenario), outlives),
        ]
        for contestant in self.pair:
            await contestant.start()
        return {"has": True}

    async def slice(self, seconds: float) -> dict[str, Any]:
        raw, own = self.pair
        return {"raw": await raw.run(seconds), "own": await own.run(seconds)}


async def main(framework: str) -> None:
    # What apps print must not come between our lines.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(framework)
    # Nothing else is to run between two requests, so the loop may stand still meanwhile.
    for line in sys.stdin:
        try:
            result = await worker.do(json.loads(line))
        except Exception as error:
            result = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(result) + "\n")
        answers.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
