"""Ways through mounts: what is remembered changes nothing but how soon a route is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._routing.nested import STATES_KEY
from bolide.middleware import Middleware
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import BaseRoute, Mount, Route, Router
from bolide.types import ASGIApp, Message, Receive, Scope, Send


async def endpoint(request: Request) -> Response:
    return PlainTextResponse(repr(request.path_params))


class Careful(Router):
    """A router that has no short ways, and is none for others, as it is of another class."""

    def choose(self, scope: Scope) -> ASGIApp:
        return self._look_closely(scope)


@dataclass
class Note:
    """Middleware, and what is put in the place of an application."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["noted"] = True
        await self.app(scope, receive, send)


def http(path: str, method: str = "GET", **more: Any) -> Scope:
    headers = [(b"host", b"localhost")]
    scope = {"type": "http", "path": path, "method": method, "query_string": b""}
    return {**scope, "headers": headers, **more}


def outcome_of(app: ASGIApp, scope: Scope) -> tuple[Scope, list[Message]]:
    """Give the scope after a request, and all that was sent."""
    scope, sent = dict(scope), []

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        sent.append(message)

    coroutine: Any = app(scope, receive, send)
    with pytest.raises(StopIteration):
        coroutine.send(None)
    if isinstance(scope.get("state"), Sequence | dict) or "state" not in scope:
        return scope, sent
    return {**scope, "state": dict(scope["state"])}, sent


# --- a law: a router gives the same answers as one that asks its routes anew each time ---

SOURCES = ["/", "/a", "/b", "/a/", "/a/b", "/{x}", "/{n:int}", "/a/{x}", "/{p:path}", "/b/{x}/a"]
PREFIXES = ["", "/a", "/a", "/b", "/a/b", "/{x}"]

routes = st.tuples(
    st.sampled_from(SOURCES), st.sampled_from([("GET",), ("POST",), ("GET", "POST")])
)
trees = st.recursive(
    st.lists(routes, max_size=3),
    lambda inside: st.lists(
        routes | st.tuples(st.sampled_from(PREFIXES), inside), min_size=1, max_size=3
    ),
    max_leaves=6,
)
requests = st.builds(
    lambda segments, method, root_path, params: http(
        root_path + "".join(f"/{segment}" for segment in segments),
        method,
        root_path=root_path,
        **params,
    ),
    st.lists(st.sampled_from(["a", "a", "a", "b", "1", "", "x\n"]), max_size=5),
    st.sampled_from(["GET", "GET", "GET", "POST", "HEAD"]),
    st.sampled_from(["", "", "", "/a", "/r"]),
    st.sampled_from([{}, {}, {"path_params": {"x": "outer"}}, {"app_root_path": "/outer"}]),
)
edits = st.tuples(
    st.sampled_from(["append", "mount", "pop", "clear", "set", "wrap", "middleware"]),
    st.integers(0, 5),
    routes,
)


def built(tree: list[Any], cls: type[Router]) -> Router:
    made: list[BaseRoute] = []
    for source, inside in tree:
        if isinstance(inside, tuple):
            made.append(Route(source, endpoint, methods=inside))
        else:
            made.append(Mount(source, built(inside, cls)))
    return cls(made)


def routers_in(router: Router) -> list[Router]:
    inside = [each.app for each in router.routes if isinstance(each, Mount)]
    return [
        router,
        *(found for each in inside if isinstance(each, Router) for found in routers_in(each)),
    ]


def edit(outermost: Router, what: str, index: int, source: str, methods: Any) -> None:
    routers = routers_in(outermost)
    router = routers[index % len(routers)]
    mounts = [each for each in router.routes if isinstance(each, Mount)]
    route = Route(source, endpoint, methods=methods)
    if what == "append":
        router.routes.insert(0, route)
    elif what == "mount":
        router.mount("/a", type(router)([route]))
    elif what == "pop" and router.routes:
        router.routes.pop()
    elif what == "clear":
        router.routes.clear()
    elif what == "set":
        router.routes = [route, *mounts]
    elif what == "wrap" and mounts:
        mounts[0].app = Note(mounts[0].app)
    elif what == "middleware":
        router.middleware_stack = Note(router.middleware_stack)


@given(tree=trees, steps=st.lists(requests | edits, max_size=25))
def test_a_router_answers_as_one_that_looks_anew_each_time(
    tree: list[Any], steps: list[Any]
) -> None:
    quick, careful = built(tree, Router), built(tree, Careful)
    for step in steps:
        if isinstance(step, tuple):
            what, index, route = step
            edit(quick, what, index, *route)
            edit(careful, what, index, *route)
            continue
        for _ in range(2):
            assert outcome_of(quick, step) == outcome_of(careful, step)


