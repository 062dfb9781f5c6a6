"""Cookies that a response sets: the value of a `Set-Cookie` header, and what browsers ask of it.

Writing is left to the standard library's `http.cookies`, which quotes what has to be quoted and
refuses names that are not tokens. What is read from requests is in `cookie_header`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http.cookies import CookieError, Morsel, SimpleCookie
from typing import Literal

from bolide._http.dates import format_date
from bolide.exceptions import BolideError

__all__ = [
    "CookieTooLarge",
    "DroppedCookie",
    "IllegalCookieAttribute",
    "format_cookie",
    "refuse_dropped",
    "refuse_large",
    "refuse_separators",
]

# RFC 6265, section 4.1.1: "any CHAR except CTLs or ';'".
_NOT_IN_ATTRIBUTES = re.compile(r"[\x00-\x1f\x7f;]")
# Only its rule for quoting values is used; it holds no cookie.
_CODEC = SimpleCookie()


class IllegalCookieAttribute(BolideError, CookieError, ValueError):
    """A cookie has an illegal name, or a character that would end an attribute or the header."""


class DroppedCookie(BolideError, ValueError):
    """A cookie has attributes with which browsers drop it, without a word."""


class CookieTooLarge(BolideError, ValueError):
    """A cookie is larger than what browsers keep."""


def refuse_dropped(
    name: str,
    *,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = False,
    samesite: str | None = None,
    partitioned: bool = False,
) -> None:
    """Check a cookie against the rules of browsers (RFC 6265bis, sections 4.1.3 and 5.7).

    Raises:
        DroppedCookie: Browsers would drop it.
    """
    # Browsers tell the prefixes in any case (section 5.7, steps 20 and 21).
    is_host = name.lower().startswith("__host-")
    if not secure:
        reason = None
        if is_host or name.lower().startswith("__secure-"):
            reason = "its prefix"
        elif samesite is not None and samesite.lower() == "none":
            reason = "SameSite=None"
        elif partitioned:
            reason = "Partitioned"
        if reason is not None:
            raise DroppedCookie(f"The cookie {name!r} has to be Secure because of {reason}.")
    if is_host and (path != "/" or domain is not None):
        raise DroppedCookie(
            f"The cookie {name!r} has to have the path '/', and no domain, because of its prefix."
        )


def refuse_large(name: str, size: int, max_size: int) -> None:
    """Check the size of a cookie: that of the Set-Cookie header, in bytes.

    Raises:
        CookieTooLarge: It is larger than `max_size`.
    """
    if size > max_size:
        raise CookieTooLarge(
            f"The cookie {name!r} takes {size} bytes. That is more than max_cookie_size, {max_size}"
            " bytes, and browsers would drop it."
        )


def format_cookie(
    name: str,
    value: str = "",
    *,
    max_age: int | None = None,
    expires: datetime | str | int | None = None,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = False,
    httponly: bool = False,
    samesite: Literal["lax", "strict", "none"] | None = "lax",
    partitioned: bool = False,
) -> str:
    """Return the value of a `Set-Cookie` header (RFC 6265, section 4.1).

    Args:
        name: The name, a token.
        value: Any text; put between quotes, with octal escapes, where it needs it.
        max_age: Seconds until the cookie ends; None leaves the attribute out.
        expires: When the cookie ends: seconds from now, an aware UTC time, or a text that is
            taken as it is; None leaves the attribute out.
        path: Where the cookie is sent to; None leaves the attribute out.
        domain: The hosts that the cookie is sent to; None means the one that set it.
        secure: Whether it is sent over HTTPS only.
        httponly: Whether it is hidden from scripts.
        samesite: Which requests from other sites carry it; None leaves the attribute out.
        partitioned: Whether it is kept apart for each top-level site (Python 3.14 and above).

    Raises:
        AssertionError: If `samesite` is another word.
        IllegalCookieAttribute: If `name` is not a token, or the name of an attribute, or if an
            attribute holds a control character or a semicolon. It is also a
            `http.cookies.CookieError`.
        ValueError: If `expires` is a time in another zone, or in none, or if this Python cannot
            write `partitioned`.
    """
    if samesite is not None and samesite.lower() not in ("strict", "lax", "none"):
        raise AssertionError("samesite must be either 'strict', 'lax' or 'none'")
    morsel: Morsel[str] = Morsel()
    if partitioned and not morsel.isReservedKey("partitioned"):
        raise ValueError("Partitioned cookies are only supported in Python 3.14 and above.")
    coded = _CODEC.value_encode(value)[1]
    # The coded form stands for the value, too: newer Pythons refuse control characters in either,
    # and in the coded one they are harmless octal escapes.
    try:
        morsel.set(name, coded, coded)
    except CookieError as exc:
        raise IllegalCookieAttribute(f"{exc}. It is to be the name of a cookie.") from None
    attributes = {
        "max-age": max_age,
        "expires": _gmt(expires) if isinstance(expires, datetime) else expires,
        "path": path,
        "domain": domain,
        "samesite": samesite,
        "secure": secure or None,
        "httponly": httponly or None,
        "partitioned": partitioned or None,
    }
    for attribute, setting in attributes.items():
        if setting is not None:
            refuse_separators(name, attribute, setting)
            morsel[attribute] = setting
    return morsel.OutputString()


def refuse_separators(name: str, attribute: str, setting: object) -> None:
    """Check one attribute of a cookie.

    Raises:
        IllegalCookieAttribute: It is a text with a control character or a semicolon.
    """
    # SECURITY: http.cookies writes attributes as they are, so that "/; Domain=example.com" as a
    # path would set the domain, and a line break would begin another header.
    if isinstance(setting, str) and _NOT_IN_ATTRIBUTES.search(setting):
        raise IllegalCookieAttribute(
            f"The cookie {name!r} has the {attribute} {setting!r}. "
            "Take out the semicolons and control characters."
        )


def _gmt(moment: datetime) -> str:
    # As strict as email.utils.format_datetime, whose message this is.
    if moment.tzinfo != UTC:
        raise ValueError("usegmt option requires a UTC datetime")
    return format_date(moment)
