"""Uploaded files on disk: how they are kept so that they can be given a name without a copy.

RULES

- What stands under the name of a saved file is all of it, at any time: it gets the name last.
- A file that is there already is not replaced unless that is asked for, whatever happens meanwhile.

THEORY OF OPERATION

Linux has files without a name, and can give them one later in the same file system. Those of
`tempfile` are made so that they never get one, hence a class of our own. Everywhere else, and if
the file is in memory, it is copied to a temporary name beside the right one.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, Final

__all__ = ["SpooledFile", "save_file"]

_COPIED_SIZE: Final = 1024 * 1024


class SpooledFile(SpooledTemporaryFile[bytes]):
    """A file in memory that goes to disk when it grows, where it can be given a name."""

    _file: Any
    _rolled: bool

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


def save_file(file: BinaryIO, target: Path, *, overwrite: bool) -> None:
    """Save a file. Blocks.

    Raises:
        FileExistsError: There is one already, and it is not to be overwritten.
        OSError: It could not be saved.
    """
    if not overwrite and os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    if getattr(file, "_rolled", False) and _link_unnamed(file, target, overwrite):
        return
    temporary = _name_beside(target)
    at = file.tell()
    try:
        with temporary.open("xb") as copy:
            file.seek(0)
            shutil.copyfileobj(file, copy, _COPIED_SIZE)
        if overwrite:
            temporary.replace(target)
        else:
            _link_new(temporary, target)
    finally:
        file.seek(at)
        temporary.unlink(missing_ok=True)


def _link_unnamed(file: BinaryIO, target: Path, overwrite: bool) -> bool:
    """Give a file its name, if it has none; say whether that could be done."""
    file.flush()
    descriptor = file.fileno()
    # With a name already, the two would be one file, and what is written to one, in the other.
    if os.fstat(descriptor).st_nlink:
        return False
    name = _name_beside(target) if overwrite else target
    try:
        # The path is a symbolic link, which is followed only if a directory is given, too; any
        # descriptor will do, since the path is absolute.
        os.link(f"/proc/self/fd/{descriptor}", name, src_dir_fd=descriptor, follow_symlinks=True)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):
        # Another file system; or one of `tempfile`; or there is no /proc.
        return False
    if overwrite:
        try:
            name.replace(target)
        except OSError:
            name.unlink()
            raise
    return True


def _link_new(temporary: Path, target: Path) -> None:
    """Give a file another name that nothing has yet."""
    try:
        target.hardlink_to(temporary)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):
        # Without links there is no other way to be sure that nobody else takes the name, and that
        # an empty file is seen for a moment is better than to replace what somebody else has made.
        target.touch(exist_ok=False)
        try:
            temporary.replace(target)
        except OSError:
            target.unlink()
            raise


def _name_beside(target: Path) -> Path:
    return target.with_name(f".{secrets.token_hex(8)}.part")
