"""What came out of a suite, held against the table of deviations."""

from __future__ import annotations

import os
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DIFFERENT = ("failed", "exceeded")
"""The outcomes that need a reason. A test is exceeded if it says that it fails, and it passes."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """A test that does not come out as it does for those who wrote it.

    Attributes:
        test: The name that pytest gives it. Without parameters, it is meant with each of them.
        outcome: One of `DIFFERENT`.
        reason: Why a user would accept that.
        only: Where the test comes out like that, if not everywhere: one of `circumstances()`.
    """

    test: str
    outcome: str
    reason: str
    only: str = ""

    def __post_init__(self) -> None:
        if self.outcome not in DIFFERENT or not self.reason.strip():
            raise ValueError(f"{self.test} needs an outcome of {DIFFERENT} and a reason")

    def is_about(self, test: str) -> bool:
        """Tell whether this is about a test."""
        return test == self.test or test.startswith(f"{self.test}[")


def read_table(path: Path) -> list[Deviation]:
    """Read a table of deviations.

    Raises:
        ValueError: An entry has no reason, or an outcome that needs none.
        TypeError: An entry says something that is not known here.
    """
    with path.open("rb") as file:
        return [Deviation(**entry) for entry in tomllib.load(file).get("deviation", [])]


def circumstances() -> set[str]:
    """Give what may matter to a test and is not the same everywhere."""
    found = {os.name}
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # Permissions of files do not hold for root.
        found.add("root")
    return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a suite says of bolide.

    Attributes:
        counts: How many tests came out in which way.
        explained: Tests that came out differently, and why.
        unexplained: Tests that came out differently, and nobody has said why.
        stale: Entries of the table that no test bears out.
        missing: How many tests did not run that should have.
    """

    counts: Counter[str]
    explained: Mapping[str, Deviation]
    unexplained: Mapping[str, str]
    stale: Sequence[Deviation]
    missing: int

    @property
    def holds(self) -> bool:
        """Whether there is nothing that the table does not account for."""
        return not (self.unexplained or self.stale or self.missing)

    def lines(self, title: str) -> Iterator[str]:
        """Put it into words."""
        order = ["passed", "failed", "exceeded", "xfailed", "skipped"]
        counts = [(self.counts[name], name) for name in order]
        said = [f"{count} {name}" for count, name in counts if count or name in order[:3]]
        yield f"{title}: {', '.join(said)}"
        reasons: dict[Deviation, list[str]] = {}
        for test, deviation in self.explained.items():
            reasons.setdefault(deviation, []).append(test)
        for deviation, tests in reasons.items():
            for test in tests:
                yield f"  {deviation.outcome:9} {test}"
            yield f"            {' '.join(deviation.reason.split())}"
        for test, outcome in self.unexplained.items():
            yield f"  {outcome:9} {test}"
            yield "            NO REASON: mend it, or say why in deviations.toml"
        for deviation in self.stale:
            yield f"  {'passed':9} {deviation.test}"
            yield f"            OUT OF DATE: deviations.toml says that it {deviation.outcome}"
        if self.missing:
            yield f"  {self.missing} tests are MISSING that ran before"


def judge(
    outcomes: Mapping[str, str],
    table: Sequence[Deviation],
    *,
    at_least: int = 0,
    here: set[str] | None = None,
) -> Verdict:
    """Hold what came out against what is known.

    Args:
        outcomes: How each test came out, by its name.
        table: The deviations that are known.
        at_least: How many tests have to be there.
        here: The circumstances of the run. By default, those of this process.
    """
    present = circumstances() if here is None else here
    known = [deviation for deviation in table if not deviation.only or deviation.only in present]
    explained: dict[str, Deviation] = {}
    unexplained: dict[str, str] = {}
    for test, outcome in outcomes.items():
        if outcome not in DIFFERENT:
            continue
        fitting = [d for d in known if d.outcome == outcome and d.is_about(test)]
        if fitting:
            explained[test] = fitting[0]
        else:
            unexplained[test] = outcome
    return Verdict(
        counts=Counter(outcomes.values()),
        explained=explained,
        unexplained=unexplained,
        stale=[deviation for deviation in known if deviation not in explained.values()],
        missing=max(0, at_least - len(outcomes)),
    )
