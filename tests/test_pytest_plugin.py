"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bolide import pytest_plugin
from bolide.compat import StarletteAlreadyImported
from bolide.testclient import AsyncTestClient, TestClient
from bolide.testing import InvalidEvent

CONFTEST = "import starlette.applications\n"
CHECK = """
import bolide.applications
import starlette.applications

def test_it_is_the_same():
    assert starlette.applications is bolide.applications
"""
FILTER = (
    "filterwarnings =\n    error\n    ignore::starlette.exceptions.StarletteDeprecationWarning\n"
)


def run_pytest(directory: Path, *command: str, settings: str = "") -> tuple[int, str]:
    """Run tests of somebody who knows starlette only."""
    (directory / "pytest.ini").write_text(f"[pytest]\n{settings}")
    (directory / "conftest.py").write_text(CONFTEST)
    (directory / "test_theirs.py").write_text(CHECK)
    result = subprocess.run(
        [sys.executable, "-m", *command, "-q", "-p", "no:cacheprovider"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout + result.stderr


def test_the_option_makes_the_alias_before_conftest(tmp_path: Path) -> None:
    code, output = run_pytest(tmp_path, "pytest", "-p", "bolide.pytest_plugin", "--as-starlette")
    assert (code, "1 passed" in output) == (0, True), output


def test_without_the_option_there_is_no_alias(tmp_path: Path) -> None:
    code, output = run_pytest(tmp_path, "pytest", "-p", "bolide.pytest_plugin")
    assert code != 0, output


def test_run_as_a_program_it_is_earlier_than_the_settings(tmp_path: Path) -> None:
    code, output = run_pytest(tmp_path, "bolide.pytest_plugin", "--as-starlette", settings=FILTER)
    assert (code, "1 passed" in output) == (0, True), output


# In this process


class FakeGroup:
    def __init__(self) -> None:
        self.options: dict[str, Any] = {}

    def addoption(self, name: str, **settings: Any) -> None:
        self.options[name] = settings


def test_the_options_are_off_by_default() -> None:
    group = FakeGroup()
    parser: Any = SimpleNamespace(getgroup=lambda name: group)
    pytest_plugin.pytest_addoption(parser)
    assert {name: settings["default"] for name, settings in group.options.items()} == {
        "--as-starlette": False
    }


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note what is done, in place of doing it."""
    done: list[str] = []
    monkeypatch.setattr("bolide.compat.install_as_starlette", lambda: done.append("alias"))
    return done


@pytest.mark.parametrize(("wanted", "expected"), [(True, ["alias"]), (False, [])])
def test_the_alias_is_made_when_asked_for(
    installed: list[str], wanted: bool, expected: list[str]
) -> None:
    config: Any = SimpleNamespace(known_args_namespace=SimpleNamespace(as_starlette=wanted))
    hook = pytest_plugin.pytest_load_initial_conftests(config)
    next(hook)
    assert installed == expected
    with pytest.raises(StopIteration):
        next(hook)


@pytest.mark.parametrize(("importer", "by"), [("early_bird", " by 'early_bird'"), (None, "")])
def test_too_late_is_an_error_of_usage(
    monkeypatch: pytest.MonkeyPatch, importer: str | None, by: str
) -> None:
    def install() -> None:
        raise StarletteAlreadyImported(importer)

    monkeypatch.setattr("bolide.compat.install_as_starlette", install)
    config: Any = SimpleNamespace(known_args_namespace=SimpleNamespace(as_starlette=True))
    with pytest.raises(pytest.UsageError, match=f"already imported{by}. If a plugin"):
        next(pytest_plugin.pytest_load_initial_conftests(config))


@pytest.mark.parametrize(
    ("arguments", "before"), [(["--as-starlette", "tests"], ["alias"]), (["tests"], [])]
)
def test_the_program_is_pytest_with_the_plugin(
    installed: list[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str], before: list[str]
) -> None:
    monkeypatch.setattr(
        pytest, "main", lambda given: installed.extend(["pytest", *given]) or pytest.ExitCode(5)
    )
    assert pytest_plugin.main(arguments) == 5
    assert installed == [*before, "pytest", "-p", "bolide.pytest_plugin", *arguments]


def test_run_as_a_program_it_exits_as_pytest_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pytest_plugin", "tests"])
    monkeypatch.setattr(pytest, "main", lambda given: pytest.ExitCode(4))
    with pytest.raises(SystemExit) as end:
        runpy.run_path(pytest_plugin.__file__, run_name="__main__")
    assert end.value.code == 4


# The clients

bolide_client = pytest_plugin.bolide_client
async_bolide_client = pytest_plugin.async_bolide_client
client = pytest_plugin.client
async_client = pytest_plugin.async_client


class Logging:
    """An application that logs its lifespan; its responses are not what ASGI allows."""

    def __init__(self) -> None:
        self.log: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            headers = [(b"X-Upper-Case", b"1")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body"})

    async def _live(self, receive: Any, send: Any) -> None:
        for event in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{event}"
            self.log.append(event)
            await send({"type": f"lifespan.{event}.complete"})


@pytest.fixture
def app() -> Iterator[Logging]:
    """Make an application whose lifespan has ended when everything else is torn down."""
    app = Logging()
    yield app
    assert app.log == ["startup", "shutdown"]


def test_a_client_lives_as_long_as_the_test(app: Logging, bolide_client: Any) -> None:
    client = bolide_client(app, base_url="http://example.org", validate_events=False)
    assert type(client) is TestClient
    assert app.log == ["startup"]
    response = client.get("/")
    assert (str(response.url), response.status_code) == ("http://example.org/", 200)


def test_a_client_checks_events(app: Logging, bolide_client: Any) -> None:
    with pytest.raises(InvalidEvent, match="tokens in lower case"):
        bolide_client(app).get("/")


@pytest.mark.anyio
async def test_an_async_client_lives_as_long_as_the_test(
    app: Logging, async_bolide_client: Any
) -> None:
    client = await async_bolide_client(app, base_url="http://example.org", validate_events=False)
    assert type(client) is AsyncTestClient
    assert app.log == ["startup"]
    response = await client.get("/")
    assert (str(response.url), response.status_code) == ("http://example.org/", 200)


@pytest.mark.anyio
async def test_an_async_client_checks_events(app: Logging, async_bolide_client: Any) -> None:
    client = await async_bolide_client(app)
    with pytest.raises(InvalidEvent, match="tokens in lower case"):
        await client.get("/")


def test_the_short_name_is_for_the_same(client: Any, bolide_client: Any) -> None:
    assert client is bolide_client


@pytest.mark.anyio
async def test_the_short_async_name_is_for_the_same(
    async_client: Any, async_bolide_client: Any
) -> None:
    assert async_client is async_bolide_client


THEIRS = """
import pytest
from bolide.applications import Starlette

async def test_async(async_bolide_client, anyio_backend):
    assert (await (await async_bolide_client(Starlette())).get("/")).status_code == 404

def test_blocking(bolide_client):
    assert bolide_client(Starlette()).get("/").status_code == 404

async def test_async_by_a_short_name(async_client, async_bolide_client, anyio_backend):
    assert async_client is async_bolide_client

class TestShortName:
    def test_blocking_by_a_short_name(self, client):
        assert client(Starlette()).get("/").status_code == 404

class TestReplaced:
    @pytest.fixture
    def client(self, client):
        return client(Starlette())

    def test_a_fixture_of_my_own_goes_first(self, client):
        assert client.get("/").status_code == 404
"""


def test_the_plugin_brings_the_clients(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\nanyio_mode = auto\n")
    (tmp_path / "test_theirs.py").write_text(THEIRS)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "bolide.pytest_plugin", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, "7 passed" in result.stdout) == (0, True), result.stdout
