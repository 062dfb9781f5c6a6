"""Cookies that a request brings: the Cookie header.

Reading follows the browsers rather than the grammar of RFC 6265 (section 4.2.1): nothing fails, a
pair that looks odd is kept.
"""

from __future__ import annotations

import re

__all__ = ["parse_cookies"]

# A backslash and three octal digits stand for a byte, a backslash and anything else for the latter.
# Seldom needed, so that it is compiled then.
_ESCAPE = r"\\(?:([0-3][0-7][0-7])|(.))"


def parse_cookies(header: str) -> dict[str, str]:
    """Return the cookies of a `Cookie` header.

    The time and the result grow with the length of the header and no faster, so the limit that a
    server sets to the size of headers is the limit here.

    Args:
        header: The value of the header; several are joined with `;` first.

    Returns:
        The values by name. Of two cookies with one name the later stays. A piece without `=` is
        the value of the cookie with the empty name (RFC 6265bis, section 5.7).
    """
    cookies: dict[str, str] = {}
    for piece in header.split(";"):
        name, equals, value = piece.partition("=")
        if not equals:
            name, value = "", name
        name = name.strip()
        value = value.strip()
        if value:
            cookies[name] = value if value[0] != '"' else _unquote(value)
        elif name:
            cookies[name] = ""
    return cookies


def _unquote(value: str) -> str:
    if len(value) < 2 or value[-1] != '"':
        return value
    return re.sub(_ESCAPE, _unescape, value[1:-1])


def _unescape(escape: re.Match[str]) -> str:
    octal, character = escape.groups()
    return chr(int(octal, 8)) if octal else character
