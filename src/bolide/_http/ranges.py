"""Byte ranges: which parts of a file a client asks for, and what a reply of several weighs.

RULES (RFC 9110, sections 14.1.2, 14.2, 14.4 and 14.6, with the choices of this API)

- A range is half-open inside this package, `(start, end)` as Python slices are: `end - start`
  bytes. On the wire both ends are included, `bytes {start}-{end - 1}/{size}`.
- An item that is no range is skipped; a header without any range is malformed.
- A range that begins outside the file makes the whole header unsatisfiable, and this is looked
  at before a range that ends before it begins, which is malformed.
- What is left is sorted and merged, so that no byte is sent twice (RFC 9110, section 17.15).
- A header with more items than the limit is ignored, which the RFC allows for any header.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from bolide.exceptions import BolideError

__all__ = ["MalformedRangeHeader", "MultipartRanges", "RangeNotSatisfiable", "parse_range"]

# Longer numbers are beyond every file, and reading them would take more than linear time.
_MAX_DIGITS = 19
_BEYOND_EVERY_FILE = 10**_MAX_DIGITS


class MalformedRangeHeader(BolideError, ValueError):
    """A Range header makes no sense; the answer is 400.

    Attributes:
        content: What is wrong, for the body of the answer.
    """

    def __init__(self, content: str = "Malformed range header.") -> None:
        super().__init__(content)
        self.content = content


class RangeNotSatisfiable(BolideError, ValueError):
    """A range begins outside the file; the answer is 416.

    Attributes:
        max_size: The length of the file in bytes, for `content-range: bytes */{max_size}`.
    """

    def __init__(self, max_size: int) -> None:
        super().__init__(f"A range begins outside the {max_size} bytes of the file.")
        self.max_size = max_size


def parse_range(header: str, size: int, *, max_ranges: int = 100) -> list[tuple[int, int]] | None:
    """Return the parts of a file that a Range header asks for.

    Args:
        header: The value of the header.
        size: The length of the file in bytes.
        max_ranges: How many comma-separated items a header may have before it is ignored.

    Returns:
        One or more half-open ranges inside the file, in ascending order, with a gap between any
        two; or None if the header has too many items and the whole file is to be sent.

    Raises:
        MalformedRangeHeader: If the unit is not bytes, or a range is reversed, or there is none.
        RangeNotSatisfiable: If a range begins outside the file.
    """
    unit, equals, items = header.partition("=")
    if not equals:
        raise MalformedRangeHeader()
    if unit.strip().lower() != "bytes":
        raise MalformedRangeHeader("Only support bytes range")
    # SECURITY: counted before anything is done for each item.
    if items.count(",") >= max_ranges:
        return None
    parsed = [_parse_item(item, size) for item in items.split(",")]
    ranges = [found for found in parsed if found is not None]
    if not ranges:
        raise MalformedRangeHeader("Range header: range must be requested")
    if any(start >= size for start, _ in ranges):
        raise RangeNotSatisfiable(size)
    if any(start >= end for start, end in ranges):
        raise MalformedRangeHeader("Range header: start must be less than end")
    return _merge(ranges)


def _parse_item(item: str, size: int) -> tuple[int, int] | None:
    """Return the half-open range of one item, which may lie outside the file or be reversed."""
    first, dash, last = item.partition("-")
    start = _parse_number(first)
    end = _parse_number(last)
    if not dash or (start is None and first.strip()) or (end is None and last.strip()):
        return None
    if start is not None:
        return start, size if end is None else min(end + 1, size)
    if end is not None:
        return max(size - end, 0), size
    return None


def _parse_number(text: str) -> int | None:
    digits = text.strip()
    # isdigit alone is true of superscripts and of the digits of all scripts, too.
    if not (digits.isascii() and digits.isdigit()):
        return None
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _MAX_DIGITS else _BEYOND_EVERY_FILE


def _merge(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges sorted, those that overlap or touch made one."""
    ranges.sort()
    merged = [ranges[0]]
    for start, end in ranges[1:]:
        last_start, last_end = merged[-1]
        if start <= last_end:
            merged[-1] = (last_start, max(last_end, end))
        else:
            merged.append((start, end))
    return merged


class MultipartRanges:
    """A body of type multipart/byteranges, but for the bytes of the file (section 14.6).

    The body is, for each range in order, `part_header(start, end)`, the bytes of the range, and
    `PART_END`; and at its very end `closing`.

    Attributes:
        ranges: Half-open ranges, as `parse_range` gives them.
        size: The length of the file in bytes.
        content_type: The media type of the file.
        boundary: A token that sets the parts apart; it must not occur in them.
    """

    PART_END: ClassVar[bytes] = b"\r\n"

    __slots__ = ("boundary", "content_type", "ranges", "size")

    def __init__(
        self, ranges: Sequence[tuple[int, int]], size: int, content_type: str, boundary: str
    ) -> None:
        self.ranges = ranges
        self.size = size
        self.content_type = content_type
        self.boundary = boundary

    @property
    def media_type(self) -> str:
        """The media type of the body."""
        return f"multipart/byteranges; boundary={self.boundary}"

    @property
    def content_length(self) -> int:
        """The exact length of the body in bytes."""
        parts = (
            len(self.part_header(start, end)) + (end - start) + len(self.PART_END)
            for start, end in self.ranges
        )
        return sum(parts) + len(self.closing)

    @property
    def closing(self) -> bytes:
        """What ends the body, after the last part; no line break follows."""
        return f"--{self.boundary}--".encode("latin-1")

    def part_header(self, start: int, end: int) -> bytes:
        """Return what goes before the bytes from `start` up to `end`."""
        return (
            f"--{self.boundary}\r\n"
            f"Content-Type: {self.content_type}\r\n"
            f"Content-Range: bytes {start}-{end - 1}/{self.size}\r\n\r\n"
        ).encode("latin-1")
