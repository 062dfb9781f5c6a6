"""What a server gets to serve: the user's application, or one line that says why not."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from bolide import _served
from bolide._served import EXIT_CODE, Order
from bolide.compat import StarletteAlreadyImported
from bolide.types import Message

GOOD = """
from bolide.applications import Starlette

app = Starlette()
config = {}

class holder:
    app = app

def make():
    return app

def make_nothing():
    raise RuntimeError("no such thing")
"""


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin each test without an order and without the user's modules."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    # Set first, so that it is also taken away where it was not.
    monkeypatch.setenv("BOLIDE_RUN", "")
    monkeypatch.delenv("BOLIDE_RUN")
    before = set(sys.modules)
    yield
    vars(_served).pop("app", None)
    for name in set(sys.modules) - before:
        if name.startswith("user_"):
            del sys.modules[name]


Load = Callable[..., Any]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load an application from a module with this source: `load(source, "app")`."""

    def load(source: str, attribute: str = "app", **options: Any) -> Any:
        (tmp_path / "user_main.py").write_text(source)
        order = Order(f"user_main:{attribute}", directory=str(tmp_path), **options)
        order.place()
        return _served.app

    return load


async def receive() -> Message:
    return {"type": "lifespan.startup"}


# Orders


def test_an_order_is_found_as_it_was_placed() -> None:
    order = Order(
        "main:app", directory="é", factory=True, as_starlette=True, verbose=True, failure="x"
    )
    order.place()
    assert Order.find() == order


def test_without_an_order_there_is_no_application() -> None:
    with pytest.raises(RuntimeError, match="bolide run"):
        _ = _served.app


def test_the_module_has_no_other_surprises() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        _ = _served.nope


# Applications that can be served


@pytest.mark.parametrize(
    ("attribute", "options"), [("app", {}), ("holder.app", {}), ("make", {"factory": True})]
)
def test_the_application_is_loaded_once(
    load: Load, attribute: str, options: dict[str, Any]
) -> None:
    app = load(GOOD, attribute, **options)
    assert app._app is sys.modules["user_main"].app
    assert _served.app is app


def test_requests_pass_through(load: Load) -> None:
    source = """
async def app(scope, receive, send):
    await send([scope["type"], await receive()])
"""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    anyio.run(load(source), {"type": "http"}, receive, send)
    assert sent == [["http", {"type": "lifespan.startup"}]]


