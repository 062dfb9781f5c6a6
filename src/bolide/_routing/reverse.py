"""From the name of a route back to its path.

THEORY OF OPERATION

The first route that knows the name with these parameters gives the path; each route decides that
for itself in `url_path_for`. The index of names only leaves out those that cannot know it. A name
leads to the routes of that name, and, cut at its colons, to the mounts in whose names it begins;
routes without a name, and classes of others, are asked each time. Names may be changed on a route
without the list being edited, so before giving up every route is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from bolide._data.url import URLPath
from bolide._routing.base import BaseRoute, NoMatchFound, PatternRoute
from bolide._routing.pattern import fill
from bolide._routing.route_list import RouteList

__all__ = ["NameIndex", "child_name", "endpoint_url", "find_url_path", "search_url_path"]

# A router may be mounted in itself; a name has to end somewhere.
_MAX_HINT_DEPTH = 8


def find_url_path(routes: Sequence[BaseRoute], name: str, path_params: dict[str, Any]) -> URLPath:
    """Give the path of the first route that knows the name with these parameters.

    Raises:
        NoMatchFound: There is none.
    """
    found = search_url_path(routes, name, path_params)
    if found is None:
        raise NoMatchFound(name, path_params, known_names=_names(routes))
    return found


def search_url_path(
    routes: Sequence[BaseRoute], name: str, path_params: dict[str, Any]
) -> URLPath | None:
    """Do what `find_url_path` does, but give None if there is none."""
    candidates = routes
    if isinstance(routes, RouteList):
        candidates = NameIndex.of(routes).candidates(name)
    found = _first(candidates, name, path_params)
    if found is None and candidates is not routes:
        found = _first(routes, name, path_params)
    return found


def _first(routes: Sequence[BaseRoute], name: str, path_params: dict[str, Any]) -> URLPath | None:
    for route in routes:
        try:
            return route.url_path_for(name, **path_params)
        except NoMatchFound:
            continue
    return None


def endpoint_url(
    route: PatternRoute,
    own_name: str,
    name: str,
    path_params: dict[str, Any],
    protocol: Literal["http", "websocket"],
) -> URLPath:
    """Give the path of a route to an endpoint.

    Raises:
        NoMatchFound: The name is not its own, or the parameters are not exactly its own.
    """
    if name != own_name or path_params.keys() != route.param_convertors.keys():
        raise NoMatchFound(name, path_params)
    path, _ = fill(route.path_format, route.param_convertors, path_params)
    return URLPath(path=path, protocol=protocol)


def child_name(own_name: str | None, name: str) -> str | None:
    """Give the name that the routes inside know; None if the name does not lead inside."""
    if own_name is None:
        return name
    return name.removeprefix(f"{own_name}:") if name.startswith(f"{own_name}:") else None


class NameIndex:
    """Which routes of a list may know a name.

    Args:
        routes: The list.
    """

    def __init__(self, routes: RouteList) -> None:
        self.version = routes.version
        self._routes = routes
        self._named: dict[str, list[int]] = {}
        self._unnamed: list[int] = []
        for position, route in enumerate(routes):
            name = getattr(route, "name", None)
            if isinstance(name, str) and name:
                self._named.setdefault(name, []).append(position)
            else:
                self._unnamed.append(position)

    @classmethod
    def of(cls, routes: RouteList) -> NameIndex:
        """Give the index of a list, made anew if the list has been edited."""
        index = routes.name_index
        if index is None or index.version != routes.version:
            index = routes.name_index = cls(routes)
        return index

    def candidates(self, name: str) -> list[BaseRoute]:
        """Give the routes that may know a name, in order."""
        positions = [*self._unnamed, *self._named.get(name, ())]
        end = name.find(":")
        while end >= 0:
            positions += self._named.get(name[:end], ())
            end = name.find(":", end + 1)
        positions.sort()
        return [self._routes[position] for position in positions]


def _names(routes: Sequence[BaseRoute], depth: int = 0) -> Iterator[str]:
    """Give every name that there is, for a hint."""
    for route in routes:
        name = getattr(route, "name", None)
        if name:
            yield name
        if depth < _MAX_HINT_DEPTH:
            prefix = f"{name}:" if name else ""
            for child in _names(getattr(route, "routes", None) or (), depth + 1):
                yield prefix + child
