"""Headers: case-insensitive names, several values to a name, kept as the bytes of the wire.

RULES

Names are lower-case bytes and values latin-1 bytes, in a list of pairs. `Headers` only reads it;
`MutableHeaders` changes that very list, so that the changes go out with the message it belongs to.

SECURITY: what is set by name and value is checked, since a line break in it would begin another
header, or the body (RFC 9110, section 5.5). What is put into the list of byte pairs is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any, Final, TypeVar, overload

from bolide._http.memo import Memo
from bolide.exceptions import BolideError

__all__ = [
    "Headers",
    "IllegalHeader",
    "MutableHeaders",
    "encode_header",
    "find_header",
    "header_values",
    "refuse_illegal",
]

RawHeaders = list[tuple[bytes, bytes]]
T = TypeVar("T")

# Of names only what would make something else of them; servers may be stricter.
_NAME: Final = re.compile(rb"[^\x00-\x20\x7f:]+")
_NOT_IN_VALUES: Final = re.compile(rb"[\r\n\x00]")

_new: Final = object.__new__

# PERF: S6, an application asks for the same few all the time.
_NAMES: Final = Memo[str, bytes](lambda key: key.lower().encode("latin-1"))


class IllegalHeader(BolideError, ValueError):
    """A header has a line break or a null byte in it, or a name that is none."""


def refuse_illegal(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Check headers that are to go out.

    Raises:
        IllegalHeader: A value has a line break or a null byte in it, or a name is empty, or has
            white space, a colon or a control character in it.
    """
    for name, value in headers:
        if _NAME.fullmatch(name) is None:
            raise IllegalHeader(
                f"The header {name.decode('latin-1')!r} has an illegal name. Take out white space,"
                " colons and control characters."
            )
        if _NOT_IN_VALUES.search(value) is not None:
            raise IllegalHeader(
                f"The header {name.decode('latin-1')!r} has the value {value.decode('latin-1')!r}."
                " Take out the line breaks and null bytes."
            )


def encode_header(key: str, value: str) -> tuple[bytes, bytes]:
    """Give a header as it goes out.

    Raises:
        IllegalHeader: See `refuse_illegal`.
    """
    name, raw_value = key.lower().encode("latin-1"), value.encode("latin-1")
    # PERF: the checks of `refuse_illegal` without a frame for it.
    if _NAME.fullmatch(name) is None or _NOT_IN_VALUES.search(raw_value) is not None:
        refuse_illegal([(name, raw_value)])
    return name, raw_value


def find_header(scope: MutableMapping[str, Any], wanted: bytes) -> bytes | None:
    """Give the first value of a name in a scope, as it is: `Headers(scope=scope).get(...)`.

    PERF: S11, for who wants to know of one header only.
    """
    headers: RawHeaders = scope["headers"]
    if type(headers) is not list:
        headers = scope["headers"] = list(headers)
    for name, value in headers:
        if name == wanted:
            return value
    return None


def header_values(scope: MutableMapping[str, Any], wanted: bytes) -> list[bytes]:
    """Give all values of a name in a scope, as they are: `Headers(scope=scope).getlist(...)`."""
    headers: RawHeaders = scope["headers"]
    if type(headers) is not list:
        headers = scope["headers"] = list(headers)
    return [value for name, value in headers if name == wanted]


