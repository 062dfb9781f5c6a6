"""How deep JSON is, and how many values it has, found without decoding it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._http.json_shape import find_excess

DEEP = "Nested more than {} deep (max_json_depth)"
MANY = "More than {} values (max_json_values)"

leaves = st.none() | st.booleans() | st.integers() | st.text('a"[]{},\\\n\x5b∢') | st.text()
values = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text('[{",\\a'), inner)
)


def depth_of(value: Any) -> int:
    if not isinstance(value, list | dict):
        return 0
    inner = value if isinstance(value, list) else value.values()
    return 1 + max((depth_of(item) for item in inner), default=0)


def count_of(value: Any) -> int:
    """Count values; empty arrays and objects twice."""
    if not isinstance(value, list | dict):
        return 1
    inner = value if isinstance(value, list) else value.values()
    return 1 + (sum(count_of(item) for item in inner) or 1)


@given(value=values, ascii_only=st.booleans(), encoding=st.sampled_from(["utf-8", "utf-16-le"]))
def test_the_limits_are_exact(value: Any, ascii_only: bool, encoding: str) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only, indent=1).encode(encoding, "surrogatepass")
    depth, count = depth_of(value), count_of(value)

    assert find_excess(data, depth, count) is None
    assert find_excess(data, depth, None) is None
    assert find_excess(data, None, count) is None
    if depth > 0:
        assert find_excess(data, depth - 1, None) == DEEP.format(depth - 1)
    # Each that may be an empty one leaves room for one more, as the top does.
    if count > 1:
        assert find_excess(data, None, (count - 1) // 2) == MANY.format((count - 1) // 2)


@pytest.mark.parametrize(
    "piece", [b"[", b"]", b"{", b"}", b'"', b",", b"\\", b'\\"', b'"["', b"[]"]
)
def test_of_what_is_no_json_something_is_said_soon(piece: bytes) -> None:
    data = piece * (2_000_000 // len(piece))
    assert find_excess(data, 128, 1000) in (None, DEEP.format(128), MANY.format(1000))
    assert find_excess(data, 128, None) in (None, DEEP.format(128))


@given(data=st.binary() | st.text('[]{}",\\1').map(str.encode))
def test_nothing_is_an_error(data: bytes) -> None:
    assert find_excess(data, 1, 3) in (None, DEEP.format(1), MANY.format(3))


def test_without_limits_nothing_is_too_much() -> None:
    assert find_excess(b"[" * 1000 + b"]" * 1000, None, None) is None


def test_more_quotes_than_there_can_be_are_too_many_values() -> None:
    assert find_excess(b'["a","b","c"]', None, 1) == MANY.format(1)
