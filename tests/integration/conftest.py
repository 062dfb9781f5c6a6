"""Real servers, each a process of its own on a free port, and what tests say to them."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_SECONDS = 30
LISTENING = re.compile(r"(?:running on|Listening at:) http://127\.0\.0\.1:(\d+)")


@dataclass
class Server:
    """A server process that answers at a port."""

    process: subprocess.Popen[str]
    log: list[str] = field(default_factory=list)
    port: int = 0
    said_all: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def wait(self) -> str:
        """Wait until it has ended, and give all that it said."""
        self.process.wait(MAX_SECONDS)
        assert self.said_all.wait(MAX_SECONDS)
        return "".join(self.log)

    def say(self, data: bytes) -> bytes:
        """Send bytes as they are, and give the answer up to the end of the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=MAX_SECONDS) as connection:
            connection.sendall(data)
            answer = b""
            while received := connection.recv(65536):
                answer += received
        return answer


@contextmanager
def serving(*command: str) -> Iterator[Server]:
    """Start a server, wait until it listens, and end it."""
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, stderr=subprocess.STDOUT, stdout=-1, text=True
    )
    server = Server(process)
    listening = threading.Event()

    def read_log() -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                server.log.append(line)
                if found := LISTENING.search(line):
                    server.port = int(found[1])
                    listening.set()
        server.said_all.set()
        listening.set()

    reader = threading.Thread(target=read_log)
    reader.start()
    try:
        listening.wait(MAX_SECONDS)
        assert server.port, "".join(server.log)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(MAX_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers that end with the test: `serve("-m", "uvicorn", ...)`."""
    with ExitStack() as stack:
        yield lambda *command: stack.enter_context(serving(*command))


@pytest.fixture(scope="module")
def serve_module() -> Iterator[Callable[..., Server]]:
    """Start servers that end with the tests of a file."""
    with ExitStack() as stack:
        yield lambda *command: stack.enter_context(serving(*command))


@pytest.fixture
def serve_lounge(serve: Callable[..., Server]) -> Callable[..., Server]:
    """Start the lounge on a database: `serve_lounge(path)`."""

    def start(database: Path, *options: str) -> Server:
        return serve(
            *("-m", "examples.lounge", "--port", "0", "--database", str(database), *options)
        )

    return start
