"""Forms as query strings: decoded piece by piece, and no further than the limits allow.

RULES (WHATWG URL, section 5.1)

Fields are parted by `&`, and a field without anything in it is none. The first `=` parts name and
value. A piece of input may end anywhere, also inside a name or a value.

THEORY OF OPERATION

`FieldSplitter.feed` finds the fields of a piece in one pass and tells an object what it found,
by spans, so that nothing is copied before its size has been looked at. Which part of a field the
next piece begins in is all that is kept.
"""

from __future__ import annotations

import enum
import re
from typing import Final, Protocol

__all__ = ["FieldSplitter", "FieldTarget"]

_FIELD: Final = re.compile(rb"[^&]+")


class FieldTarget(Protocol):
    """What is told of fields. Any method may raise, which ends the parsing."""

    def on_field_start(self) -> None:
        """A field begins."""

    def on_field_name(self, data: bytes, start: int, end: int) -> None:
        """A part of its name is in `data[start:end]`."""

    def on_field_data(self, data: bytes, start: int, end: int) -> None:
        """A part of its value is in `data[start:end]`."""

    def on_field_end(self) -> None:
        """The field is complete."""


class _Place(enum.Enum):
    """Where the input read so far has ended."""

    BETWEEN = enum.auto()
    IN_NAME = enum.auto()
    IN_VALUE = enum.auto()


class FieldSplitter:
    """Splits a body that comes in pieces.

    Args:
        target: Is told of the fields.
    """

    __slots__ = ("_place", "_target")

    def __init__(self, target: FieldTarget) -> None:
        self._target = target
        self._place = _Place.BETWEEN

    def feed(self, data: bytes) -> None:
        """Take the next piece of the body."""
        if data.startswith(b"&"):
            self.close()
        for match in _FIELD.finditer(data):
            start, end = match.span()
            if self._place is _Place.BETWEEN:
                self._target.on_field_start()
                self._place = _Place.IN_NAME
            if self._place is _Place.IN_NAME:
                equals = data.find(b"=", start, end)
                self._target.on_field_name(data, start, end if equals < 0 else equals)
                if equals >= 0:
                    self._place = _Place.IN_VALUE
                    start = equals + 1
            if self._place is _Place.IN_VALUE:
                self._target.on_field_data(data, start, end)
            if end < len(data):
                self.close()

    def close(self) -> None:
        """End the field that is begun, if there is one."""
        if self._place is not _Place.BETWEEN:
            self._place = _Place.BETWEEN
            self._target.on_field_end()
