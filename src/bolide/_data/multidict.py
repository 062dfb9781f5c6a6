"""Dictionaries with several values to a key, such as query strings and forms.

RULES

The pairs are kept in order. Seen as a mapping, each key has the last of its values, and keys come
in the order of their first appearance.
"""

from __future__ import annotations

from collections.abc import Hashable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from functools import cached_property
from typing import Any, Final, Self, TypeVar, cast, overload
from urllib.parse import urlencode

from bolide._http.urlencoded import decode_pairs

__all__ = ["ImmutableMultiDict", "MultiDict", "QueryParams"]

K = TypeVar("K")
V_co = TypeVar("V_co", covariant=True)
T = TypeVar("T")

_new: Final = object.__new__


class ImmutableMultiDict(Mapping[K, V_co]):
    """A multidict to read.

    Args:
        args: One at the most: a multidict, a mapping, or pairs.
        kwargs: More pairs.
    """

    _dict: dict[K, V_co]
    _list: list[tuple[K, V_co]]

    def __init__(
        self,
        *args: ImmutableMultiDict[K, V_co] | Mapping[K, V_co] | Iterable[tuple[K, V_co]],
        **kwargs: Any,
    ) -> None:
        if len(args) > 1:
            raise AssertionError("Too many arguments.")
        pairs = _pairs(args[0]) if args else []
        if kwargs:
            pairs += kwargs.items()
        self._list = pairs
        self._dict = dict(pairs)

    @classmethod
    def of_pairs(cls, pairs: list[tuple[K, V_co]]) -> Self:
        """Make one of a list of pairs that nobody else has, as it is.

        PERF: S6, S8. A constructor that may be given anything takes four times as long.
        """
        made = _new(cls)
        made._list = pairs
        made._dict = dict(pairs)
        return made

    @overload
    def get(self, key: K) -> V_co | None: ...
    @overload
    def get(self, key: K, default: V_co | T) -> V_co | T: ...
    def get(self, key: K, default: V_co | T | None = None) -> V_co | T | None:
        """Give the last value of a key, or the default."""
        # PERF: S6, what the base class does with an exception, in a quarter of the time for a miss.
        return self._dict.get(key, default)

    def getlist(self, key: Any) -> list[V_co]:
        """Give all values of a key, in order."""
        return [value for other, value in self._list if other == key]

    def keys(self) -> KeysView[K]:
        """Give the keys, each once."""
        return self._dict.keys()

    def values(self) -> ValuesView[V_co]:
        """Give the last value of each key."""
        return self._dict.values()

    def items(self) -> ItemsView[K, V_co]:
        """Give each key with its last value."""
        return self._dict.items()

    def multi_items(self) -> list[tuple[K, V_co]]:
        """Give all pairs, in order."""
        return list(self._list)

    def __getitem__(self, key: K) -> V_co:
        return self._dict[key]

    def __contains__(self, key: Any) -> bool:
        return key in self._dict

    def __iter__(self) -> Iterator[K]:
        return iter(self._dict)

    def __len__(self) -> int:
        return len(self._dict)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return False
        # Values need not be orderable, nor hashable: compare the list of each key.
        return _by_key(self._list) == _by_key(other._list)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._list!r})"


class MultiDict(ImmutableMultiDict[Any, Any]):
    """A multidict to read and to change; see `ImmutableMultiDict` for the arguments."""

    def __setitem__(self, key: Any, value: Any) -> None:
        self.setlist(key, [value])

    def __delitem__(self, key: Any) -> None:
        del self._dict[key]
        self._drop(key)

    def pop(self, key: Any, default: Any = None) -> Any:
        """Remove all values of a key; give the last one, or the default."""
        self._drop(key)
        return self._dict.pop(key, default)

    def popitem(self) -> tuple[Any, Any]:
        """Remove the key that came last, with all its values; give it with its last value.

        Raises:
            KeyError: There is no key.
        """
        key, value = self._dict.popitem()
        self._drop(key)
        return key, value

    def poplist(self, key: Any) -> list[Any]:
        """Remove all values of a key, and give them."""
        values = self.getlist(key)
        self.pop(key)
        return values

    def clear(self) -> None:
        """Remove everything."""
        self._dict.clear()
        self._list.clear()

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Set the value of a key that has none; give the value it has then."""
        if key not in self:
            self.append(key, default)
        return self[key]

    def setlist(self, key: Any, values: list[Any]) -> None:
        """Set all values of a key; none at all removes it."""
        self._drop(key)
        if values:
            self._list += [(key, value) for value in values]
            self._dict[key] = values[-1]
        else:
            self._dict.pop(key, None)

    def append(self, key: Any, value: Any) -> None:
        """Add a value to those that a key has."""
        self._list.append((key, value))
        self._dict[key] = value

    def update(
        self,
        *args: MultiDict | Mapping[Any, Any] | list[tuple[Any, Any]],
        **kwargs: Any,
    ) -> None:
        """Set the values of every key that is given, all those that are given."""
        given: ImmutableMultiDict[Any, Any] = ImmutableMultiDict(*args, **kwargs)
        kept = [pair for pair in self._list if pair[0] not in given]
        self._list = kept + given.multi_items()
        self._dict.update(given)

    def _drop(self, key: Any) -> None:
        self._list = [pair for pair in self._list if pair[0] != key]


class QueryParams(ImmutableMultiDict[str, str]):
    """The parameters of a query string.

    Args:
        args: One at the most: a query string, text or bytes, or what a multidict takes.
        kwargs: More parameters.
    """

    # Only `of_query` makes some without: all others have a list of their own.
    _list = cast("list[tuple[str, str]]", cached_property(lambda self: decode_pairs(self._text)))
    _text: str

    def __init__(
        self,
        *args: ImmutableMultiDict[Any, Any]
        | Mapping[Any, Any]
        | list[tuple[Any, Any]]
        | str
        | bytes,
        **kwargs: Any,
    ) -> None:
        if len(args) > 1:
            raise AssertionError("Too many arguments.")
        value = args[0] if args else ""
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        if isinstance(value, str):
            pairs = decode_pairs(value)
        else:
            pairs = [(str(key), str(item)) for key, item in _pairs(value)]
        if kwargs:
            pairs += [(key, str(item)) for key, item in kwargs.items()]
        self._list = pairs
        self._dict = dict(pairs)

    @staticmethod
    def of_query(query: str | bytes) -> QueryParams:
        """Give `QueryParams(query)`.

        PERF: S6. Most of those who read parameters want one value of each name and nothing else,
        so the list of all pairs is made when it is asked for.
        """
        text = query if isinstance(query, str) else query.decode("latin-1")
        params = _new(QueryParams)
        if "%" in text or "+" in text:
            pairs = params._list = decode_pairs(text)
            params._dict = dict(pairs)
            return params
        params._text = text
        values = params._dict = {}
        for piece in text.split("&"):
            if piece:
                name, _, value = piece.partition("=")
                values[name] = value
        return params

    def __str__(self) -> str:
        return urlencode(self._list)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


def _pairs(value: Any) -> list[tuple[Any, Any]]:
    pairs: Iterable[tuple[Any, Any]]
    if hasattr(value, "multi_items"):
        # A multidict of ours, or of a library that has the same method.
        pairs = value.multi_items()
    elif hasattr(value, "items"):
        pairs = value.items()
    else:
        pairs = value or ()
    return [(key, item) for key, item in pairs]


def _by_key(pairs: Iterable[tuple[Any, Any]]) -> dict[Hashable, list[Any]]:
    lists: dict[Hashable, list[Any]] = {}
    for key, value in pairs:
        lists.setdefault(key, []).append(value)
    return lists
