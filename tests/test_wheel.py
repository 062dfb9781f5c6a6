"""What is installed is what was tested: the built wheel, without the sources."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import bolide

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # The build backend is in the environment of the tests, so that no network is needed.
    pytest.importorskip("hatchling")
    directory = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = directory.glob("*.whl")
    return path


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    source = ROOT / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in (source / "bolide").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert "bolide/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_an_application_runs_from_the_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    packages = tmp_path / "packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    code = """
import asyncio, sys
# The dependencies, but not the sources.
sys.path[:0] = [sys.argv[1]]
sys.path += [path for path in sys.argv[2].split(":") if "site-packages" in path]
import bolide
from bolide.applications import Starlette
from bolide.responses import PlainTextResponse
from bolide.routing import Route
assert bolide.__file__.startswith(sys.argv[1]), bolide.__file__

async def home(request):
    return PlainTextResponse("home")

async def send(message):
    print(message.get("status", ""), message.get("body", b"").decode())

app = Starlette(routes=[Route("/", home)])
scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
asyncio.run(app(scope, None, send))
"""
    result = subprocess.run(
        [str(python), "-I", "-c", code, str(packages), ":".join(sys.path)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert result.stdout.split() == ["200", "home"]
    assert bolide.__version__ in wheel.name
