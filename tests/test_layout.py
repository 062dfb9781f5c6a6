"""The house rules about files: a test for each module, and none that is too long."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "bolide").rglob("*.py"))

MAX_LINES = 500
LONGER = {
    "testclient.py": "base classes are chosen between two libraries when it is imported",
}
WITHOUT_TEST = {
    "__init__.py": "holds the version only; test_exports.py looks at it",
    "_http/__init__.py": "holds a docstring only",
    "_data/__init__.py": "holds a docstring only",
    "_routing/__init__.py": "holds a docstring only",
    "_testing/__init__.py": "holds a docstring only",
    "_testing/library.py": "has to be imported anew each time; tests/test_testclient.py does that",
}


def name_of(source: Path) -> str:
    return source.relative_to(ROOT / "src" / "bolide").as_posix()


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_a_module_has_a_test_at_the_mirrored_place(source: Path) -> None:
    name = name_of(source)
    if name in WITHOUT_TEST:
        return
    directory = ROOT / "tests" / Path(name).parent
    # The test of a package is named after the package.
    stem = source.parent.name if source.stem == "__init__" else source.stem
    assert (directory / f"test_{stem}.py").is_file()


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_a_module_is_short_enough_to_be_read(source: Path) -> None:
    lines = len(source.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES or name_of(source) in LONGER


@pytest.mark.parametrize("source", SOURCES, ids=name_of)
def test_a_module_says_what_it_is_in_its_first_line(source: Path) -> None:
    first = source.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith('"""')
    assert first.rstrip('"').endswith((".", "?"))


def test_the_exceptions_are_still_needed() -> None:
    names = {name_of(source) for source in SOURCES}
    assert set(LONGER) | set(WITHOUT_TEST) <= names
    for name in LONGER:
        path = ROOT / "src" / "bolide" / name
        assert len(path.read_text(encoding="utf-8").splitlines()) > MAX_LINES
