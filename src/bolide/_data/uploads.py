"""What forms are made of: fields, and files that were uploaded.

RULES

A file that is kept in memory is read and written at once. One on disk, a write that moves it to
disk, and any file object that does not tell are left to a worker thread.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Self

import anyio

from bolide._data.headers import Headers
from bolide._data.multidict import ImmutableMultiDict
from bolide._data.saving import save_file
from bolide._threads import run_file

__all__ = ["FormData", "UploadFile"]


class UploadFile:
    """A file that a client has sent.

    Args:
        file: Where it is kept, such as a `tempfile.SpooledTemporaryFile`.
        size: Its length in bytes, if it is known.
        filename: The name that the client gave it. It can be anything: never use it as a path.
        headers: The headers of its part of the form.

    Attributes:
        raw_filename: The name just as the client gave it, where `filename` is only what follows
            the last separator of a path, as the application's policy (`safe_filenames`) has it.
    """

    _detached = False

    def __init__(
        self,
        file: BinaryIO,
        *,
        size: int | None = None,
        filename: str | None = None,
        headers: Headers | None = None,
    ) -> None:
        self.filename = filename
        self.raw_filename = filename
        self.file = file
        self.size = size
        self.headers: Headers = Headers() if headers is None else headers

        # What a spooled file knows about itself; nothing else does.
        self._max_memory_size = getattr(file, "_max_size", 0)

    @property
    def content_type(self) -> str | None:
        """The media type that the client gave it, if any."""
        return self.headers.get("content-type")

    async def write(self, data: bytes) -> None:
        """Write at the current place; `size` grows with it."""
        new_size = self.file.tell() + len(data) if self._in_memory else 0
        if self.size is not None:
            self.size += len(data)
        if self._in_memory and (not self._max_memory_size or new_size <= self._max_memory_size):
            self.file.write(data)
        else:
            await run_file(self.file.write, data)

    async def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes, or all that are left."""
        if self._in_memory:
            return self.file.read(size)
        return await run_file(self.file.read, size)

    async def seek(self, offset: int) -> None:
        """Go to a place, counted in bytes from the start."""
        if self._in_memory:
            self.file.seek(offset)
        else:
            await run_file(self.file.seek, offset)

    async def close(self) -> None:
        """Close the file, and remove it where it was a temporary one."""
        if self._detached:
            return
        if self._in_memory:
            self.file.close()
        else:
            await run_file(self.file.close)

    async def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Save the file, all of it. It can still be read here, and has to be closed.

        Under the name it is seen only when it is complete. On Linux, a file that is on disk in the
        same file system is not copied; then do not write to it any more.

        Args:
            path: Its name. Never use one that the client gave.
            overwrite: Whether another file of that name is replaced.

        Raises:
            FileExistsError: There is one already, and it is not to be replaced.
            OSError: It could not be saved.
        """
        await run_file(save_file, self.file, Path(path), overwrite=overwrite)

    def detach(self) -> Self:
        """Hand the file over, to somebody who works on it when the form has been closed.

        Whoever gets it has to close it; closing this one, or its form, does nothing any more.
        """
        upload = copy.copy(self)
        self._detached = True
        return upload

    @property
    def _in_memory(self) -> bool:
        return _is_in_memory(self.file)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(filename={self.filename!r}, size={self.size!r},"
            f" headers={self.headers!r})"
        )


class FormData(ImmutableMultiDict[str, UploadFile | str]):
    """The fields and files of a form, by name.

    Args:
        args: One at the most: a form, a mapping, or pairs.
        kwargs: More fields.
    """

    # PERF: S8, of the class. Those that come by `of_pairs` are forms that have none.
    _may_have_files = False

    def __init__(
        self,
        *args: FormData | Mapping[str, str | UploadFile] | list[tuple[str, str | UploadFile]],
        **kwargs: str | UploadFile,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._may_have_files = True

    @classmethod
    def with_files(cls, pairs: list[tuple[str, UploadFile | str]]) -> Self:
        """Make a form that may have files; see `of_pairs`."""
        form = cls.of_pairs(pairs)
        form._may_have_files = True
        return form

    async def close(self) -> None:
        """Close every file, also if one cannot be closed, or the request has been cancelled.

        Raises:
            OSError: What was left to be written of a file could not be.
        """
        if not self._may_have_files:
            return
        uploads = [value for _, value in self._list if isinstance(value, UploadFile)]
        # PERF: S9. What is in memory is closed without waiting, and nothing can come between.
        if all(type(each) is UploadFile and _is_in_memory(each.file) for each in uploads):
            await _close_all(uploads)
        else:
            # What is not closed now would be left to the garbage collector.
            with anyio.CancelScope(shield=True):
                await _close_all(uploads)


def _is_in_memory(file: BinaryIO) -> bool:
    return not getattr(file, "_rolled", True)


async def _close_all(uploads: list[UploadFile]) -> None:
    error: Exception | None = None
    for upload in uploads:
        try:
            await upload.close()
        except Exception as exc:
            error = error or exc
    if error is not None:
        raise error
