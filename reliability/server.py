"""A server process, and what it holds: memory, file descriptors, connections."""

from __future__ import annotations

import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
MEBIBYTE = 1024 * 1024


@dataclass
class Server:
    """A running server."""

    pid: int
    port: int
    log: list[str]

    def resident(self) -> float:
        """Give its resident memory, in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def descriptors(self) -> int:
        """Count its open file descriptors."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


@contextmanager
def serving(app: str = "reliability.app:app", *options: str) -> Iterator[Server]:
    """Serve an application with uvicorn on a free port."""
    command = [sys.executable, "-m", "uvicorn", app, "--port", "0", "--no-access-log", *options]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    log: list[str] = []
    port: queue.SimpleQueue[int] = queue.SimpleQueue()

    def read_log() -> None:
        # To the end: a server whose log nobody reads stands still.
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                log.append(line)
                if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
                    port.put(int(found[1]))

    reader = threading.Thread(target=read_log)
    reader.start()
    try:
        yield Server(process.pid, port.get(timeout=30), log)
    finally:
        process.terminate()
        process.wait()
        reader.join()
