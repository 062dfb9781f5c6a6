"""Real servers that are told to stop while there are connections that would never end."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

APPS = Path(__file__).parent / "apps"
MAX_SECONDS = 30

# The application has a second for each kind, which begin together.
MAX_DRAIN_SECONDS = 10

SERVERS = {
    "uvicorn": ("-m", "uvicorn", "lasting:app", "--app-dir", str(APPS), "--port", "0"),
    "uvicorn on asyncio": (
        *("-m", "uvicorn", "lasting:app", "--app-dir", str(APPS), "--port", "0"),
        *("--loop", "asyncio", "--ws", "websockets-sansio", "--http", "h11"),
    ),
    "granian": ("-m", "granian", "--interface", "asgi", "--working-dir", str(APPS), "lasting:app"),
    "granian on asyncio": (
        *("-m", "granian", "--interface", "asgi", "--loop", "asyncio"),
        *("--working-dir", str(APPS), "lasting:app"),
    ),
}


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def wait_until_open(port: int) -> None:
    """Wait for a server that says that it listens before it does."""
    until = time.monotonic() + MAX_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            assert time.monotonic() < until
            time.sleep(0.05)


@pytest.fixture(params=SERVERS)
def server(serve: Callable[..., Any], request: pytest.FixtureRequest) -> Any:
    name, _, _ = request.param.partition(" ")
    pytest.importorskip(name, reason=f"{name} is not installed")
    command = SERVERS[request.param]
    if name == "granian":
        command = (*command, "--port", free_port())
    server = serve(*command)
    wait_until_open(server.port)
    return server


def wait_for_end(server: Any, number: signal.Signals = signal.SIGTERM) -> str:
    """Tell a server to stop, wait until it has, and give what it said."""
    server.process.send_signal(number)
    told = time.monotonic()
    log: str = server.wait()
    assert time.monotonic() - told < MAX_DRAIN_SECONDS
    return log


def test_a_stream_is_told_and_comes_to_an_orderly_end(server: Any) -> None:
    with httpx2.stream("GET", f"{server.url}/ticks", timeout=MAX_SECONDS) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "begin"
        log = wait_for_end(server)
        # The client would raise here if the last chunk were missing.
        assert list(lines) == ["told"]
    assert log.index("cleaned up after the stream") < log.index("shut down")


@pytest.mark.parametrize("path", ["/chat", "/listening"])
def test_a_websocket_is_closed_for_a_restart(server: Any, path: str) -> None:
    with connect(f"{server.websocket_url}{path}") as websocket:
        websocket.send("hello")
        assert websocket.recv(MAX_SECONDS) == "hello"
        log = wait_for_end(server)
        with pytest.raises(ConnectionClosed) as caught:
            websocket.recv(MAX_SECONDS)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1012
    assert "Traceback" not in log
    assert "shut down" in log


def test_a_background_task_is_stopped(server: Any) -> None:
    assert httpx2.get(f"{server.url}/mail", timeout=MAX_SECONDS).text == "ok"
    log = wait_for_end(server)
    assert log.index("cleaned up after the task") < log.index("shut down")
    assert "Background task send_mail was stopped 1 seconds after" in log


def test_an_interrupt_does_the_same(server: Any) -> None:
    with httpx2.stream("GET", f"{server.url}/ticks", timeout=MAX_SECONDS) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "begin"
        wait_for_end(server, signal.SIGINT)
        assert list(lines) == ["told"]
