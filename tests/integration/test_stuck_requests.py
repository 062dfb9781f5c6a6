"""Requests that get stuck, on a real server: they are ended, and do not keep it from stopping."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")

APPS = str(Path(__file__).parent / "apps")
MAX_SECONDS = 30
# What is ended has half a second; what ends it may have to wait for a busy machine.
SOON = 10

HTTP = ["h11", "httptools"]


@pytest.fixture
def start(serve: Callable[..., Any]) -> Callable[..., Any]:
    def with_options(*options: str) -> Any:
        return serve("-m", "uvicorn", "stuck:app", "--app-dir", APPS, "--port", "0", *options)

    return with_options


@contextmanager
def asking(server: Any, path: str, body: bytes | None = None) -> Iterator[socket.socket]:
    """Send a request, and of its body no more than this."""
    head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: localhost\r\n"
    if body is not None:
        head += "Content-Length: 1000\r\n"
    address = ("127.0.0.1", server.port)
    with socket.create_connection(address, timeout=MAX_SECONDS) as connection:
        connection.sendall(head.encode() + b"\r\n" + (body or b""))
        yield connection


def all_of(connection: socket.socket) -> bytes:
    """Give the answer up to the end of the connection."""
    answer = b""
    while received := connection.recv(65536):
        answer += received
    return answer


def wait_until_busy(server: Any, path: str) -> None:
    """Wait until a request that was sent before has got to the application."""
    # Each connection is served in its turn: this one came after that.
    answer = server.say(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("http", HTTP)
def test_half_a_body_is_answered_with_408_and_the_connection_closed(
    start: Callable[..., Any], http: str
) -> None:
    pytest.importorskip(http)
    server = start("--http", http)
    with asking(server, "/impatient/upload", b"half") as connection:
        asked = time.monotonic()
        answer = all_of(connection)
        assert time.monotonic() - asked < SOON
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert "Traceback" not in "".join(server.log)


def test_a_route_with_a_deadline_answers(start: Callable[..., Any]) -> None:
    with asking(start(), "/deadline") as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 504 ")


SERVERS = {
    "uvicorn": ("-m", "uvicorn", "stuck:app", "--app-dir", APPS, "--port", "0"),
    "uvicorn on asyncio": (
        *("-m", "uvicorn", "stuck:app", "--app-dir", APPS, "--port", "0"),
        *("--loop", "asyncio", "--http", "h11"),
    ),
}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        # It would be timed out, but not for half a minute.
        pytest.param("/upload", b"half", id="half a body"),
        pytest.param("/deadline", None, id="a deadline"),
        # Nothing but the drain ends these.
        pytest.param("/wait", None, id="an endpoint"),
        pytest.param("/part", None, id="a response"),
    ],
)
@pytest.mark.parametrize("server", SERVERS)
def test_a_stuck_request_does_not_keep_the_server_from_stopping(
    serve: Callable[..., Any], server: str, path: str, body: bytes | None
) -> None:
    pytest.importorskip("uvicorn")
    running = serve(*SERVERS[server])
    with asking(running, path, body) as connection:
        wait_until_busy(running, "/nowhere")
        running.process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        log = running.wait()
        assert time.monotonic() - told < SOON
        answer = all_of(connection)
    assert "Application shutdown complete." in log
    if path == "/part":
        # One byte of ten is missing at least, and the connection has ended.
        assert answer.endswith(b"\r\n\r\nhalf")
        assert "ResponseCutOff" in log
        return
    assert "Traceback" not in log
    head = answer.partition(b"\r\n\r\n")[0].lower()
    if path == "/deadline":
        assert head.startswith(b"http/1.1 504 ")
    else:
        assert head.startswith(b"http/1.1 503 ")
        assert b"\r\nretry-after: 1" in head
        assert b"\r\nconnection: close" in head
