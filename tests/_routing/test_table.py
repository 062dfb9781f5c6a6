"""Tables: one table of cases and one differential test for both kinds of them.

The linear table is the reference. What is true of it must be true of the index.
"""

# ruff: noqa: E501 - a case is a line

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._routing.base import BaseRoute, Match, get_route_path
from bolide._routing.route_list import RouteList
from bolide._routing.slashes import SLASH_ADDED, SlashMode
from bolide._routing.table import (
    MISSING,
    NOWHERE,
    Found,
    IndexedTable,
    LinearTable,
    Missing,
    Outcome,
    Redirect,
    WrongMethod,
)
from bolide.convertors import (
    CONVERTOR_TYPES,
    Convertor,
    IntegerConvertor,
    register_url_convertor,
)
from bolide.requests import Request
from bolide.responses import Response
from bolide.routing import Host, Mount, Route, Router, WebSocketRoute
from bolide.types import Scope


async def endpoint(request: Request) -> Response:
    raise NotImplementedError


async def ws_endpoint(websocket: Any) -> None:
    raise NotImplementedError


def http(path: str, method: str = "GET", **more: Any) -> Scope:
    return {"type": "http", "path": path, "method": method, **more}


def websocket(path: str, **more: Any) -> Scope:
    return {"type": "websocket", "path": path, **more}


def get(path: str) -> Route:
    return Route(path, endpoint)


def post(path: str) -> Route:
    return Route(path, endpoint, methods=["POST"])


class EvenLength(BaseRoute):
    """A route of somebody else's, that no path tells apart."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match = Match.NONE if len(scope["path"]) % 2 else Match.FULL
        return match, {"endpoint": self}


class Shouting(Route):
    """A subclass that matches in its own way."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches({**scope, "path": scope["path"].lower()})
        return match, {**child_scope, "shouting": True}


def linear(routes: Sequence[BaseRoute]) -> LinearTable:
    return LinearTable(routes)


def indexed(routes: Sequence[BaseRoute]) -> LinearTable:
    return IndexedTable(RouteList(routes))


both = pytest.mark.parametrize("table", [linear, indexed])
MODES: list[SlashMode] = ["redirect", "strict", "ignore"]
TableMaker = Callable[[Sequence[BaseRoute]], LinearTable]

