"""The library that knows the grammar of multipart, and what we ask of it (RFC 7578).

It is `multipart` 2.x, for reasons that docs/explanation/decisions/multipart-parser.md has. Nothing
else in bolide knows its names.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, Final

from bolide._http.memo import MAX_KEY_LENGTH, MAX_KEYS
from bolide.exceptions import BolideError, MissingExtra

__all__ = [
    "MAX_BOUNDARY",
    "FormEvents",
    "MultiPartException",
    "event_source",
    "multipart_library",
]

FieldTaker = Callable[[bytes, bytes], None]

MAX_BOUNDARY: Final = 256
"""How many characters a boundary may have."""

_MAX_HEAD: Final = 1024
"""How many bytes the head of a part has that is looked for here; any other is the library's."""

_NAMES: Final[dict[bytes, bytes]] = {}
"""The names of fields, by the heads of their parts; see `bolide._http.memo` for how many."""


class MultiPartException(BolideError, ValueError):
    """A form is malformed, or over a limit.

    Attributes:
        message: What is wrong, fit to be shown to the client.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class _MissingMultipart(MissingExtra, AssertionError):
    """The library that reads multipart forms is not installed."""


def multipart_library() -> Any:
    try:
        import multipart  # pyright: ignore[reportMissingTypeStubs]
    except ModuleNotFoundError:
        multipart = None
    # The name has belonged to another library, old versions of which still install it.
    if not hasattr(multipart, "PushMultipartParser"):
        raise _MissingMultipart(
            "The `multipart` library must be installed to use form parsing.", extra="forms"
        )
    return multipart


class FormEvents:
    """Takes pieces of input, and gives the library's events: a segment, bytes, or an end (None).

    Args:
        library: The library.
        parser: Its parser.
        add_field: What may be told the name and the value of a part that is no file, in place of
            events.
    """

    __slots__ = ("_add_field", "_begun", "_delimiter", "_fed", "_is_begun", "_library", "_parser")

    def __init__(self, library: Any, parser: Any, add_field: FieldTaker | None) -> None:
        self._library = library
        self._parser = parser
        self._add_field = add_field
        # A line break before it is what some clients send.
        self._delimiter: bytes = b"\r\n--" + parser.boundary
        self._begun = b""
        self._is_begun = False
        self._fed = 0

    def __call__(self, piece: bytes) -> Iterable[Any]:
        """Take a piece.

        Raises:
            multipart.MultipartError: Here, or when the events are taken: it is malformed.
        """
        if not self._is_begun:
            self._check_beginning(piece)
        self._fed += len(piece)
        # PERF: S9. Most pieces of a file have no delimiter, and the library would search from the
        # front, which takes Python four times as long as from the back. Neither takes longer than
        # the text, whatever is in it, as a delimiter has a single carriage return.
        last = piece.rfind(self._delimiter)
        if last < 0:
            return self._without_delimiter(piece)
        if self._add_field is None:
            found: Iterable[Any] = self._parser.parse(piece)
            return found
        return self._cut(piece, last, self._add_field)

    def _check_beginning(self, piece: bytes) -> None:
        # SECURITY: what may stand before the first boundary could go on for ever.
        delimiter, opening = self._delimiter, self._delimiter[2:]
        begun = self._begun = (self._begun + piece)[: len(delimiter)]
        if not (delimiter.startswith(begun) or opening.startswith(begun[: len(opening)])):
            raise self._library.ParserError("Something stands before the first boundary")
        self._is_begun = len(begun) == len(delimiter)

    def _without_delimiter(self, piece: bytes) -> Iterable[Any]:
        parser = self._parser
        if parser._state is self._library._BODY and not parser._buffer:
            # It may end with the beginning of one.
            begun = piece.rfind(b"\r", 1 - len(self._delimiter))
            if begun < 0 or not self._delimiter.startswith(piece[begun:]):
                parser._parsed += len(piece)
                return (parser._on_segment_payload(piece),)
        found: Iterable[Any] = parser.parse(piece)
        return found

    def _cut(self, piece: bytes, last: int, add_field: FieldTaker) -> Iterable[Any]:
        """Take a piece whose last delimiter is at `last`.

        PERF: S9. Where input is cut makes no difference to the library, so it gets one part after
        the other, to know what it makes of each head. A field that begins with the same bytes as
        one before is the same, then, and the library is not asked.
        """
        parser, delimiter = self._parser, self._delimiter
        line = delimiter + b"\r\n"
        opening = delimiter[2:] if parser._state is self._library._PREAMBLE else delimiter
        first = piece.find(opening)
        if first:
            yield from self._without_delimiter(piece[:first])
        at = first + len(opening) + 2
        yield from parser.parse(piece[first:at])
        inner = piece[at : last + len(line)]
        *parts, rest = inner.split(line)
        if inner.count(delimiter) != len(parts) + rest.count(delimiter):
            # There are some that do not end their line, which is an error, or within a head.
            parts = []
        for part in parts:
            if not self._is_before_head:
                break
            at += len(part) + len(line)
            head, end_of_head, value = part.partition(b"\r\n\r\n")
            name = _NAMES.get(head)
            if name is not None and end_of_head:
                parser._parsed += len(part) + len(line)
                add_field(name, value)
                continue
            for event in parser.parse(part + line):
                self._remember(head, event)
                yield event
        if at <= last:
            # What was taken for the first delimiter was none, or one of those left is none.
            yield from parser.parse(piece[at:])
            return
        # What is left has no delimiter, and is not searched once more.
        if self._is_before_head:
            body = piece.find(b"\r\n\r\n", at, at + _MAX_HEAD) + 4
            if body > 4:
                yield from parser.parse(piece[at:body])
                at = body
        if at < len(piece):
            yield from self._without_delimiter(piece[at:])

    @property
    def _is_before_head(self) -> bool:
        parser = self._parser
        return (
            parser._state is self._library._HEADER
            and not parser._buffer
            and not parser._segment_headerlist
        )

    def _remember(self, head: bytes, event: Any) -> None:
        """Remember the name of a field, if an event says that this is all that its head says."""
        if (
            isinstance(event, self._library.MultipartSegment)
            and event.filename is None
            and self._parser._segment_limit < 0
            and len(head) <= MAX_KEY_LENGTH
        ):
            if len(_NAMES) >= MAX_KEYS:
                _NAMES.clear()
            _NAMES[head] = event.name.encode("latin-1")

    @property
    def is_complete(self) -> bool:
        """Whether the last boundary has been there."""
        return self._parser._state is self._library._COMPLETE

    @property
    def epilogue_size(self) -> int:
        """How many bytes have come after the last boundary."""
        size: int = self._fed - self._parser._parsed if self.is_complete else 0
        return size


def event_source(library: Any, boundary: str, add_field: FieldTaker | None = None) -> FormEvents:
    """Give what turns pieces of input into the library's events; see `FormEvents`.

    Raises:
        multipart.MultipartError: The boundary is not one.
    """
    if len(boundary) > MAX_BOUNDARY:
        raise library.ParserError("Boundary too long")
    if "\r" in boundary:
        raise library.ParserError("Invalid characters in boundary")
    parser = _parser_class(library)(boundary.encode("latin-1"), header_charset="latin-1")
    return FormEvents(library, parser, add_field)


# PERF: S9, making a class takes longer than reading ten fields.
@functools.lru_cache(maxsize=1)
def _parser_class(library: Any) -> Any:
    class FormDataParser(library.PushMultipartParser):  # type: ignore[misc]
        def _on_segment_headerline(self, line: bytes) -> None:
            # Found only if the line came in one piece, but the form must not depend on that.
            if b"\n" in line:
                raise library.ParserError("Invalid line break in segment header")
            library.PushMultipartParser._on_segment_headerline(self, line)

        def _create_segment(self, headerlist: list[tuple[str, str]]) -> Any:
            segment = library.MultipartSegment(headerlist)
            if segment.name is None:
                raise MultiPartException(
                    'The Content-Disposition header field "name" must be provided.'
                )
            return segment

    return FormDataParser
