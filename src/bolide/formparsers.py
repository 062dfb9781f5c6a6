"""Forms: urlencoded, and multipart with files (RFC 7578). Multipart needs the extra `forms`.

RULES

- Every limit holds while the form arrives: what is over it is not read to its end first.
- A file is kept in memory up to `spool_max_size` and goes to disk beyond that. Whatever touches
  the disk is done in a worker thread, in pieces of about `max_pending_size`.
- What a policy says holds for all parts together: limits do not start anew with each of them.
- If anything goes wrong, every file that was made so far is closed.

THEORY OF OPERATION

The grammar of multipart is the library's (docs/explanation/decisions/multipart-parser.md): it
turns pieces of input into events. What is here turns events into fields and files, counts them,
and keeps the disk off the event loop.
"""

from __future__ import annotations

import codecs
import contextlib
import enum
import math
import warnings
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final, cast

import anyio.lowlevel

from bolide._data.headers import Headers
from bolide._data.spooled import SpooledFile as SpooledTemporaryFile  # tests of others patch it
from bolide._data.uploads import FormData, UploadFile
from bolide._disk_writer import DiskWriter
from bolide._exports import publish
from bolide._http.filenames import last_component
from bolide._http.media import parse_media_type
from bolide._http.memo import Memo
from bolide._http.urlencoded import decode_pairs
from bolide._http.urlencoded_form import FieldSplitter
from bolide._multipart import (
    MultiPartException,
    event_source,
    multipart_library,
)
from bolide._policy import STARLETTE, Policy
from bolide.exceptions import StarletteDeprecationWarning

__all__ = [
    "FormData",
    "FormMessage",
    "FormParser",
    "Headers",
    "MultiPartException",
    "MultiPartParser",
    "MultipartPart",
    "UploadFile",
]

_MAX_PIECE: Final = 512 * 1024
"""How much is parsed in one go, in bytes."""

_MAX_FED: Final = 1024 * 1024
"""How much is parsed before other tasks get their turn, in bytes."""

# PERF: S8, S9. Most forms say the same; of the others each is asked for twice.
MEDIA_TYPES: Final = Memo(parse_media_type)

_SAFE_CHARSETS: Final = ("utf-8", "ascii", "iso8859-1")
"""Names that Python knows the charsets by that a strict form may have."""


class _DeprecatedEnum(enum.EnumMeta):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        warnings.warn(
            "`FormMessage` is deprecated and will be removed in a future version.",
            StarletteDeprecationWarning,
            stacklevel=2,
        )
        return cast(Any, super()).__call__(*args, **kwargs)


class FormMessage(enum.Enum, metaclass=_DeprecatedEnum):
    """Not used any more. Deprecated."""

    FIELD_START = 1
    FIELD_NAME = 2
    FIELD_DATA = 3
    FIELD_END = 4
    END = 5


@dataclass
class MultipartPart:
    """A part of a multipart form while it is read.

    Attributes:
        content_disposition: The header that names it.
        field_name: Its name in the form.
        data: What it holds, if it is no file.
        file: The file, if it is one.
        item_headers: All its headers, names in lower case.
    """

    content_disposition: bytes | None = None
    field_name: str = ""
    data: bytearray = field(default_factory=bytearray)
    file: UploadFile | None = None
    item_headers: list[tuple[bytes, bytes]] = field(default_factory=list)


