"""Codecs of JSON: what they agree on, and where they are known to differ."""

from __future__ import annotations

import datetime
import functools
import json
import math
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bolide import _json_codec
from bolide._json_codec import (
    STANDARD,
    JSONCodec,
    MsgspecCodec,
    OrjsonCodec,
    StandardCodec,
    encode_standard,
    fastest_codec,
)
from bolide._settings import ACTIVE

CODECS: dict[str, JSONCodec] = {
    "standard": STANDARD,
    "msgspec": MsgspecCodec(),
    "orjson": OrjsonCodec(),
}
each_codec = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
fast_codec = pytest.mark.parametrize("codec", list(CODECS.values())[1:], ids=list(CODECS)[1:])

values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=8,
)


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=2),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner)
        | st.dictionaries(st.text() | st.integers() | st.floats() | st.none() | st.tuples(), inner)
    ),
    max_leaves=8,
)


def outcome_of(encode: Callable[[Any], str], value: Any) -> tuple[Any, ...]:
    try:
        return (encode(value),)
    except (TypeError, ValueError, RecursionError) as exc:
        return type(exc), exc.args, getattr(exc, "__notes__", None)


def itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


@given(value=anything)
@example(value=itself())
@example(value={"a": {"b": itself()}})
@example(value="text")
@example(value=math.nan)
def test_the_encoder_that_is_kept_does_what_json_dumps_does(value: Any) -> None:
    expected = functools.partial(
        json.dumps, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    assert outcome_of(encode_standard, value) == outcome_of(expected, value)


def test_what_is_too_deep_is_an_error() -> None:
    with pytest.raises(RecursionError):
        encode_standard(deep())


def test_an_error_leaves_nothing_behind() -> None:
    value = [{"a": object()}]
    for _ in range(2):
        with pytest.raises(TypeError, match="object is not JSON serializable"):
            encode_standard(value)


def test_an_interpreter_without_the_fast_encoder_writes_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    assert _json_codec._kept_encoder()({"a": [1, "\u00e9"]}) == '{"a":[1,"\u00e9"]}'


@each_codec
@given(value=values)
@settings(max_examples=30)
def test_what_is_written_can_be_read(codec: JSONCodec, value: Any) -> None:
    data = codec.dumps(value)
    assert isinstance(data, bytes)
    assert codec.loads(data) == value
    assert json.loads(data) == value


@given(value=values)
@settings(max_examples=30)
def test_the_standard_codec_writes_what_starlette_writes(value: Any) -> None:
    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, indent=None, separators=(",", ":")
    )
    assert STANDARD.dumps(value) == text.encode()


@each_codec
@pytest.mark.parametrize("data", [b"", b"{", b"[1,]", b"\xff", b'{"a" 1}', b"nul"])
def test_what_is_no_json_is_a_value_error(codec: JSONCodec, data: bytes) -> None:
    with pytest.raises(ValueError):
        codec.loads(data)


@each_codec
def test_numbers_as_keys_become_text(codec: JSONCodec) -> None:
    assert codec.dumps({1: "a"}) == b'{"1":"a"}'


@each_codec
def test_an_object_of_an_unknown_kind_is_an_error(codec: JSONCodec) -> None:
    with pytest.raises(TypeError):
        codec.dumps(object())


def test_numbers_that_are_none_are_refused_by_the_standard_codec() -> None:
    with pytest.raises(ValueError):
        STANDARD.dumps(math.nan)


@fast_codec
def test_numbers_that_are_none_become_null(codec: JSONCodec) -> None:
    assert codec.dumps([math.nan, math.inf]) == b"[null,null]"
    with pytest.raises(ValueError):
        codec.loads(b"NaN")


@fast_codec
def test_times_and_uuids_are_written(codec: JSONCodec) -> None:
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    number = uuid.UUID(int=1)
    text = codec.loads(codec.dumps([moment, number]))
    assert datetime.datetime.fromisoformat(text[0]) == moment
    assert text[1] == str(number)


@pytest.fixture
def forgetful() -> Iterator[None]:
    fastest_codec.cache_clear()
    yield
    fastest_codec.cache_clear()


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        (set(), MsgspecCodec),
        ({"msgspec"}, OrjsonCodec),
        ({"msgspec", "orjson"}, StandardCodec),
    ],
)
def test_the_fastest_codec_is_the_fastest_that_is_there(
    monkeypatch: pytest.MonkeyPatch, missing: set[str], expected: type[Any]
) -> None:
    find_spec = _json_codec.find_spec
    monkeypatch.setattr(
        _json_codec, "find_spec", lambda name: None if name in missing else find_spec(name)
    )
    assert type(fastest_codec()) is expected
    assert fastest_codec() is fastest_codec()


def test_nothing_fast_is_imported_before_it_is_asked_for() -> None:
    code = "import sys, bolide._json_codec; print({'msgspec', 'orjson'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "set()\n"


def test_the_codec_outside_of_any_application_is_the_standard_one() -> None:
    assert ACTIVE.get().codec is STANDARD


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize(
    "text",
    [
        "1",
        "[]",
        '"é"',
        '{"a": [1]}',
        '{"a": ',
        "",
        " [1] ",
        "[1]\n",
        "[1]\x0b",
        "1 2",
        "x",
        "[1, x]",
    ],
)
def test_the_standard_codec_reads_what_the_standard_library_reads(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    try:
        expected: Any = json.loads(data)
    except ValueError as exc:
        with pytest.raises(type(exc), match=re.escape(str(exc))):
            STANDARD.loads(data)
    else:
        assert STANDARD.loads(data) == expected


@given(
    st.binary(max_size=8)
    | st.lists(st.sampled_from(list(b'1"[]{},: \n\0tn')), max_size=8).map(bytes)
)
def test_any_bytes_are_to_the_standard_codec_what_they_are_to_the_library(data: bytes) -> None:
    try:
        expected: Any = json.loads(data)
    except ValueError as exc:
        with pytest.raises(type(exc), match=re.escape(str(exc))):
            STANDARD.loads(data)
    else:
        assert repr(STANDARD.loads(data)) == repr(expected)


OPTIONS: dict[str, Any] = {"ensure_ascii": False, "allow_nan": False, "separators": (",", ":")}


class Number(IntEnum):
    ONE = 1


class Loop(list[Any]):
    def __init__(self) -> None:
        super().__init__([self])


@pytest.mark.parametrize(
    "value",
    ["é", 1, True, None, 1.5, [], {}, {1: [(), {"a": "\u2028"}]}, [10**30, Number.ONE]],
)
def test_a_value_is_written_as_the_standard_library_writes_it(value: Any) -> None:
    assert encode_standard(value) == json.dumps(value, **OPTIONS)


@pytest.mark.parametrize("value", [Loop(), [object()], {"a": {1}}, [math.nan], {(): 1}])
def test_what_cannot_be_written_fails_as_in_the_standard_library(value: Any) -> None:
    inner = {"a": 1}
    with pytest.raises((TypeError, ValueError)) as expected:
        json.dumps([inner, value], **OPTIONS)

    for _ in range(2):
        with pytest.raises(expected.type, match=re.escape(str(expected.value))):
            encode_standard([inner, value])
        # What was being written then may be written now.
        assert encode_standard([inner]) == '[{"a":1}]'


def test_a_value_can_be_written_while_another_one_is() -> None:
    class Telling(dict[str, int]):
        def items(self) -> Any:
            inner.append(encode_standard({"b": 1}))
            return super().items()

    inner: list[str] = []
    assert encode_standard([Telling(a=1)]) == '[{"a":1}]'
    assert inner == ['{"b":1}']
