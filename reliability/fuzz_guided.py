"""One target, fuzzed by atheris: `python -m reliability.fuzz_guided TARGET SECONDS PREFIX`.

It is a process of its own, since it ends with the first failure, and what is to be looked into has
to be imported by atheris.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-not-found]

with atheris.instrument_imports(include=["bolide"]):
    from reliability.fuzz_targets import TARGETS


def main(name: str, seconds: str, prefix: str) -> None:
    """Look for inputs that reach new code, beginning with the known ones; it does not return.

    Args:
        name: The target.
        seconds: For how long.
        prefix: What the name of a file begins with that an input is left in that has failed.
    """
    target, corpus = TARGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(corpus):
            Path(folder, str(number)).write_bytes(data)
        options = [f"-max_total_time={int(float(seconds))}", f"-artifact_prefix={prefix}"]
        atheris.Setup([sys.argv[0], *options, folder], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
