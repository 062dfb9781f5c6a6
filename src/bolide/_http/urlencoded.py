"""Query strings: names and values, percent-encoded (WHATWG URL, section 5).

What bytes that are not UTF-8 stand for is decided as `urllib.parse` does: the replacement
character. There is no input that is an error. The result grows with the input and no faster, so
that the limit a server sets to the size of URLs is the limit here.
"""

from __future__ import annotations

from urllib.parse import unquote_plus

__all__ = ["decode_pairs"]


def decode_pairs(text: str) -> list[tuple[str, str]]:
    """Give the pairs of a query string in order; a name without a value has an empty one."""
    pairs = []
    # PERF: S6, most query strings need no decoding, and most pairs of the others do not either.
    encoded = "%" in text or "+" in text
    for piece in text.split("&"):
        if piece:
            name, _, value = piece.partition("=")
            if encoded:
                name, value = unquote_plus(name), unquote_plus(value)
            pairs.append((name, value))
    return pairs