@pytest.mark.parametrize("wanted", [True, False])
def test_the_alias_is_there_before_the_application_if_wanted(
    load: Load, monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    before: list[bool] = []
    monkeypatch.setattr(
        "bolide.compat.install_as_starlette",
        lambda: before.append("user_main" not in sys.modules),
    )
    load(GOOD, as_starlette=wanted)
    assert before == ([True] if wanted else [])


# Applications that cannot be served


FAILURES = {
    "a module that is missing": ("", "app", {"target": "user_nope:app"}, "no module 'user_nope'"),
    "a module missing in a module": (
        "",
        "app",
        {"target": "user_main.sub:app"},
        "there is no module 'user_main.sub'",
    ),
    "a module that misses another": (
        "\nimport user_nope",
        "app",
        {},
        "importing 'user_main' failed: ModuleNotFoundError: No module named 'user_nope'"
        " (user_main.py, line 2)",
    ),
    "a module that is no Python": (
        "def (",
        "app",
        {},
        "importing 'user_main' failed: SyntaxError: invalid syntax (user_main.py, line 1)",
    ),
    "a module that raises": (
        "raise ValueError",
        "app",
        {},
        "importing 'user_main' failed: ValueError (user_main.py, line 1)",
    ),
    "a note with what to do": (
        "error = ValueError('bad\\n  value')\nerror.add_note('Do this.')\nraise error",
        "app",
        {},
        "importing 'user_main' failed: ValueError: bad value Do this. (user_main.py, line 3)",
    ),
    "an attribute that is missing": (GOOD, "nope", {}, "module 'user_main' has no attribute"),
    "an attribute that is misspelt": (GOOD, "ap", {}, "no attribute 'ap'; did you mean 'app'?"),
    "an attribute of an attribute": (GOOD, "config.app", {}, "{} has no attribute 'app'"),
    "a value that cannot be called": (
        GOOD,
        "config",
        {},
        "user_main:config is no ASGI application: it is of type 'dict'",
    ),
    "a factory that raises": (
        GOOD,
        "make_nothing",
        {"factory": True},
        "user_main:make_nothing() failed: RuntimeError: no such thing (user_main.py, line 14)",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_ends_the_process_and_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    source, attribute, options, expected = FAILURES[name]
    (tmp_path / "user_main.py").write_text(source)
    Order(
        **{"target": f"user_main:{attribute}", "directory": str(tmp_path), **options}  # type: ignore[arg-type]
    ).place()
    with pytest.raises(SystemExit) as end:
        _ = _served.app
    assert end.value.code == EXIT_CODE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("bolide: ")
    assert expected in line


def test_an_error_outside_of_the_users_files_has_no_place(
    load: Load, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    (packages / "user_library.py").write_text("def fail():\n    raise ValueError('deep')\n")
    sys.path.append(str(packages))
    with pytest.raises(SystemExit):
        load("import user_library\n\nuser_library.fail()")
    assert capsys.readouterr().err.endswith("ValueError: deep (user_main.py, line 3)\n")
    (tmp_path / "user_json.py").write_text("")
    Order("user_json:loads", directory=str(tmp_path), factory=True).place()
    (tmp_path / "user_json.py").write_text("from json import loads\n")
    with pytest.raises(SystemExit):
        _ = _served.app
    assert capsys.readouterr().err.endswith("argument: 's'\n")


def test_another_starlette_is_told_of(
    load: Load, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def install() -> None:
        raise StarletteAlreadyImported("early_bird")

    monkeypatch.setattr("bolide.compat.install_as_starlette", install)
    with pytest.raises(SystemExit):
        load(GOOD, as_starlette=True)
    assert "already imported by 'early_bird'" in capsys.readouterr().err


def test_a_verbose_failure_shows_the_traceback_first(
    load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        load("raise ValueError('x')", verbose=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-2:] == [
        "ValueError: x",
        "bolide: importing 'user_main' failed: ValueError: x (user_main.py, line 1)",
    ]
    with pytest.raises(SystemExit):
        load("", "app", verbose=True)
    assert "Traceback" not in capsys.readouterr().err


def test_of_several_workers_the_first_one_speaks(
    load: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = tmp_path / "failure"
    with pytest.raises(SystemExit):
        load("", failure=str(failure))
    assert failure.exists()
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(SystemExit):
        load("", failure=str(failure))
    assert capsys.readouterr().err == ""


# Lifespans


Live = Callable[..., list[Message]]


@pytest.fixture
def live(load: Load, anyio_backend: str) -> Live:
    """Load an application, run its lifespan, and give what it sent."""

    def live(source: str, **options: Any) -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "lifespan", "state": {}}
        anyio.run(load(source, **options), scope, receive, send, backend=anyio_backend)
        return sent

    return live


def test_a_lifespan_that_starts_is_let_be(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    assert [message["type"] for message in live(GOOD)] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert capsys.readouterr().err == ""


LIFESPAN = """
from contextlib import asynccontextmanager
import anyio
from bolide.applications import Starlette

@asynccontextmanager
async def lifespan(app):
    {}
    yield

app = Starlette(lifespan=lifespan)
"""


def test_a_lifespan_that_fails_is_said_in_one_line(
    live: Live, capsys: pytest.CaptureFixture[str]
) -> None:
    # Raised again, it would be shown by the server a second time.
    sent = live(LIFESPAN.format("raise RuntimeError('no\\ndatabase')"))
    assert sent == [{"type": "lifespan.startup.failed", "message": ""}]
    assert capsys.readouterr().err == (
        "bolide: user_main:app failed in its lifespan: RuntimeError: no database"
        " (user_main.py, line 8)\n"
    )


def test_what_a_task_group_wrapped_is_unwrapped(
    live: Live, capsys: pytest.CaptureFixture[str]
) -> None:
    body = "async with anyio.create_task_group(): raise KeyError('inner')"
    live(LIFESPAN.format(body))
    assert ": KeyError: 'inner' (user_main.py, line 8)\n" in capsys.readouterr().err
    del _served.app, sys.modules["user_main"]
    body = "raise ExceptionGroup('two', [KeyError(), ValueError()])"
    live(LIFESPAN.format(body))
    assert ": ExceptionGroup: two (2 sub-exceptions) (" in capsys.readouterr().err


def test_a_failure_that_is_only_told_gives_the_last_line(
    live: Live, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
async def app(scope, receive, send):
    await send({"type": "lifespan.startup.failed", "message": "Traceback:\\nno luck\\n"})
"""
    sent = live(source, verbose=True)
    assert sent == [{"type": "lifespan.startup.failed", "message": ""}]
    assert capsys.readouterr().err == (
        "Traceback:\nno luck\nbolide: user_main:app failed in its lifespan: no luck\n"
    )


def test_an_application_without_lifespan_says_so_to_the_server(
    live: Live, capsys: pytest.CaptureFixture[str]
) -> None:
    source = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
"""
    with pytest.raises(AssertionError):
        live(source)
    assert capsys.readouterr().err == ""


def test_the_environment_is_left_to_children() -> None:
    Order("main:app", "/").place()
    assert '"main:app"' in os.environ["BOLIDE_RUN"]
