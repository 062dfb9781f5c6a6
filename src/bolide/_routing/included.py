"""Where the routers that FastAPI has included in another one can match.

THEORY OF OPERATION

`include_router` appends one route for a whole router. Its `matches` asks the routes in it one by
one, under their paths there, and says no if all of them do. Those paths are known to FastAPI's
objects (`effective_candidates`), so that the route can be indexed once for each.

Routers are edited at any time, also after they were included. FastAPI notices by a number that each
router counts up, and by what is in its list. A `Watch` remembers both, for all routers that an
index has looked into.
"""

from __future__ import annotations

from typing import Any

from bolide._routing.base import BaseRoute, PatternRoute
from bolide._routing.fingerprints import is_known
from bolide._routing.foreign import index_pattern, only_narrows, pattern_of
from bolide._routing.pattern import Pattern
from bolide._routing.route_list import RouteList

__all__ = ["Watch", "included_patterns"]


class Watch:
    """Notices that routers have changed since they were looked into."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: list[tuple[Any, RouteList, int, int]] = []

    def add(self, router: Any) -> None:
        """Remember how a router of FastAPI is now."""
        routes = router.routes
        self._seen.append((router, routes, routes.version, router._routes_version))

    @property
    def has_changed(self) -> bool:
        """Whether any of them is not as it was."""
        for router, routes, version, count in self._seen:
            if (
                routes.version != version
                or router.routes is not routes
                or router._routes_version != count
            ):
                return True
        return False


def included_patterns(route: BaseRoute, watch: Watch) -> list[Pattern] | None:
    """Give the patterns without which an included router says no; None if that is not known.

    Args:
        route: Any route.
        watch: Is told of the routers that were looked into.
    """
    if not _is_included(route):
        return None
    included: Any = route
    watch.add(included.original_router)
    try:
        candidates = included.effective_candidates()
    except Exception:
        # It will be raised again, if this route is asked.
        return None
    patterns: list[Pattern] = []
    for candidate in candidates:
        if isinstance(candidate, BaseRoute):
            inner = included_patterns(candidate, watch)
        else:
            inner = _patterns_of(candidate)
        if inner is None:
            return None
        patterns += inner
    return patterns


def _is_included(route: Any) -> bool:
    """Say whether a route is an included router whose code is known."""
    cls: Any = route.__class__
    if cls.__qualname__ != "_IncludedRouter" or not _has(cls, _INCLUDED):
        return False
    router: Any = route.original_router.__class__
    names: dict[str, Any] = cls.matches.__globals__
    return (
        _has(router, {"matches": "APIRouter.matches", **_VERSION})
        and isinstance(route.original_router.routes, RouteList)
        and _has(names.get("_EffectiveRouteContext"), _CONTEXT)
        and all(is_known(names.get(name), name) for name in _FUNCTIONS)
    )


def _has(cls: Any, methods: dict[str, str]) -> bool:
    return all(is_known(getattr(cls, name, None), known) for name, known in methods.items())


_INCLUDED = {
    name: f"_IncludedRouter.{name}" for name in ("_match", "effective_candidates", "matches")
}
_VERSION = {"_get_routes_version": "APIRouter._get_routes_version"}
_CONTEXT = {"matches": "_EffectiveRouteContext.matches"}
_FUNCTIONS = ("_get_scope_effective_route_context", "_get_scope_included_router")


def _patterns_of(context: Any) -> list[Pattern] | None:
    """Give the patterns of a route of an included router, under its path there."""
    pattern: Pattern | None = None
    route: Any = context.starlette_route
    if route is None:
        # One of FastAPI's own, which in this context goes by the path and expression of that.
        if isinstance(context.original_route, PatternRoute) and only_narrows(
            context.original_route
        ):
            pattern = pattern_of(context)
    elif isinstance(route, PatternRoute):
        pattern = route.pattern if route.goes_by_pattern else index_pattern(route)
    return None if pattern is None else [pattern]
