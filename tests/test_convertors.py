"""Path convertors: what they match, the values they give, the texts they write."""

from __future__ import annotations

import math
import re
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide.convertors import (
    CONVERTOR_TYPES,
    Convertor,
    ConvertorMismatch,
    FloatConvertor,
    IntegerConvertor,
    register_url_convertor,
)
from bolide.exceptions import BolideError


@pytest.fixture
def registry() -> Iterator[dict[str, Convertor[Any]]]:
    """The registry of convertors, put back as it was afterwards."""
    before = dict(CONVERTOR_TYPES)
    yield CONVERTOR_TYPES
    CONVERTOR_TYPES.clear()
    CONVERTOR_TYPES.update(before)


def matches(key: str, text: str) -> bool:
    return re.fullmatch(CONVERTOR_TYPES[key].regex, text) is not None


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("str", "a b.c-é"),
        ("path", ""),
        ("path", "a/b//c"),
        ("int", "0"),
        ("int", "007"),
        ("float", "1"),
        ("float", "1.50"),
        ("uuid", "a1b2c3d4-0000-1111-2222-333344445555"),
        ("uuid", "A1B2C3D4000011112222333344445555"),
        ("uuid", "a1b2c3d4-00001111-2222333344445555"),
    ],
)
def test_a_convertor_matches(key: str, text: str) -> None:
    assert matches(key, text)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("str", ""),
        ("str", "a/b"),
        ("int", ""),
        ("int", "-1"),
        ("int", "1.0"),
        ("int", "\N{ARABIC-INDIC DIGIT ONE}"),
        ("float", "1."),
        ("float", ".5"),
        ("float", "1-0"),
        ("float", "1e3"),
        ("float", "nan"),
        ("uuid", "a1b2c3d4"),
        ("uuid", "g1b2c3d4-0000-1111-2222-333344445555"),
    ],
)
def test_a_convertor_does_not_match(key: str, text: str) -> None:
    assert not matches(key, text)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("str", "a", "a"),
        ("path", "a/b", "a/b"),
        ("int", "0042", 42),
        ("float", "25.5", 25.5),
        ("float", "7", 7.0),
        (
            "uuid",
            "A1B2C3D4000011112222333344445555",
            uuid.UUID(int=0xA1B2C3D4000011112222333344445555),
        ),
    ],
)
def test_a_text_becomes_a_value(key: str, text: str, value: object) -> None:
    converted = CONVERTOR_TYPES[key].convert(text)

    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("str", "a b", "a b"),
        ("str", 5, "5"),
        ("path", "a/b", "a/b"),
        ("path", "", ""),
        ("int", 42, "42"),
        ("int", "42", "42"),
        ("float", 25.5, "25.5"),
        ("float", 10.0, "10"),
        ("float", 0.0, "0"),
        ("float", -0.0, "0"),
        ("float", 3, "3"),
        ("float", 1e-07, "0.0000001"),
        ("float", 0.1, "0.10000000000000000555"),
        ("uuid", uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_a_value_becomes_a_text(key: str, value: object, text: str) -> None:
    assert CONVERTOR_TYPES[key].to_string(value) == text


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("str", "", "Must not be empty"),
        ("str", "a/b", "May not contain path separators"),
        ("int", -1, "Negative integers are not supported"),
        ("float", -0.5, "Negative floats are not supported"),
        ("float", math.nan, "NaN values are not supported"),
        ("float", math.inf, "Infinite values are not supported"),
        ("float", -math.inf, "Infinite values are not supported"),
    ],
)
def test_a_value_that_no_path_matches_is_refused(key: str, value: object, message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        CONVERTOR_TYPES[key].to_string(value)

    assert str(caught.value) == message


@given(st.integers(min_value=0))
def test_an_integer_survives_the_way_there_and_back(value: int) -> None:
    text = CONVERTOR_TYPES["int"].to_string(value)

    assert matches("int", text)
    assert CONVERTOR_TYPES["int"].convert(text) == value


@given(st.floats(min_value=0, allow_infinity=False))
def test_a_float_survives_the_way_there_and_back_to_20_decimals(value: float) -> None:
    text = CONVERTOR_TYPES["float"].to_string(value)

    assert matches("float", text)
    assert abs(CONVERTOR_TYPES["float"].convert(text) - value) <= 1e-20


@given(st.uuids())
def test_a_uuid_survives_the_way_there_and_back(value: uuid.UUID) -> None:
    text = CONVERTOR_TYPES["uuid"].to_string(value)

    assert matches("uuid", text)
    assert CONVERTOR_TYPES["uuid"].convert(text) == value


def test_a_mismatch_is_a_value_error_of_bolide() -> None:
    assert issubclass(ConvertorMismatch, ValueError)
    assert issubclass(ConvertorMismatch, BolideError)


def test_an_integer_of_the_greatest_length_is_read() -> None:
    assert IntegerConvertor().convert("9" * 4300) == 10**4300 - 1


def test_a_longer_integer_does_not_match() -> None:
    with pytest.raises(ConvertorMismatch, match="4301 digits are more than max_digits=4300"):
        IntegerConvertor().convert("0" * 4301)


def test_the_length_of_integers_can_be_chosen() -> None:
    class Short(IntegerConvertor):
        max_digits = 3

    assert Short().convert("999") == 999
    with pytest.raises(ConvertorMismatch):
        Short().convert("1000")


def test_a_lower_limit_of_the_interpreter_holds() -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        with pytest.raises(ConvertorMismatch):
            IntegerConvertor().convert("9" * 641)
    finally:
        sys.set_int_max_str_digits(before)


def test_the_greatest_float_is_written_and_read() -> None:
    text = FloatConvertor().to_string(sys.float_info.max)

    assert FloatConvertor().convert(text) == sys.float_info.max


def test_the_longest_float_that_can_be_written_may_be_read() -> None:
    assert len(f"{sys.float_info.max:.20f}") == FloatConvertor.max_length


def test_a_number_too_large_for_a_float_does_not_match() -> None:
    with pytest.raises(ConvertorMismatch, match="too large for a float"):
        FloatConvertor().convert("9" * 310)


def test_a_longer_float_does_not_match() -> None:
    with pytest.raises(ConvertorMismatch, match="331 characters are more than max_length=330"):
        FloatConvertor().convert("0" * 331)


@pytest.mark.parametrize("key", ["int", "float"])
def test_a_text_that_is_no_number_is_a_mismatch(key: str) -> None:
    with pytest.raises(ConvertorMismatch):
        CONVERTOR_TYPES[key].convert("x")


def test_a_registered_convertor_is_found_by_its_key(registry: dict[str, Convertor[Any]]) -> None:
    class HexConvertor(Convertor[int]):
        regex = "[0-9a-f]+"

        def convert(self, value: str) -> int:
            return int(value, 16)

        def to_string(self, value: int) -> str:
            return f"{value:x}"

    convertor = HexConvertor()

    register_url_convertor("hex", convertor)

    assert registry["hex"] is convertor


def test_a_built_in_convertor_can_be_replaced(registry: dict[str, Convertor[Any]]) -> None:
    replacement = FloatConvertor()

    register_url_convertor("int", replacement)

    assert registry["int"] is replacement


def test_the_base_leaves_everything_to_subclasses() -> None:
    convertor = Convertor[str]()

    assert convertor.regex == ""
    with pytest.raises(NotImplementedError):
        convertor.convert("a")
    with pytest.raises(NotImplementedError):
        convertor.to_string("a")