class Headers(Mapping[str, str]):
    """Headers to read; of a name with several values, the first one counts.

    Give one source at the most.

    Args:
        headers: A mapping of names to values.
        raw: A list of byte pairs, names in lower case; it is used itself.
        scope: A scope or message with such pairs under `headers`; they are made a list in there.
    """

    def __init__(
        self,
        headers: Mapping[str, str] | None = None,
        raw: RawHeaders | None = None,
        scope: MutableMapping[str, Any] | None = None,
    ) -> None:
        self._list: RawHeaders = []
        if headers is not None:
            if raw is not None:
                raise AssertionError('Cannot set both "headers" and "raw".')
            if scope is not None:
                raise AssertionError('Cannot set both "headers" and "scope".')
            self._list = [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in headers.items()
            ]
        elif raw is not None:
            if scope is not None:
                raise AssertionError('Cannot set both "raw" and "scope".')
            self._list = raw
        elif scope is not None:
            found = scope["headers"]
            if type(found) is not list:
                found = scope["headers"] = list(found)
            self._list = found

    @staticmethod
    def of_scope(scope: MutableMapping[str, Any]) -> Headers:
        """Give `Headers(scope=scope)`.

        PERF: S6. A constructor that may be given other things takes twice the time.
        """
        found = scope["headers"]
        if type(found) is not list:
            found = scope["headers"] = list(found)
        headers = _new(Headers)
        headers._list = found
        return headers

    @property
    def raw(self) -> RawHeaders:
        """A copy of the list of byte pairs."""
        return list(self._list)

    def keys(self) -> list[str]:  # type: ignore[override]
        """Give the names, as often as they occur."""
        return [name.decode("latin-1") for name, _ in self._list]

    def values(self) -> list[str]:  # type: ignore[override]
        """Give all values."""
        return [value.decode("latin-1") for _, value in self._list]

    def items(self) -> list[tuple[str, str]]:  # type: ignore[override]
        """Give all pairs of name and value."""
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._list]

    def getlist(self, key: str) -> list[str]:
        """Give all values of a name, in order."""
        wanted = _NAMES[key]
        return [value.decode("latin-1") for name, value in self._list if name == wanted]

    @overload
    def get(self, key: str) -> str | None: ...
    @overload
    def get(self, key: str, default: str | T) -> str | T: ...
    def get(self, key: str, default: str | T | None = None) -> str | T | None:
        """Give the first value of a name, or the default."""
        # PERF: S6, what the base class does with an exception, in half the time for a miss.
        wanted = _NAMES[key]
        for name, value in self._list:
            if name == wanted:
                return value.decode("latin-1")
        return default

    def mutablecopy(self) -> MutableHeaders:
        """Give a copy that can be changed."""
        return MutableHeaders(raw=list(self._list))

    def __getitem__(self, key: str) -> str:
        wanted = _NAMES[key]
        for name, value in self._list:
            if name == wanted:
                return value.decode("latin-1")
        raise KeyError(key)

    def __contains__(self, key: Any) -> bool:
        wanted = _NAMES[key]
        for name, _ in self._list:  # noqa: SIM110 - PERF: a generator takes twice the time
            if name == wanted:
                return True
        return False

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._list)

    def __eq__(self, other: object) -> bool:
        # Not the raw pairs: a server may give lists where others give tuples.
        return isinstance(other, Headers) and sorted(self.items()) == sorted(other.items())

    def __repr__(self) -> str:
        as_dict = dict(self.items())
        if len(as_dict) == len(self):
            return f"{type(self).__name__}({as_dict!r})"
        return f"{type(self).__name__}(raw={self._list!r})"


class MutableHeaders(Headers):
    """Headers to read and to change; see `Headers` for the arguments.

    What sets a value raises `ValueError` if there is a line break or a null byte in it, or a name
    is no name.
    """

    @property
    def raw(self) -> RawHeaders:
        """The list of byte pairs itself."""
        return self._list

    def __setitem__(self, key: str, value: str) -> None:
        """Set the only value of a name, in the place of its first one."""
        headers, new = self._list, encode_header(key, value)
        name = new[0]
        for place, (other, _) in enumerate(headers):
            if other == name:
                later = [pair for pair in headers[place + 1 :] if pair[0] != name]
                headers[place:] = [new, *later]
                return
        headers.append(new)

    def __delitem__(self, key: str) -> None:
        """Remove all values of a name, if there are any."""
        name = _NAMES[key]
        self._list[:] = [pair for pair in self._list if pair[0] != name]

    def __ior__(self, other: Mapping[str, str]) -> MutableHeaders:
        _require_mapping(other)
        self.update(other)
        return self

    def __or__(self, other: Mapping[str, str]) -> MutableHeaders:
        _require_mapping(other)
        merged = self.mutablecopy()
        merged.update(other)
        return merged

    def setdefault(self, key: str, value: str) -> str:
        """Set the value of a name that has none; give the value it has then."""
        present = self.get(key)
        if present is not None:
            return present
        self._list.append(encode_header(key, value))
        return value

    def update(self, other: Mapping[str, str]) -> None:
        """Set the value of each name in a mapping."""
        for key, value in other.items():
            self[key] = value

    def append(self, key: str, value: str) -> None:
        """Add a value to those that a name has."""
        self._list.append(encode_header(key, value))

    def add_vary_header(self, vary: str) -> None:
        """Say that the response depends on one more request header (RFC 9110, section 12.5.5)."""
        self["vary"] = ", ".join([*self.getlist("vary"), vary])


def _require_mapping(value: object) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"Expected a mapping but got {type(value).__name__}")
