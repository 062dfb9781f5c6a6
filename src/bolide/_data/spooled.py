"""Files that are in memory until they grow too large, made to be written once and then read.

RULES

- To whoever has it, it is a `SpooledTemporaryFile`, in everything but the time that it takes.
- No more than `MAX_PIECES` pieces are kept apart; many small ones cost far more than their bytes.

THEORY OF OPERATION

What is written is kept in the pieces that it comes in, and put together when somebody looks: then
`_file` is made, which all methods of the base class go through. Often nobody ever looks, and
whoever does gets a file that has been copied once, and is read without another copy.

Linux has files without a name, and can give them one later. Those of `tempfile` are made so that
they never get one, hence one of our own; see `saving`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from functools import cached_property
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Final

__all__ = ["MAX_PIECES", "SpooledFile"]

MAX_PIECES: Final = 256
"""How many pieces are kept apart."""


class SpooledFile(SpooledTemporaryFile[bytes]):
    """A file in memory that goes to disk when it grows, where it can be given a name.

    Args:
        max_size: How many bytes are kept in memory; 0 for any number.
    """

    _rolled: bool
    _pieces: list[bytes] | None = None
    """What has been written, until it is put together."""

    def __init__(self, max_size: int = 0) -> None:
        super().__init__(max_size=max_size)
        # From here on it is made when it is asked for.
        del self._file
        self._pieces = []
        # How much more is taken as it comes.
        self._room = max_size or sys.maxsize

    def _put_together(self) -> BytesIO:
        file = BytesIO(b"".join(self._pieces or ()))
        if self._room >= 0:
            file.seek(0, os.SEEK_END)
        self._pieces = None
        self._room = -1
        return file

    _file: Any = cached_property(_put_together)

    def write(self, s: Any) -> int:
        """Write at the current place."""
        # PERF: S9. Attributes of files take Python long to find.
        room = self._room - len(s)
        if room >= 0 and type(s) is bytes:
            pieces = self._pieces
            if pieces is not None and len(pieces) < MAX_PIECES:
                pieces.append(s)
                self._room = room
                return len(s)
        return super().write(s)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        if self._pieces is not None and offset == whence == 0:
            # What is written now is written over what there is.
            self._room = -1
            return 0
        return super().seek(offset, whence)

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return self._pieces is None and super().closed

    def close(self) -> None:
        """Close it; what has not been put together never is."""
        if self._pieces is not None:
            self._pieces.clear()
        super().close()

    def rollover(self) -> None:
        """Go to disk."""
        file = None if self._rolled else _open_unnamed()
        if file is None:
            super().rollover()
            return
        try:
            file.write(self._file.getbuffer())
            file.seek(self._file.tell())
        except BaseException:
            file.close()
            raise
        self._file = file
        self._rolled = True


def _open_unnamed() -> BinaryIO | None:
    """Open a file that has no name yet, where there is such a thing."""
    if not hasattr(os, "O_TMPFILE"):
        return None
    try:
        # SECURITY: nobody else can get at it until it has a name, and then it has the permissions
        # of any other new file.
        descriptor = os.open(tempfile.gettempdir(), os.O_RDWR | os.O_TMPFILE, 0o666)
    except OSError:
        return None
    return os.fdopen(descriptor, "w+b")
