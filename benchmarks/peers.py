"""Who is measured, where each one's environment is, and a process of each to talk to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

ROOT: Final = Path(__file__).parents[1]
ENVIRONMENTS: Final = ROOT / ".venv-bench"


@dataclass(frozen=True, slots=True)
class Peer:
    """A framework, its environment, and what tells its version."""

    name: str
    title: str
    environment: str
    distribution: str
    module: str
    """What is imported for S18."""

    @property
    def python(self) -> Path:
        return ENVIRONMENTS / self.environment / "bin" / "python"

    @property
    def is_installed(self) -> bool:
        return self.python.exists()


PEERS: Final = {
    peer.name: peer
    for peer in (
        Peer("bolide", "bolide", "bolide", "bolide", "bolide.applications"),
        Peer("starlette", "Starlette", "starlette", "starlette", "starlette.applications"),
        Peer("fastapi", "FastAPI", "fastapi", "fastapi", "fastapi"),
        Peer(
            "fastapi_on_bolide",
            "FastAPI on bolide",
            "fastapi",
            "fastapi",
            "benchmarks.apps.fastapi_on_bolide",
        ),
        Peer("litestar", "Litestar", "litestar", "litestar", "litestar"),
        Peer("falcon", "Falcon", "falcon", "falcon", "falcon.asgi"),
        Peer("blacksheep", "BlackSheep", "blacksheep", "blacksheep", "blacksheep"),
        Peer("quart", "Quart", "quart", "quart", "quart"),
    )
}
"""Frameworks with ASGI apps, in the order of the tables."""

OWN_SERVERS: Final = {
    peer.name: peer
    for peer in (
        Peer("aiohttp", "aiohttp", "aiohttp", "aiohttp", "aiohttp.web"),
        Peer("sanic", "Sanic", "sanic", "sanic", "sanic"),
        Peer("robyn", "Robyn", "robyn", "robyn", "robyn"),
    )
}
"""Frameworks that come with their own server, measured over the wire only."""


def chosen(names: list[str] | None, among: dict[str, Peer] = PEERS) -> list[Peer]:
    """Give the peers that are asked for and installed; say which are not."""
    peers = [among[name] for name in among if not names or name in names]
    for peer in peers:
        if not peer.is_installed:
            print(f"{peer.title} is left out: no environment {peer.environment}", file=sys.stderr)
    return [peer for peer in peers if peer.is_installed]


def environ(**more: str) -> dict[str, str]:
    """Give what the environment variables of a measured process are."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return {
        **kept,
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}",
        **more,
    }


class WorkerFailed(Exception):
    """A worker could not do what it was told, or is gone."""


class Process:
    """A worker of a framework: `benchmarks.worker` in its environment."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self._process = subprocess.Popen(
            [peer.python, "-m", "benchmarks.worker", peer.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environ(),
            cwd=ROOT,
            text=True,
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Tell the worker to do something, and wait for its answer.

        Raises:
            WorkerFailed: It could not, or has ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerFailed(f"{self.peer.title}: the worker has ended") from None
        line = self._process.stdout.readline()
        if not line:
            raise WorkerFailed(f"{self.peer.title}: the worker has ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WorkerFailed(f"{self.peer.title}: {answer['error']}")
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
