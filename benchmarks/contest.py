"""A framework's apps in a process: making one, starting it, and giving it requests.

Runs in the framework's own environment, so nothing but the standard library is imported here.
"""

from __future__ import annotations

import asyncio
import gc
import time
from importlib import import_module
from typing import Any

from benchmarks.scenarios import Exchange, Scenario, read_answer, send


class WrongAnswer(Exception):
    """An app gives something else than the scenario asks for: its time would say nothing."""


def make(framework: str, scenario: str) -> Any:
    """Make the framework's app for a scenario, or `None` if it has none."""
    module = import_module(f"benchmarks.apps.{framework}")
    curve, slash, size = scenario.partition("/")
    if slash:
        build = module.CURVES.get(curve)
        return build(int(size)) if build else None
    build = module.SCENARIOS.get(scenario)
    return build() if build else None


async def stay() -> None:
    """Wait as long as the client stays: until cancelled."""
    await asyncio.get_running_loop().create_future()


async def check(app: Any, scenario: Scenario) -> None:
    """Give one request, and compare the answer."""
    messages: list[dict[str, Any]] = []
    complete = asyncio.Event()

    async def note(message: dict[str, Any]) -> None:
        messages.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            complete.set()

    await app(scenario.scope.copy(), Exchange(scenario.pieces, complete.wait).receive, note)
    status, body = read_answer(messages)
    if not scenario.matches(status, body):
        raise WrongAnswer(f"{scenario.name}: {status} {body[:200]!r}")


class Contestant:
    """A started app, and how long it takes."""

    def __init__(self, app: Any, scenario: Scenario, outlives: bool = False) -> None:
        self.app = app
        self.outlives = outlives
        self.scenario = scenario
        self._lifespan: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Run the startup of the app's lifespan, if it has one, and check its answer."""
        started = asyncio.Event()
        begun = False

        async def receive() -> dict[str, Any]:
            nonlocal begun
            if not begun:
                begun = True
                return {"type": "lifespan.startup"}
            await self._stopping.wait()
            return {"type": "lifespan.shutdown"}

        async def take(message: dict[str, Any]) -> None:
            started.set()
            if message["type"] == "lifespan.startup.failed":
                raise RuntimeError(message.get("message"))

        async def run() -> None:
            try:
                await self.app(
                    {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, take
                )
            except Exception:
                pass
            finally:
                started.set()

        self._lifespan = asyncio.create_task(run())
        await started.wait()
        for _ in range(3):
            await check(self.app, self.scenario)
        gc.collect()

    async def stop(self) -> None:
        """Run the shutdown of the app's lifespan."""
        self._stopping.set()
        if self._lifespan is not None:
            await asyncio.wait([self._lifespan], timeout=5)

    async def run(self, seconds: float) -> tuple[int, float, float]:
        """Give requests for so long; tell how many, in what time, and what CPU time."""
        if self.outlives:
            return await self._run_patiently(seconds)
        app, scope, pieces = self.app, self.scenario.scope, self.scenario.pieces
        requests = 0
        cpu = time.process_time()
        start = now = time.perf_counter()
        end = start + seconds
        while now < end:
            await app(scope.copy(), Exchange(pieces, stay).receive, send)
            requests += 1
            now = time.perf_counter()
        return requests, now - start, time.process_time() - cpu

    async def _run_patiently(self, seconds: float) -> tuple[int, float, float]:
        """Do as `run` does, and say that the client left when the answer is complete."""
        app, scenario = self.app, self.scenario
        requests = 0
        cpu = time.process_time()
        start = now = time.perf_counter()
        end = start + seconds
        while now < end:
            await check(app, scenario)
            requests += 1
            now = time.perf_counter()
        return requests, now - start, time.process_time() - cpu


def by_hand(app: Any, scenario: Scenario) -> None:
    """Give one request without an event loop: no app of these scenarios waits for anything."""
    coroutine = app(scenario.scope.copy(), Exchange(scenario.pieces).receive, send).__await__()
    try:
        next(coroutine)
    except StopIteration:
        return
    raise RuntimeError(f"{scenario.name} waits for something")


def outlives_its_answer(framework: str, scenario: str) -> bool:
    """Tell if the framework's app returns only when the client has left."""
    module = import_module(f"benchmarks.apps.{framework}")
    outlives: frozenset[str] | bool = getattr(module, "OUTLIVES", False)
    return scenario in outlives if isinstance(outlives, frozenset) else outlives
