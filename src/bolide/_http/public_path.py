"""Which paths may be asked for, as far as text tells: no file system is asked.

RULES

- Names that begin with a dot are hidden, such as `.env` or `.git`, and so is what is below them;
  but for `.well-known` at the top, which is there to be found (RFC 8615).
- A path that leads away from its directory is none: one that begins with a separator or a drive,
  or has `..` in it.
- On Windows, asking for some names does something: devices wait for input, and a name of another
  machine sends it the user's credentials. Others stand for something else than they say: streams of
  a file, names with dots or spaces at their end.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["is_public"]

_DEVICE: Final = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])[ ]*(?:\..*)?\Z",
    re.IGNORECASE | re.DOTALL,
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def is_public(path: str, *, windows: bool) -> bool:
    """Say whether a file may be looked for.

    Args:
        path: A relative path, with separators of URLs or of the operating system.
        windows: Whether names mean what they mean on Windows.
    """
    # SECURITY: a backslash is a name like any other elsewhere, but no file that is served needs one
    # at its start, and where it does separate, it separates.
    names = path.replace("\\", "/").split("/") if windows else path.split("/")
    if path.startswith(("/", "\\")) or _CONTROL.search(path):
        return False
    if names == ["."]:  # the directory itself
        return True
    if any(name.startswith(".") for name in (names[1:] if names[0] == ".well-known" else names)):
        return False
    return not (windows and any(_is_special(name) for name in names))


def _is_special(name: str) -> bool:
    return ":" in name or name.endswith((".", " ")) or _DEVICE.match(name) is not None
