"""Routes by the segments of their paths: which of them a path may match.

THEORY OF OPERATION

A node is reached by the segments of a path, one after the other. It leads on by the text of the
next one, or by any. A route ends where its pattern does, or has a tail, which takes what is left.
The trie only leaves out: whether a route matches is for its pattern to say. An entry knows how to
ask it; where its only parameter is the end of the path, without the regular expression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

from bolide._routing.base import BaseRoute, EndpointRoute, PatternRoute
from bolide._routing.pattern import TAIL, WILD, Pattern
from bolide.convertors import (
    CONVERTOR_TYPES,
    Convertor,
    ConvertorMismatch,
    IntegerConvertor,
    PathConvertor,
    StringConvertor,
)

__all__ = ["Entry", "Node", "PatternEntry", "by_position"]


class Entry(NamedTuple):
    """A route at its place in the order."""

    position: int
    route: BaseRoute


class PatternEntry:
    """A route that an index can find, at its place in the order.

    Attributes:
        position: The place.
        route: The route; a `PatternRoute`, if its pattern decides.
        decides: Whether its pattern says all that `matches` would say.
        is_plain: See `PatternRoute.is_plain`; not where the pattern does not decide.
    """

    __slots__ = (
        "_conversions",
        "_convertor",
        "_kind",
        "_name",
        "_start",
        "decides",
        "is_endpoint",
        "is_plain",
        "position",
        "route",
    )

    def __init__(
        self, position: int, route: Any, decides: bool, *, may_be_plain: bool = True
    ) -> None:
        self.position = position
        self.route = route
        self.decides = decides
        self.is_plain = may_be_plain and decides and route.is_plain
        self.is_endpoint = isinstance(route, EndpointRoute)
        self._kind = _LITERAL
        self._convertor: Any = None
        self._name = ""
        self._start = 0
        self._conversions: Sequence[tuple[str, Callable[[str], Any]]] = ()
        if self.is_plain and route.param_convertors:
            self._look_at(route, route.param_convertors)

    def _look_at(self, route: PatternRoute, convertors: dict[str, Convertor[Any]]) -> None:
        """Choose how to read the parameters."""
        self._kind = _EXPRESSION
        if any(_OURS.get(type(each)) != each.regex for each in convertors.values()):
            # An expression of others may bring groups that are no parameters.
            self.is_plain = route.path_regex.groupindex.keys() == convertors.keys()
        elif len(convertors) == 1 and convertors is route.pattern.convertors:
            [(name, convertor)] = convertors.items()
            before, _, end = route.pattern.format.rpartition("/")
            kind = _KINDS.get(type(convertor).convert)
            if end == f"{{{name}}}" and kind is not None:
                self._kind, self._convertor = kind, convertor
                self._name, self._start = name, len(before) + 1
                return
        self._conversions = [
            (name, convertor.convert)
            for name, convertor in convertors.items()
            if type(convertor).convert not in _UNCHANGED
        ]

    def bind(self, path: str) -> dict[str, Any] | None:
        """Give the parameters of a path that the index leads here; None if it does not match.

        Args:
            path: The path; it begins with a slash.
        """
        # PERF: S3, what an expression would say of the last segment is known without it.
        kind = self._kind
        if kind is _TEXT:
            text = path[self._start :]
            return {self._name: text} if text else None
        if kind is _DIGITS:
            text = path[self._start :]
            if text.isascii() and text.isdigit() and len(text) <= self._convertor.max_digits:
                try:
                    return {self._name: int(text)}
                except ValueError:
                    # Python was told to stop earlier.
                    pass
            return None
        if kind is _LITERAL:
            return {}
        if kind is _REST:
            text = path[self._start :]
            # The dot of the expression stands for anything but that.
            return None if "\n" in text else {self._name: text}
        return self._bind_by_expression(path)

    def _bind_by_expression(self, path: str) -> dict[str, Any] | None:
        match = self.route.path_regex.match(path)
        if match is None:
            return None
        params: dict[str, Any] = match.groupdict()
        try:
            for name, convert in self._conversions:
                params[name] = convert(params[name])
        except ConvertorMismatch:
            return None
        return params


_LITERAL, _TEXT, _DIGITS, _REST, _EXPRESSION = range(5)
"""How the parameters of a path are read: there are none, or by the expression of the pattern; or
there is only one, which is all that follows the last slash of the pattern."""

_KINDS: Final[dict[Any, int]] = {
    StringConvertor.convert: _TEXT,
    IntegerConvertor.convert: _DIGITS,
    PathConvertor.convert: _REST,
}
_OURS: Final = {type(convertor): convertor.regex for convertor in CONVERTOR_TYPES.values()}
_UNCHANGED: Final = (StringConvertor.convert, PathConvertor.convert)

by_position = attrgetter("position")


class Node:
    """One segment of the trie.

    Attributes:
        literals: Where a segment leads, by its text.
        wild: Where any segment leads.
        ends: Routes whose pattern ends here.
        tails: Routes that take one more segment or any number.
        forks: Whether a segment may lead to more than one place.
    """

    __slots__ = ("ends", "forks", "literals", "tails", "wild")

    def __init__(self) -> None:
        self.literals: dict[str, Node] = {}
        self.wild: Node | None = None
        self.ends: list[PatternEntry] = []
        self.tails: list[PatternEntry] = []
        self.forks = False

    def add(self, pattern: Pattern, entry: PatternEntry) -> None:
        """Put a route where its pattern leads."""
        node = self
        for kind, text in pattern.segments:
            if kind == TAIL:
                node.tails.append(entry)
                node.forks = True
                return
            if kind == WILD:
                if node.wild is None:
                    node.wild = Node()
                following = node.wild
            else:
                if text not in node.literals:
                    node.literals[text] = Node()
                following = node.literals[text]
            node.forks = bool(node.tails or (node.literals and node.wild))
            node = following
        node.ends.append(entry)

    def find(self, path: str) -> list[PatternEntry]:
        """Give the routes that a path may match, in order."""
        node = self
        # PERF: S3, a single way through the trie, which is what most paths have.
        for segment in path.split("/")[1:]:
            if node.forks:
                return self._find_all(path)
            # To look for a segment in a dictionary takes as long as the segment is.
            literals = node.literals
            following = literals.get(segment, node.wild) if literals else node.wild
            if following is None:
                return []
            node = following
        return node.ends

    def prefixes(self) -> Iterator[tuple[str, list[PatternEntry]]]:
        """Give what stands before the last slash of a path, where that says what `find` gives."""
        nodes = [("", self)]
        while nodes:
            prefix, node = nodes.pop()
            if node.forks:
                continue
            if node.wild is not None:
                yield prefix, node.wild.ends
            nodes += [(f"{prefix}/{text}", child) for text, child in node.literals.items()]

    def leads_only_to(self, prefix: str) -> list[PatternEntry]:
        """Give the tails under a literal path, if there is nothing else; none otherwise."""
        node = self
        for segment in prefix.split("/")[1:]:
            if node.forks or segment not in node.literals:
                return []
            node = node.literals[segment]
        return [] if node.literals or node.wild is not None else node.tails

    def mounts(self) -> Iterator[tuple[str, list[PatternEntry]]]:
        """Give the first segments of paths that say what `find` gives."""
        if not self.forks:
            for text, child in self.literals.items():
                if child.tails and not child.literals and child.wild is None:
                    yield text, child.tails

    def _find_all(self, path: str) -> list[PatternEntry]:
        """Go all ways through the trie."""
        found: list[PatternEntry] = []
        nodes = [self]
        for segment in path.split("/")[1:]:
            following: list[Node] = []
            for node in nodes:
                if node.tails:
                    found += node.tails
                if segment in node.literals:
                    following.append(node.literals[segment])
                if node.wild is not None:
                    following.append(node.wild)
            nodes = following
            if not nodes:
                break
        for node in nodes:
            found += node.ends
        if len(found) > 1:
            found.sort(key=by_position)
        return found
