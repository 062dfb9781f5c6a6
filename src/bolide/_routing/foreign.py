"""Code of others that overrides ours, and around which the index can be used all the same.

RULES

- Only a `matches` that can never say yes where the one above it says no may be left unasked; any
  other is asked in its turn.
- Only code that somebody has read counts as known (`fingerprints`). Any other version of it is
  asked, and walks, as it always did.

THEORY OF OPERATION

The author of a class may promise what its `matches` does, see `PatternRoute`. FastAPI has promised
nothing, so here is what was read of it (0.165):

- `APIWebSocketRoute.matches` asks the one above it, and adds to a yes.
- `APIRoute.matches` does the same, unless the scope holds the context of a router that the route
  was included from: with that, it goes by another path. `holds_context` tells such scopes; in them
  nothing is left out.
- `APIRouter.app` walks over `self.routes` by itself, and calls `matches` of each: with the scope
  as it is, then with the other form of its path. What says no to both has no effect on it. Besides,
  it only reads attributes of `self`. So it is called with a stand-in for the router, whose `routes`
  are the candidates for both forms, and whose other attributes are those of the router.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from itertools import takewhile
from types import MethodType
from typing import Any, Final

from bolide._routing.base import BaseRoute, PatternRoute
from bolide._routing.fingerprints import is_known
from bolide._routing.pattern import Pattern, parse
from bolide.types import ASGIApp, Receive, Scope, Send

__all__ = [
    "NarrowWalk",
    "holds_context",
    "index_pattern",
    "narrowed",
    "only_narrows",
    "pattern_of",
]


def index_pattern(route: PatternRoute) -> Pattern | None:
    """Give the pattern without which the `matches` of a route says no, if there is such a one.

    Args:
        route: A route whose `matches` is not ours.
    """
    return pattern_of(route) if only_narrows(route) else None


def pattern_of(route: object) -> Pattern | None:
    """Give the pattern of whatever goes by `path` and `path_regex`, if they belong together.

    The constructor of a class may not have called ours.
    """
    path: Any = getattr(route, "path", None)
    for source in (path, f"{path}/{{path:path}}"):
        try:
            pattern = parse(source)
        except (AssertionError, TypeError, ValueError, re.error):
            continue
        if pattern.describes(getattr(route, "path_regex", None)):
            return pattern
    return None


def only_narrows(route: PatternRoute) -> bool:
    """Say whether each `matches` on the way up to ours can only turn a yes into a no."""
    classes = [cls for cls in type(route).__mro__ if "matches" in vars(cls)]
    # The object may have one of its own.
    if getattr(route.matches, "__func__", None) is not vars(classes[0])["matches"]:
        return False
    above = takewhile(lambda cls: cls is not PatternRoute, classes)
    return all(_promises(cls) or _is_transparent(vars(cls)["matches"]) for cls in above)


def _promises(cls: type) -> bool:
    return vars(cls).get("matches_only_its_pattern") is True


def _is_transparent(matches: object) -> bool:
    if not is_known(matches, "APIRoute.matches", "APIWebSocketRoute.matches"):
        return False
    names: dict[str, Any] = getattr(matches, "__globals__", {})
    return is_known(names.get(_CONTEXT), _CONTEXT)


_CONTEXT: Final = "_get_scope_effective_route_context"


def holds_context(scope: Scope) -> bool:
    """Say whether FastAPI's routes may go by other paths than their own."""
    context: Mapping[str, object] = scope.get("fastapi") or {}
    return context.get("effective_route_context") is not None


def narrowed(app: ASGIApp, candidates: Callable[[Scope], list[BaseRoute]]) -> ASGIApp:
    """Let the `app` of a router walk over candidates only, if it is known to allow that.

    Args:
        app: The bound method of the router.
        candidates: What gives the routes that can match a scope, with either form of its path.
    """
    if isinstance(app, MethodType) and is_known(app.__func__, "APIRouter.app"):
        return NarrowWalk(app, candidates)
    return app


class NarrowWalk:
    """A router that walks over its routes itself, over those that can match at all."""

    __slots__ = ("_app", "_candidates")

    def __init__(self, app: MethodType, candidates: Callable[[Scope], list[BaseRoute]]) -> None:
        self._app = app
        self._candidates = candidates

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Run as an ASGI application."""
        router: object = self._app.__self__
        if scope["type"] in ("http", "websocket"):
            # What the walk would do itself, with its stand-in.
            if "router" not in scope:
                scope["router"] = router
            router = _StandIn(router, self._candidates(scope))
        # PERF: S4 on FastAPI.
        done: Awaitable[None] = self._app.__func__(router, scope, receive, send)
        return done


class _StandIn:
    """A router, as far as reading it goes, with fewer routes."""

    __slots__ = ("_router", "routes")

    def __init__(self, router: object, routes: list[BaseRoute]) -> None:
        self._router = router
        self.routes = routes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._router, name)
