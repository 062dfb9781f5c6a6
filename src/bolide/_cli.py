"""The command `bolide`: `bolide run main:app` serves an application.

It is a thin layer over the server's own command line. What servers call differently has one name
here; whatever is not known here goes to the server as it is.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from bolide import __version__
from bolide._served import EXIT_CODE, Order, say

__all__ = ["main"]


@dataclass(frozen=True, slots=True)
class _Server:
    """What is particular about a server.

    Attributes:
        command: Where its command line is, as `module:attribute`; a command of the library click.
        extra: The extra of bolide that installs it.
        fixed: The options that it always gets.
        graceful_timeout: What it calls the time that connections have to end.
        without_port: Options that have it listen elsewhere than at a host and a port.
    """

    command: str
    extra: str
    fixed: tuple[str, ...]
    graceful_timeout: str
    without_port: tuple[str, ...]


_SERVERS: Final = {
    "uvicorn": _Server(
        command="uvicorn.main:main",
        extra="server",
        fixed=("--interface", "asgi3"),
        graceful_timeout="--timeout-graceful-shutdown",
        without_port=("--uds", "--fd"),
    ),
    "granian": _Server(
        command="granian.cli:cli",
        extra="granian",
        fixed=("--interface", "asgi"),
        graceful_timeout="--workers-kill-timeout",
        without_port=("--uds",),
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and give its exit code.

    Args:
        arguments: Those after the name of the program. By default, those of the process.
    """
    options, others = _parser().parse_known_args(arguments)
    return _run(options, others)


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong: `--help` has the rest."""

    def error(self, message: str) -> NoReturn:
        say(message)
        raise SystemExit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="bolide", description="Serve ASGI applications.")
    parser.add_argument("--version", action="version", version=f"bolide {__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    run = commands.add_parser(
        "run",
        help="serve an application",
        description="Serve an application, with uvicorn or granian.",
        epilog="Other options, written after the application, go to the server as they are.",
        # So that an option of the server is not taken for the short form of one of ours.
        allow_abbrev=False,
    )
    run.add_argument("app", type=_target, metavar="module:attribute", help="as in main:app")
    run.add_argument("--server", choices=_SERVERS, default="uvicorn", help="default: uvicorn")
    run.add_argument(
        "--as-starlette", action="store_true", help="let `import starlette` give bolide's modules"
    )
    run.add_argument(
        "--factory", action="store_true", help="the attribute is a function that makes it"
    )
    run.add_argument(
        "--app-dir", default=".", metavar="DIR", help="where modules are looked for first"
    )
    run.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    run.add_argument("--port", type=_port, default=8000, help="default: 8000; 0 for a free one")
    run.add_argument("--workers", type=int, metavar="N", help="how many processes serve")
    run.add_argument("--reload", action="store_true", help="start anew when a file changes")
    run.add_argument(
        "--log-level",
        choices=("critical", "error", "warning", "info", "debug"),
        help="with debug, a failure to start shows its traceback",
    )
    run.add_argument(
        "--graceful-timeout",
        type=int,
        # Without one, a request that is stuck would keep uvicorn from ever stopping. It is what
        # container runtimes wait before they kill.
        default=10,
        metavar="SECONDS",
        help="how long connections may take to end when the server is told to stop; default: 10",
    )
    return parser


def _target(text: str) -> str:
    module, _, attribute = text.partition(":")
    if not module or not attribute:
        raise argparse.ArgumentTypeError(
            f"{text!r} names no application; write module:attribute, as in main:app"
        )
    return text


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; one is from 0 to 65535")
    return int(text)


def _run(options: argparse.Namespace, others: Sequence[str]) -> int:
    server = _SERVERS[options.server]
    module, _, name = server.command.partition(":")
    try:
        command: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        say(f'{options.server} is not installed:  pip install "bolide[{server.extra}]"')
        return EXIT_CODE
    elsewhere = any(option.partition("=")[0] in server.without_port for option in others)
    problem = None if elsewhere else _cannot_listen(options.host, options.port)
    if problem:
        say(problem)
        return EXIT_CODE
    # It is made by a failure only: a signal ends this process without tidying up.
    failure = Path(tempfile.gettempdir(), f"bolide-{secrets.token_hex(16)}")
    Order(
        target=options.app,
        directory=str(Path(options.app_dir).resolve()),
        factory=options.factory,
        as_starlette=options.as_starlette,
        verbose=options.log_level == "debug",
        # Who reloads corrects the mistake, and wants to be told of the next one.
        failure="" if options.reload else str(failure),
    ).place()
    try:
        command(_server_arguments(server, options, others), prog_name="bolide run")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    else:
        code = 0
    if failure.exists():
        # A server with several workers ends well although they all failed.
        failure.unlink()
        return EXIT_CODE
    return code


def _server_arguments(
    server: _Server, options: argparse.Namespace, others: Sequence[str]
) -> list[str]:
    arguments = ["bolide._served:app", *server.fixed]
    arguments += ["--host", options.host, "--port", str(options.port)]
    if options.workers is not None:
        arguments += ["--workers", str(options.workers)]
    if options.reload:
        arguments.append("--reload")
    if options.log_level is not None:
        arguments += ["--log-level", options.log_level]
    arguments += [server.graceful_timeout, str(options.graceful_timeout)]
    return [*arguments, *others]


def _cannot_listen(host: str, port: int) -> str | None:
    """Say why one cannot listen there, if so: servers say it in several lines, or late."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = addresses[0]
        with socket.socket(family, kind, protocol) as probe:
            # Without it, connections that were closed a moment ago would hold the port. On
            # Windows it would mean that the port may be taken from somebody.
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"port {port} of {host} is in use; choose another one with --port"
        return f"cannot listen on port {port} of {host}: {error.strerror or error}"
    return None
