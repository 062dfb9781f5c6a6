"""Which route takes a request.

RULES

- Registration order is the law: of the routes that match fully, the first one wins. Only if there
  is none, the first one that matches but for the method is taken, and will say 405.
- If nothing matches a path, the same path with or without a slash at its end is tried, for HTTP;
  if that would match anything, the client is sent there.
- Where slashes are ignored, that other path is tried also if only the method is wrong, and for
  WebSockets; and what it matches is taken. A match of the path as it is goes first.

THEORY OF OPERATION

A match is a value: Found, WrongMethod, Redirect or Missing. `LinearTable` asks every route in
turn; it is the reference. `IndexedTable` gives the same answers, but asks only routes that can
match at all. Its index never decides, it only leaves out:

- `literals` leads from a whole path to the routes of exactly that path, together with those
  parametrised ones that have it among their paths;
- a trie of segments leads from any other path to the parametrised routes and mounts of its shape;
- routes that no path tells apart (hosts, and classes of others that override `matches`) are
  `opaque`: they are asked each time, in their place in the order.

The list of routes may be edited at any time; it counts its edits, and the index is made again when
the count has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from heapq import merge
from operator import attrgetter
from typing import Final, NamedTuple

from bolide._routing.base import (
    BaseRoute,
    EndpointRoute,
    Match,
    PatternRoute,
    get_route_path,
)
from bolide._routing.pattern import TAIL, WILD, Pattern
from bolide._routing.route_list import RouteList
from bolide._routing.slashes import SLASH_ADDED, SlashMode, other_form
from bolide.types import Scope

__all__ = [
    "MISSING",
    "Found",
    "IndexedTable",
    "LinearTable",
    "Missing",
    "Outcome",
    "Redirect",
    "WrongMethod",
]


class Found(NamedTuple):
    """A route takes the request."""

    route: BaseRoute
    child_scope: Scope


class WrongMethod(NamedTuple):
    """A route has the path, but not the method."""

    route: BaseRoute
    child_scope: Scope


class Redirect(NamedTuple):
    """Nothing is here, but something is at this path."""

    path: str


class Missing(NamedTuple):
    """Nothing is here."""


MISSING: Final = Missing()

Outcome = Found | WrongMethod | Redirect | Missing

# PERF: S1, the constructor of a named tuple is a Python function; this is not.
_found: Callable[[tuple[BaseRoute, Scope]], Found] = partial(tuple.__new__, Found)  # pyright: ignore[reportUnknownMemberType]


class LinearTable:
    """Asks every route in turn: slow with many routes, and plainly right.

    Args:
        routes: The routes, in order.
    """

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self.routes = routes

    def resolve(self, scope: Scope, slashes: SlashMode = "redirect") -> Outcome:
        """Say what becomes of a request."""
        found = self.match(scope)
        return found if isinstance(found, Found) else self.fall_back(scope, found, slashes)

    def match(self, scope: Scope) -> Found | WrongMethod | None:
        """Give the route that takes a request, if there is one."""
        wrong_method: WrongMethod | None = None
        for route in self.routes:
            match, child_scope = route.matches(scope)
            if match is Match.FULL:
                return Found(route, child_scope)
            if match is Match.PARTIAL and wrong_method is None:
                wrong_method = WrongMethod(route, child_scope)
        return wrong_method

    def candidates(self, scope: Scope) -> list[BaseRoute]:
        """Give all routes that can match the path of a request, and perhaps more, in order."""
        return list(self.routes)

    def fall_back(
        self, scope: Scope, wrong_method: WrongMethod | None, slashes: SlashMode
    ) -> Outcome:
        """Say what becomes of a request that no route takes as it is.

        Args:
            scope: The scope of the request.
            wrong_method: What has the path, but not the method.
            slashes: What becomes of a slash too many or too few.
        """
        as_it_is: Outcome = wrong_method or MISSING
        can_redirect = scope["type"] == "http" and wrong_method is None
        if slashes == "strict" or (slashes == "redirect" and not can_redirect):
            return as_it_is
        path = other_form(scope)
        found = None if path is None else self.match({**scope, "path": path})
        if path is None or found is None or (wrong_method and isinstance(found, WrongMethod)):
            return as_it_is
        if slashes == "redirect":
            return Redirect(path)
        if "root_path" in found.child_scope:
            # The routes inside a mount begin with a slash, so they have to see it.
            child_scope = {**found.child_scope, "path": path, SLASH_ADDED: True}
            return found._replace(child_scope=child_scope)
        return found


class _Entry(NamedTuple):
    """A route at its place in the order."""

    position: int
    route: BaseRoute


class _PatternEntry(NamedTuple):
    """A route that an index can find, at its place in the order.

    Attributes:
        literal: The route again if its pattern has no parameters.
    """

    position: int
    route: PatternRoute
    literal: EndpointRoute | None


_position = attrgetter("position")


class _Node:
    """One segment of the trie.

    Attributes:
        literals: Where a segment leads, by its text.
        wild: Where any segment leads.
        ends: Routes whose pattern ends here.
        tails: Routes that take one more segment or any number.
    """

    __slots__ = ("ends", "literals", "tails", "wild")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.wild: _Node | None = None
        self.ends: list[_PatternEntry] = []
        self.tails: list[_PatternEntry] = []

    def add(self, pattern: Pattern, entry: _PatternEntry) -> None:
        """Put a route where its pattern leads."""
        node = self
        for kind, text in pattern.segments:
            if kind == TAIL:
                node.tails.append(entry)
                return
            if kind == WILD:
                if node.wild is None:
                    node.wild = _Node()
                node = node.wild
            else:
                if text not in node.literals:
                    node.literals[text] = _Node()
                node = node.literals[text]
        node.ends.append(entry)

    def find(self, path: str) -> list[_PatternEntry]:
        """Give the routes that a path may match, in order."""
        found: list[_PatternEntry] = []
        nodes = [self]
        for segment in path.split("/")[1:]:
            following: list[_Node] = []
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
            found.sort(key=_position)
        return found


class IndexedTable(LinearTable):
    """Gives the answers of `LinearTable`, at a cost that does not grow with the routes."""

    routes: RouteList

    def __init__(self, routes: RouteList) -> None:
        super().__init__(routes)
        self._version = -1
        self._literals: dict[str, list[_PatternEntry]] = {}
        self._trie = _Node()
        self._opaque: list[_Entry] = []

    def match(self, scope: Scope) -> Found | WrongMethod | None:
        """Give the route that takes a request, if there is one."""
        if self._version != self.routes.version:
            self._build()
        path = get_route_path(scope) if scope.get("root_path") else scope["path"]
        entries: Iterable[_Entry | _PatternEntry] | None = self._literals.get(path)
        if entries is None:
            entries = self._trie.find(path)
        if self._opaque:
            entries = merge(entries, self._opaque, key=_position)
        scope_type = scope["type"]
        wrong_method: WrongMethod | None = None
        for entry in entries:
            child_scope: Scope
            if isinstance(entry, _Entry):
                match, child_scope = entry.route.matches(scope)
            elif scope_type not in entry.route.scope_types:
                continue
            elif (route := entry.literal) is not None:
                # PERF: S1, `EndpointRoute.accept` in place.
                params = dict(scope["path_params"]) if "path_params" in scope else {}
                child_scope = {"endpoint": route.endpoint, "path_params": params}
                if scope_type == "http" and route.methods and scope["method"] not in route.methods:
                    match = Match.PARTIAL
                else:
                    return _found((route, child_scope))
            else:
                match, child_scope = entry.route.match_path(scope, path)
            if match is Match.FULL:
                return _found((entry.route, child_scope))
            if match is Match.PARTIAL and wrong_method is None:
                wrong_method = WrongMethod(entry.route, child_scope)
        return wrong_method

    def candidates(self, scope: Scope) -> list[BaseRoute]:
        """Give all routes that can match the path of a request, and perhaps more, in order."""
        if self._version != self.routes.version:
            self._build()
        path = get_route_path(scope)
        entries = self._literals.get(path) or self._trie.find(path)
        every: list[_Entry | _PatternEntry] = [*entries, *self._opaque]
        return [entry.route for entry in sorted(every, key=_position)]

    def _build(self) -> None:
        """Make the index from the list as it is now."""
        version = self.routes.version
        literals: dict[str, list[_PatternEntry]] = {}
        trie = _Node()
        opaque: list[_Entry] = []
        for position, route in enumerate(self.routes):
            if not isinstance(route, PatternRoute) or not route.goes_by_pattern:
                opaque.append(_Entry(position, route))
            elif isinstance(route, EndpointRoute) and not route.param_convertors:
                entry = _PatternEntry(position, route, route)
                literals.setdefault(route.pattern.source, []).append(entry)
            else:
                trie.add(route.pattern, _PatternEntry(position, route, None))
        for path, entries in literals.items():
            entries += trie.find(path)
            entries.sort(key=_position)
        self._literals, self._trie, self._opaque = literals, trie, opaque
        self._version = version
