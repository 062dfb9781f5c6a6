"""Conditional requests (RFC 9110, section 13): is what the client holds still good?

An entity tag is strong (`"abc"`) or weak (`W/"abc"`). Two tags compare weakly if they are equal
but for the `W/`, which is enough to answer 304; only a strong tag vouches for single bytes, so
If-Range and If-Match take no weak one (RFC 9110, section 8.8.3.2).
"""

from __future__ import annotations

import re

from bolide._http.dates import parse_date

__all__ = ["etag_of", "if_range_matches", "is_not_modified", "precondition_fails"]

# A quoted tag may hold commas. One without quotes is against the grammar, but applications set such
# tags, and clients send them back.
_LISTED_TAG = re.compile(r'(?:W/)?("[^"]*"|[^",\s]+)')
# The same, but the `W/` of a weak tag is left on it.
_STRONG_TAG = re.compile(r'((?:W/)?"[^"]*"|[^",\s]+)')


def etag_of(mtime: float, size: int) -> str:
    """Return the entity tag of a file, which changes when the file does.

    Args:
        mtime: The time of the last change, in seconds since 1970.
        size: The length in bytes.
    """
    import hashlib

    digest = hashlib.md5(f"{mtime}-{size}".encode(), usedforsecurity=False).hexdigest()
    return f'"{digest}"'


def if_range_matches(if_range: str | None, *, etag: str | None, last_modified: str | None) -> bool:
    """Say whether a Range header is to be honoured, as far as If-Range decides (section 13.1.5).

    Args:
        if_range: The value of If-Range, or None if there is none; then it sets no condition.
        etag: The entity tag of the response.
        last_modified: The Last-Modified of the response. The date in If-Range has to be this very
            text, not just the same moment.
    """
    if if_range is None:
        return True
    return not if_range.startswith("W/") and if_range in (etag, last_modified)


def precondition_fails(
    *,
    if_match: str | None,
    if_unmodified_since: str | None,
    etag: str | None,
    last_modified: str | None,
) -> bool:
    """Say whether a request is to be answered with 412 (sections 13.1.1, 13.1.4 and 13.2.2).

    Args:
        if_match: The value of If-Match; several are joined with commas first. If there is one, it
            alone decides; an empty one matches nothing. A weak tag matches nothing, either.
        if_unmodified_since: The value of If-Unmodified-Since; no date, no condition.
        etag: The entity tag of what there is.
        last_modified: The Last-Modified of it.
    """
    if if_match is not None:
        if if_match.strip() == "*":
            return False
        if etag is None or etag.startswith("W/"):
            return True
        return etag not in _STRONG_TAG.findall(if_match)
    if not if_unmodified_since or not last_modified:
        return False
    since = parse_date(if_unmodified_since)
    changed = parse_date(last_modified)
    return since is not None and changed is not None and changed > since


def is_not_modified(
    *,
    if_none_match: str | None,
    if_modified_since: str | None,
    etag: str | None,
    last_modified: str | None,
) -> bool:
    """Say whether a GET or HEAD is to be answered with 304 (sections 13.1.2, 13.1.3 and 13.2.2).

    Args:
        if_none_match: The value of If-None-Match; several are joined with commas first. If there
            is one, it alone decides.
        if_modified_since: The value of If-Modified-Since; no date, no condition.
        etag: The entity tag of the response.
        last_modified: The Last-Modified of the response.
    """
    if if_none_match:
        if if_none_match.strip() == "*":
            return True
        return etag is not None and etag.removeprefix("W/") in _listed_tags(if_none_match)
    if not if_modified_since or not last_modified:
        return False
    since = parse_date(if_modified_since)
    changed = parse_date(last_modified)
    return since is not None and changed is not None and changed <= since


def _listed_tags(if_none_match: str) -> set[str]:
    """Return the tags of a list, without the `W/` of weak ones."""
    return set(_LISTED_TAG.findall(if_none_match))
