"""`bolide run` with the real servers: what is served, and what is said when it cannot be."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

APPS = Path(__file__).parent / "apps"
MAX_SECONDS = 30
SERVERS = ["uvicorn", "granian"]


@pytest.fixture(params=SERVERS)
def server_name(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    return str(request.param)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def command(server: str, target: str, *options: str) -> list[str]:
    return [
        *("-m", "bolide", "run", target, "--app-dir", str(APPS)),
        *("--server", server, "--port", str(free_port()), *options),
    ]


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("small:app", []),
        ("small:create_app", ["--factory"]),
        ("small:app", ["--workers", "2", "--graceful-timeout", "1", "--log-level", "info"]),
        ("small:app", ["--reload"]),
    ],
    ids=["plain", "factory", "workers", "reload"],
)
def test_an_application_for_starlette_is_served_by_bolide(
    serve: Callable[..., Any], server_name: str, target: str, options: list[str]
) -> None:
    server = serve(*command(server_name, target, "--as-starlette", *options))
    transport = httpx2.HTTPTransport(retries=3)
    with httpx2.Client(base_url=server.url, transport=transport, timeout=MAX_SECONDS) as client:
        assert client.get("/").json() == {"request": "bolide.requests", "state": "open"}
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(MAX_SECONDS) in (0, -signal.SIGTERM)


def test_without_the_option_starlette_is_not_bolide(serve: Callable[..., Any]) -> None:
    pytest.importorskip("starlette", reason="there is no Starlette to be used")
    server = serve(*command("uvicorn", "small:app"))
    assert httpx2.get(server.url).json()["request"] == "starlette.requests"


def test_other_options_reach_the_server(serve: Callable[..., Any]) -> None:
    server = serve(*command("uvicorn", "small:app", "--as-starlette", "--header", "x-from:uvicorn"))
    assert httpx2.get(server.url).headers["x-from"] == "uvicorn"


def run(*arguments: str) -> tuple[int, list[str]]:
    """Run a command that fails, and give its exit code and our own lines."""
    result = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=MAX_SECONDS,
        check=False,
    )
    output = result.stdout + result.stderr
    assert "Traceback" not in output
    return result.returncode, [line for line in output.splitlines() if line.startswith("bolide:")]


FAILURES = {
    "a wrong module": ("smal:app", f"there is no module 'smal' in {APPS}"),
    "a missing attribute": (
        "small:ap",
        "module 'small' has no attribute 'ap'; did you mean 'app'?",
    ),
    "no application": (
        "small:settings",
        "small:settings is no ASGI application: it is of type 'dict'",
    ),
    "a lifespan that fails": (
        "small:failing",
        "small:failing failed in its lifespan: ConnectionError: no database (small.py, line 23)",
    ),
}


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("name", FAILURES)
def test_what_does_not_start_says_why_in_one_line(
    server_name: str, name: str, workers: str
) -> None:
    target, expected = FAILURES[name]
    code, lines = run(*command(server_name, target, "--as-starlette", "--workers", workers))
    assert (code, lines) == (3, [f"bolide: {expected}"])


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_is_said_in_one_line(server_name: str, taken: int, workers: str) -> None:
    code, lines = run(
        *command(server_name, "small:app", "--workers", workers), "--port", str(taken)
    )
    assert (code, lines) == (
        3,
        [f"bolide: port {taken} of 127.0.0.1 is in use; choose another one with --port"],
    )


def test_the_installed_command_is_there() -> None:
    script = Path(sys.executable).with_name("bolide")
    if not script.exists():
        pytest.skip("bolide's command is not installed")
    result = subprocess.run([script, "run", "main"], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("bolide: argument module:attribute: 'main' names no app")
