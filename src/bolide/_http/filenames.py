"""What is left of a file name that a client gave, when it is to be nothing but a name.

RULES

- Clients may send a path, with the separators of any system: only what follows the last one counts
  (RFC 7578, section 4.2). What then is no name of a file, such as `..`, becomes empty.
- Control characters are refused, and so are characters that change the direction of text: a name
  must not look like another one.

The result can still be the name of a file that exists, or of a device on Windows, so it is for
showing. What is saved should get a name of the server's own.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["last_component"]

_REFUSED: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_SEPARATORS: Final = re.compile(r"[/\\]")


def last_component(filename: str) -> str:
    """Give the last component of a path; empty if that is no name.

    Raises:
        ValueError: There is a character in it that must not be in a name.
    """
    if _REFUSED.search(filename):
        raise ValueError(f"A file name may not hold control characters: {filename!r}")
    name = _SEPARATORS.split(filename)[-1].strip()
    return "" if name in (".", "..") else name
