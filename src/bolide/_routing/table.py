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
- routes that no path tells apart (hosts, and classes of others that override `matches`, but for
  those in `foreign`) are `opaque`: they are asked each time, in their place in the order.

Most requests need no value for their match: `shortcut` writes into the scope what it would hold. It
gives up where anything has to be thought about, and then `match` is asked. Those routes that are
the first of a literal path stand ready in `RouteList.plain`, and take a request themselves.

The list of routes may be edited at any time; it has another version then, and the index is made
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import merge
from typing import Final, NamedTuple

from bolide._routing.base import (
    BaseRoute,
    EndpointRoute,
    Match,
    PatternRoute,
    get_route_path,
)
from bolide._routing.foreign import holds_context, index_pattern
from bolide._routing.included import Watch, included_patterns
from bolide._routing.pattern import Pattern
from bolide._routing.route_list import RouteList
from bolide._routing.slashes import SLASH_ADDED, SlashMode, other_form
from bolide._routing.trie import Entry, Node, PatternEntry, by_position
from bolide.types import Scope

__all__ = [
    "MISSING",
    "NOWHERE",
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

NOWHERE: Final = Missing()
"""Nothing is here, nor at the other form of the path. Equal to the other, but not the same."""

Outcome = Found | WrongMethod | Redirect | Missing


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
        found = None if path is None else self._match_at(path, scope)
        if path is None or found is None or (wrong_method and isinstance(found, WrongMethod)):
            return as_it_is
        if slashes == "redirect":
            return Redirect(path)
        if "root_path" in found.child_scope:
            # The routes inside a mount begin with a slash, so they have to see it.
            child_scope = {**found.child_scope, "path": path, SLASH_ADDED: True}
            return found._replace(child_scope=child_scope)
        return found

    def _match_at(self, path: str, scope: Scope) -> Found | WrongMethod | None:
        """Do what `match` does, for another path."""
        return self.match({**scope, "path": path})


def _patterns_of(route: BaseRoute, watch: Watch) -> tuple[list[Pattern] | None, bool]:
    """Give the patterns without which a route says no, and whether they say all it would."""
    if not isinstance(route, PatternRoute):
        return included_patterns(route, watch), False
    if route.goes_by_pattern:
        return [route.pattern], True
    pattern = index_pattern(route)
    return (None if pattern is None else [pattern]), False


class IndexedTable(LinearTable):
    """Gives the answers of `LinearTable`, at a cost that does not grow with the routes."""

    routes: RouteList

    def __init__(self, routes: RouteList) -> None:
        super().__init__(routes)
        self._version = -1
        self._valid_for = -1
        self._literals: dict[str, list[PatternEntry]] = {}
        self._trie = Node()
        self._by_prefix: dict[str, list[PatternEntry]] = {}
        self._by_first: dict[str, list[PatternEntry]] = {}
        # What literal paths are under; made when it is first asked for.
        self._parents: set[str] | None = None
        self._opaque: list[Entry] = []
        self._leads_anywhere = False
        self._has_foreign = False
        self._watch = Watch()

    def shortcut(self, scope: Scope, path: str) -> PatternRoute | Missing | None:
        """Give the route that takes an HTTP request at first sight, and add to the scope.

        Args:
            scope: The scope of the request.
            path: The part of its path that is left for the routes.

        Returns:
            A plain route, with nothing left to do but to call its `app`. Or that nothing has such a
            path, or neither form of it. Or None, which says nothing: it takes a second look. Then
            the scope is as it was.
        """
        # PERF: S3, S5.
        if self._valid_for != self.routes.version:
            if self._version != self.routes.version:
                self._build()
            if self._has_foreign:
                return None
        entries: list[PatternEntry] | Missing | None
        entries = self._literals.get(path)
        if entries is None:
            entries = self._by_prefix.get(path[: path.rfind("/")])
            if entries is None:
                entries = self._search(path)
                if isinstance(entries, Missing):
                    return entries
        method = scope["method"]
        for entry in entries:
            if not entry.is_plain:
                return None
            params = entry.bind(path)
            if params is None:
                continue
            route: PatternRoute = entry.route
            if method == "HEAD":
                return None
            if entry.is_endpoint:
                endpoint_route: EndpointRoute = entry.route
                methods = endpoint_route.methods
                if methods and method not in methods:
                    continue
                if "path_params" in scope:
                    params = {**scope["path_params"], **params}
                scope["endpoint"] = endpoint_route.endpoint
                scope["path_params"] = params
            else:
                scope.update(route.accept(scope, path, params)[1])
            scope["route"] = route
            return route
        return None

    def _search(self, path: str) -> list[PatternEntry] | Missing:
        """Give the plain routes that may have a path, which is not literally there."""
        end = path.find("/", 1)
        first = path[1:end] if end > 0 else path[1:]
        if path[:1] != "/":
            return []
        if end > 0 and first in self._by_first:
            return self._by_first[first]
        trie = self._trie
        # Such paths have nothing in common with any pattern, with or without a slash at their end.
        is_stranger = first not in trie.literals and not self._leads_anywhere
        entries: list[PatternEntry] = [] if is_stranger else trie.find(path)
        if entries or self._opaque:
            return entries
        other = path.rstrip("/") if path.endswith("/") else f"{path}/"
        is_nowhere = other not in self._literals and (is_stranger or not trie.find(other))
        return NOWHERE if is_nowhere else MISSING

    def leads_only_to(self, mount: PatternRoute, prefix: str) -> bool:
        """Say whether all paths under a prefix go to a mount, if they go anywhere."""
        if self._parents is None:
            self._parents = set()
            for path in self._literals:
                parent = path.rpartition("/")[0]
                while parent and parent not in self._parents:
                    self._parents.add(parent)
                    parent = parent.rpartition("/")[0]
        entries = self._trie.leads_only_to(prefix)
        return prefix not in self._parents and bool(entries) and entries[0].route is mount

    def has_literally(self, path: str) -> bool:
        """Say whether a path is that of a route, at least up to the last slash."""
        return path in self._literals or path[: path.rfind("/")] in self._by_prefix

    def match(self, scope: Scope) -> Found | WrongMethod | None:
        """Give the route that takes a request, if there is one."""
        if self._version != self.routes.version or (self._has_foreign and self._watch.has_changed):
            self._build()
        if self._has_foreign and holds_context(scope):
            return super().match(scope)
        path = get_route_path(scope) if scope.get("root_path") else scope["path"]
        entries: Iterable[Entry | PatternEntry] | None = self._literals.get(path)
        if entries is None:
            entries = self._trie.find(path)
        if self._opaque:
            entries = merge(entries, self._opaque, key=by_position)
        scope_type = scope["type"]
        wrong_method: WrongMethod | None = None
        for entry in entries:
            if isinstance(entry, Entry) or not entry.decides:
                match, child_scope = entry.route.matches(scope)
            elif scope_type in entry.route.scope_types:
                match, child_scope = entry.route.match_path(scope, path)
            else:
                continue
            if match is Match.FULL:
                return Found(entry.route, child_scope)
            if match is Match.PARTIAL and wrong_method is None:
                wrong_method = WrongMethod(entry.route, child_scope)
        return wrong_method

    def _match_at(self, path: str, scope: Scope) -> Found | WrongMethod | None:
        """Do what `match` does, for another path."""
        # PERF: S5, nothing is copied where nothing can match.
        if not (
            self._opaque
            or self._has_foreign
            or scope.get("root_path")
            or path in self._literals
            or self._trie.find(path)
        ):
            return None
        return super()._match_at(path, scope)

    def candidates(self, scope: Scope) -> list[BaseRoute]:
        """Give all routes that can match the path of a request, and perhaps more, in order."""
        if self._version != self.routes.version or (self._has_foreign and self._watch.has_changed):
            self._build()
        if self._has_foreign and holds_context(scope):
            return super().candidates(scope)
        return self._candidates_at(get_route_path(scope))

    def either_form(self, scope: Scope) -> list[BaseRoute]:
        """Do what `candidates` does, for the path with and without a slash at its end at once."""
        if self._version != self.routes.version or (self._has_foreign and self._watch.has_changed):
            self._build()
        if self._has_foreign and holds_context(scope):
            return super().candidates(scope)
        path: str = scope["path"]
        if scope.get("root_path"):
            other = other_form(scope) or path
            path, other = get_route_path(scope), get_route_path({**scope, "path": other})
        else:
            other = path.rstrip("/") if path.endswith("/") else f"{path}/"
        return self._candidates_at(path, other)

    def _candidates_at(self, *paths: str) -> list[BaseRoute]:
        """Give what the index has at any of these paths, in order."""
        every: list[Entry | PatternEntry] = [*self._opaque]
        for path in paths:
            # PERF: S3 on FastAPI, as in `shortcut`.
            entries = self._literals.get(path)
            if entries is None:
                entries = self._by_prefix.get(path[: path.rfind("/")])
            every += self._trie.find(path) if entries is None else entries
        if len(every) > 1:
            by_position = {entry.position: entry for entry in every}
            every = [by_position[position] for position in sorted(by_position)]
        return [entry.route for entry in every]

    def _build(self) -> None:
        """Make the index from the list as it is now."""
        # The very one that a change will replace, whenever it comes.
        plain = self.routes.plain = {}
        version = self.routes.version
        literals: dict[str, list[PatternEntry]] = {}
        trie = Node()
        opaque: list[Entry] = []
        has_foreign, watch = False, Watch()
        for position, route in enumerate(self.routes):
            patterns, decides = _patterns_of(route, watch)
            if patterns is None:
                opaque.append(Entry(position, route))
                continue
            entry = PatternEntry(position, route, decides, may_be_plain=not opaque)
            has_foreign = has_foreign or not decides
            for pattern in patterns:
                if pattern.convertors:
                    trie.add(pattern, entry)
                else:
                    literals.setdefault(pattern.source, []).append(entry)
        for path, entries in literals.items():
            entries += trie.find(path)
            entries.sort(key=by_position)
        self._literals, self._trie, self._opaque = literals, trie, opaque
        self._leads_anywhere = bool(trie.wild or trie.tails or trie.ends)
        if not has_foreign:
            for path, entries in literals.items():
                route = entries[0].route
                if entries[0].is_plain and not route.param_convertors:
                    plain[path] = route
        self._by_prefix = dict(trie.prefixes())
        self._by_first = dict(trie.mounts())
        self._parents = None
        self._has_foreign, self._watch = has_foreign, watch
        self._version = version
        self._valid_for = -1 if has_foreign else version
