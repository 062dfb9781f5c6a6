"""Saving files that were uploaded, without a copy where that can be.

RULES

- What stands under the name of a saved file is all of it, at any time: it gets the name last.
- A file that is there already is not replaced unless that is asked for, whatever happens meanwhile.

THEORY OF OPERATION

Linux has files without a name, such as those that `spooled` makes, and can give them one later in
the same file system. Everywhere else, and if the file is in memory, it is copied to a temporary
name beside the right one.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from pathlib import Path
from typing import BinaryIO, Final

__all__ = ["save_file"]

_COPIED_SIZE: Final = 1024 * 1024


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
