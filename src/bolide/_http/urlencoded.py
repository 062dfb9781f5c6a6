"""Query strings: names and values, percent-encoded (WHATWG URL, section 5).

What bytes that are not UTF-8 stand for is decided as `urllib.parse` does: the replacement
character. There is no input that is an error. The result grows with the input and no faster, so
that the limit a server sets to the size of URLs is the limit here.
"""

from __future__ import annotations

from urllib.parse import unquote

__all__ = ["decode_pairs"]


def decode_pairs(text: str) -> list[tuple[str, str]]:
    """Give the pairs of a query string in order; a name without a value has an empty one."""
    if "+" in text:
        text = text.replace("+", " ")
    # PERF: S8, a comprehension takes a sixth less than a loop that appends.
    pairs = [
        (name, value)
        for piece in text.split("&")
        if piece
        for name, _, value in (piece.partition("="),)
    ]
    if "%" not in text:
        return pairs
    # PERF: S6, most have nothing more to decode; two calls cost what the rest does.
    return [
        (unquote(name), unquote(value)) if "%" in name or "%" in value else (name, value)
        for name, value in pairs
    ]
