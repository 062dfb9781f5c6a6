"""Secrets do not show; lists may be written in one string."""

from __future__ import annotations

import pytest

from bolide._data.secret import CommaSeparatedStrings, Secret


def test_a_secret_shows_only_when_asked_for() -> None:
    secret = Secret("hunter2")
    assert repr(secret) == "Secret('**********')"
    assert f"{secret!r}" == "Secret('**********')"
    assert str(secret) == "hunter2"


@pytest.mark.parametrize(("value", "truth"), [("x", True), ("", False)])
def test_a_secret_is_as_true_as_its_value(value: str, truth: bool) -> None:
    assert bool(Secret(value)) is truth


def test_secrets_are_not_compared() -> None:
    assert Secret("x") != Secret("x")


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        (" a , b c ", ["a", "b c"]),
        ("'a, b', \"c,d\"", ["a, b", "c,d"]),
        ("a,,b,", ["a", "b"]),
    ],
)
def test_one_string_is_split_at_its_commas(text: str, items: list[str]) -> None:
    assert list(CommaSeparatedStrings(text)) == items


def test_it_is_a_sequence() -> None:
    strings = CommaSeparatedStrings(["a", "b", "c"])
    assert (len(strings), strings[0], strings[1:], "b" in strings) == (3, "a", ["b", "c"], True)
    assert repr(strings) == "CommaSeparatedStrings(['a', 'b', 'c'])"
    assert str(strings) == "'a', 'b', 'c'"


def test_a_sequence_is_copied() -> None:
    source = ["a"]
    strings = CommaSeparatedStrings(source)
    source.append("b")
    assert list(strings) == ["a"]
