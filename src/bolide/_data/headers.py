"""Headers: case-insensitive names, several values to a name, kept as the bytes of the wire.

RULES

Names are lower-case bytes and values latin-1 bytes, in a list of pairs. `Headers` only reads it;
`MutableHeaders` changes that very list, so that the changes go out with the message it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, TypeVar, overload

__all__ = ["Headers", "MutableHeaders"]

RawHeaders = list[tuple[bytes, bytes]]
T = TypeVar("T")


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
        wanted = _name(key)
        return [value.decode("latin-1") for name, value in self._list if name == wanted]

    @overload
    def get(self, key: str) -> str | None: ...
    @overload
    def get(self, key: str, default: str | T) -> str | T: ...
    def get(self, key: str, default: str | T | None = None) -> str | T | None:
        """Give the first value of a name, or the default."""
        # PERF: S6, what the base class does with an exception, in half the time for a miss.
        wanted = key.lower().encode("latin-1")
        for name, value in self._list:
            if name == wanted:
                return value.decode("latin-1")
        return default

    def mutablecopy(self) -> MutableHeaders:
        """Give a copy that can be changed."""
        return MutableHeaders(raw=list(self._list))

    def __getitem__(self, key: str) -> str:
        wanted = key.lower().encode("latin-1")
        for name, value in self._list:
            if name == wanted:
                return value.decode("latin-1")
        raise KeyError(key)

    def __contains__(self, key: Any) -> bool:
        wanted = key.lower().encode("latin-1")
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
    """Headers to read and to change; see `Headers` for the arguments."""

    @property
    def raw(self) -> RawHeaders:
        """The list of byte pairs itself."""
        return self._list

    def __setitem__(self, key: str, value: str) -> None:
        """Set the only value of a name, in the place of its first one."""
        headers, name, raw_value = self._list, _name(key), value.encode("latin-1")
        for place, (other, _) in enumerate(headers):
            if other == name:
                later = [pair for pair in headers[place + 1 :] if pair[0] != name]
                headers[place:] = [(name, raw_value), *later]
                return
        headers.append((name, raw_value))

    def __delitem__(self, key: str) -> None:
        """Remove all values of a name, if there are any."""
        name = _name(key)
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
        self._list.append((_name(key), value.encode("latin-1")))
        return value

    def update(self, other: Mapping[str, str]) -> None:
        """Set the value of each name in a mapping."""
        for key, value in other.items():
            self[key] = value

    def append(self, key: str, value: str) -> None:
        """Add a value to those that a name has."""
        self._list.append((_name(key), value.encode("latin-1")))

    def add_vary_header(self, vary: str) -> None:
        """Say that the response depends on one more request header (RFC 9110, section 12.5.5)."""
        self["vary"] = ", ".join([*self.getlist("vary"), vary])


def _name(key: str) -> bytes:
    return key.lower().encode("latin-1")


def _require_mapping(value: object) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"Expected a mapping but got {type(value).__name__}")
