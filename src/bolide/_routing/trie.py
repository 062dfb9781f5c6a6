"""Routes by the segments of their paths: which of them a path may match.

THEORY OF OPERATION

A node is reached by the segments of a path, one after the other. It leads on by the text of the
next one, or by any. A route ends where its pattern does, or has a tail, which takes what is left.
The trie only leaves out: whether a route matches is for its pattern to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any, Final, NamedTuple

from bolide._routing.base import BaseRoute, PatternRoute
from bolide._routing.pattern import TAIL, WILD, Pattern
from bolide.convertors import CONVERTOR_TYPES, Convertor, PathConvertor, StringConvertor

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
        conversions: What has to be made of the text of its parameters.
    """

    __slots__ = ("conversions", "decides", "is_plain", "position", "route")

    def __init__(self, position: int, route: Any, decides: bool) -> None:
        self.position = position
        self.route = route
        self.decides = decides
        convertors: dict[str, Convertor[Any]] = route.param_convertors if decides else {}
        self.is_plain = (
            decides and route.is_plain and (not convertors or _groups_are_parameters(route))
        )
        self.conversions = [
            (name, convertor.convert)
            for name, convertor in convertors.items()
            if type(convertor).convert not in _TEXT
        ]


def _groups_are_parameters(route: PatternRoute) -> bool:
    """Say whether an expression has no other groups; convertors of others may bring some."""
    convertors = route.param_convertors
    for convertor in convertors.values():
        if _OURS.get(type(convertor)) != convertor.regex:
            return route.path_regex.groupindex.keys() == convertors.keys()
    return True


_OURS: Final = {type(convertor): convertor.regex for convertor in CONVERTOR_TYPES.values()}
_TEXT: Final = (StringConvertor.convert, PathConvertor.convert)

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