class FormParser:
    """Reads an urlencoded form.

    Args:
        headers: The headers of the request.
        stream: The body, in pieces.
        max_fields: How many fields there may be.
        max_part_size: How many bytes the name and the value of a field may have together, encoded.
        policy: Says how many bytes all fields may have.
    """

    def __init__(
        self,
        headers: Headers,
        stream: AsyncGenerator[bytes, None],
        *,
        max_fields: int | float = 1000,
        max_part_size: int = 1024 * 1024,
        policy: Policy = STARLETTE,
    ) -> None:
        self.headers = headers
        self.stream = stream
        self.max_fields = max_fields
        self.max_part_size = max_part_size
        self._fields_left = _at_least(policy.max_form_fields_size, max_part_size)
        self._items: list[tuple[str, str | UploadFile]] = []
        self._current_fields = 0
        self._field_name = bytearray()
        self._field_value = bytearray()

    async def parse(self) -> FormData:
        """Read the form.

        Raises:
            MultiPartException: It is over a limit.
        """
        splitter = FieldSplitter(self)
        held = b""
        is_first = True
        async for chunk in self.stream:
            self._fields_left -= len(chunk)
            if self._fields_left < 0:
                raise MultiPartException(_FIELDS_TOO_LARGE)
            if is_first and not held:
                # Perhaps this is all.
                held = chunk
            elif chunk:
                if is_first:
                    splitter.feed(held)
                    is_first = False
                splitter.feed(chunk)
        if is_first:
            form = small_form(held, self.max_fields, self.max_part_size)
            if form is not None:
                return form
            splitter.feed(held)
        splitter.close()
        return FormData(self._items)

    def on_field_start(self) -> None:
        """Count a field."""
        self._current_fields += 1
        if self._current_fields > self.max_fields:
            raise MultiPartException(
                f"Too many fields. Maximum number of fields is {self.max_fields}."
            )
        self._field_name = bytearray()
        self._field_value = bytearray()

    def on_field_name(self, data: bytes, start: int, end: int) -> None:
        """Take a part of the name of a field."""
        self._check_size(end - start)
        self._field_name += data[start:end]

    def on_field_data(self, data: bytes, start: int, end: int) -> None:
        """Take a part of the value of a field."""
        self._check_size(end - start)
        self._field_value += data[start:end]

    def on_field_end(self) -> None:
        """Decode a field."""
        pair = self._field_name + b"=" + self._field_value
        self._items += decode_pairs(pair.decode("latin-1"))

    def _check_size(self, more: int) -> None:
        if len(self._field_name) + len(self._field_value) + more > self.max_part_size:
            raise MultiPartException(
                f"Field exceeded maximum size of {int(self.max_part_size / 1024)}KB."
            )


def small_form(body: bytes, max_fields: float, max_part_size: float) -> FormData | None:
    """Take an urlencoded form apart that is there at once, and far from any limit; None if not.

    PERF: S8, most forms are like that.
    """
    size = len(body)
    if size <= max_part_size and (size < max_fields or body.count(b"&") < max_fields):
        fields: list[Any] = decode_pairs(body.decode("latin-1"))
        return FormData.of_pairs(fields)
    return None


