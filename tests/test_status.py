"""Status codes by name, and the names that were replaced."""

from __future__ import annotations

import re
import sys
import warnings

import pytest

from bolide import status
from bolide.exceptions import StarletteDeprecationWarning

RENAMED = {
    "HTTP_413_REQUEST_ENTITY_TOO_LARGE": "HTTP_413_CONTENT_TOO_LARGE",
    "HTTP_414_REQUEST_URI_TOO_LONG": "HTTP_414_URI_TOO_LONG",
    "HTTP_416_REQUESTED_RANGE_NOT_SATISFIABLE": "HTTP_416_RANGE_NOT_SATISFIABLE",
    "HTTP_422_UNPROCESSABLE_ENTITY": "HTTP_422_UNPROCESSABLE_CONTENT",
}


@pytest.mark.parametrize("name", status.__all__)
def test_a_name_says_its_number(name: str) -> None:
    match = re.fullmatch(r"(HTTP_[1-5]\d\d|WS_10\d\d)_[A-Z_]+", name)

    assert match is not None
    assert getattr(status, name) == int(match[1].rpartition("_")[2])


def test_every_registered_http_status_has_a_name() -> None:
    ours = [getattr(status, name) for name in status.__all__ if name.startswith("HTTP_")]

    assert sorted(ours) == [
        *range(100, 104),
        *range(200, 209),
        226,
        *range(300, 309),
        *range(400, 419),
        *range(421, 427),
        428,
        429,
        431,
        451,
        *range(500, 509),
        510,
        511,
    ]


def test_every_websocket_code_but_the_reserved_one_has_a_name() -> None:
    ours = [getattr(status, name) for name in status.__all__ if name.startswith("WS_")]

    assert sorted(ours) == [code for code in range(1000, 1016) if code != 1004]


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_a_former_name_gives_the_same_number_and_warns_once(old: str, new: str) -> None:
    with pytest.warns(StarletteDeprecationWarning) as caught:
        number = getattr(status, old)

    assert number == getattr(status, new)
    assert [str(warning.message) for warning in caught] == [
        f"'{old}' is deprecated. Use '{new}' instead."
    ]
    assert caught[0].filename == __file__


def test_importing_a_former_name_warns_once() -> None:
    with pytest.warns(StarletteDeprecationWarning) as caught:
        from bolide.status import HTTP_422_UNPROCESSABLE_ENTITY

    assert HTTP_422_UNPROCESSABLE_ENTITY == 422
    assert len(caught) == 1


def test_importing_everything_warns_of_nothing() -> None:
    namespace: dict[str, object] = {}

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        exec("from bolide.status import *", namespace)

    assert caught == []
    assert namespace.keys() >= set(status.__all__)
    assert namespace.keys().isdisjoint(RENAMED)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(status, "HTTP_299_NOBODY")  # noqa: B009 - a type checker would refuse the attribute

    assert str(caught.value) == "module 'bolide.status' has no attribute 'HTTP_299_NOBODY'"


def test_dir_lists_present_and_former_names() -> None:
    assert dir(status) == sorted([*status.__all__, *RENAMED])


def test_under_the_alias_the_message_names_the_alias(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "starlette.status", status)
    with pytest.raises(AttributeError, match=r"module 'starlette\.status' has no attribute"):
        getattr(status, "HTTP_299_NOBODY")  # noqa: B009 - a type checker would refuse the attribute