# --- what is remembered ---


def three_deep(*inside: BaseRoute) -> Router:
    innermost = Mount("/c", routes=list(inside))
    return Router([Mount("/a", routes=[Mount("/b", routes=[innermost])])])


ITEM = http("/a/b/c/item")


def status(app: ASGIApp, path: str, **more: Any) -> int:
    _, sent = outcome_of(app, http(path, **more))
    found: int = sent[0]["status"]
    return found


def test_the_second_request_finds_the_way_that_the_first_has_gone() -> None:
    router = three_deep(Route("/item", endpoint), Route("/items/{n:int}", endpoint))
    first = outcome_of(router, ITEM)
    assert set(router._routes.passages) == {"/a/b/c"}
    second = outcome_of(router, ITEM)
    assert first == second
    assert first[0]["root_path"] == "/a/b/c"
    assert first[0]["app_root_path"] == ""
    assert first[0]["router"] is router


def test_there_are_no_more_ways_than_routes() -> None:
    router = three_deep(
        Route("/item", endpoint), Route("/items/{x}", endpoint), Mount("/m", endpoint_app)
    )
    for number in range(50):
        for path in ("item", f"items/{number}", f"{number}", f"{number}/item", f"m/{number}/x"):
            status(router, f"/a/b/c/{path}")
    assert set(router._routes.passages) == {"/a/b/c", "/a/b/c/items"}


