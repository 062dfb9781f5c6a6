"""Dates in headers: one form written, three forms read."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._http.dates import format_date, parse_date

# From the year 1000, since a year has four digits, up to the end of 9999.
timestamps = st.integers(min_value=-30_610_224_000, max_value=253_402_300_799)
EXAMPLE = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@pytest.fixture
def in_2026(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the year be 2026."""
    now = time.struct_time((2026, 7, 1, 0, 0, 0, 2, 182, 0))
    monkeypatch.setattr(time, "gmtime", lambda: now)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784111777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (784111777.999, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (EXAMPLE, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (EXAMPLE.astimezone(timezone(timedelta(hours=5))), "Sun, 06 Nov 1994 08:49:37 GMT"),
        (datetime(7, 2, 3, tzinfo=UTC), "Sat, 03 Feb 0007 00:00:00 GMT"),
    ],
)
def test_a_date_is_written(moment: float | datetime, text: str) -> None:
    assert format_date(moment) == text


@given(timestamps)
def test_the_standard_library_writes_the_same(timestamp: int) -> None:
    assert format_date(timestamp) == formatdate(timestamp, usegmt=True)


@given(timestamps)
def test_what_is_written_is_read_again(timestamp: int) -> None:
    assert parse_date(format_date(timestamp)) == datetime.fromtimestamp(timestamp, UTC)


@given(timestamps)
def test_the_form_of_asctime_is_read(timestamp: int) -> None:
    assert parse_date(time.asctime(time.gmtime(timestamp))) == datetime.fromtimestamp(
        timestamp, UTC
    )


@pytest.mark.usefixtures("in_2026")
@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "  Sun, 06 Nov 1994 08:49:37 GMT\t",
    ],
)
def test_all_three_forms_are_read(text: str) -> None:
    assert parse_date(text) == EXAMPLE


@pytest.mark.usefixtures("in_2026")
@pytest.mark.parametrize(
    ("digits", "year"), [("26", 2026), ("00", 2000), ("76", 2076), ("77", 1977), ("99", 1999)]
)
def test_a_year_of_two_digits_is_at_most_50_years_ahead(digits: str, year: int) -> None:
    assert parse_date(f"Monday, 01-Jan-{digits} 00:00:00 GMT") == datetime(year, 1, 1, tzinfo=UTC)


def test_a_leap_second_is_the_second_after() -> None:
    assert parse_date("Sat, 31 Dec 2016 23:59:60 GMT") == datetime(2017, 1, 1, tzinfo=UTC)


def test_the_result_is_aware_of_its_zone() -> None:
    moment = parse_date("Sun, 06 Nov 1994 08:49:37 GMT")

    assert moment is not None
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "784111777",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT; length=9",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Fri, 31 Dec 9999 23:59:60 GMT",
        "Sun, \N{ARABIC-INDIC DIGIT ZERO}6 Nov 1994 08:49:37 GMT",
    ],
)
def test_what_is_not_an_http_date_is_none(text: str) -> None:
    assert parse_date(text) is None


@given(st.text() | st.text("SunFriNov 0123456789:,-GMT"))
def test_no_text_is_an_error(text: str) -> None:
    moment = parse_date(text)

    assert moment is None or moment.tzinfo is UTC
