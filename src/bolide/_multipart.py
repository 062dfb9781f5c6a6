"""The library that knows the grammar of multipart, and what we ask of it (RFC 7578).

It is `multipart` 2.x, for reasons that docs/explanation/decisions/multipart-parser.md has. Nothing
else in bolide knows its names.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, Final

from bolide.exceptions import BolideError, MissingExtra

__all__ = [
    "MAX_BOUNDARY",
    "FormEvents",
    "MultiPartException",
    "event_source",
    "multipart_library",
]

MAX_BOUNDARY: Final = 256
"""How many characters a boundary may have."""


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
    """Takes pieces of input, and gives the library's events."""

    __slots__ = ("_begun", "_delimiter", "_fed", "_library", "_parser")

    def __init__(self, library: Any, parser: Any) -> None:
        self._library = library
        self._parser = parser
        # A line break before it is what some clients send.
        self._delimiter: bytes = b"\r\n--" + parser.boundary
        self._begun = b""
        self._fed = 0

    def __call__(self, piece: bytes) -> Iterable[Any]:
        """Take a piece.

        Raises:
            multipart.MultipartError: Here, or when the events are taken: it is malformed.
        """
        delimiter, opening = self._delimiter, self._delimiter[2:]
        if len(self._begun) < len(delimiter):
            # SECURITY: what may stand before the first boundary could go on for ever.
            begun = self._begun = (self._begun + piece)[: len(delimiter)]
            if not (delimiter.startswith(begun) or opening.startswith(begun[: len(opening)])):
                raise self._library.ParserError("Something stands before the first boundary")
        self._fed += len(piece)
        parser = self._parser
        if parser._state is self._library._BODY and not parser._buffer and self._is_inside(piece):
            parser._parsed += len(piece)
            return (parser._on_segment_payload(piece),)
        found: Iterable[Any] = parser.parse(piece)
        return found

    def _is_inside(self, piece: bytes) -> bool:
        """Say whether a piece of a segment has no delimiter in it, nor the beginning of one.

        PERF: S9. Most pieces of a file have none, and the library would search from the front,
        which takes Python four times as long as from the back. Neither takes longer than the text,
        whatever is in it, as a delimiter has a single carriage return.
        """
        delimiter = self._delimiter
        if piece.rfind(delimiter) >= 0:
            return False
        begun = piece.rfind(b"\r", max(0, len(piece) - len(delimiter) + 1))
        return begun < 0 or not delimiter.startswith(piece[begun:])

    @property
    def is_complete(self) -> bool:
        """Whether the last boundary has been there."""
        return self._parser._state is self._library._COMPLETE

    @property
    def epilogue_size(self) -> int:
        """How many bytes have come after the last boundary."""
        size: int = self._fed - self._parser._parsed if self.is_complete else 0
        return size


def event_source(library: Any, boundary: str) -> FormEvents:
    """Give what turns pieces of input into the library's events.

    Raises:
        multipart.MultipartError: The boundary is not one.
    """
    if len(boundary) > MAX_BOUNDARY:
        raise library.ParserError("Boundary too long")
    if "\r" in boundary:
        raise library.ParserError("Invalid characters in boundary")
    parser = _parser_class(library)(boundary.encode("latin-1"), header_charset="latin-1")
    return FormEvents(library, parser)


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
