"""Of a source distribution the tests are taken, if it is the right one, and nothing else."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from conformance import prepare
from conformance.suites import Suite

FILES = {
    "theirs-1.0/pyproject.toml": b"[tool.pytest.ini_options]\n",
    "theirs-1.0/tests/test_it.py": b"def test_it(): pass\n",
    "theirs-1.0/tests/data/x.txt": b"x",
    "theirs-1.0/tests_of_another/test_it.py": b"",
    "theirs-1.0/theirs/__init__.py": b"secret = True\n",
}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "theirs-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as opened:
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return path


def suite_of(archive: Path) -> Suite:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    return Suite(name="theirs", version="1.0", sha256=digest, at_least=1)


def test_the_tests_and_their_settings_are_unpacked_alone(archive: Path, tmp_path: Path) -> None:
    directory = tmp_path / "unpacked"
    prepare.unpack(suite_of(archive), archive, directory)
    found = {p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file()}
    assert found == {"pyproject.toml", "tests/test_it.py", "tests/data/x.txt"}
    assert not list(tmp_path.glob("*.partial"))


def test_another_archive_than_expected_is_not_unpacked(archive: Path, tmp_path: Path) -> None:
    suite = Suite(name="theirs", version="1.0", sha256="0" * 64, at_least=1)
    with pytest.raises(ValueError, match="SHA-256"):
        prepare.unpack(suite, archive, tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()


def test_tests_are_fetched_once_and_the_rest_is_thrown_away(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = suite_of(archive)
    content = archive.read_bytes()
    cache = tmp_path / "cache"
    (cache / "theirs").mkdir(parents=True)
    commands: list[tuple[str, ...]] = []

    def download(*command: str) -> None:
        commands.append(command)
        Path(command[command.index("--dest") + 1], archive.name).write_bytes(content)

    monkeypatch.setattr(prepare, "run", download)
    for _ in range(2):
        directory = prepare.fetch_tests(suite, Path("python"), cache)
        assert (directory / "tests" / "test_it.py").is_file()
    ((python, *options),) = commands
    assert python == "python"
    assert options[-1] == "theirs==1.0"
    assert {"--no-deps", "--no-binary"} <= set(options)
    assert [path.name for path in (cache / "theirs").iterdir()] == ["theirs-1.0"]


def test_an_environment_is_made_again_when_what_it_is_made_from_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirements = tmp_path / "theirs" / "requirements.txt"
    requirements.parent.mkdir()
    requirements.write_text("pytest\n")
    monkeypatch.setattr("conformance.suites.HERE", tmp_path)
    suite = Suite(name="theirs", version="1.0", sha256="", at_least=1)
    commands: list[tuple[str, ...]] = []

    def run(*command: str) -> None:
        commands.append(command)
        (tmp_path / "cache" / "theirs" / "environment").mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(prepare, "run", run)
    for expected in (2, 2):
        python = prepare.make_environment(suite, tmp_path / "cache")
        assert len(commands) == expected
    assert python.parent.parent == tmp_path / "cache" / "theirs" / "environment"
    assert str(requirements) in commands[1]
    requirements.write_text("pytest\ntrio\n")
    prepare.make_environment(suite, tmp_path / "cache")
    assert len(commands) == 4


def test_a_program_that_fails_stops_everything() -> None:

    with pytest.raises(subprocess.CalledProcessError):
        prepare.run(sys.executable, "-c", "raise SystemExit(1)")
