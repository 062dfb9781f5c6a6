"""Makes an environment for each framework: `python -m benchmarks environments [--frameworks ...]`.

They are made with the Python that runs this, in `.venv-bench/`, from `requirements/*.txt`.
`--newest` takes the newest releases instead of the pinned ones, and pins those.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

from benchmarks.peers import ENVIRONMENTS, OWN_SERVERS, PEERS, ROOT

REQUIREMENTS: Final = Path(__file__).with_name("requirements")
EXTRAS: Final = "forms,sessions,templates"
SERVERS: Final = ("uvicorn", "uvloop", "httptools", "granian")

WANTED: Final = {
    "bolide": ("--editable", f".[{EXTRAS}]", *SERVERS),
    "starlette": ("starlette", "python-multipart", "itsdangerous", "jinja2", *SERVERS),
    "fastapi": ("fastapi", "python-multipart", "--editable", f".[{EXTRAS}]", *SERVERS),
    "litestar": ("litestar", *SERVERS),
    "falcon": ("falcon", *SERVERS),
    "blacksheep": ("blacksheep", *SERVERS),
    "quart": ("quart", *SERVERS),
    "aiohttp": ("aiohttp", "uvloop"),
    "sanic": ("sanic",),
    "robyn": ("robyn",),
}


def pip(environment: str, *arguments: str) -> str:
    """Run pip of an environment; its paths are relative to the root of the project."""
    python = str(ENVIRONMENTS / environment / "bin" / "python")
    command = [python, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return done.stdout


def pin(environment: str) -> None:
    """Write down the versions that an environment has."""
    listed = pip(environment, "freeze", "--exclude-editable").splitlines()
    lines = [line for line in listed if "==" in line]
    if "--editable" in WANTED[environment]:
        lines.append(f"--editable .[{EXTRAS}]")
    (REQUIREMENTS / f"{environment}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def make(environment: str, newest: bool) -> None:
    """Make one environment, anew if there is one."""
    venv.create(ENVIRONMENTS / environment, with_pip=True, clear=True)
    if newest:
        pip(environment, "install", "--quiet", *WANTED[environment])
        pin(environment)
    else:
        path = REQUIREMENTS / f"{environment}.txt"
        pip(environment, "install", "--quiet", "--requirement", str(path))


def main(names: list[str] | None, newest: bool, missing_only: bool = False) -> None:
    """Make the environments of the frameworks that are asked for, or all."""
    peers = [peer for peer in (PEERS | OWN_SERVERS).values() if not names or peer.name in names]
    for environment in dict.fromkeys(peer.environment for peer in peers):
        if missing_only and (ENVIRONMENTS / environment / "bin" / "python").exists():
            continue
        print(f"environment {environment}", file=sys.stderr)
        try:
            make(environment, newest)
        except subprocess.CalledProcessError as error:
            print(f"{environment} does not install: {error}", file=sys.stderr)
