"""Code of others: what is known of it is used, and what is not known is left as it is."""

from __future__ import annotations

import re
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._routing import fingerprints
from bolide._routing.base import BaseRoute, Match
from bolide._routing.fingerprints import fingerprint
from bolide._routing.foreign import NarrowWalk, holds_context, index_pattern, narrowed
from bolide._routing.route_list import RouteList
from bolide._routing.table import Found, IndexedTable, LinearTable, WrongMethod
from bolide.convertors import CONVERTOR_TYPES, StringConvertor
from bolide.requests import Request
from bolide.responses import Response
from bolide.routing import Host, Mount, Route, Router, compile_path
from bolide.types import Receive, Scope, Send


async def endpoint(request: Request) -> Response:
    raise NotImplementedError


def http(path: str, method: str = "GET", **more: Any) -> Scope:
    return {"type": "http", "path": path, "method": method, **more}


class Picky(Route):
    """A subclass that only says no more often, and says so."""

    matches_only_its_pattern = True
    asked = 0

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        Picky.asked += 1
        if scope.get("version") == 2:
            return Match.NONE, {}
        match, child_scope = super().matches(scope)
        return match, {**child_scope, "picky": True}


class Shouting(Route):
    """A subclass that matches what its pattern does not."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches({**scope, "path": scope["path"].lower()})


class PickyInVain(Shouting):
    """A promise of a class that inherits something else."""

    matches_only_its_pattern = True

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches(scope)


class ShoutingHeir(Picky):
    """A subclass that does not keep the promise that it inherits."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches({**scope, "path": scope["path"].lower()})


class Bare(Picky):
    """A subclass that does not call our constructor, as FastAPI's do not."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self.endpoint = endpoint
        self.methods = {"GET"}


# What a class has to look like to be taken for FastAPI's; see `known`.


def _get_scope_effective_route_context(scope: Scope) -> Any:
    context = scope.get("fastapi", {})
    return context.get("effective_route_context")


class APIRoute(Route):
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        context = _get_scope_effective_route_context(scope)
        return super().matches(scope) if context is None else (Match.FULL, {"context": context})


class APIRouter(Router):
    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["seen"] = list(self.routes)
        scope["default"] = self.default


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the classes above be known for what they are."""
    for function in (APIRoute.matches, APIRouter.app, _get_scope_effective_route_context):
        assert isinstance(function, FunctionType)
        monkeypatch.setattr(function, "__module__", "fastapi.routing")
        known = {fingerprint(function.__code__)}
        monkeypatch.setitem(fingerprints.KNOWN, function.__qualname__, known)


def has_index(route: Any) -> bool:
    return index_pattern(route) is not None


def test_a_promise_holds_for_the_class_that_makes_it() -> None:
    assert has_index(Picky("/a", endpoint))
    assert has_index(type("Heir", (Picky,), {})("/a", endpoint))
    assert not has_index(Shouting("/a", endpoint))
    assert not has_index(PickyInVain("/a", endpoint))
    assert not has_index(ShoutingHeir("/a", endpoint))


def test_an_object_with_another_matches_is_not_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    route = Picky("/a", endpoint)
    monkeypatch.setattr(route, "matches", Shouting("/a", endpoint).matches)
    assert not has_index(route)


def test_the_pattern_is_found_again_where_our_constructor_was_not_called() -> None:
    pattern = index_pattern(Bare("/{x}/b"))
    assert pattern is not None
    assert pattern.source == "/{x}/b"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("path_regex", re.compile("/a.*")),
        ("path_regex", re.compile(r"^/a\Z", re.IGNORECASE)),
        ("path_regex", SimpleNamespace(match=lambda path: None)),
        ("path", "/b"),
        ("path", "/{x:nothing}"),
        ("path", "/{x}{x}"),
        ("path", None),
    ],
)
def test_a_path_that_is_not_that_of_the_expression_is_no_pattern(name: str, value: object) -> None:
    route = Bare("/a")
    assert has_index(route)
    setattr(route, name, value)
    assert not has_index(route)


def test_a_route_with_neither_pattern_nor_expression_is_asked() -> None:
    route = Bare.__new__(Bare)
    assert not has_index(route)
    assert IndexedTable(RouteList([route])).candidates(http("/x")) == [route]


def test_a_convertor_that_has_changed_since_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    route = Bare("/{x}")
    slashes = StringConvertor()
    slashes.regex = ".*"
    monkeypatch.setitem(CONVERTOR_TYPES, "str", slashes)
    assert not has_index(route)


def test_only_candidates_are_asked_and_what_they_say_counts() -> None:
    routes = [Picky(f"/{number}", endpoint) for number in range(100)]
    table = IndexedTable(RouteList(routes))
    Picky.asked = 0
    found = table.match(http("/77"))
    assert Picky.asked == 1
    assert isinstance(found, Found)
    assert found.route is routes[77]
    assert found.child_scope["picky"] is True
    assert isinstance(table.match(http("/77", "PUT")), WrongMethod)
    assert table.match(http("/77", version=2)) is None
    assert table.shortcut(http("/77"), "/77") is None


SOURCES = ["/", "/a", "/A", "/a/b", "/{x}", "/{x}/b", "/a/{x}", "/{x:int}", "/{p:path}", "/a/"]
CLASSES = [Route, Picky, Shouting, PickyInVain, ShoutingHeir, APIRoute]


