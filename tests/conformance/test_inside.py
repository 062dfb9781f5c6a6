"""What a phase of a test says of the test."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from conformance.inside import Recorder, outcome_of


def report(outcome: str, when: str = "call", longrepr: str = "", **more: Any) -> Any:
    kinds = {kind: kind == outcome for kind in ("passed", "failed", "skipped")}
    return SimpleNamespace(
        nodeid="t.py::x", when=when, outcome=outcome, longrepr=longrepr, **kinds, **more
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (report("passed"), "passed"),
        (report("failed", longrepr="E   assert 1 == 2"), "failed"),
        (report("skipped"), "skipped"),
        (report("failed", longrepr="[XPASS(strict)] it is a known bug"), "exceeded"),
        (report("passed", wasxfail="it is a known bug"), "exceeded"),
        (report("skipped", wasxfail="it is a known bug"), "xfailed"),
    ],
)
def test_an_outcome_is_told_from_the_report(given: Any, expected: str) -> None:
    assert outcome_of(given) == expected


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        ([report("passed", "setup"), report("passed"), report("passed", "teardown")], "passed"),
        ([report("passed", "setup"), report("failed"), report("passed", "teardown")], "failed"),
        ([report("failed", "setup"), report("passed", "teardown")], "failed"),
        ([report("skipped", "setup"), report("passed", "teardown")], "skipped"),
        ([report("passed", "setup"), report("passed"), report("failed", "teardown")], "failed"),
    ],
)
def test_what_goes_wrong_around_a_test_counts(phases: list[Any], expected: str) -> None:
    recorder = Recorder("theirs")
    for phase in phases:
        recorder.pytest_runtest_logreport(phase)
    assert recorder.outcomes == {"t.py::x": expected}


def test_a_file_that_cannot_be_collected_has_failed() -> None:
    recorder = Recorder("theirs")
    recorder.pytest_collectreport(report("passed"))
    assert recorder.outcomes == {}
    recorder.pytest_collectreport(report("failed"))
    assert recorder.outcomes == {"t.py::x": "failed"}


def test_a_filter_that_names_their_module_is_there_for_ours_too() -> None:
    lines = ["error", "ignore:Using `theirs.x` is old:theirs.exceptions.OldWarning", "theirs"]
    added: list[str] = []
    config: Any = SimpleNamespace(
        getini=lambda name: lines, addinivalue_line=lambda name, line: added.append(line)
    )
    Recorder("theirs").pytest_configure(config)
    assert added == ["ignore:Using `bolide.x` is old:bolide.exceptions.OldWarning"]
