"""A load generator: wrk where it is installed, else one in Python.

The one in Python takes more of the processor than wrk; figures of the two do not compare.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.scenarios import Scenario

CONNECTIONS: Final = 32
_PER_SECOND: Final = re.compile(r"Requests/sec:\s+([\d.]+)")
_WRONG: Final = re.compile(r"(Non-2xx or 3xx responses: \d+|Socket errors: .*)")


class LoadFailed(Exception):
    """The server did not answer, or not as it should."""


def tool() -> str:
    """Name what makes the load."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return "benchmarks.load"
    shown = subprocess.run([wrk, "--version"], capture_output=True, text=True).stdout
    return " ".join(shown.split()[:2])


def requests_per_second(port: int, scenario: Scenario, seconds: int, core: int | None) -> float:
    """Load a server on this machine for some seconds.

    Args:
        port: Where it listens, on 127.0.0.1.
        scenario: What is asked.
        seconds: For how long.
        core: The processor that the load is made on, `None` for any.

    Raises:
        LoadFailed: Answers were missing or were errors.
    """
    wrk = shutil.which("wrk")
    pinned = ["taskset", "--cpu-list", str(core)] if core is not None else []
    if wrk is None:
        command = [sys.executable, "-m", "benchmarks.load", str(port), scenario.name, str(seconds)]
        done = subprocess.run([*pinned, *command], capture_output=True, text=True)
        if done.returncode:
            raise LoadFailed(done.stderr.strip().splitlines()[-1])
        return float(done.stdout)
    url = f"http://127.0.0.1:{port}{scenario.target.decode()}"
    options = ["--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s"]
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory) / "request.lua"
        script.write_text(lua(scenario), encoding="utf-8")
        command = [wrk, *options, "--script", str(script), url]
        done = subprocess.run([*pinned, *command], capture_output=True, text=True)
    found = _PER_SECOND.search(done.stdout)
    wrong = _WRONG.search(done.stdout)
    if found is None or wrong is not None:
        raise LoadFailed(wrong[0] if wrong else done.stderr or done.stdout)
    return float(found[1])


def lua(scenario: Scenario) -> str:
    """Write what wrk has to send."""
    lines = [f'wrk.method = "{scenario.method}"']
    for name, value in scenario.headers:
        if name.lower() != b"content-length":
            lines.append(f'wrk.headers["{name.decode()}"] = "{value.decode()}"')
    if scenario.body:
        lines.append(f"wrk.body = [==[{b''.join(scenario.body).decode()}]==]")
    return "\n".join(lines) + "\n"


def request_bytes(port: int, scenario: Scenario) -> bytes:
    """Write the request as it goes over the wire."""
    headers = [(b"Host", b"127.0.0.1:%d" % port), *scenario.headers]
    head = b"".join(b"%b: %b\r\n" % header for header in headers)
    method, target = scenario.method.encode(), scenario.target
    return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, target, head, b"".join(scenario.body))


async def _client(port: int, request: bytes, ends: float) -> int:
    """Ask again and again on one connection; give how many answers there were."""
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = 0
    while loop.time() < ends:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise LoadFailed(head.decode("latin-1"))
        length = re.search(rb"content-length: *(\d+)", head)
        if length is None:
            raise LoadFailed("an answer without a length")
        await reader.readexactly(int(length[1]))
        answers += 1
    writer.close()
    return answers


async def _load(port: int, name: str, seconds: float) -> float:
    from benchmarks.scenarios import find

    request = request_bytes(port, find(name))
    ends = asyncio.get_running_loop().time() + seconds
    clients = (_client(port, request, ends) for _ in range(CONNECTIONS))
    return sum(await asyncio.gather(*clients)) / seconds


if __name__ == "__main__":
    print(asyncio.run(_load(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]))))