@given(
    routes=st.lists(
        st.one_of(
            st.builds(
                lambda cls, source, method: cls(source, endpoint, methods=[method]),
                st.sampled_from(CLASSES),
                st.sampled_from(SOURCES),
                st.sampled_from(["GET", "POST"]),
            ),
            st.builds(Bare, st.sampled_from(SOURCES)),
            st.builds(lambda path: Mount(path, routes=[]), st.sampled_from(["", "/a", "/{x}"])),
            st.just(Host("a.org", app=Router())),
        ),
        max_size=10,
    ),
    path=st.sampled_from(["/", "/a", "/A", "/a/b", "/a/b/", "/1", "/b", "/b/", "/r/a", "/r", "*"]),
    more=st.fixed_dictionaries(
        {"headers": st.sampled_from([[], [(b"host", b"a.org")]])},
        optional={
            "root_path": st.just("/r"),
            "version": st.just(2),
            "fastapi": st.sampled_from([{}, {"effective_route_context": "a context"}]),
        },
    ),
)
@pytest.mark.usefixtures("known")
def test_the_index_gives_the_answers_of_the_linear_table(
    routes: list[BaseRoute], path: str, more: dict[str, Any]
) -> None:
    scope = http(path, **more)
    linear, indexed = LinearTable(routes), IndexedTable(RouteList(routes))
    assert indexed.resolve(dict(scope)) == linear.resolve(dict(scope))
    other = {**scope, "path": path.rstrip("/") if path.endswith("/") else f"{path}/"}
    for candidates, scopes in [
        (indexed.candidates(scope), [scope]),
        (indexed.either_form(scope), [scope, other]),
    ]:
        places = [next(i for i, r in enumerate(routes) if r is route) for route in candidates]
        if len({id(route) for route in routes}) == len(routes):
            assert places == sorted(set(places))
        left_out = [route for route in routes if not any(route is one for one in candidates)]
        assert not [r for r in left_out for s in scopes if r.matches(s)[0] is not Match.NONE]


@pytest.mark.usefixtures("known")
def test_known_code_is_told_from_what_looks_like_it(monkeypatch: pytest.MonkeyPatch) -> None:
    route = APIRoute("/a", endpoint)
    assert has_index(route)
    with monkeypatch.context() as patch:
        patch.setattr(APIRoute.matches, "__module__", "fastapi_too.routing")
        assert not has_index(route)
    with monkeypatch.context() as patch:
        patch.setattr(APIRoute.matches, "__code__", Shouting.matches.__code__)
        assert not has_index(route)
    with monkeypatch.context() as patch:
        patch.setitem(globals(), "_get_scope_effective_route_context", lambda scope: scope)
        assert not has_index(route)
    assert has_index(route)


@pytest.mark.usefixtures("known")
def test_in_the_context_of_an_included_router_all_are_asked() -> None:
    routes = [APIRoute(f"/{number}", endpoint) for number in range(3)]
    table = IndexedTable(RouteList(routes))
    context = {"effective_route_context": object()}
    scope = http("/2", fastapi=context)
    assert holds_context(scope)
    assert not holds_context(http("/2"))
    assert not holds_context(http("/2", fastapi={}))
    assert table.candidates(http("/2")) == routes[2:]
    assert table.candidates(scope) == table.either_form(scope) == routes
    found = table.match(scope)
    assert isinstance(found, Found)
    assert found.route is routes[0]


async def never(*args: Any) -> None:
    raise NotImplementedError


async def run(router: Router, scope: Scope) -> Scope:
    await router(scope, never, never)
    return scope


@pytest.mark.anyio
@pytest.mark.usefixtures("known")
async def test_a_known_walk_is_shown_candidates_only() -> None:
    routes: list[BaseRoute] = [APIRoute(f"/{number}", endpoint) for number in range(50)]
    host = Host("a.org", app=Router())
    slashed = APIRoute("/7/", endpoint)
    router = APIRouter([*routes, slashed, host])
    scope = await run(router, http("/7"))
    assert scope["seen"] == [routes[7], slashed, host]
    assert scope["router"] is router
    assert scope["default"] == router.default
    assert (await run(router, http("/7/")))["seen"] == [routes[7], slashed, host]
    assert (await run(router, http("/r/7", root_path="/r")))["seen"] == [routes[7], slashed, host]
    assert (await run(router, {"type": "lifespan"}))["seen"] == router.routes
    outer = object()
    assert (await run(router, http("/", router=outer)))["router"] is outer
    router.routes.append(APIRoute("/{x}", endpoint))
    assert (await run(router, http("/x")))["seen"] == router.routes[-2:]


@pytest.mark.anyio
@pytest.mark.usefixtures("known")
async def test_a_walk_that_is_not_known_is_shown_all() -> None:
    class Walker(APIRouter):
        async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
            scope["seen"] = list(self.routes)

    class Elsewhere(APIRouter):
        @property
        def routes(self) -> list[BaseRoute]:
            return [*self._elsewhere]

        @routes.setter
        def routes(self, routes: list[BaseRoute]) -> None:
            self._elsewhere = routes

    for cls in (Walker, Elsewhere):
        router = cls([APIRoute("/1", endpoint), APIRoute("/2", endpoint)])
        assert (await run(router, http("/1")))["seen"] == router.routes


@pytest.mark.usefixtures("known")
def test_only_bound_methods_are_narrowed() -> None:
    router = APIRouter()
    assert isinstance(narrowed(router.app, router.candidates), NarrowWalk)
    assert narrowed(never, router.candidates) is never
    plain = Router()
    assert plain.middleware_stack == plain.app
