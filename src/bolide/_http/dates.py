"""Dates in HTTP headers: write the one form in use, read all three (RFC 9110, section 5.6.7)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from functools import cache

__all__ = ["format_date", "parse_date"]

# Not from strftime or the calendar module: the names on the wire are English in every locale.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_FORMS = (
    # IMF-fixdate:  Sun, 06 Nov 1994 08:49:37 GMT
    rf"[A-Z][a-z]{{2}}, (?P<day>\d\d) (?P<month>[A-Z][a-z]{{2}}) (?P<year>\d{{4}}) {_TIME} GMT",
    # rfc850-date:  Sunday, 06-Nov-94 08:49:37 GMT
    rf"[A-Z][a-z]{{5,8}}, (?P<day>\d\d)-(?P<month>[A-Z][a-z]{{2}})-(?P<year>\d\d) {_TIME} GMT",
    # asctime-date: Sun Nov  6 08:49:37 1994
    rf"[A-Z][a-z]{{2}} (?P<month>[A-Z][a-z]{{2}}) (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",
)


@cache
def _expressions() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(form, re.ASCII) for form in _FORMS)


def format_date(moment: float | datetime) -> str:
    """Return a moment as an IMF-fixdate, such as `Sun, 06 Nov 1994 08:49:37 GMT`.

    Args:
        moment: Seconds since 1970, UTC, or an aware time; fractions of a second are dropped.
    """
    utc = moment.utctimetuple() if isinstance(moment, datetime) else time.gmtime(moment)
    return (
        f"{_DAYS[utc.tm_wday]}, {utc.tm_mday:02d} {_MONTHS[utc.tm_mon - 1]} {utc.tm_year:04d} "
        f"{utc.tm_hour:02d}:{utc.tm_min:02d}:{utc.tm_sec:02d} GMT"
    )


def parse_date(text: str) -> datetime | None:
    """Return the moment that a header names, or None if it is not an HTTP date.

    The day of the week is not compared with the date. A leap second counts as the second after.

    Args:
        text: The header's value, in any of the three forms that a recipient must accept.

    Returns:
        An aware time in UTC.
    """
    text = text.strip()
    for expression in _expressions():
        if match := expression.fullmatch(text):
            return _moment(match)
    return None


def _moment(match: re.Match[str]) -> datetime | None:
    second = int(match["second"])
    if match["month"] not in _MONTHS or second > 60:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:
        year = _century(year)
    try:
        minute = datetime(
            year,
            _MONTHS.index(match["month"]) + 1,
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            tzinfo=UTC,
        )
        return minute + timedelta(seconds=second)
    except (ValueError, OverflowError):
        return None


def _century(year: int) -> int:
    """Return the full year for one of two digits, never more than 50 years ahead."""
    this_year = time.gmtime().tm_year
    year += this_year - this_year % 100
    return year - 100 if year > this_year + 50 else year
