"""Headers: case-insensitive names, several values to a name, kept as the bytes of the wire.

RULES

Names are lower-case bytes and values latin-1 bytes, in a list of pairs. `Headers` only reads it;
`MutableHeaders` changes that very list, so that the changes go out with the message it belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

__all__ = ["Headers", "MutableHeaders"]

RawHeaders = list[tuple[bytes, bytes]]


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
        """The byte pairs: a copy of the list."""
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

    def get(self, key: str, default: Any = None) -> Any:
        """Give the first value of a name, or the default."""
        # PERF: S6, what the base class does with an exception.
        wanted = _name(key)
        for name, value in self._list:
            if name == wanted:
                return value.decode("latin-1")
        return default

    def mutablecopy(self) -> MutableHeaders:
        """Give a copy that can be changed."""
        return MutableHeaders(raw=list(self._list))

    def __getitem__(self, key: str) -> str:
        wanted = _name(key)
        for name, value in self._list:
            if name == wanted:
                return value.decode("latin-1")
        raise KeyError(key)

    def __contains__(self, key: Any) -> bool:
        wanted = _name(key)
        return any(name == wanted for name, _ in self._list)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self._list)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and sorted(self._list) == sorted(other._list)

    def __repr__(self) -> str:
        as_dict = dict(self.items())
        if len(as_dict) == len(self):
            return f"{type(self).__name__}({as_dict!r})"
        return f"{type(self).__name__}(raw={self._list!r})"


class MutableHeaders(Headers):
    """Headers to read and to change; see `Headers` for the arguments."""

    @property
    def raw(self) -> RawHeaders:
        """The byte pairs: the list itself."""
        return self._list

    def __setitem__(self, key: str, value: str) -> None:
        """Set the only value of a name, in the place of its first one."""
        name, pair = _name(key), (_name(key), value.encode("latin-1"))
        places = [place for place, (other, _) in enumerate(self._list) if other == name]
        for place in reversed(places[1:]):
            del self._list[place]
        if places:
            self._list[places[0]] = pair
        else:
            self._list.append(pair)

    def __delitem__(self, key: str) -> None:
        """Remove all values of a name, if there are any."""
        name = _name(key)
        self._list[:] = [pair for pair in self._list if pair[0] != name]

    def __ior__(self, other: Mapping[str, str]) -> MutableHeaders:
        self.update(_mapping(other))
        return self

    def __or__(self, other: Mapping[str, str]) -> MutableHeaders:
        merged = self.mutablecopy()
        merged.update(_mapping(other))
        return merged

    def setdefault(self, key: str, value: str) -> str:
        """Set the value of a name that has none; give the value it has then."""
        present: str | None = self.get(key)
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


def _mapping(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise TypeError(f"Expected a mapping but got {type(value).__name__}")
    return value
