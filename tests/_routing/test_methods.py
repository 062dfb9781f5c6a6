"""What the method of a request has to do with the route: OPTIONS, HEAD, and 405."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bolide._policy import Policy
from bolide.applications import Bolide, Starlette
from bolide.endpoints import HTTPEndpoint
from bolide.exceptions import HTTPException
from bolide.middleware import Middleware
from bolide.middleware.cors import CORSMiddleware
from bolide.requests import Request
from bolide.responses import JSONResponse, PlainTextResponse, Response
from bolide.routing import BaseRoute, Host, Match, Mount, Route, Router
from bolide.types import Receive, Scope, Send

ClientFor = Callable[..., Any]


def says(text: str) -> Any:
    async def endpoint(request: Request) -> Response:
        return PlainTextResponse("", headers={"x-from": text, "x-id": str(request.path_params)})

    return endpoint


class Foreign(BaseRoute):
    """A route of somebody else, which has methods but goes by no pattern."""

    def __init__(self, path: str, *methods: str) -> None:
        self.path = path
        self.methods = set(methods)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["path"] != self.path:
            return Match.NONE, {}
        return (Match.FULL if scope["method"] in self.methods else Match.PARTIAL), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        allow = {"allow": ", ".join(sorted(self.methods)), "x-from": "foreign"}
        await PlainTextResponse("", 405, allow)(scope, receive, send)


ROUTES: list[BaseRoute] = [
    Route("/users", says("get"), methods=["GET"]),
    Route("/users", says("post"), methods=["POST"]),
    Route("/users/{id:int}", says("one")),
    Route("/users/{id:int}", says("delete"), methods=["DELETE"]),
    Route("/users/{name}", says("put"), methods=["PUT"]),
    Route("/own", says("get")),
    Route("/own", says("options"), methods=["OPTIONS"]),
    Route("/foreign", says("get")),
    Foreign("/foreign", "PATCH"),
    Foreign("/foreign-first", "PATCH"),
    Route("/foreign-first", says("get")),
]

everywhere = pytest.mark.parametrize(
    ("prefix", "wrap"),
    [
        ("", lambda: ROUTES),
        ("/m", lambda: [Mount("/m", routes=[r for r in ROUTES if isinstance(r, Route)])]),
        ("", lambda: [Host("testserver", Router(ROUTES))]),
    ],
    ids=["app", "mount", "host"],
)


@everywhere
@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/users", "GET, HEAD, OPTIONS, POST"),
        ("/users/1", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("/users/ann", "OPTIONS, PUT"),
    ],
)
def test_all_methods_of_a_path_are_told(
    client_for: ClientFor, prefix: str, wrap: Any, path: str, allow: str
) -> None:
    client = client_for(Bolide(routes=wrap()))
    options = client.options(prefix + path)
    assert (options.status_code, options.text, options.headers["allow"]) == (204, "", allow)
    assert "content-length" not in options.headers

    refused = client.request("TRACE", prefix + path)
    assert (refused.status_code, refused.headers["allow"]) == (405, allow)


def test_starlette_tells_those_of_the_first_route(client_for: ClientFor) -> None:
    client = client_for(Starlette(routes=ROUTES))
    for method in ("OPTIONS", "TRACE"):
        response = client.request(method, "/users")
        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


def test_a_route_for_options_answers_itself(client_for: ClientFor) -> None:
    assert client_for(Bolide(routes=ROUTES)).options("/own").headers["x-from"] == "options"


def test_routes_of_others_count_and_refuse_in_their_way(client_for: ClientFor) -> None:
    client = client_for(Bolide(routes=ROUTES))
    assert client.options("/foreign").headers["allow"] == "GET, HEAD, OPTIONS, PATCH"
    refused = client.put("/foreign-first")
    assert (refused.headers["x-from"], refused.headers["allow"]) == ("foreign", "PATCH")


def test_no_route_is_still_404(client_for: ClientFor) -> None:
    assert client_for(Bolide(routes=ROUTES)).options("/nothing").status_code == 404


@pytest.mark.parametrize("path", ["/users/", "/users/1/"])
def test_a_slash_that_is_ignored_does_not_matter(client_for: ClientFor, path: str) -> None:
    client = client_for(Bolide(routes=ROUTES, redirect_slashes="ignore"))
    expected = client.options(path.rstrip("/")).headers["allow"]
    assert client.options(path).headers["allow"] == expected
    assert client.head(path).headers["x-from"] in ("get", "one")


def test_a_405_is_for_the_exception_handlers(client_for: ClientFor) -> None:
    async def handler(request: Request, exc: HTTPException) -> Response:
        return JSONResponse("no", 405, headers=exc.headers)

    app = Bolide(routes=ROUTES, exception_handlers={405: handler})
    response = client_for(app).put("/users")
    assert response.json() == "no"
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"


class Things(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("things")


class OwnOptions(Things):
    async def options(self, request: Request) -> Response:
        return PlainTextResponse("own")


def test_a_class_of_endpoints_tells_its_verbs(client_for: ClientFor) -> None:
    routes = [Route("/things", Things), Route("/own", OwnOptions)]
    client = client_for(Bolide(routes=routes))
    options = client.options("/things")
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert client.put("/things").headers["allow"] == "GET, HEAD, OPTIONS"
    assert client.options("/own").text == "own"

    client = client_for(Starlette(routes=routes))
    assert client.options("/things").status_code == 405
    assert client.options("/things").headers["allow"] == "GET, HEAD"


def test_a_preflight_is_answered_by_the_cors_middleware(client_for: ClientFor) -> None:
    cors = Middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["POST"])
    client = client_for(Bolide(routes=ROUTES, middleware=[cors]))
    asked = {"origin": "https://example.org", "access-control-request-method": "POST"}
    preflight = client.options("/users", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-methods"] == "POST"

    plain = client.options("/users", headers={"origin": "https://example.org"})
    assert (plain.status_code, plain.headers["access-control-allow-origin"]) == (204, "*")


# --- HEAD ------------------------------------------------------------------------------------

HEAD_ROUTES: list[BaseRoute] = [
    Route("/a", says("get")),
    Route("/a", says("head"), methods=["HEAD"]),
    Route("/b/{id:int}", says("get")),
    Route("/b/{id}", says("another"), methods=["HEAD"]),
    Route("/b/{id:int}", says("head"), methods=["HEAD", "OPTIONS"]),
    Route("/c", says("get")),
    Route("/c", says("post"), methods=["POST"]),
    Route("/d", Things),
    Route("/d", says("head"), methods=["HEAD"]),
    Foreign("/a", "HEAD"),
]


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/a", "head"), ("/b/1", "head"), ("/b/x", "another"), ("/c", "get"), ("/d", None)],
)
def test_a_route_for_head_comes_before_one_for_get(
    client_for: ClientFor, path: str, expected: str | None
) -> None:
    client = client_for(Bolide(routes=HEAD_ROUTES))
    response = client.head(path)
    assert (response.status_code, response.headers.get("x-from")) == (200, expected)
    if path == "/b/1":
        assert response.headers["x-id"] == "{'id': 1}"
    if path != "/b/x":
        assert client.get(path).headers.get("x-from") in ("get", None)


def test_in_starlette_the_first_one_comes_first(client_for: ClientFor) -> None:
    assert client_for(Starlette(routes=HEAD_ROUTES)).head("/a").headers["x-from"] == "get"


def test_the_scope_names_the_route_that_was_chosen(client_for: ClientFor) -> None:
    seen: list[Any] = []

    async def head(request: Request) -> Response:
        seen.append((request.scope["route"].methods, request.scope["endpoint"]))
        return PlainTextResponse("")

    app = Bolide(routes=[Route("/", says("get")), Route("/", head, methods=["HEAD"])])
    client_for(app).head("/")
    assert seen == [({"HEAD"}, head)]


@pytest.mark.parametrize("field", ["answer_options", "cut_head_bodies"])
def test_each_choice_stands_alone(client_for: ClientFor, field: str) -> None:
    policy = Policy().changed({field: True})
    client = client_for(Starlette(routes=[*HEAD_ROUTES, *ROUTES], policy=policy))
    assert (client.options("/users").status_code == 204) is (field == "answer_options")
    assert (client.head("/a").headers["x-from"] == "head") is (field == "cut_head_bodies")


def test_a_router_without_an_application_answers_405(client_for: ClientFor) -> None:
    assert client_for(Router(ROUTES)).options("/users").status_code == 405


@pytest.mark.parametrize("digits", [4301, 60_000])
def test_a_number_too_long_to_be_read_is_not_there(client_for: ClientFor, digits: int) -> None:
    routes = [Route("/users/{id:int}", says("one"))]
    for app_class in (Starlette, Bolide):
        client = client_for(app_class(routes=routes))
        assert client.get(f"/users/{'1' * digits}").status_code == 404
        assert client.get("/users/1").status_code == 200
