"""From names to paths: the index of names leaves out, and never decides."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._data.url import URLPath
from bolide._routing.base import BaseRoute, NoMatchFound
from bolide._routing.reverse import NameIndex, find_url_path
from bolide._routing.route_list import RouteList
from bolide.routing import Host, Mount, Route, Router


async def endpoint(request: Any) -> Any:
    raise NotImplementedError


class Everything(BaseRoute):
    """A route of somebody else's that knows every name."""

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        return URLPath(f"/everything/{name}")


def test_the_first_route_that_knows_the_name_wins() -> None:
    routes = RouteList(
        [
            Route("/a/{x}", endpoint, name="a"),
            Route("/a", endpoint, name="a"),
            Route("/other", endpoint, name="a"),
        ]
    )
    assert find_url_path(routes, "a", {}) == "/a"
    assert find_url_path(routes, "a", {"x": 1}) == "/a/1"


def test_unnamed_mounts_and_foreign_routes_are_asked_in_their_turn() -> None:
    inner = [Route("/inner", endpoint, name="a")]
    routes = RouteList([Mount("/m", routes=inner), Route("/outer", endpoint, name="a")])
    assert find_url_path(routes, "a", {}) == "/m/inner"
    routes.insert(0, Everything())
    assert find_url_path(routes, "a", {}) == "/everything/a"


def test_a_name_leads_into_mounts_whose_names_hold_colons() -> None:
    inner = [Route("/x", endpoint, name="c:d")]
    routes = RouteList([Mount("/m", routes=inner, name="a:b")])
    assert find_url_path(routes, "a:b:c:d", {}) == "/m/x"


def test_edits_of_the_list_are_seen() -> None:
    routes = RouteList([Route("/a", endpoint, name="a")])
    assert find_url_path(routes, "a", {}) == "/a"
    routes[0] = Route("/b", endpoint, name="b")
    assert find_url_path(routes, "b", {}) == "/b"
    with pytest.raises(NoMatchFound):
        find_url_path(routes, "a", {})


def test_a_route_that_was_renamed_is_found_by_its_new_name() -> None:
    route = Route("/a", endpoint, name="a")
    routes = RouteList([route])
    assert find_url_path(routes, "a", {}) == "/a"
    route.name = "b"
    assert find_url_path(routes, "b", {}) == "/a"
    with pytest.raises(NoMatchFound):
        find_url_path(routes, "a", {})


def test_an_ordinary_list_is_asked_in_turn() -> None:
    assert find_url_path([Route("/a", endpoint, name="a")], "a", {}) == "/a"


def test_the_hint_knows_names_behind_mounts() -> None:
    inner = [Route("/{id}", endpoint, name="detail")]
    routes = RouteList([Mount("/users", routes=inner, name="users"), Host("h", app=Router())])
    with pytest.raises(NoMatchFound) as caught:
        find_url_path(routes, "user:detail", {})
    assert caught.value.__notes__ == ['Did you mean "users:detail"?']


def test_the_hint_ends_for_a_router_that_is_mounted_in_itself() -> None:
    router = Router()
    router.mount("/again", router, name="again")
    with pytest.raises(NoMatchFound) as caught:
        router.url_path_for("agian")
    assert caught.value.__notes__ == ['Did you mean "again"?']


def test_only_routes_that_may_know_a_name_are_asked() -> None:
    routes = RouteList([Route(f"/{n}", endpoint, name=f"n{n}") for n in range(100)])
    assert NameIndex.of(routes).candidates("n57") == [routes[57]]
    assert NameIndex.of(routes) is NameIndex.of(routes)


names = st.sampled_from(["a", "b", "a:b", "c", ""])


@st.composite
def named_routes(draw: st.DrawFn, depth: int = 2) -> BaseRoute:
    name = draw(names)
    if depth and draw(st.booleans()):
        children = draw(st.lists(named_routes(depth=depth - 1), max_size=3))
        return Mount(f"/m{draw(st.integers(0, 9))}", routes=children, name=name or None)
    source = draw(st.sampled_from(["/r", "/r/{x}", "/{path}"]))
    return Route(f"/{draw(st.integers(0, 9))}{source}", endpoint, name=name)


@given(
    routes=st.lists(named_routes(), max_size=6),
    parts=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4),
    params=st.sampled_from([{}, {"x": "1"}, {"path": "p"}, {"x": "1", "path": "p"}]),
)
def test_the_index_of_names_gives_the_answers_of_asking_all(
    routes: list[BaseRoute], parts: list[str], params: dict[str, str]
) -> None:
    def answer(routes: list[BaseRoute]) -> str | None:
        try:
            return find_url_path(routes, ":".join(parts), params)
        except NoMatchFound:
            return None

    assert answer(RouteList(routes)) == answer(routes)
