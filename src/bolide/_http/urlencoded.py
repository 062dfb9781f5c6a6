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
    pairs: list[tuple[str, str]] = []
    is_encoded = "%" in text
    if "+" in text:
        text = text.replace("+", " ")
    for piece in text.split("&"):
        if piece:
            name, _, value = piece.partition("=")
            # PERF: S6, most pairs have nothing more to decode; two calls cost what the rest does.
            if is_encoded and "%" in piece:
                name, value = unquote(name), unquote(value)
            pairs.append((name, value))
    return pairs
