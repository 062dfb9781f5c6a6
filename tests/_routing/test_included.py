"""Routers included in others are found by the paths of their routes, where that is sure."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import pytest

from bolide._routing import fingerprints
from bolide._routing.base import BaseRoute, Match
from bolide._routing.fingerprints import fingerprint
from bolide._routing.included import Watch, included_patterns
from bolide._routing.route_list import RouteList
from bolide._routing.table import Found, IndexedTable
from bolide.requests import Request
from bolide.responses import Response
from bolide.routing import Host, Mount, Route, Router, compile_path
from bolide.types import Scope


async def endpoint(request: Request) -> Response:
    raise NotImplementedError


# What FastAPI's classes look like, as far as it matters here.


def _get_scope_effective_route_context(scope: Scope) -> Any:
    return scope.get("fastapi", {}).get("effective_route_context")


def _get_scope_included_router(scope: Scope) -> Any:
    raise NotImplementedError


class APIRoute(Route):
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        context = _get_scope_effective_route_context(scope)
        return super().matches(scope) if context is None else context.matches(scope)


class Shouting(APIRoute):
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches({**scope, "path": scope["path"].lower()})


class _EffectiveRouteContext:
    def __init__(self, prefix: str, route: Any) -> None:
        self.original_route = route
        self.path = prefix + route.path if hasattr(route, "path") else ""
        self.path_regex = compile_path(self.path)[0]
        self.starlette_route: BaseRoute | None = None
        if isinstance(route, Mount):
            self.starlette_route = Mount(self.path, route.app)
        elif not isinstance(route, APIRoute):
            self.starlette_route = Route(self.path, endpoint) if self.path else route

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        route = self.starlette_route
        return (route or Route(self.path, endpoint)).matches(scope)


class APIRouter(Router):
    def __init__(self, routes: list[BaseRoute]) -> None:
        super().__init__(routes)
        self._routes_version = 0

    def _get_routes_version(self, seen: Any = None) -> int:
        raise NotImplementedError

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        raise NotImplementedError


class _IncludedRouter(BaseRoute):
    def __init__(self, prefix: str, router: Any) -> None:
        self.prefix = prefix
        self.original_router = router
        self.asked = 0

    def effective_candidates(self) -> list[Any]:
        return [
            _IncludedRouter(self.prefix + route.prefix, route.original_router)
            if isinstance(route, _IncludedRouter)
            else _EffectiveRouteContext(self.prefix, route)
            for route in self.original_router.routes
        ]

    def _match(self, scope: Scope) -> Any:
        return max(
            (candidate.matches(scope)[0] for candidate in self.effective_candidates()),
            key=lambda match: match.value,
            default=Match.NONE,
        )

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        self.asked += 1
        return self._match(scope), {}


FUNCTIONS: list[Any] = [
    APIRoute.matches,
    APIRouter._get_routes_version,
    APIRouter.matches,
    _EffectiveRouteContext.matches,
    _IncludedRouter._match,
    _IncludedRouter.effective_candidates,
    _IncludedRouter.matches,
    _get_scope_effective_route_context,
    _get_scope_included_router,
]


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the classes above be known for what they are."""
    for function in FUNCTIONS:
        assert isinstance(function, FunctionType)
        monkeypatch.setattr(function, "__module__", "fastapi.routing")
        known = {_print(function)}
        monkeypatch.setitem(fingerprints.KNOWN, function.__qualname__, known)


def _print(function: FunctionType) -> str:
    return fingerprint(function.__code__)


def api(path: str) -> APIRoute:
    return APIRoute(path, endpoint)


def sources(route: BaseRoute) -> list[str] | None:
    patterns = included_patterns(route, Watch())
    return None if patterns is None else [pattern.source for pattern in patterns]


def http(path: str) -> Scope:
    return {"type": "http", "path": path, "method": "GET"}


def test_the_paths_are_those_inside() -> None:
    inner = _IncludedRouter("/c", APIRouter([api("/d")]))
    router = APIRouter([api("/x"), Route("/y/{n}", endpoint), Mount("/z", routes=[]), inner])
    expected = ["/a/x", "/a/y/{n}", "/a/z/{path:path}", "/a/c/d"]
    assert sources(_IncludedRouter("/a", router)) == expected
    assert sources(_IncludedRouter("/a", APIRouter([]))) == []


@pytest.mark.parametrize(
    "route", [Shouting("/x", endpoint), Host("a.org", app=Router())], ids=["override", "host"]
)
def test_a_route_inside_that_goes_by_more_than_its_path_makes_the_router_opaque(
    route: BaseRoute,
) -> None:
    included = _IncludedRouter("/a", APIRouter([api("/x"), route]))
    assert sources(included) is None
    assert sources(_IncludedRouter("", APIRouter([included]))) is None
    table = IndexedTable(RouteList([included]))
    assert table.candidates(http("/nowhere")) == [included]


def test_code_that_is_not_known_makes_the_router_opaque(monkeypatch: pytest.MonkeyPatch) -> None:
    included = _IncludedRouter("/a", APIRouter([api("/x")]))
    assert sources(included) == ["/a/x"]
    for function in FUNCTIONS:
        with monkeypatch.context() as patch:
            patch.setitem(fingerprints.KNOWN, function.__qualname__, set())
            assert sources(included) is None
    assert sources(Host("a.org", app=Router())) is None
    included.original_router = Router([api("/x")])
    assert sources(included) is None


def test_a_router_that_cannot_say_what_it_has_is_opaque(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object, prefix: str, route: BaseRoute) -> None:
        raise LookupError(prefix)

    monkeypatch.setattr(_EffectiveRouteContext, "__init__", broken)
    assert sources(_IncludedRouter("/a", APIRouter([api("/x")]))) is None


def test_only_routers_that_can_match_are_asked() -> None:
    routers = [_IncludedRouter(f"/{n}", APIRouter([api("/x"), api("/{y}")])) for n in range(50)]
    table = IndexedTable(RouteList([*routers]))
    found = table.match(http("/33/x"))
    assert isinstance(found, Found)
    assert found.route is routers[33]
    assert [n for n, router in enumerate(routers) if router.asked] == [33]
    assert table.match(http("/33/x/z")) is None
    assert table.candidates(http("/33/x")) == [routers[33]]
    assert table.shortcut(http("/33/x"), "/33/x") is None


def test_routers_that_change_after_they_were_included_are_looked_into_again() -> None:
    innermost = APIRouter([])
    router = APIRouter([_IncludedRouter("", innermost)])
    included = _IncludedRouter("/a", router)
    table = IndexedTable(RouteList([included]))

    def is_found(path: str) -> bool:
        return isinstance(table.match(http(path)), Found)

    assert not is_found("/a/x")
    innermost.routes.append(api("/x"))
    assert is_found("/a/x")
    router.routes = [api("/y")]
    assert not is_found("/a/x")
    assert is_found("/a/y")


@pytest.mark.parametrize("change", ["append", "replace", "count"])
def test_a_watch_notices_all_that_fastapi_would(change: str) -> None:
    router, watch = APIRouter([]), Watch()
    watch.add(router)
    assert not watch.has_changed
    if change == "append":
        router.routes.append(api("/x"))
    elif change == "replace":
        router.routes = []
    else:
        router._routes_version += 1
    assert watch.has_changed
