"""How large JSON is in other ways than in bytes: how deep, and how many values.

RULES

- A few bytes of JSON become objects of dozens, and a decoder does nothing else until it is done.
  What is nested deeply makes recursive code fail that gets it later. So both are limited before
  anything is made of the text.
- Of what is no JSON something is said, too, but a decoder has to say what.

THEORY OF OPERATION

PERF: a text that has few brackets and commas is not looked at any further. Of others a few passes
in C leave only brackets, commas and quotes, then remove the strings. What is left has no depth
once its innermost pairs of brackets have been removed, again and again.
"""

from __future__ import annotations

import json
import math
from typing import Final

__all__ = ["find_excess"]

_NO_SHAPE: Final = bytes(set(range(256)) - set(b'{}[]",'))
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")


def find_excess(data: bytes, max_depth: int | None, max_values: int | None) -> str | None:
    """Say what is too much in a JSON text, if anything.

    Args:
        data: The text, in UTF-8, UTF-16 or UTF-32.
        max_depth: How deeply arrays and objects may be nested; None for any depth.
        max_values: How many values there may be; None for any number. An empty array or object
            counts as two, and a key of an object does not count.
    """
    most_deep = math.inf if max_depth is None else max_depth
    most_values = math.inf if max_values is None else max_values
    if (max_depth is None or _openings(data, max_depth + 1) <= max_depth) and (
        len(data) < most_values or sum(map(data.count, (b"[", b"{", b","))) < most_values
    ):
        return None
    shape = _shape_of(data)
    # Each value may have a key, and both may be strings.
    too_many = shape.count(b'"') > 4 * most_values
    if not too_many:
        shape = b"".join(shape.split(b'"')[::2])
        # One at the top, one more in each array or object that is not empty, one after each comma.
        too_many = shape.count(b"[") + shape.count(b",") >= most_values
    if too_many:
        return f"More than {max_values} values (max_json_values)"
    if _is_deeper(shape.replace(b",", b""), most_deep):
        return f"Nested more than {max_depth} deep (max_json_depth)"
    return None


def _openings(data: bytes, most: int) -> int:
    """Count the brackets that begin something; of each kind no more than so many."""
    # PERF: S7, to count takes twice the time for what is seldom there.
    without = len(data.replace(b"[", b"", most)) + len(data.replace(b"{", b"", most))
    return 2 * len(data) - without


def _shape_of(data: bytes) -> bytes:
    """Give the brackets, commas and quotes of a text; braces as brackets."""
    shape = data.decode(json.detect_encoding(data), "replace").encode("utf-8", "replace")
    if b"\\" in shape:
        shape = shape.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two quotes next to each other change nothing for what stands around them.
    return shape.translate(_ONE_KIND, _NO_SHAPE).replace(b'""', b"")


def _is_deeper(brackets: bytes, max_depth: float) -> bool:
    depth = 0
    while brackets and depth <= max_depth:
        inner = brackets.replace(b"[]", b"")
        if inner == brackets:
            # They do not match: this is no JSON.
            return False
        brackets = inner
        depth += 1
    return depth > max_depth
