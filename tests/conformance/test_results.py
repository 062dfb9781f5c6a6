"""A difference needs a reason, and a reason needs a difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.results import Deviation, circumstances, judge, read_table

FAILS = Deviation("t.py::fails", "failed", "It is better so.")
EXCEEDS = Deviation("t.py::exceeds", "exceeded", "It was\nmended.")
OUTCOMES = {
    "t.py::passes": "passed",
    "t.py::fails[asyncio]": "failed",
    "t.py::fails[trio]": "failed",
    "t.py::exceeds": "exceeded",
    "t.py::skips": "skipped",
    "t.py::expected": "xfailed",
}


def test_what_the_table_accounts_for_holds() -> None:
    verdict = judge(OUTCOMES, [FAILS, EXCEEDS])
    assert verdict.holds
    assert list(verdict.lines("theirs 1.0")) == [
        "theirs 1.0: 1 passed, 2 failed, 1 exceeded, 1 xfailed, 1 skipped",
        "  failed    t.py::fails[asyncio]",
        "  failed    t.py::fails[trio]",
        "            It is better so.",
        "  exceeded  t.py::exceeds",
        "            It was mended.",
    ]


@pytest.mark.parametrize(
    "other",
    [
        [FAILS],
        [Deviation("t.py::exceeds", "failed", "the wrong outcome"), FAILS],
        [Deviation("t.py::exceed", "exceeded", "the beginning of a name"), FAILS],
    ],
)
def test_a_difference_without_a_reason_does_not_hold(other: list[Deviation]) -> None:
    verdict = judge(OUTCOMES, other)
    assert not verdict.holds
    assert verdict.unexplained == {"t.py::exceeds": "exceeded"}
    assert any("NO REASON" in line for line in verdict.lines("theirs"))


def test_a_reason_for_one_parameter_is_not_one_for_another() -> None:
    only_trio = Deviation("t.py::fails[trio]", "failed", "trio")
    verdict = judge(OUTCOMES, [only_trio, EXCEEDS])
    assert verdict.unexplained == {"t.py::fails[asyncio]": "failed"}


def test_a_reason_without_a_difference_does_not_hold() -> None:
    stale = Deviation("t.py::passes", "failed", "It was so once.")
    verdict = judge(OUTCOMES, [FAILS, EXCEEDS, stale])
    assert not verdict.holds
    assert verdict.stale == [stale]
    assert any("OUT OF DATE" in line for line in verdict.lines("theirs"))


@pytest.mark.parametrize(("here", "holds"), [({"root"}, False), (set(), True)])
def test_a_reason_may_hold_in_some_circumstances_only(here: set[str], holds: bool) -> None:
    as_root = Deviation("t.py::passes", "failed", "Root may.", only="root")
    assert judge(OUTCOMES, [FAILS, EXCEEDS, as_root], here=here).holds is holds


def test_tests_that_did_not_run_are_missed() -> None:
    verdict = judge(OUTCOMES, [FAILS, EXCEEDS], at_least=8)
    assert not verdict.holds
    assert list(verdict.lines("theirs"))[-1] == "  2 tests are MISSING that ran before"


@pytest.mark.parametrize(("user", "root"), [(0, True), (1000, False)])
def test_root_is_a_circumstance(monkeypatch: pytest.MonkeyPatch, user: int, root: bool) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    assert ("root" in circumstances()) is root


def test_a_table_is_read(tmp_path: Path) -> None:
    table = tmp_path / "deviations.toml"
    table.write_text(
        '[[deviation]]\ntest = "t.py::fails"\noutcome = "failed"\nreason = "It is better so."\n'
    )
    assert read_table(table) == [FAILS]
    table.write_text("# none\n")
    assert read_table(table) == []


@pytest.mark.parametrize(
    "entry",
    [
        'test = "x"\noutcome = "failed"\nreason = " "',
        'test = "x"\noutcome = "passed"\nreason = "fine"',
        'test = "x"\noutcome = "failed"',
        'test = "x"\noutcome = "failed"\nreason = "r"\nexcuse = "e"',
    ],
)
def test_an_entry_without_a_reason_is_refused(tmp_path: Path, entry: str) -> None:
    table = tmp_path / "deviations.toml"
    table.write_text(f"[[deviation]]\n{entry}\n")
    with pytest.raises((ValueError, TypeError)):
        read_table(table)
