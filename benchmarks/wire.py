"""Over the wire: requests per second on uvicorn and granian, as fractions of raw's on the same.

All servers of a scenario stand side by side, one process each, pinned to one processor; the load
comes from another. A round loads them one after the other, so a slow moment of the machine hits
all alike; the median of the rounds' fractions is the figure.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks import results
from benchmarks.load import LoadFailed, requests_per_second, tool
from benchmarks.peers import OWN_SERVERS, PEERS, ROOT, Peer, environ
from benchmarks.scenarios import SCENARIOS, Scenario

SERVERS: Final = ("uvicorn", "granian")
ASKED: Final = ("S1", "S7", "S11")
SECONDS: Final = 1
"""How long a server is loaded in a round."""

SERVER_CORE, LOAD_CORE = (0, 1) if (os.cpu_count() or 1) > 1 else (None, None)


class NotServing(Exception):
    """A server did not start."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def command(server: str, python: Path, port: int, own: str, scenario: str) -> list[str]:
    """Say how a server is started: one process, uvloop, no log of accesses."""
    if server == "uvicorn":
        options = ["--no-access-log", "--log-level", "warning", "--loop", "uvloop"]
        options += ["--http", "httptools", "--port", str(port), "benchmarks.served:app"]
        return [str(python), "-m", "uvicorn", *options]
    if server == "granian":
        options = ["--interface", "asgi", "--loop", "uvloop", "--no-ws", "--log-level", "warning"]
        options += ["--workers", "1", "--port", str(port), "benchmarks.served:app"]
        return [str(python), "-m", "granian", *options]
    return [str(python), "-m", f"benchmarks.apps.{own}_server", scenario, str(port)]


@contextmanager
def serving(server: str, peer: Peer, app: str, scenario: Scenario) -> Iterator[int]:
    """Run a server; give its port once it answers."""
    port = free_port()
    started = command(server, peer.python, port, peer.name, scenario.name)
    if SERVER_CORE is not None and shutil.which("taskset"):
        started = ["taskset", "--cpu-list", str(SERVER_CORE), *started]
    process = subprocess.Popen(
        started,
        env=environ(BENCHMARK_FRAMEWORK=app, BENCHMARK_SCENARIO=scenario.name),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Servers have children of their own; the group is ended as a whole.
        start_new_session=True,
    )
    try:
        wait_for(port, process)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise NotServing("the server has ended")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise NotServing("the server does not listen")


def measure(scenario: Scenario, server: str, peers: list[Peer], rounds: int) -> dict[str, Any]:
    """Load all who have the scenario, round by round."""
    core = LOAD_CORE if shutil.which("taskset") else None
    loads: dict[str, list[float]] = {}
    with ExitStack() as stack:
        ports = {}
        raw = PEERS["bolide"]
        standing = [("raw", "uvicorn" if server == "own" else server, raw, "raw")]
        standing += [(peer.name, server, peer, peer.name) for peer in peers]
        for name, kind, peer, app in standing:
            try:
                port = stack.enter_context(serving(kind, peer, app, scenario))
                requests_per_second(port, scenario, SECONDS, core)
            except (NotServing, LoadFailed) as error:
                print(f"{server} {scenario.name} {name}: {error}", file=sys.stderr)
            else:
                ports[name] = port
        for _ in range(rounds):
            for name, port in ports.items():
                speed = requests_per_second(port, scenario, SECONDS, core)
                loads.setdefault(name, []).append(speed)
    return {
        name: {
            "fraction": round(
                statistics.median(a / b for a, b in zip(found, loads["raw"], strict=True)), 3
            ),
            "per_second": round(statistics.median(found)),
        }
        for name, found in loads.items()
    }


def has(peer: Peer, scenario: str) -> bool:
    source = (Path(__file__).parent / "apps" / f"{peer.name}.py").read_text(encoding="utf-8")
    return f'"{scenario}"' in source or peer.name in ("bolide", "starlette", "fastapi_on_bolide")


def main(peers: list[Peer], rounds: int, only: list[str] | None, partial: bool) -> None:
    """Measure on all servers, print, and store."""
    before = os.getloadavg()[0]
    figures: dict[str, dict[str, Any]] = {}
    own = [peer for peer in OWN_SERVERS.values() if peer.is_installed]
    for name in ASKED:
        if only and name not in only:
            continue
        for server in (*SERVERS, "own"):
            contestants = own if server == "own" else [peer for peer in peers if has(peer, name)]
            if server == "own" and name == "S11":
                continue
            found = measure(SCENARIOS[name], server, contestants, rounds)
            figures.setdefault(name, {})[server] = found
            line = "  ".join(f"{who} {each['fraction']:.2f}" for who, each in found.items())
            print(f"{name} {server}: {line}", flush=True)
    results.store(
        "wire", {"figures": figures, "rounds": rounds, "load_from": tool()}, before, partial
    )
