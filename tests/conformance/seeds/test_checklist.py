"""The page on the seeds names every test here, and only tests that exist, or gives a reason."""

from __future__ import annotations

import ast
import re
from itertools import groupby
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "explanation" / "seeds.md"

ROW = re.compile(r"\| ([A-Z])(\d+) \| (.+) \| (.+) \|")
NAMED = re.compile(r"`(test_\w+\.py::test_\w+)`")
REASONS = ("Advice", "Outdated", "Third party")

ROWS = [
    match.groups()
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if (match := ROW.fullmatch(line))
]


def names_of_tests() -> set[str]:
    """The tests of this directory, each as `file::name`."""
    return {
        f"{path.name}::{node.name}"
        for path in HERE.glob("test_*.py")
        if path != Path(__file__)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.name.startswith("test_")
    }


def test_every_row_of_the_page_is_read() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:1] == "|"]

    # The header and the line below it.
    assert len(ROWS) == len(rows) - 2 > 0


def test_the_rows_are_numbered_without_gaps() -> None:
    for _, section in groupby(ROWS, key=lambda row: row[0]):
        numbers = [int(row[1]) for row in section]
        assert numbers == list(range(1, len(numbers) + 1))


def test_the_page_names_every_test_and_no_other() -> None:
    named = {test for row in ROWS for test in NAMED.findall(row[3])}

    assert named == names_of_tests()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0] + row[1])
def test_a_row_names_a_test_or_gives_a_reason(row: tuple[str, ...]) -> None:
    assert NAMED.search(row[3]) or row[3].startswith(REASONS)
