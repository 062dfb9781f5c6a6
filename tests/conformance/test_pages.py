"""The pages that say how bolide differs from Starlette are complete, and right."""

from __future__ import annotations

import re
from pathlib import Path

from bolide.applications import Bolide, Policy, Starlette

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"


def test_every_subject_that_users_have_asked_for_is_in_the_table() -> None:
    page = (DOCS / "explanation" / "beyond.md").read_text()
    named = set(re.findall(r"`(test_\w+\.py)`", page))
    assert named == {path.name for path in (HERE / "beyond").glob("test_*.py")}


def test_the_options_that_have_bolide_as_starlette_are_those_of_starlette() -> None:
    page = (DOCS / "howto" / "migrate-from-starlette.md").read_text()
    options = dict(re.findall(r"`(\w+)=([^`(]+)`", page))
    assert options.pop("json") == "Starlette.json"
    assert Bolide(json=Starlette.json).json is Starlette().json
    for name, value in options.items():
        before = str(getattr(Policy(), name))
        assert value.strip('"') in (before, before.removesuffix(".0")), name
    assert len(options) > 15
