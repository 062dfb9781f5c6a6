"""Known code: a function is known by where it is and what it uses."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import pytest

from bolide._routing import fingerprints
from bolide._routing.fingerprints import KNOWN, fingerprint, is_known

SOURCE = "def f(a, b=None): return a['route']"


def function_of(source: str, module: str = "fastapi.routing") -> FunctionType:
    names: dict[str, Any] = {"__name__": module}
    exec(source, names)
    function: FunctionType = names["f"]
    return function


def test_code_with_other_names_or_texts_has_another_fingerprint() -> None:
    sources = [
        "def f(a): return a['route']",
        "def f(a): return a['path']",
        "def f(b): return b['route']",
        "def f(a): return a.get('route')",
        "def f(a): return a.pop('route')",
        "def f(a): return lambda: a['route']",
    ]
    prints = {fingerprint(function_of(source).__code__) for source in sources}
    assert len(prints) == len(sources)


def test_numbers_do_not_count() -> None:
    one, two = (function_of(f"def f(a): return a[{number}]") for number in (1, 2000))
    assert fingerprint(one.__code__) == fingerprint(two.__code__)


@pytest.mark.parametrize(
    ("function", "names", "expected"),
    [
        (function_of(SOURCE), ["f"], True),
        (function_of(SOURCE), ["e", "f"], True),
        (function_of(SOURCE), ["e"], False),
        (function_of(SOURCE, "starlette.routing"), ["f"], False),
        (function_of("def f(a, b=len): return a['route']"), ["f"], False),
        (function_of("def f(a, b=None): return a['path']"), ["f"], False),
        (function_of("def f(a, b=None, *, c=1): return a['route']"), ["f"], False),
        (len, ["f"], False),
        (None, ["f"], False),
    ],
)
def test_what_is_known(
    monkeypatch: pytest.MonkeyPatch, function: object, names: list[str], expected: bool
) -> None:
    known = {"e": {"0"}, "f": {"0", fingerprint(function_of(SOURCE).__code__)}}
    monkeypatch.setattr(fingerprints, "KNOWN", known)
    assert is_known(function, *names) is expected


def test_each_name_has_a_fingerprint() -> None:
    assert all(len(one) == 16 for prints in KNOWN.values() for one in prints)
    assert all(KNOWN.values())
