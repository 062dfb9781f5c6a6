"""The suites are complete, and what differs is told to users."""

from __future__ import annotations

from pathlib import Path

import pytest

from bolide.compat import API_VERSION
from conformance.suites import SUITES, Suite

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("suite", SUITES.values(), ids=list(SUITES))
def test_a_suite_has_all_its_parts(suite: Suite) -> None:
    assert suite.requirements.is_file()
    assert suite.deviations
    assert len(suite.sha256) == 64
    assert suite.at_least > 0


def test_the_suite_of_starlette_is_of_the_version_that_the_alias_says() -> None:
    assert SUITES["starlette"].title == f"starlette {API_VERSION}"


@pytest.mark.parametrize("suite", SUITES.values(), ids=list(SUITES))
def test_what_differs_is_in_the_documentation(suite: Suite) -> None:
    page = (ROOT / "docs" / "explanation" / "conformance.md").read_text(encoding="utf-8")
    for deviation in suite.deviations:
        assert deviation.test.rpartition("::")[2] in page
