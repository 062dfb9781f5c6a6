"""OpenAPI schemas from docstrings: which endpoints are in them, and what they say."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from bolide.applications import Starlette
from bolide.endpoints import HTTPEndpoint
from bolide.exceptions import MissingExtra
from bolide.requests import Request
from bolide.responses import Response
from bolide.routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute
from bolide.schemas import BaseSchemaGenerator, EndpointInfo, OpenAPIResponse, SchemaGenerator
from bolide.testclient import TestClient
from bolide.websockets import WebSocket

BASE = {"openapi": "3.0.0", "info": {"title": "API", "version": "1.0"}}


def list_users(request: Request) -> Response:
    """
    responses:
      200:
        description: A list of users.
        examples:
          [{"username": "tom"}, {"username": "lucy"}]
    """
    return Response()


def create_user(request: Request) -> Response:
    """Words for people.

    ---
    responses:
      201:
        description: A user.
    """
    return Response()


def silent(request: Request) -> Response:
    return Response()


async def socket(websocket: WebSocket) -> None:
    """responses: {}"""


class Users(HTTPEndpoint):
    def get(self, request: Request) -> None:
        """summary: get"""

    def query(self, request: Request) -> None:
        """summary: query"""

    def options(self, request: Request) -> None:
        """summary: options"""

    def head(self, request: Request) -> None:
        """summary: head"""

    def delete(self, request: Request) -> None:
        """summary: delete"""

    def patch(self, request: Request) -> None:
        """summary: patch"""

    def put(self, request: Request) -> None:
        """summary: put"""

    def post(self, request: Request) -> None:
        """summary: post"""


class Silent(HTTPEndpoint):
    def post(self, request: Request) -> None: ...


class Service:
    def page(self, request: Request) -> Response:
        """summary: page"""
        return Response()


def endpoints_of(*routes: BaseRoute) -> list[EndpointInfo]:
    return BaseSchemaGenerator().get_endpoints(list(routes))


# Which endpoints there are


def test_endpoints_come_in_the_order_of_the_routes() -> None:
    assert endpoints_of(
        Route("/b", list_users), Route("/a", create_user, methods=["POST"]), Route("/c", silent)
    ) == [
        EndpointInfo("/b", "get", list_users),
        EndpointInfo("/a", "post", create_user),
        EndpointInfo("/c", "get", silent),
    ]


def test_an_endpoint_is_there_once_for_each_method() -> None:
    found = endpoints_of(Route("/", silent, methods=["GET", "put", "DELETE"]))
    assert {info.http_method for info in found} == {"get", "put", "delete"}
    assert len(found) == 3


def test_a_route_that_takes_every_method_counts_as_get() -> None:
    route = Route("/", silent)
    route.methods = None
    assert endpoints_of(route) == [EndpointInfo("/", "get", silent)]


def test_a_class_is_there_once_for_each_method_it_has() -> None:
    assert endpoints_of(Route("/", Users)) == [
        EndpointInfo("/", "get", Users.get),
        EndpointInfo("/", "post", Users.post),
        EndpointInfo("/", "put", Users.put),
        EndpointInfo("/", "patch", Users.patch),
        EndpointInfo("/", "delete", Users.delete),
        EndpointInfo("/", "options", Users.options),
        EndpointInfo("/", "query", Users.query),
    ]


def test_a_bound_method_is_an_endpoint() -> None:
    page = Service().page
    assert endpoints_of(Route("/", page)) == [EndpointInfo("/", "get", page)]


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("/users/{id}", "/users/{id}"),
        ("/users/{id:int}", "/users/{id}"),
        ("/{a:float}/{b:path}", "/{a}/{b}"),
        ("/a:b/{c}", "/a:b/{c}"),
    ],
)
def test_a_path_loses_its_convertors(path: str, plain: str) -> None:
    assert endpoints_of(Route(path, silent)) == [EndpointInfo(plain, "get", silent)]


def test_mounts_put_their_path_in_front_and_hosts_do_not() -> None:
    inner = [Route("/", silent), Mount("/{b:int}", routes=[Route("/c", list_users)])]
    assert endpoints_of(
        Mount("/a", routes=inner),
        Host("{sub}.example.org", app=Router(inner)),
        Mount("/d", routes=[Host("example.org", app=Router([Route("/e", silent)]))]),
        Mount("/files", app=Response()),
    ) == [
        EndpointInfo("/a/", "get", silent),
        EndpointInfo("/a/{b}/c", "get", list_users),
        EndpointInfo("/", "get", silent),
        EndpointInfo("/{b}/c", "get", list_users),
        EndpointInfo("/d/e", "get", silent),
    ]


def test_other_routes_are_no_endpoints() -> None:
    class Custom(BaseRoute):
        endpoint = list_users
        path = "/"
        methods = ("GET",)
        include_in_schema = True

    assert (
        endpoints_of(
            WebSocketRoute("/ws", socket),
            Custom(),
            Route("/hidden", list_users, include_in_schema=False),
            Route("/partial", functools.partial(list_users)),
        )
        == []
    )


# What a docstring says


def docstring(text: str | None) -> Callable[..., Any]:
    def func() -> None: ...

    func.__doc__ = text
    return func


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        (None, {}),
        ("", {}),
        ("Words for people.", {}),
        ("- a\n- b", {}),
        ("1", {}),
        ("a: 1", {"a": 1}),
        ("\n    a: 1\n    b: [c]\n    ", {"a": 1, "b": ["c"]}),
        ("Words: for: people.\n---\na: 1", {"a": 1}),
        ("a: 1\n---\nb: 2\n---\nc: 3", {"c": 3}),
        ("a: 1\n---\n", {}),
        ("responses:\n  200:\n    description: x", {"responses": {200: {"description": "x"}}}),
    ],
)
def test_a_docstring_is_yaml(text: str | None, parsed: dict[str, Any]) -> None:
    assert BaseSchemaGenerator().parse_docstring(docstring(text)) == parsed


def test_a_method_has_a_docstring_too() -> None:
    assert BaseSchemaGenerator().parse_docstring(Service().page) == {"summary": "page"}


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "a: !!python/object/apply:os.getcwd []"])
def test_what_is_no_safe_yaml_is_an_error(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        BaseSchemaGenerator().parse_docstring(docstring(text))


# The schema


def test_a_schema_is_the_base_and_what_docstrings_say() -> None:
    routes: list[BaseRoute] = [
        Route("/users", list_users),
        Route("/users", create_user, methods=["POST"]),
        Route("/silent", silent),
        Route("/class", Silent),
        Mount("/sub", routes=[Route("/users", list_users)]),
    ]
    listing = {
        "responses": {
            200: {
                "description": "A list of users.",
                "examples": [{"username": "tom"}, {"username": "lucy"}],
            }
        }
    }
    assert SchemaGenerator(BASE).get_schema(routes) == {
        **BASE,
        "paths": {
            "/users": {
                "get": listing,
                "post": {"responses": {201: {"description": "A user."}}},
            },
            "/sub/users": {"get": listing},
        },
    }
    assert "paths" not in BASE


def test_a_schema_of_nothing_has_no_paths() -> None:
    generator = SchemaGenerator(BASE)
    assert generator.base_schema is BASE
    assert generator.get_schema([]) == {**BASE, "paths": {}}
    assert generator.get_schema(routes=[Route("/", silent)]) == {**BASE, "paths": {}}


def test_the_paths_of_the_base_are_extended() -> None:
    paths: dict[str, Any] = {"/": {"get": {"summary": "base"}}}
    schema = SchemaGenerator({**BASE, "paths": paths}).get_schema(
        [Route("/", create_user, methods=["POST"])]
    )
    assert schema["paths"] is paths
    assert set(paths["/"]) == {"get", "post"}


@pytest.mark.parametrize(
    ("version", "has_query"),
    [
        ("3.2.0", True),
        ("3.2", True),
        ("3.10.0", True),
        ("4", True),
        ("4.0.0-rc1", True),
        (3.2, True),
        ("3.1.2", False),
        ("3", False),
        ("2.0", False),
        ("latest", False),
        ("", False),
        (None, False),
    ],
)
def test_the_query_method_is_in_newer_schemas(version: object, has_query: bool) -> None:
    base = {} if version is None else {"openapi": version}
    schema = SchemaGenerator(base).get_schema([Route("/", Users)])
    assert ("query" in schema["paths"]["/"]) is has_query
    assert schema["paths"]["/"]["get"] == {"summary": "get"}


def test_a_base_generator_has_no_schema() -> None:
    with pytest.raises(NotImplementedError):
        BaseSchemaGenerator().get_schema([])


# The response


def test_a_schema_is_sent_as_yaml(client_for: Callable[..., TestClient]) -> None:
    schemas = SchemaGenerator({"openapi": "3.2.0", "info": {"version": "1.0", "title": "API"}})

    def schema(request: Request) -> Response:
        return schemas.OpenAPIResponse(request=request)

    app = Starlette(
        routes=[
            Route("/users/{id:int}", list_users),
            Route("/users/{id:int}", create_user, methods=["POST"]),
            Route("/schema", schema, include_in_schema=False),
        ]
    )
    response = client_for(app).get("/schema")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/vnd.oai.openapi"
    assert response.text == (
        "info:\n"
        "  title: API\n"
        "  version: '1.0'\n"
        "openapi: 3.2.0\n"
        "paths:\n"
        "  /users/{id}:\n"
        "    get:\n"
        "      responses:\n"
        "        200:\n"
        "          description: A list of users.\n"
        "          examples:\n"
        "          - username: tom\n"
        "          - username: lucy\n"
        "    post:\n"
        "      responses:\n"
        "        201:\n"
        "          description: A user.\n"
    )


def test_a_response_takes_what_every_response_takes() -> None:
    response = OpenAPIResponse({"b": "é", "a": [1]}, 201, {"x-a": "1"})
    assert response.status_code == 201
    assert yaml.safe_load(bytes(response.body)) == {"a": [1], "b": "é"}
    assert response.headers["x-a"] == "1"
    assert response.headers["content-length"] == str(len(response.body))


@pytest.mark.parametrize("content", [None, "a: 1", [], b"{}"])
def test_a_schema_is_a_dictionary(content: object) -> None:
    message = "^The schema passed to OpenAPIResponse should be a dictionary\\.$"
    with pytest.raises(AssertionError, match=message):
        OpenAPIResponse(content)


# Without the library


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(AssertionError) as caught:
        OpenAPIResponse({})
    assert str(caught.value) == "`pyyaml` must be installed to use OpenAPIResponse."
    assert isinstance(caught.value, MissingExtra)
    assert caught.value.extra == "schemas"
    with pytest.raises(AssertionError) as caught:
        BaseSchemaGenerator().parse_docstring(list_users)
    assert str(caught.value) == "`pyyaml` must be installed to use parse_docstring."


def test_the_library_is_not_needed_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert BaseSchemaGenerator().parse_docstring(silent) == {}
    assert SchemaGenerator(BASE).get_schema([Route("/", silent)])["paths"] == {}
