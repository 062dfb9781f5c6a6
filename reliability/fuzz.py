"""Bytes that nobody would write, to every parser.

With atheris installed (`pip install atheris`), it looks for inputs that reach new code, beginning
with the known ones; each target has a process of its own. Without it, or with a seed, known inputs
are changed at random, so that a run can be repeated.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from reliability.fuzz_targets import TARGETS

MAX_REPORT = 4000
"""How many characters of what atheris says of a failure are shown."""

TOKENS = [
    b"\r\n",
    b"\n",
    b"--b",
    b"--",
    b'"',
    b"\\",
    b";",
    b",",
    b"=",
    b"%",
    b"\0",
    b"\xff",
    b"9" * 20,
]


def changed(data: bytes, chance: random.Random) -> bytes:
    """Give an input that is a little like another one."""
    result = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(result) + 1)
        match chance.randrange(5):
            case 0:
                result[at:at] = chance.choice(TOKENS)
            case 1:
                result[at:at] = chance.randbytes(chance.randrange(1, 4))
            case 2:
                del result[at : at + chance.randrange(1, 8)]
            case 3:
                result[at:at] = result[at : at + chance.randrange(1, 16)] * chance.randrange(1, 4)
            case _:
                if at < len(result):
                    result[at] = chance.randrange(256)
    return bytes(result)


def run_target(name: str, seconds: float, seed: int) -> tuple[int, bytes | None]:
    """Try inputs for some time; give how many, and the one that failed, if one has."""
    target, corpus = TARGETS[name]
    chance = random.Random(f"{seed}:{name}")
    deadline = time.monotonic() + seconds
    pool = list(corpus)
    tried = 0
    for data in corpus:
        target(data)
    while time.monotonic() < deadline:
        data = changed(chance.choice(pool), chance)
        try:
            target(data)
        except Exception:
            traceback.print_exc()
            return tried, data
        tried += 1
        if len(data) < 400 and chance.random() < 0.02:
            pool.append(data)
    return tried, None


def run_with_atheris(name: str, seconds: float) -> tuple[int, bytes | None]:
    """Do what `run_target` does, with inputs that atheris looks for."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "reliability.fuzz_guided",
            name,
            str(seconds),
            f"{folder}/",
        ]
        run = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        tried = max(map(int, re.findall(r"^(?:Done |#)(\d+)", run.stderr, re.MULTILINE)), default=0)
        if run.returncode == 0:
            return tried, None
        print(run.stderr[-MAX_REPORT:], file=sys.stderr)
        return tried, b"".join(path.read_bytes() for path in Path(folder).iterdir())


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m reliability fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=[], help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each target")
    parser.add_argument("--seed", type=int, help="change known inputs at random; 0 by default")
    options = parser.parse_args(arguments)
    guided = options.seed is None and importlib.util.find_spec("atheris") is not None
    print("with atheris, which looks for new code" if guided else "without atheris, at random")
    total = failed = 0
    for name in options.targets or TARGETS:
        if guided:
            tried, culprit = run_with_atheris(name, options.seconds)
        else:
            tried, culprit = run_target(name, options.seconds, options.seed or 0)
        total += tried
        print(
            f"{name:16} {tried:>9,} inputs" + ("" if culprit is None else f"  FAILS: {culprit!r}"),
            flush=True,
        )
        failed += culprit is not None
    print(f"{'in all':16} {total:>9,} inputs, {failed} targets failed")
    return 1 if failed else 0
