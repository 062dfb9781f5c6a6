"""Runs suites: `python -m conformance`, or some of them by name."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from conformance.prepare import CACHE, ROOT, fetch_tests, make_environment, say
from conformance.results import judge
from conformance.suites import SUITES, Suite

MAX_LINES = 200
"""How much of pytest's output is shown where something has no reason."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run suites, say what came out, and give the exit code: 1 if something has no reason."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    parser.add_argument(
        "suites", nargs="*", metavar="suite", help=f"by default all: {', '.join(SUITES)}"
    )
    names = parser.parse_args(arguments).suites or list(SUITES)
    if unknown := [name for name in names if name not in SUITES]:
        parser.error(f"no suite is named {unknown[0]!r}; there are: {', '.join(SUITES)}")
    return max(check(SUITES[name]) for name in names)


def check(suite: Suite) -> int:
    """Run one suite."""
    python = make_environment(suite)
    directory = fetch_tests(suite, python)
    say(f"{suite.title}: running its tests on bolide")
    log = CACHE / suite.name / "log.txt"
    outcomes = run_tests(suite, python, directory, log)
    verdict = judge(outcomes, suite.deviations, at_least=suite.at_least)
    if not verdict.holds:
        say("\n".join(log.read_text(encoding="utf-8").splitlines()[-MAX_LINES:]))
        say(f"\nAll of it is in {log.relative_to(ROOT)}")
    for line in verdict.lines(suite.title):
        say(line)
    return 0 if verdict.holds else 1


def run_tests(suite: Suite, python: Path, directory: Path, log: Path) -> dict[str, str]:
    """Run the tests in their environment, and give how each of them came out.

    Raises:
        RuntimeError: pytest did not come to its end.
    """
    with tempfile.TemporaryDirectory() as temporary, log.open("w", encoding="utf-8") as out:
        output = Path(temporary, "outcomes.json")
        pytest_options = ("-q", "--tb=short", "-p", "no:cacheprovider", suite.tests)
        result = subprocess.run(
            [str(python), "-m", "conformance.inside", suite.name, str(output), *pytest_options],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if not output.exists():
            raise RuntimeError(f"pytest ended with {result.returncode}; see {log}")
        outcomes: dict[str, str] = json.loads(output.read_text(encoding="utf-8"))
        return outcomes


if __name__ == "__main__":
    sys.exit(main())
