"""Runs the tests of a suite: a program that is started in the suite's own environment.

Its arguments are the name that the tests import, the file to write what came out to, and those of
pytest. The alias has to be there before pytest starts, since pytest imports the classes that its
settings name before it loads a plugin.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import blockbuster.blockbuster as detector
import pytest

from bolide.compat import install_as_starlette


class Recorder:
    """A plugin that keeps how each test came out, and translates what goes by names of modules."""

    def __init__(self, package: str) -> None:
        self._package = package
        self.outcomes: dict[str, str] = {}

    def pytest_configure(self, config: pytest.Config) -> None:
        # Some messages to be ignored name a module, which has another name here.
        for line in list(config.getini("filterwarnings")):
            if f"{self._package}." in line:
                config.addinivalue_line(
                    "filterwarnings", line.replace(f"{self._package}.", "bolide.")
                )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.outcomes[report.nodeid] = "failed"

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        outcome = outcome_of(report)
        # What goes wrong before or after the test itself counts, too.
        if report.when == "call" or outcome != "passed":
            self.outcomes[report.nodeid] = outcome


def outcome_of(report: Any) -> str:
    """Say how a phase of a test came out.

    `exceeded` if the test was expected to fail, and passed; `xfailed` if it failed as expected.
    """
    expected_to_fail = hasattr(report, "wasxfail")
    if report.passed and expected_to_fail:
        return "exceeded"
    if report.failed and str(report.longrepr).startswith("[XPASS(strict)]"):
        return "exceeded"
    if report.skipped and expected_to_fail:
        return "xfailed"
    outcome: str = report.outcome
    return outcome


def let_our_files_block(package: str) -> None:
    """Where a suite lets a file of its package block the event loop, let ours do the same."""
    original = detector.BlockBusterFunction.can_block_in

    def can_block_in(self: Any, filename: str, functions: Any) -> Any:
        original(self, filename, functions)
        if package in filename:
            original(self, filename.replace(package, "bolide"), functions)
        return self

    detector.BlockBusterFunction.can_block_in = can_block_in  # type: ignore[method-assign]


def main(arguments: Sequence[str]) -> int:
    package, output, *others = arguments
    install_as_starlette()
    let_our_files_block(package)
    recorder = Recorder(package)
    code = pytest.main(others, plugins=[recorder])
    Path(output).write_text(json.dumps(recorder.outcomes), encoding="utf-8")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
