"""The page on what users have asked for names every test file, and no other."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "explanation" / "beyond.md"


def test_every_subject_is_in_the_table() -> None:
    named = set(re.findall(r"`(test_\w+\.py)`", PAGE.read_text()))
    assert named == {path.name for path in (HERE / "beyond").glob("test_*.py")}
