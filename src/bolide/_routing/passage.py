"""The way through mounts that stand one in another, with nothing but routers in between.

RULES

- All paths that agree up to their last slash go the same way, as long as no list of routes on it is
  edited, no mount is given another application, and no router a middleware. All that can change at
  any time, and is looked at in each request.
- A way is remembered when a request has gone it, and has found a route at its end by literal
  segments. So there are no more ways than routes, whatever clients ask for.
- Nothing can branch off: no router but the last one has anything else under the next mount.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bolide._routing.base import EndpointRoute, PatternRoute
from bolide._routing.nested import STATES_KEY, overlaid
from bolide.types import Scope

if TYPE_CHECKING:
    from bolide._routing.table import IndexedTable

__all__ = ["Passage", "passage_through"]


class Passage:
    """A way through mounts, from the first one to the router in the last one.

    Args:
        steps: The mounts, and the router in each.
        prefix: The part of the path that the mounts take.
    """

    __slots__ = ("_app", "_call", "_cls", "_last", "_prefix", "_steps")

    def __init__(self, steps: Sequence[tuple[Any, Any]], prefix: str) -> None:
        self._steps = [
            (mount, router, router.middleware_stack, router.routes.version)
            for mount, router in steps
        ]
        self._last = steps[-1]
        self._prefix = prefix
        self._cls: Any = type(steps[0][1])
        self._call = self._cls.__call__
        self._app = self._cls.app

    def take(self, scope: Scope, path: str) -> PatternRoute | None:
        """Go it, and add to the scope what all the mounts would, and the route at its end.

        Args:
            scope: The scope of an HTTP request.
            path: The part of its path that is left for the routes.

        Returns:
            The route at the end. Or the last mount, if it takes a closer look at what is in it. Or
            None, with the scope as it was, if the way is no longer there.
        """
        # PERF: S16.
        cls, root_path = self._cls, scope.get("root_path", "")
        if cls.__call__ is not self._call or cls.app is not self._app or scope["method"] == "HEAD":
            return None
        if root_path and scope["path"] != root_path + path:
            return None
        for each, inside, stack, version in self._steps:
            if (
                each.app is not inside
                or inside.middleware_stack is not stack
                or inside._routes.version != version
            ):
                return None
        if "app_root_path" not in scope:
            scope["app_root_path"] = root_path
        scope["root_path"] = root_path + self._prefix
        if "state" in scope and scope["state"] and STATES_KEY in scope["state"]:
            for _, inside, *_ in self._steps:
                scope["state"] = overlaid(scope["state"], inside)
        mount, router = self._last
        rest = path[len(self._prefix) :]
        plain: EndpointRoute | None = router._routes.plain.get(rest)
        if plain is not None and plain.take(scope):
            return plain
        found: object = router._table.shortcut(scope, rest)
        if isinstance(found, PatternRoute):
            return found
        scope["route"] = mount
        scope["endpoint"] = router
        scope["path_params"] = dict(scope["path_params"]) if "path_params" in scope else {}
        last: PatternRoute = mount
        return last


def passage_through(
    table: IndexedTable, steps: Sequence[tuple[Any, Any]], path: str, rest: str
) -> Passage | None:
    """Give the way that a request has gone, if all that have a path like it would go it.

    Args:
        table: The table that had the first of the mounts.
        steps: Literal mounts, and the router in each.
        path: What the path was for that table.
        rest: What was left of it for the last of the routers, where a route has been found.
    """
    prefix = ""
    for mount, router in steps:
        part = mount.pattern.source.removesuffix("/{path:path}")
        if not table.leads_only_to(mount, part):
            return None
        prefix += part
        table = router._table
    # A router that is mounted in itself would make endless ways.
    is_straight = len({id(router) for _, router in steps}) == len(steps)
    if is_straight and path == prefix + rest and table.has_literally(rest):
        return Passage(steps, prefix)
    return None
