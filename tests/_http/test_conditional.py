"""Entity tags, If-Range, If-None-Match, If-Modified-Since."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._http.conditional import (
    etag_of,
    if_range_matches,
    is_not_modified,
    precondition_fails,
)
from bolide._http.dates import format_date

ETAG = '"abc"'
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"

opaque_tags = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters='"'))


def not_modified(
    if_none_match: str | None = None,
    if_modified_since: str | None = None,
    *,
    etag: str | None = ETAG,
    last_modified: str | None = DATE,
) -> bool:
    return is_not_modified(
        if_none_match=if_none_match,
        if_modified_since=if_modified_since,
        etag=etag,
        last_modified=last_modified,
    )


def test_an_etag_is_the_quoted_digest_of_time_and_size() -> None:
    digest = hashlib.md5(b"1700000000.5-526").hexdigest()

    assert etag_of(1700000000.5, 526) == f'"{digest}"'


def test_an_etag_changes_with_the_file() -> None:
    assert len({etag_of(1.0, 1), etag_of(2.0, 1), etag_of(1.0, 2), etag_of(1.5, 1)}) == 4


# If-Range


@pytest.mark.parametrize(
    ("if_range", "matches"),
    [
        (None, True),
        (ETAG, True),
        (DATE, True),
        ('"other"', False),
        (LATER, False),
        (EARLIER, False),
        ('W/"abc"', False),
        ("abc", False),
        ("", False),
        ("Sunday, 06-Nov-94 08:49:37 GMT", False),
    ],
)
def test_if_range_has_to_be_the_tag_or_the_date_exactly(
    if_range: str | None, matches: bool
) -> None:
    assert if_range_matches(if_range, etag=ETAG, last_modified=DATE) is matches


def test_if_range_never_matches_a_weak_tag() -> None:
    assert not if_range_matches('W/"abc"', etag='W/"abc"', last_modified=None)


def test_if_range_does_not_match_what_is_not_there() -> None:
    assert not if_range_matches(ETAG, etag=None, last_modified=None)


# If-None-Match


@pytest.mark.parametrize(
    "if_none_match",
    [
        ETAG,
        f"  {ETAG} ",
        f"W/{ETAG}",
        f'"x", {ETAG}',
        f'"x",{ETAG},"y"',
        f'W/"x", W/{ETAG}',
        "*",
        " * ",
    ],
)
def test_a_listed_tag_is_not_modified(if_none_match: str) -> None:
    assert not_modified(if_none_match)


@pytest.mark.parametrize(
    "if_none_match",
    ['"x"', "abc", '"ABC"', '"*"', '"foo,*,bar"', '*, "x"', '"x,abc"', ",", '"', "W/"],
)
def test_without_the_tag_it_is_modified(if_none_match: str) -> None:
    assert not not_modified(if_none_match)


def test_a_weak_tag_is_compared_without_its_mark() -> None:
    assert not_modified(ETAG, etag=f"W/{ETAG}")
    assert not_modified(f"W/{ETAG}", etag=f"W/{ETAG}")


def test_a_tag_may_hold_a_comma() -> None:
    assert not_modified('"x", "a,b"', etag='"a,b"')


def test_a_tag_without_quotes_is_compared_too() -> None:
    assert not_modified("x, W/abc", etag="abc")


def test_any_tag_is_met_by_the_wildcard_and_no_tag_by_a_list() -> None:
    assert not_modified("*", etag=None)
    assert not not_modified(ETAG, etag=None)


def test_if_none_match_alone_decides() -> None:
    assert not not_modified('"x"', LATER)
    assert not_modified(ETAG, EARLIER)


@given(opaque_tags, st.lists(opaque_tags), st.booleans())
def test_a_tag_is_found_in_a_list_if_it_was_put_there(
    tag: str, others: list[str], listed: bool
) -> None:
    tags = [*others, tag] if listed else [other for other in others if other != tag]
    header = ", ".join(f'"{opaque}"' for opaque in tags)

    assert not_modified(header, etag=f'"{tag}"') is listed


# If-Modified-Since


@pytest.mark.parametrize(
    ("if_modified_since", "expected"),
    [
        (DATE, True),
        (LATER, True),
        (EARLIER, False),
        ("Sun Nov  6 08:49:37 1994", True),
        ("not a date", False),
        ("", False),
        (None, False),
    ],
)
def test_what_has_not_changed_since_is_not_modified(
    if_modified_since: str | None, expected: bool
) -> None:
    assert not_modified(None, if_modified_since) is expected


def test_an_empty_if_none_match_is_none() -> None:
    assert not_modified("", DATE)


@pytest.mark.parametrize("last_modified", [None, "", "not a date"])
def test_without_a_date_of_change_it_is_modified(last_modified: str | None) -> None:
    assert not not_modified(None, DATE, last_modified=last_modified)


@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_dates_are_compared_as_moments(changed: int, since: int) -> None:
    answer = not_modified(None, format_date(since), last_modified=format_date(changed))

    assert answer is (changed <= since)


@given(st.text(), st.text(), st.text(), st.text())
def test_no_text_is_an_error(first: str, second: str, third: str, fourth: str) -> None:
    answer = is_not_modified(
        if_none_match=first, if_modified_since=second, etag=third, last_modified=fourth
    )

    assert answer in (True, False)


def fails(
    if_match: str | None = None,
    if_unmodified_since: str | None = None,
    *,
    etag: str | None = ETAG,
    last_modified: str | None = DATE,
) -> bool:
    return precondition_fails(
        if_match=if_match,
        if_unmodified_since=if_unmodified_since,
        etag=etag,
        last_modified=last_modified,
    )


@pytest.mark.parametrize(
    "if_match", [ETAG, "*", " * ", f'"other", {ETAG}', f'W/"x",{ETAG}', '"a,b","abc"']
)
def test_a_tag_that_matches_meets_the_precondition(if_match: str) -> None:
    assert not fails(if_match)
    # It alone decides.
    assert not fails(if_match, EARLIER)


@pytest.mark.parametrize("if_match", ["", '"other"', f"W/{ETAG}", '"abc', "W/*", '"other, abc"'])
def test_any_other_tag_fails_it(if_match: str) -> None:
    assert fails(if_match)
    assert fails(if_match, LATER)


def test_what_has_no_strong_tag_matches_none() -> None:
    assert fails(ETAG, etag=None)
    assert fails(f"W/{ETAG}", etag=f"W/{ETAG}")
    assert fails(ETAG, etag=f"W/{ETAG}")
    assert not fails("*", etag=None)


@pytest.mark.parametrize(
    ("since", "expected"),
    [(EARLIER, True), (DATE, False), (LATER, False), ("", False), ("x", False)],
)
def test_a_change_after_the_date_fails_the_precondition(since: str, expected: bool) -> None:
    assert fails(None, since) is expected


@pytest.mark.parametrize("last_modified", [None, "", "not a date"])
def test_without_a_date_of_change_no_date_is_a_condition(last_modified: str | None) -> None:
    assert not fails(None, EARLIER, last_modified=last_modified)


def test_without_a_condition_nothing_fails() -> None:
    assert not fails()