class MultiPartParser:
    """Reads a multipart form.

    Args:
        headers: The headers of the request.
        stream: The body, in pieces.
        max_files: How many files there may be.
        max_fields: How many other fields there may be.
        max_part_size: How many bytes a field that is no file may have.
        policy: Says what all parts together may have, and how strictly the form is read.
    """

    spool_max_size: int = 1024 * 1024
    """How many bytes of a file are kept in memory."""

    max_part_size: int = 1024 * 1024

    max_pending_size: int = 768 * 1024
    """How many bytes wait to be written to disk together."""

    def __init__(
        self,
        headers: Headers,
        stream: AsyncGenerator[bytes, None],
        *,
        max_files: int | float = 1000,
        max_fields: int | float = 1000,
        max_part_size: int = 1024 * 1024,
        policy: Policy = STARLETTE,
    ) -> None:
        self.headers = headers
        self.stream = stream
        self.max_files = max_files
        self.max_fields = max_fields
        self.max_part_size = max_part_size
        self._policy = policy
        self._fields_left = _at_least(policy.max_form_fields_size, max_part_size)
        self._memory_left = _at_least(policy.max_form_memory, 0)
        self._on_disk: set[Any] = set()
        self.items: list[tuple[str, str | UploadFile]] = []
        self._current_files = 0
        self._current_fields = 0
        self._part = MultipartPart()
        self._header_name = b""
        self._header_value = b""
        self._charset = ""
        self._segment: Any = None
        self._fed = 0
        self._files: list[SpooledTemporaryFile] = []
        self._disk = DiskWriter(self.max_pending_size)

    async def parse(self) -> FormData:
        """Read the form.

        Raises:
            MultiPartException: It is malformed, or over a limit.
            MissingExtra: The library is not installed; also an AssertionError.
        """
        library = multipart_library()
        _, params = MEDIA_TYPES[self.headers.get("content-type", "")]
        self._charset = _known_charset(params.get("charset", "utf-8"))
        if self._policy.strict_forms and self._charset not in _SAFE_CHARSETS:
            raise MultiPartException("The charset of a form has to be UTF-8.")
        if "boundary" not in params:
            raise MultiPartException("Missing boundary in multipart.")
        try:
            # The callbacks of others' parsers are to be called for fields, too.
            add_field = self._add_field if type(self) is MultiPartParser else None
            events = event_source(library, params["boundary"], add_field)
            max_epilogue = self._policy.max_form_epilogue
            async for chunk in self.stream:
                for piece in (chunk,) if 0 < len(chunk) <= _MAX_PIECE else _pieces(chunk):
                    self._feed(events(piece))
                    if max_epilogue is not None and events.epilogue_size > max_epilogue:
                        raise MultiPartException(
                            f"Too much follows the last boundary. Maximum size is {max_epilogue}"
                            " bytes."
                        )
                    self._fed += len(piece)
                    if self._fed >= _MAX_FED or self._disk.is_full:
                        await self._make_way()
            if self._policy.strict_forms and not events.is_complete:
                raise MultiPartException("The form ends early: its last boundary is missing.")
            await self._disk.finish()
            self._rewind()
            self._close_unfinished()
        except BaseException as exc:
            self._close_files()
            if isinstance(exc, library.MultipartError):
                raise MultiPartException("Invalid multipart data.") from exc
            raise
        self.on_end()
        return FormData.with_files(list(self.items))

    def _feed(self, events: Iterable[Any]) -> None:
        """Tell the callbacks what has been found."""
        for event in events:
            if event is None:
                self.on_part_end()
            elif isinstance(event, bytes):
                self.on_part_data(event, 0, len(event))
            else:
                self._segment = event
                self.on_part_begin()
                for name, value in event.headerlist:
                    # The library was told latin-1, which gives the bytes back as they were.
                    raw_name, raw_value = name.encode("latin-1"), value.encode("latin-1")
                    self.on_header_field(raw_name, 0, len(raw_name))
                    self.on_header_value(raw_value, 0, len(raw_value))
                    self.on_header_end()
                self.on_headers_finished()

    # The callbacks, in the order in which they are called for a part.

    def on_part_begin(self) -> None:
        """Begin a part."""
        self._part = MultipartPart()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        """Take the name of a header."""
        self._header_name = data[start:end].lower()

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        """Take the value of a header."""
        self._header_value = data[start:end]

    def on_header_end(self) -> None:
        """Keep a header."""
        if self._header_name == b"content-disposition":
            self._part.content_disposition = self._header_value
        self._part.item_headers.append((self._header_name, self._header_value))

    def on_headers_finished(self) -> None:
        """Make of the part what its headers say: a file, or a field."""
        name, filename = self._segment.name, self._segment.filename
        self._part.field_name = _user_safe_decode(name.encode("latin-1"), self._charset)
        if filename is None:
            self._count_field()
            return
        self._current_files += 1
        if self._current_files > self.max_files:
            raise MultiPartException(
                f"Too many files. Maximum number of files is {self.max_files}."
            )
        file = SpooledTemporaryFile(max_size=self.spool_max_size)
        self._files.append(file)
        upload = self._part.file = UploadFile(
            cast(BinaryIO, file),
            size=0,
            filename=_user_safe_decode(filename.encode("latin-1"), self._charset),
            headers=Headers(raw=self._part.item_headers),
        )
        if self._policy.safe_filenames:
            try:
                upload.filename = last_component(upload.filename or "")
            except ValueError:
                raise MultiPartException("A file name may not hold control characters.") from None

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Take some of what the part holds."""
        part = self._part
        if start or end < len(data):
            data = data[start:end]
        if part.file is None:
            self._count_data(len(part.data), len(data))
            part.data += data
            return
        if self._goes_to_disk(part.file, len(data)):
            self._disk.add(self._files[-1], data)
        else:
            part.file.file.write(data)

    def on_part_end(self) -> None:
        """Keep the part."""
        part = self._part
        if part.file is None:
            self.items.append((part.field_name, _user_safe_decode(part.data, self._charset)))
        else:
            self.items.append((part.field_name, part.file))

    def on_end(self) -> None:
        """The form is complete; there is nothing to do then."""

    # What the callbacks do for a part that is no file.

    def _add_field(self, name: bytes, value: bytes) -> None:
        """Take all of a field at once, without the callbacks."""
        self._count_field()
        self._count_data(0, len(value))
        charset = self._charset
        try:
            self.items.append((name.decode(charset), value.decode(charset)))
        except (UnicodeError, LookupError):
            self.items.append((_user_safe_decode(name, charset), _user_safe_decode(value, charset)))

    def _count_field(self) -> None:
        self._current_fields += 1
        if self._current_fields > self.max_fields:
            raise MultiPartException(
                f"Too many fields. Maximum number of fields is {self.max_fields}."
            )

    def _count_data(self, before: int, more: int) -> None:
        if before + more > self.max_part_size:
            raise MultiPartException(
                f"Part exceeded maximum size of {int(self.max_part_size / 1024)}KB."
            )
        self._fields_left -= more
        if self._fields_left < 0:
            raise MultiPartException(_FIELDS_TOO_LARGE)

    # The disk.

    async def _make_way(self) -> None:
        """Write to disk what has gathered, or let other tasks run."""
        self._fed = 0
        if self._disk.is_full:
            await self._disk.write()
        else:
            await anyio.lowlevel.checkpoint()

    def _goes_to_disk(self, upload: UploadFile, more: int) -> bool:
        """Count what a file gets, and say where that goes."""
        before = upload.size or 0
        upload.size = before + more
        if self._on_disk and upload.file in self._on_disk:
            return True
        if not 0 < self.spool_max_size < upload.size and more <= self._memory_left:
            self._memory_left -= more
            return False
        max_files = self._policy.max_form_disk_files
        if max_files is not None and len(self._on_disk) >= max_files:
            raise MultiPartException(
                f"Too many large files. Maximum number of files on disk is {max_files}."
            )
        self._on_disk.add(upload.file)
        self._memory_left += before
        return True

    def _rewind(self) -> None:
        for _, item in self.items:
            if isinstance(item, UploadFile) and item.file not in self._on_disk:
                item.file.seek(0)

    def _close_unfinished(self) -> None:
        # Parts end one after another: if the input ended early, it is the last file that did not.
        unfinished = self._part.file
        if unfinished is not None and all(item is not unfinished for _, item in self.items):
            unfinished.file.close()

    def _close_files(self) -> None:
        for file in self._files:
            # There is another error already, of which this may be a consequence.
            with contextlib.suppress(OSError):
                file.close()


def _pieces(chunk: bytes) -> Iterable[bytes]:
    """Cut a piece of input that would keep the event loop busy for long."""
    return (chunk[at : at + _MAX_PIECE] for at in range(0, len(chunk), _MAX_PIECE))


_FIELDS_TOO_LARGE: Final = "The fields of the form are too large together."


def _at_least(limit: int | None, least: int) -> float:
    return math.inf if limit is None else max(limit, least)


def _known_charset(name: str) -> str:
    """Give the name of a charset, or latin-1, which decodes anything, for one nobody knows."""
    try:
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        return "latin-1"


def _user_safe_decode(src: bytes | bytearray, codec: str) -> str:
    """Decode text of a client, which may not be what it says it is."""
    try:
        return src.decode(codec)
    except (UnicodeError, LookupError):
        return src.decode("latin-1")


publish(globals(), ["MultiPartException"])