async def endpoint_app(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("app")(scope, receive, send)


def test_a_router_that_is_mounted_in_itself_makes_no_endless_ways() -> None:
    router = Router([Route("/item", endpoint)])
    router.mount("/again", router)
    for depth in range(20):
        assert status(router, "/again" * depth + "/item") == 200
    assert set(router._routes.passages) == {"/again"}


@pytest.mark.parametrize(
    "outer",
    [
        [Route("/a/b", endpoint)],
        [Route("/{x}/b", endpoint)],
        [Mount("/a/b", endpoint_app)],
        [Mount("", endpoint_app)],
    ],
)
def test_nothing_is_remembered_where_something_may_branch_off(outer: list[BaseRoute]) -> None:
    mount = Mount("/a", routes=[Route("/item", endpoint)])
    for routes in ([mount, *outer], [*outer, mount]):
        router = Router(routes)
        outcome_of(router, http("/a/item"))
        assert not router._routes.passages


@pytest.mark.parametrize(
    "options",
    [
        {"middleware": [Middleware(Note)]},
        {"exception_handlers": {404: endpoint}},
        {"max_body_size": 10},
    ],
)
def test_layers_are_not_left_out(options: dict[str, Any]) -> None:
    inside = [Route("/item", endpoint)]
    for mount in (Mount("/a", routes=inside, **options), Mount("/a", Router(inside, **options))):
        router = Router([mount])
        for _ in range(2):
            scope, _ = outcome_of(router, http("/a/item"))
            assert scope.get("noted", False) is ("middleware" in options)
        assert not router._routes.passages


def test_a_parametrised_mount_is_not_remembered() -> None:
    router = Router([Mount("/{x}", routes=[Route("/item", endpoint)])])
    for x in "ab":
        assert outcome_of(router, http(f"/{x}/item"))[0]["path_params"] == {"x": x}
    assert not router._routes.passages


def test_routers_that_are_endpoints_are_asked() -> None:
    inner = Router([Route("/a", endpoint), Route("/1", endpoint)])
    router = Router(
        [
            Route("/a", inner),
            Route("/{n:int}", inner),
            Route("/b", Router(middleware=[Middleware(Note)])),
        ]
    )
    for path, expected in (("/a", 200), ("/1", 200), ("/2", 404), ("/b", 404)):
        for _ in range(2):
            assert status(router, path) == expected
    assert not router._routes.passages


# --- what is changed later ---


def change_innermost(router: Router, mounts: list[Any]) -> None:
    mounts[2].app.routes.insert(0, Route("/item", noting))


def change_list(router: Router, mounts: list[Any]) -> None:
    mounts[1].app.routes = [Mount("/c", routes=[Route("/item", noting)])]


def change_app(router: Router, mounts: list[Any]) -> None:
    mounts[1].app = Note(mounts[1].app)


def change_stack(router: Router, mounts: list[Any]) -> None:
    mounts[0].app.middleware_stack = Note(mounts[0].app.middleware_stack)


def change_outermost(router: Router, mounts: list[Any]) -> None:
    router.routes.insert(0, Route("/a/b/c/item", noting))


async def noting(request: Request) -> Response:
    request.scope["noted"] = True
    return PlainTextResponse("noted")


@pytest.mark.parametrize(
    "change", [change_innermost, change_list, change_app, change_stack, change_outermost]
)
def test_changes_are_seen(change: Callable[[Router, list[Any]], None]) -> None:
    router = three_deep(Route("/item", endpoint))
    mounts: list[Any] = [router.routes[0]]
    while len(mounts) < 3:
        mounts.append(mounts[-1].app.routes[0])
    for _ in range(2):
        assert "noted" not in outcome_of(router, ITEM)[0]
    assert router._routes.passages
    change(router, mounts)
    for _ in range(2):
        assert outcome_of(router, ITEM)[0]["noted"] is True


@pytest.mark.parametrize("name", ["__call__", "app"])
def test_a_method_that_is_replaced_is_called_for_each_router(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    router = three_deep(Route("/item", endpoint))
    outcome_of(router, ITEM)
    original: Any = getattr(Router, name)
    if name == "app":
        # Each router has kept the one that it was made with.
        router = three_deep(Route("/item", endpoint))
        outcome_of(router, ITEM)
    seen: list[Any] = []

    async def traced(self: Any, scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(self)
        await original(self, scope, receive, send)

    monkeypatch.setattr(Router, name, traced)
    if name == "app":
        assert status(router, "/a/b/c/item") == 200
        assert router._routes.passages
    else:
        outcome_of(router, ITEM)
        assert len(seen) == 4


# --- requests of all kinds ---


@pytest.mark.parametrize("more", [{}, {"path_params": {"x": "1"}}, {"app_root_path": "/o"}])
@pytest.mark.parametrize("root_path", ["", "/root", "/a"])
def test_what_is_added_to_the_scope_is_the_same_for_the_first_and_the_second(
    root_path: str, more: dict[str, Any]
) -> None:
    router = three_deep(Route("/item", endpoint), Route("/{x}/{n:int}", endpoint))
    for path in ("item", "x/1", "x/y", "nothing", "item/"):
        scope = http(f"{root_path}/a/b/c/{path}", root_path=root_path, **more)
        expected = outcome_of(three_deep(*router.routes[0].routes[0].routes[0].routes), scope)  # type: ignore[attr-defined]
        for _ in range(3):
            assert outcome_of(router, scope) == expected


def test_a_path_that_is_not_under_the_root_path_goes_no_short_way() -> None:
    router = three_deep(Route("/item", endpoint))
    assert status(router, "/a/b/c/item") == 200
    expected = outcome_of(Careful(router.routes), {**ITEM, "root_path": "/elsewhere"})
    assert outcome_of(router, {**ITEM, "root_path": "/elsewhere"}) == expected


def test_a_way_that_began_beside_the_root_path_is_not_remembered() -> None:
    """Each mount then sees the whole path."""
    router = Router([Mount("/a", routes=[Mount("/a", routes=[Route("/a/item", endpoint)])])])
    assert status(router, "/a/item", root_path="/elsewhere") == 200
    assert not router._routes.passages
    assert status(router, "/a/item") == 404


def test_a_route_before_a_mount_keeps_its_requests() -> None:
    async def post(request: Request) -> Response:
        return PlainTextResponse("posted", 201)

    tail = Route("/a/{p:path}", post, methods=["POST"])
    item = Route("/item", endpoint, methods=["GET", "POST"])
    router = Router([tail, Mount("/a", routes=[item])])
    for _ in range(2):
        assert status(router, "/a/item") == 200
        assert status(router, "/a/item", method="POST") == 201


def test_each_method_is_looked_at() -> None:
    async def post(request: Request) -> Response:
        return PlainTextResponse("posted", 201)

    router = three_deep(Route("/item", endpoint), Route("/item", post, methods=["POST"]))
    for _ in range(2):
        assert status(router, "/a/b/c/item") == 200
        assert status(router, "/a/b/c/item", method="POST") == 201
        assert status(router, "/a/b/c/item", method="HEAD") == 200
        assert status(router, "/a/b/c/item", method="PUT") == 405


def test_the_states_of_mounted_applications_are_laid_over_each_other() -> None:
    router = three_deep(Route("/item", endpoint))
    inner: Any = router.routes[0]
    innermost = inner.app.routes[0].app
    states = {id(inner.app): {"a": 1, "b": 1}, id(innermost): {"b": 2}}
    for _ in range(3):
        scope, _ = outcome_of(router, {**ITEM, "state": {"c": 3, STATES_KEY: states}})
        assert {key: scope["state"][key] for key in "abc"} == {"a": 1, "b": 2, "c": 3}
    assert router._routes.passages