# Routes, scope, and the position of the route that is found; or what else becomes of it.
CASES: list[tuple[str, list[BaseRoute], Scope, object]] = [
    ("no routes", [], http("/"), MISSING),
    ("a literal path", [get("/a"), get("/b")], http("/b"), 1),
    ("the first of two equal ones", [get("/a"), get("/a")], http("/a"), 0),
    ("a literal first", [get("/users/me"), get("/users/{id}")], http("/users/me"), 0),
    ("a parameter first", [get("/users/{id}"), get("/users/me")], http("/users/me"), 0),
    ("a literal that the parameter does not take", [get("/u/{n:int}"), get("/u/me")], http("/u/me"), 1),
    ("another method later", [get("/a"), post("/a")], http("/a", "POST"), 1),
    ("a method that a parametrised route has", [get("/a"), post("/{x}")], http("/a", "POST"), 1),
    ("no such method", [get("/a"), post("/a")], http("/a", "PUT"), WrongMethod),
    ("methods are told apart by case", [get("/a")], http("/a", "get"), WrongMethod),
    ("head comes with get", [get("/a")], http("/a", "HEAD"), 0),
    ("a websocket is no request", [get("/a")], websocket("/a"), MISSING),
    ("a request is no websocket", [WebSocketRoute("/a", ws_endpoint)], http("/a"), MISSING),
    ("one path for both", [get("/a"), WebSocketRoute("/a", ws_endpoint)], websocket("/a"), 1),
    ("a websocket with parameters", [get("/{x}"), WebSocketRoute("/{x}", ws_endpoint)], websocket("/a"), 1),
    ("a slash too many", [get("/a")], http("/a/"), Redirect("/a")),
    ("many slashes too many", [get("/a")], http("/a///"), Redirect("/a")),
    ("a slash too few", [get("/a/")], http("/a"), Redirect("/a/")),
    ("a slash too few, for another method", [post("/a/")], http("/a"), Redirect("/a/")),
    ("a slash too few for a mount", [Mount("/a", routes=[])], http("/a"), Redirect("/a/")),
    ("no redirect for the root", [get("/a")], http("/"), MISSING),
    ("no redirect for websockets", [WebSocketRoute("/a", ws_endpoint)], websocket("/a/"), MISSING),
    ("no redirect to nothing", [get("/a")], http("/b/"), MISSING),
    ("a mount hides what follows", [Mount("/a", routes=[]), get("/a/b")], http("/a/b"), 0),
    ("a mount is not its neighbour", [Mount("/a", routes=[]), get("/ab")], http("/ab"), 1),
    ("a mount with a parameter", [Mount("/{t}/x", routes=[]), get("/a/x/y")], http("/a/x/y"), 0),
    ("a mount takes websockets", [Mount("/a", routes=[])], websocket("/a/b"), 0),
    ("a mount at the root takes all", [get("/a"), Mount("/", routes=[]), get("/b")], http("/b"), 1),
    ("what is before it stays", [get("/a"), Mount("", routes=[])], http("/a"), 0),
    ("a path parameter", [get("/f/{p:path}"), get("/f/a/b")], http("/f/a/b"), 0),
    ("a path parameter in a segment", [get("/f{p:path}")], http("/f/a/b"), 0),
    ("something after a path parameter", [get("/{p:path}/end")], http("/a/b/end"), 0),
    ("two ways through the segments", [get("/a/{x}/c"), get("/{x}/b/{y}")], http("/a/b/d"), 1),
    ("a host", [Host("a.org", app=Router()), get("/")], http("/", headers=[(b"host", b"a.org")]), 0),
    ("another host", [Host("a.org", app=Router()), get("/")], http("/", headers=[(b"host", b"b.org")]), 1),
    ("no host", [Host("a.org", app=Router()), get("/")], http("/", headers=[]), 1),
    ("a foreign route first", [EvenLength(), get("/a")], http("/a"), 0),
    ("a foreign route that declines", [EvenLength(), get("/ab")], http("/ab"), 1),
    ("a foreign route later", [get("/a"), EvenLength()], http("/a"), 0),
    ("a subclass that matches otherwise", [get("/a"), Shouting("/abc", endpoint)], http("/ABC"), 1),
    ("under a root path", [get("/a")], http("/root/a", root_path="/root"), 0),
    ("beside the root path", [get("/rooted")], http("/rooted", root_path="/root"), 0),
    ("the root path alone", [get("/")], http("/root", root_path="/root"), Redirect("/root/")),
    ("a root path with a slash", [get("/")], http("/root/", root_path="/root/"), Redirect("/root//")),
    ("no slash in front", [get("/a"), get("/{x}")], http("a"), MISSING),
    ("no slash in front of a mount", [Mount("/a", routes=[])], http("xa/b"), MISSING),
    ("no slash in front of a parameter", [get("/b/{x}"), get("/{x}/a")], http("xb/b/c"), MISSING),
    ("digits of another script", [get("/{n:int}"), get("/{x}")], http("/\u0664"), 1),
    ("something that is not all digits", [get("/{n:int}"), get("/{x}")], http("/1\n"), 1),
    ("a line break in a path parameter", [get("/a/{p:path}"), get("/a/{x}")], http("/a/\n"), 1),
    ("a line break in a mount", [Mount("/a", routes=[]), get("/a/{x}")], http("/a/\n"), 1),
    ("an asterisk", [get("/"), get("/{x}")], http("*", "OPTIONS"), MISSING),
    ("an empty segment is no value", [get("/a/{x}/b")], http("/a//b"), MISSING),
    ("a number too long", [get("/{n:int}")], http("/" + "1" * 5000), MISSING),
]  # fmt: skip


