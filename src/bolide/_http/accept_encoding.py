"""Which codings of a body a client takes: the Accept-Encoding header (RFC 9110, section 12.5.3).

RULES

- A header is a list of codings, each with a quality from 0, which refuses, to 1. `*` stands for all
  that are not named. Of two items with one name the first counts.
- A body without coding is taken unless it is refused; a coding, only if it is named.
- What does not follow the grammar is passed over, and so is what comes after `MAX_CODINGS` items.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["MAX_CODINGS", "takes_gzip"]

MAX_CODINGS: Final = 32
"""How many items of a header are looked at; browsers send up to five."""

_ITEM: Final = re.compile(
    r"[ \t]*+ ([!#$%&'*+.^_`|~0-9A-Za-z-]++) [ \t]*+"
    r"(?: ; [ \t]*+ [qQ] = (1(?:\.0{0,3})? | 0(?:\.[0-9]{0,3})?) [ \t]*+ )?",
    re.VERBOSE,
)


def takes_gzip(header: str) -> bool:
    """Say whether a client takes gzip, and likes it no less than no coding at all.

    The time grows with the length of the header and no faster.

    Args:
        header: The value of the header, empty if there is none; several are joined with commas
            first.
    """
    qualities: dict[str, float] = {}
    for item in header.split(",", MAX_CODINGS)[:MAX_CODINGS]:
        match = _ITEM.fullmatch(item)
        if match is not None:
            qualities.setdefault(match[1].lower(), float(match[2] or 1))
    # Another name for it (section 8.4.1.3).
    gzip = qualities.get("gzip", qualities.get("x-gzip", qualities.get("*", 0.0)))
    return gzip > 0 and gzip >= qualities.get("identity", 0.0)
