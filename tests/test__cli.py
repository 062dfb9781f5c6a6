"""The command line: what it tells the server, and what it says when that makes no sense."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import bolide
from bolide import _cli
from bolide._cli import main
from bolide._served import EXIT_CODE, Order


class FakeServer:
    """A server's command line that notes how it was called."""

    def __init__(self) -> None:
        self.arguments: list[str] = []
        self.order: Order | None = None
        self.then: Callable[[Order], None] = lambda order: None

    def command(self, arguments: list[str], prog_name: str) -> None:
        assert prog_name == "bolide run"
        self.arguments = arguments
        self.order = Order.find()
        self.then(self.order)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """Put a fake in the place of both servers."""
    fake = FakeServer()
    for module, name in (("uvicorn.main", "main"), ("granian.cli", "cli")):
        stand_in = ModuleType(module)
        stand_in.__dict__[name] = fake.command
        monkeypatch.setitem(sys.modules, module.partition(".")[0], ModuleType("parent"))
        monkeypatch.setitem(sys.modules, module, stand_in)
    monkeypatch.setenv("BOLIDE_RUN", "")
    return fake


BASIC = [
    *("bolide._served:app", "--interface", "asgi3", "--host", "127.0.0.1", "--port", "0"),
    *("--timeout-graceful-shutdown", "10"),
]


def test_the_defaults_of_the_server_hold_but_for_the_time_to_stop(server: FakeServer) -> None:
    assert main(["run", "main:app", "--port", "0"]) == 0
    assert server.arguments == BASIC
    assert server.order is not None
    assert server.order.failure
    assert server.order == Order("main:app", str(Path.cwd()), failure=server.order.failure)


def test_the_port_is_8000_unless_said(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whether it is free here is not the question.
    monkeypatch.setattr(_cli, "_cannot_listen", lambda host, port: None)
    assert main(["run", "main:app"]) == 0
    assert server.arguments[server.arguments.index("--port") + 1] == "8000"


@pytest.mark.parametrize(
    ("name", "interface", "timeout"),
    [
        ("uvicorn", "asgi3", "--timeout-graceful-shutdown"),
        ("granian", "asgi", "--workers-kill-timeout"),
    ],
)
def test_each_server_gets_its_own_names_of_options(
    server: FakeServer, name: str, interface: str, timeout: str
) -> None:
    options = ["--host", "localhost", "--workers", "3", "--reload", "--log-level", "warning"]
    code = main(
        ["run", "main:app", "--server", name, "--port", "0", *options, "--graceful-timeout", "7"]
    )
    assert code == 0
    head = ["bolide._served:app", "--interface", interface, "--host", "localhost", "--port", "0"]
    assert server.arguments == [*head, *options[2:], timeout, "7"]


def test_other_options_go_to_the_server_as_they_are(server: FakeServer) -> None:
    others = ["--ws-max-size", "100", "--no-access-log", "--head=x", "--log", "y"]
    assert main(["run", "main:app", "--port", "0", *others]) == 0
    assert server.arguments == [*BASIC, *others]


def test_what_is_served_is_left_as_an_order(server: FakeServer) -> None:
    options = ["--as-starlette", "--factory", "--app-dir", "src", "--log-level", "debug"]
    assert main(["run", "main:make", "--port", "0", *options]) == 0
    assert server.order is not None
    assert server.order == Order(
        target="main:make",
        directory=str(Path("src").resolve()),
        factory=True,
        as_starlette=True,
        verbose=True,
        failure=server.order.failure,
    )


def test_a_failure_of_a_worker_is_one_of_the_command(server: FakeServer) -> None:
    def fail(order: Order) -> None:
        Path(order.failure).touch()

    server.then = fail
    assert main(["run", "main:app", "--port", "0"]) == EXIT_CODE
    assert server.order is not None
    assert not Path(server.order.failure).exists()


def test_who_reloads_is_told_of_each_failure(server: FakeServer) -> None:
    main(["run", "main:app", "--port", "0", "--reload"])
    assert server.order is not None
    assert server.order.failure == ""


@pytest.mark.parametrize(("given", "code"), [(None, 0), (0, 0), (5, 5), ("a reason", 1)])
def test_the_exit_code_of_the_server_is_that_of_the_command(
    server: FakeServer, given: Any, code: int
) -> None:
    def end(order: Order) -> None:
        raise SystemExit(given)

    server.then = end
    assert main(["run", "main:app", "--port", "0"]) == code


@pytest.mark.parametrize(("name", "extra"), [("uvicorn", "server"), ("granian", "granian")])
def test_a_server_that_is_not_installed_is_said_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, {"uvicorn": "uvicorn.main"}.get(name, "granian.cli"), None)
    assert main(["run", "main:app", "--server", name]) == EXIT_CODE
    assert capsys.readouterr().err == (
        f'bolide: {name} is not installed:  pip install "bolide[{extra}]"\n'
    )


@pytest.fixture
def taken() -> Iterator[int]:
    """Give a port that is in use."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_port_in_use_is_said_in_one_line(
    server: FakeServer, taken: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "main:app", "--port", str(taken)]) == EXIT_CODE
    assert server.arguments == []
    assert capsys.readouterr().err == (
        f"bolide: port {taken} of 127.0.0.1 is in use; choose another one with --port\n"
    )


@pytest.mark.parametrize("option", ["--uds=/tmp/x", "--fd=3"])
def test_the_port_does_not_matter_where_the_server_listens_elsewhere(
    server: FakeServer, taken: int, option: str
) -> None:
    assert main(["run", "main:app", "--port", str(taken), option]) == 0
    assert server.arguments[-1] == option


def test_a_host_that_is_not_ours_is_said_in_one_line(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    # From the block for documentation (RFC 5737).
    assert main(["run", "main:app", "--host", "192.0.2.1", "--port", "0"]) == EXIT_CODE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("bolide: cannot listen on port 0 of 192.0.2.1: ")


@pytest.mark.parametrize(("system", "expected"), [("posix", [socket.SO_REUSEADDR]), ("nt", [])])
def test_an_address_may_be_taken_again_at_once_where_that_is_safe(
    monkeypatch: pytest.MonkeyPatch, system: str, expected: list[int]
) -> None:
    given: list[int] = []
    monkeypatch.setattr(
        socket.socket, "setsockopt", lambda self, level, name, value: given.append(name)
    )
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(_cli.os, "name", system)
        assert _cli._cannot_listen("127.0.0.1", 0) is None
    assert given == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "the following arguments are required: command"),
        (["walk"], "invalid choice: 'walk'"),
        (["run"], "the following arguments are required: module:attribute"),
        (["run", "main"], "'main' names no application; write module:attribute"),
        (["run", ":app"], "':app' names no application"),
        (["run", "main:app", "--port", "65536"], "'65536' is no port"),
        (["run", "main:app", "--port", "-1"], "--port"),
        (["run", "main:app", "--server", "apache"], "invalid choice: 'apache'"),
        (["run", "main:app", "--workers", "many"], "invalid int value: 'many'"),
    ],
)
def test_arguments_that_make_no_sense_are_said_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("bolide: ")
    assert expected in line


def test_the_version_and_the_help_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"bolide {bolide.__version__}\n"
    with pytest.raises(SystemExit) as end:
        main(["run", "--help"])
    assert end.value.code == 0
    assert "--as-starlette" in capsys.readouterr().out
