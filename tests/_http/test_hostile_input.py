"""No parser fails on, or takes more than linear work for, input made to hurt it.

Work is counted in calls, which is the same at every run. What happens inside one call of a regular
expression or a string method is not seen by the count, so each parser is also given an input that
it could not finish in the lifetime of a test run if that took quadratic time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from bolide._http.accept import parse_accept
from bolide._http.conditional import is_not_modified
from bolide._http.cookie_header import parse_cookies
from bolide._http.dates import parse_date
from bolide._http.media import parse_media_type
from bolide._http.ranges import MalformedRangeHeader, RangeNotSatisfiable, parse_range

Parser = Callable[[str], object]


def range_header(header: str) -> object:
    try:
        return parse_range(f"bytes={header}", 10**9, max_ranges=10**9)
    except (MalformedRangeHeader, RangeNotSatisfiable):
        return None


def if_none_match(header: str) -> object:
    return is_not_modified(
        if_none_match=header, if_modified_since=None, etag='"abc"', last_modified=None
    )


def content_type(header: str) -> object:
    return parse_media_type(f"a/b;{header}")


def quoted_cookie(header: str) -> object:
    return parse_cookies(f'a="{header}"')


CASES: list[tuple[Parser, str]] = [
    *((parse_cookies, piece) for piece in ("=", ";", "a=b;", ' "', "a ", "\\")),
    *((quoted_cookie, piece) for piece in ("\\", '\\"', "\\0", "\\073", '"')),
    *((content_type, piece) for piece in (";", "=", "a", "a=b;", 'a="', '\\"', '"', ' ="\\')),
    *((if_none_match, piece) for piece in (",", '"', "W/", 'W/"', '"a",', " ", "W/ ", '"W/')),
    *(
        (parse_accept, piece)
        for piece in (",", "a/b,", '"', "\\", 'a/b;x="', '"\\', ";q=", "*", " ")
    ),
    *((range_header, piece) for piece in (",", "-", "1", "0", "1-2,", "9-,-9,", " ")),
    *((parse_date, piece) for piece in ("0", " ", "Sun", "Sun, ", "Sun, 06 Nov 1994 ")),
]
each_case = pytest.mark.parametrize(
    ("parser", "piece"), CASES, ids=[f"{parser.__name__}-{piece!r}" for parser, piece in CASES]
)


def calls(parser: Parser, text: str) -> int:
    """Return how many functions, of Python or of C, are called on the way."""
    count = 0

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        parser(text)
    finally:
        sys.setprofile(None)
    return count


@each_case
def test_twice_the_input_is_at_most_twice_the_work(parser: Parser, piece: str) -> None:
    once = calls(parser, piece * 1000)
    twice = calls(parser, piece * 2000)

    assert twice <= 2 * once


@each_case
def test_a_huge_input_is_dealt_with(parser: Parser, piece: str) -> None:
    parser(piece * 200_000)
