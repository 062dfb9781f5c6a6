"""Fetches the tests of a suite, and makes the environment that they run in.

All of it goes into a directory that git ignores, and is kept there for the next time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from conformance.suites import Suite

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".venv-conformance"

PIP = ("-m", "pip", "--disable-pip-version-check", "-qq")


def make_environment(suite: Suite, cache: Path = CACHE) -> Path:
    """Make the environment of a suite, if it is not there, and give its Python."""
    directory = cache / suite.name / "environment"
    python = directory / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp = directory / "made-from"
    constraints = ROOT / "constraints.txt"
    sources = [ROOT / "pyproject.toml", constraints, suite.requirements]
    made_from = "\n".join([sys.version, *(path.read_text(encoding="utf-8") for path in sources)])
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == made_from:
        return python
    say(f"{suite.title}: making an environment")
    run(sys.executable, "-m", "venv", "--clear", str(directory))
    run(
        *(str(python), *PIP, "install", "--constraint", str(constraints)),
        *("--requirement", str(suite.requirements), "--editable", f"{ROOT}[full]"),
    )
    stamp.write_text(made_from, encoding="utf-8")
    return python


def fetch_tests(suite: Suite, python: Path, cache: Path = CACHE) -> Path:
    """Fetch the tests of a suite, if they are not there, and give the directory they are in."""
    directory = cache / suite.name / f"{suite.name}-{suite.version}"
    if (directory / suite.tests).is_dir():
        return directory
    say(f"{suite.title}: fetching its tests")
    archive = cache / suite.name / f"{suite.name}-{suite.version}.tar.gz"
    run(
        *(str(python), *PIP, "download", "--no-deps", "--no-binary", suite.name),
        *("--dest", str(archive.parent), f"{suite.name}=={suite.version}"),
    )
    unpack(suite, archive, directory)
    # What else is in there is not ours to read.
    archive.unlink()
    return directory


def unpack(suite: Suite, archive: Path, directory: Path) -> None:
    """Take the tests, and pytest's settings, and nothing else.

    Raises:
        ValueError: The archive is another one than expected.
    """
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != suite.sha256:
        raise ValueError(f"{archive.name} has the SHA-256 digest {digest}, not {suite.sha256}")
    top = f"{suite.name}-{suite.version}"
    partial = directory.with_name(f"{directory.name}.partial")
    with tarfile.open(archive) as opened:
        wanted = [
            member
            for member in opened.getmembers()
            if member.name == f"{top}/{suite.settings}"
            or member.name.startswith(f"{top}/{suite.tests}/")
        ]
        opened.extractall(partial, members=wanted, filter="data")
    # At once, so that it is there as a whole or not at all.
    (partial / top).rename(directory)
    shutil.rmtree(partial)


def run(*command: str) -> None:
    """Run a program.

    Raises:
        subprocess.CalledProcessError: It failed; it has said why.
    """
    subprocess.run(command, check=True)


def say(line: str) -> None:
    """Say a line at once."""
    print(line, flush=True)