@both
@pytest.mark.parametrize(
    ("routes", "scope", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_case(table: TableMaker, routes: list[BaseRoute], scope: Scope, expected: object) -> None:
    before = dict(scope)
    outcome = table(routes).resolve(scope)
    if isinstance(expected, int):
        assert isinstance(outcome, Found)
        assert outcome.route is routes[expected]
    elif expected is WrongMethod:
        assert isinstance(outcome, WrongMethod)
        assert outcome.route is routes[0]
    else:
        assert outcome == expected
        assert type(outcome) is type(expected)
    assert scope == before


# The same where slashes are ignored.
IGNORING: list[tuple[str, list[BaseRoute], Scope, object]] = [
    ("a slash too many", [get("/a")], http("/a/"), 0),
    ("many slashes too many", [get("/a")], http("/a///"), 0),
    ("a slash too few", [get("/a/")], http("/a"), 0),
    ("for a websocket", [get("/a/"), WebSocketRoute("/a/", ws_endpoint)], websocket("/a"), 1),
    ("the path as it is goes first", [get("/a/"), get("/a")], http("/a"), 1),
    ("so it does with a parameter", [get("/users/me/"), get("/users/{x}")], http("/users/me"), 1),
    ("the first of two in the other form", [get("/x"), get("/{x}/"), get("/a/")], http("/a"), 1),
    ("the method in the other form", [post("/a"), get("/a/")], http("/a"), 1),
    ("no such method in either form", [post("/a"), post("/a/")], http("/a"), WrongMethod),
    ("no such method in the other form", [post("/a/")], http("/a"), WrongMethod),
    ("no such method, and no other form", [post("/a")], http("/a"), WrongMethod),
    ("nothing in either form", [get("/a")], http("/b/"), MISSING),
    ("a mount without its slash", [Mount("/a", routes=[])], http("/a"), 0),
    ("a mount with a parameter", [get("/b"), Mount("/{x}", routes=[])], http("/a"), 1),
    ("a mount for a websocket", [Mount("/a", routes=[])], websocket("/a"), 0),
    ("a route before a mount", [Mount("/a", routes=[]), get("/a")], http("/a"), 1),
    ("a mount with its slash", [get("/a"), Mount("/a", routes=[])], http("/a/"), 1),
    ("the root", [get("/a")], http("/"), MISSING),
    ("the root path alone", [get("/")], http("/root", root_path="/root"), 0),
    ("a foreign route", [EvenLength()], http("/ab"), 0),
    ("a subclass that matches otherwise", [Shouting("/abc/", endpoint)], http("/ABC"), 0),
]  # fmt: skip


@both
@pytest.mark.parametrize(
    ("routes", "scope", "expected"),
    [case[1:] for case in IGNORING],
    ids=[case[0] for case in IGNORING],
)
def test_slashes_may_be_ignored(
    table: TableMaker, routes: list[BaseRoute], scope: Scope, expected: object
) -> None:
    before = dict(scope)
    outcome = table(routes).resolve(scope, "ignore")
    if isinstance(expected, int):
        assert isinstance(outcome, Found)
        assert outcome.route is routes[expected]
    elif expected is WrongMethod:
        assert isinstance(outcome, WrongMethod)
        assert outcome.route is routes[0]
    else:
        assert outcome == expected
    assert scope == before


@both
@pytest.mark.parametrize(
    ("routes", "scope", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
@pytest.mark.parametrize("slashes", ["strict", "ignore"])
def test_a_path_that_matches_as_it_is_has_no_mode(
    table: TableMaker,
    routes: list[BaseRoute],
    scope: Scope,
    expected: object,
    slashes: SlashMode,
) -> None:
    outcome = table(routes).resolve(scope, slashes)
    if isinstance(expected, int):
        assert isinstance(outcome, Found)
        assert outcome.route is routes[expected]
    elif isinstance(expected, Redirect) and slashes == "strict":
        assert outcome == MISSING
    elif isinstance(expected, Redirect):
        assert outcome == table(routes).match({**scope, "path": expected.path}) or "root_path" in (
            outcome.child_scope  # type: ignore[union-attr]
        )


@both
def test_only_a_mount_is_told_the_other_path(table: TableMaker) -> None:
    routes = [get("/a/"), Mount("/{x}", routes=[])]
    endpoint_found = table(routes).resolve(http("/a"), "ignore")
    mount_found = table(routes).resolve(http("/b"), "ignore")
    assert isinstance(endpoint_found, Found)
    assert isinstance(mount_found, Found)
    assert endpoint_found.child_scope == {"endpoint": endpoint, "path_params": {}}
    assert mount_found.child_scope["path"] == "/b/"
    assert mount_found.child_scope[SLASH_ADDED] is True
    assert mount_found.child_scope["root_path"] == "/b"
    assert mount_found.child_scope["path_params"] == {"x": "b"}


@both
def test_parameters_are_added_to_those_of_outer_layers(table: TableMaker) -> None:
    routes = [get("/a"), get("/{x}")]
    outer = {"x": "old", "y": 1}
    literal = table(routes).resolve(http("/a", path_params=outer))
    parametrised = table(routes).resolve(http("/b", path_params=outer))
    assert isinstance(literal, Found)
    assert isinstance(parametrised, Found)
    assert literal.child_scope == {"endpoint": endpoint, "path_params": {"x": "old", "y": 1}}
    assert parametrised.child_scope == {"endpoint": endpoint, "path_params": {"x": "b", "y": 1}}
    assert outer == {"x": "old", "y": 1}


@both
def test_a_match_gives_the_scope_its_own_parameters(table: TableMaker) -> None:
    lookup = table([get("/a")])
    first, second = lookup.resolve(http("/a")), lookup.resolve(http("/a"))
    assert isinstance(first, Found)
    assert isinstance(second, Found)
    first.child_scope["path_params"]["x"] = 1
    assert second.child_scope["path_params"] == {}


@both
def test_edits_of_methods_are_seen(table: TableMaker) -> None:
    route = get("/a")
    lookup = table([route])
    assert isinstance(lookup.resolve(http("/a", "POST")), WrongMethod)
    assert route.methods is not None
    route.methods.add("POST")
    assert isinstance(lookup.resolve(http("/a", "POST")), Found)


def test_edits_of_the_list_are_seen() -> None:
    routes = RouteList([get("/a")])
    table = IndexedTable(routes)
    assert table.resolve(http("/b")) == MISSING
    routes.append(get("/b"))
    assert isinstance(table.resolve(http("/b")), Found)
    routes[1] = get("/c")
    assert table.resolve(http("/b")) == MISSING
    assert isinstance(table.resolve(http("/c")), Found)
    routes.clear()
    assert table.resolve(http("/c")) == MISSING


def test_a_route_whose_pattern_was_replaced_is_asked_in_its_turn() -> None:
    from bolide.routing import compile_path

    route = get("/a")
    route.path_regex, route.path_format, route.param_convertors = compile_path("/{x}")
    outcome = IndexedTable(RouteList([route])).resolve(http("/b"))
    assert isinstance(outcome, Found)
    assert outcome.child_scope["path_params"] == {"x": "b"}


def test_an_object_whose_matches_was_replaced_is_asked_in_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    route = get("/a")
    monkeypatch.setattr(route, "matches", lambda scope: (Match.FULL, {"replaced": True}))
    outcome = IndexedTable(RouteList([route])).resolve(http("/anything"))
    assert outcome == Found(route, {"replaced": True})


def test_a_subclass_that_never_ran_our_constructor_is_asked_in_its_turn() -> None:
    from bolide.routing import compile_path

    class Bare(Route):
        def __init__(self, path: str) -> None:
            self.path = path
            self.path_regex, self.path_format, self.param_convertors = compile_path(path)
            self.endpoint = endpoint
            self.methods = {"GET"}

    route = Bare("/{n:int}")
    table = IndexedTable(RouteList([get("/a"), route]))
    outcome = table.resolve(http("/5"))
    assert isinstance(outcome, Found)
    assert outcome.route is route
    assert outcome.child_scope["path_params"] == {"n": 5}


SOURCES = [
    "/", "/a", "/a/", "/a/b", "/b", "/b/c/d", "/a/b/c",
    "/{x}", "/{x:int}", "/a/{x}", "/a/{x:int}", "/{x}/b", "/{x}/{y}", "/{x}/b/{y:int}",
    "/v{x}", "/{x}.{y}", "/a{x}/b", "/{p:path}", "/a/{p:path}", "/{p:path}/b", "/a{p:path}",
    "/{f:float}", "/{u:uuid}",
]  # fmt: skip
MOUNTS = ["", "/a", "/a/b", "/{x}", "/{x}/b", "/1"]
PATHS = st.one_of(
    st.sampled_from(["", "*", "/root", "/root/", "/root/a", "x/a/1", "xa/b", "1", "//", "///"]),
    st.lists(
        st.sampled_from(
            ["a", "b", "c", "v1", "1", "12", "1.5", "a.b", "", "xb", "é", "\u0664", "a\n", "1\n"]
        ),
        max_size=5,
    ).map(lambda parts: "/" + "/".join(parts)),
)


@st.composite
def routes_strategy(draw: st.DrawFn) -> BaseRoute:
    kind = draw(
        st.sampled_from(["route"] * 6 + ["websocket", "mount", "host", "foreign", "subclass"])
    )
    source = draw(st.sampled_from(SOURCES))
    if kind == "route":
        methods = draw(st.sampled_from([None, ["GET"], ["POST"], ["GET", "POST"], []]))
        return Route(source, endpoint, methods=methods)
    if kind == "websocket":
        return WebSocketRoute(source, ws_endpoint)
    if kind == "mount":
        return Mount(draw(st.sampled_from(MOUNTS)), routes=[])
    if kind == "host":
        return Host(draw(st.sampled_from(["a.org", "{x}.org"])), app=Router())
    return EvenLength() if kind == "foreign" else Shouting(source, endpoint)


scopes = st.builds(
    lambda type, path, method, host, root_path: {
        "type": type,
        "path": path,
        "method": method,
        "headers": [(b"host", host)],
        "root_path": root_path,
    },
    st.sampled_from(["http", "http", "http", "websocket"]),
    PATHS,
    st.sampled_from(["GET", "POST", "PUT"]),
    st.sampled_from([b"a.org", b"b.org", b"c.net", b""]),
    st.sampled_from(["", "", "/root", "/a", "/a/"]),
)


@given(
    routes=st.lists(routes_strategy(), max_size=12),
    scope=scopes,
    slashes=st.sampled_from(MODES),
)
def test_the_index_gives_the_answers_of_the_linear_table(
    routes: list[BaseRoute], scope: Scope, slashes: SlashMode
) -> None:
    expected: Outcome = LinearTable(routes).resolve(dict(scope), slashes)
    actual: Outcome = IndexedTable(RouteList(routes)).resolve(dict(scope), slashes)
    assert type(actual) is type(expected)
    assert actual == expected
    if isinstance(expected, Found | WrongMethod):
        assert isinstance(actual, Found | WrongMethod)
        assert actual.route is expected.route


def check_first_sight(routes: list[BaseRoute], scope: Scope) -> None:
    """See that what is found at first sight is what the linear table finds."""
    table = IndexedTable(RouteList(routes))
    path = get_route_path(scope)
    expected = LinearTable(routes).match(scope)
    # The second time, the index is there.
    for _ in range(2):
        added = dict(scope)
        plain = table.routes.plain.get(path)
        if plain is not None and plain.take(added):
            route: object = plain
        else:
            route = table.shortcut(added, path)
        if route is None or isinstance(route, Missing):
            assert added == scope
            assert route is None or expected is None
            for slashes in MODES if route is NOWHERE else ():
                assert LinearTable(routes).resolve(scope, slashes) == MISSING
            continue
        assert isinstance(expected, Found)
        assert expected.route is route
        assert added == {**scope, **expected.child_scope, "route": route}


@pytest.mark.parametrize(
    ("routes", "scope"),
    [case[1:3] for case in CASES + IGNORING if case[2]["type"] == "http"],
)
def test_case_at_first_sight(routes: list[BaseRoute], scope: Scope) -> None:
    check_first_sight(routes, scope)


@given(
    routes=st.lists(routes_strategy(), max_size=12),
    scope=scopes.filter(lambda scope: scope["type"] == "http"),
    params=st.none() | st.just({"outer": 1}),
)
def test_what_is_found_at_first_sight_is_what_the_linear_table_finds(
    routes: list[BaseRoute], scope: Scope, params: dict[str, Any] | None
) -> None:
    check_first_sight(routes, scope if params is None else {**scope, "path_params": params})


@pytest.mark.parametrize("path", ["/missing", "/missing/", "/items/x/y", "/"])
def test_a_path_that_is_nowhere_in_either_form_is_known_at_once(path: str) -> None:
    table = IndexedTable(RouteList([get("/items/{n:int}"), Mount("/m", routes=[]), get("/a")]))
    assert table.shortcut(http(path), path) is NOWHERE


def test_the_limit_of_a_convertor_is_its_own() -> None:
    class Code(IntegerConvertor):
        max_digits = 3

    short = IntegerConvertor()
    short.max_digits = 2  # type: ignore[misc]
    register_url_convertor("short", short)
    register_url_convertor("code", Code())
    try:
        table = IndexedTable(RouteList([get("/{n:short}"), get("/{n:code}")]))
    finally:
        del CONVERTOR_TYPES["short"], CONVERTOR_TYPES["code"]
    found = [table.shortcut(http(path), path) for path in ("/12", "/123", "/1234")]
    assert found == [*table.routes, None]


def test_a_limit_of_python_is_met() -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(700)
    try:
        scope = http("/" + "1" * 1000)
        assert IndexedTable(RouteList([get("/{n:int}")])).shortcut(scope, scope["path"]) is None
    finally:
        sys.set_int_max_str_digits(before)


def test_a_convertor_with_groups_of_its_own_gives_no_more_parameters() -> None:
    class Pair(Convertor[str]):
        regex = "(?P<left>[a-z]+)-(?P<right>[a-z]+)"

        def convert(self, value: str) -> str:
            return value

        def to_string(self, value: str) -> str:
            return value

    register_url_convertor("pair", Pair())
    try:
        table = IndexedTable(RouteList([get("/{p:pair}"), get("/x/{p:pair}/{n:int}")]))
    finally:
        del CONVERTOR_TYPES["pair"]
    for path, params in (("/a-b", {"p": "a-b"}), ("/x/a-b/1", {"p": "a-b", "n": 1})):
        scope = http(path)
        found = table.shortcut(scope, path) or table.match(scope)
        assert isinstance(found, Found)
        assert found.child_scope["path_params"] == params


def test_only_plain_routes_are_found_at_first_sight() -> None:
    shouting, host = Shouting("/a", endpoint), Host("a.org", app=Router())
    table = IndexedTable(RouteList([get("/a"), get("/b/{n:int}"), host, get("/c"), shouting]))
    paths = ["/a", "/b/1", "/b/x", "/c", "/A"]
    found = [isinstance(table.shortcut(http(path), path), Route) for path in paths]
    assert found == [True, True, False, False, False]
    assert table.shortcut(http("/a", "HEAD"), "/a") is None


@given(routes=st.lists(routes_strategy(), max_size=12), scope=scopes)
def test_ignoring_slashes_finds_what_a_redirect_would_lead_to(
    routes: list[BaseRoute], scope: Scope
) -> None:
    table = IndexedTable(RouteList(routes))
    redirect, ignored = table.resolve(scope), table.resolve(scope, "ignore")
    if isinstance(redirect, Found):
        assert ignored == redirect
    elif isinstance(redirect, Redirect):
        there = table.match({**scope, "path": redirect.path})
        assert there is not None
        assert isinstance(ignored, type(there))
        assert ignored.route is there.route
    assert table.resolve(scope, "strict") == (table.match(scope) or MISSING)


def frames_to_find(table: LinearTable, scope: Scope, slashes: SlashMode = "redirect") -> int:
    frames = 0

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal frames
        # Not those of the garbage collector's callbacks, which come when they like.
        frames += event == "call" and "bolide" in frame.f_code.co_filename

    table.resolve(dict(scope), slashes)
    sys.setprofile(count)
    try:
        table.resolve(scope, slashes)
    finally:
        sys.setprofile(None)
    return frames


@pytest.mark.parametrize(
    "shape", ["/r{}", "/r{}/{{id:int}}", "/{{tenant}}/r{}", "/{{a}}/x/r{}/{{b}}"]
)
def test_the_cost_does_not_grow_with_the_number_of_routes(shape: str) -> None:
    routes = [get(shape.format(number)) for number in range(1000)]
    table = IndexedTable(RouteList(routes))

    def request(number: int) -> Scope:
        text = shape.format(number).replace("{id:int}", "7")
        for name in ("{tenant}", "{a}", "{b}"):
            text = text.replace(name, "t")
        return http(text)

    assert frames_to_find(table, request(999)) == frames_to_find(table, request(0))
    alone = IndexedTable(RouteList([get(shape.format(0))]))
    assert frames_to_find(table, request(0)) == frames_to_find(alone, request(0))
    missing = http("/nothing/of/this/kind/here")
    for slashes in MODES:
        assert frames_to_find(table, missing, slashes) == frames_to_find(alone, missing, slashes)
        found, moved = request(999), request(999)
        moved["path"] += "/"
        assert frames_to_find(table, found, slashes) == frames_to_find(table, found)
        assert frames_to_find(table, moved, slashes) == frames_to_find(
            table, {**moved, "path": request(0)["path"] + "/"}, slashes
        )


@both
def test_candidates_are_at_least_the_routes_that_match_a_path(table: Any) -> None:
    routes = [
        Route("/a", endpoint),
        Route("/{x}", endpoint, methods=["POST"]),
        Host("localhost", Router()),
        Route("/a", endpoint, methods=["PUT"]),
        Route("/b", endpoint),
    ]
    for path in ("/a", "/b", "/c"):
        scope = http(path, headers=[(b"host", b"localhost")])
        candidates = table(routes).candidates(scope)
        assert candidates == [route for route in routes if route in candidates]
        for route in routes:
            assert route.matches(scope)[0] is Match.NONE or route in candidates
