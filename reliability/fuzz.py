"""Bytes that nobody would write, to every parser.

With atheris installed (`pip install atheris`), it looks for inputs that reach new code. Without it,
known inputs are changed at random, from a seed, so that a run can be repeated.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import traceback

from reliability.fuzz_targets import TARGETS

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


def run_with_atheris(name: str, seconds: float) -> None:
    """Let atheris look for inputs; it does not return."""
    import atheris  # type: ignore[import-not-found]

    target, _ = TARGETS[name]
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f"-max_total_time={int(seconds)}"], target)
    atheris.Fuzz()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m reliability fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=[], help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atheris", metavar="TARGET", help="fuzz one target with atheris")
    options = parser.parse_args(arguments)
    if options.atheris:
        run_with_atheris(options.atheris, options.seconds)
    total = failed = 0
    for name in options.targets or TARGETS:
        tried, culprit = run_target(name, options.seconds, options.seed)
        total += tried
        print(
            f"{name:16} {tried:>9,} inputs" + ("" if culprit is None else f"  FAILS: {culprit!r}")
        )
        failed += culprit is not None
    print(f"{'in all':16} {total:>9,} inputs, {failed} targets failed")
    return 1 if failed else 0
