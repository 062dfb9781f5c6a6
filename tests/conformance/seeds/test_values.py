"""Patterns of the seeds: schemas, data structures, names of status codes, and threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

import anyio.to_thread
import pytest
import yaml
from httpx2 import ASGITransport, AsyncClient

from bolide import datastructures, status, types
from bolide.applications import Starlette
from bolide.background import BackgroundTask
from bolide.datastructures import URL, Headers, MutableHeaders, QueryParams, State
from bolide.responses import PlainTextResponse
from bolide.routing import Route
from bolide.schemas import SchemaGenerator
from bolide.testclient import TestClient

ClientFor = Callable[..., TestClient]

MAX_SECONDS = 30


def test_docstrings_make_a_schema(client_for: ClientFor) -> None:
    schemas = SchemaGenerator({"openapi": "3.0.0", "info": {"title": "My API", "version": "1.0"}})

    def list_users(request):
        """
        responses:
          200:
            description: A list of users.
            examples:
              [{"username": "alice"}, {"username": "bob"}]
        """
        ...  # noqa: PIE790

    def openapi_schema(request):
        return schemas.OpenAPIResponse(request=request)

    routes = [
        Route("/users", list_users, methods=["GET"]),
        Route("/schema", openapi_schema, include_in_schema=False),
    ]
    app = Starlette(routes=routes)

    schema = schemas.get_schema(routes=app.routes)
    assert schema == {
        "openapi": "3.0.0",
        "info": {"title": "My API", "version": "1.0"},
        "paths": {
            "/users": {
                "get": {
                    "responses": {
                        200: {
                            "description": "A list of users.",
                            "examples": [{"username": "alice"}, {"username": "bob"}],
                        }
                    }
                }
            }
        },
    }
    response = client_for(app).get("/schema")
    assert response.headers["content-type"] == "application/vnd.oai.openapi"
    assert yaml.safe_load(response.text) == schema


@pytest.mark.parametrize(
    "name",
    [
        "URL",
        "Headers",
        "MutableHeaders",
        "QueryParams",
        "State",
        "UploadFile",
        "FormData",
        "Address",
        "Secret",
        "CommaSeparatedStrings",
    ],
)
def test_the_data_structures_are_in_one_module(name: str) -> None:
    assert getattr(datastructures, name).__name__ == name


def test_a_url_has_parts_that_can_be_replaced() -> None:
    url = URL("https://example.com/path?q=1")

    assert (url.scheme, url.hostname, url.path) == ("https", "example.com", "/path")
    new_url = url.replace(port=8080, path="/new")
    assert str(new_url) == "https://example.com:8080/new?q=1"


def test_headers_are_looked_up_by_name() -> None:
    headers = Headers({"content-type": "text/html"})

    assert headers["content-type"] == "text/html"


def test_mutable_headers_made_of_headers_are_a_copy() -> None:
    response = PlainTextResponse("Hello")

    mutable = MutableHeaders(headers=response.headers)
    mutable["X-Custom"] = "value"

    assert mutable["x-custom"] == "value"
    assert "x-custom" not in response.headers


def test_query_parameters_may_be_repeated() -> None:
    params = QueryParams("page=1&tag=python&tag=async")

    assert params["page"] == "1"
    assert params.getlist("tag") == ["python", "async"]


def test_state_has_any_attributes() -> None:
    state = State()

    state.counter = 0
    assert state.counter == 0


def test_blocking_code_runs_in_threads(client_for: ClientFor) -> None:
    threads: dict[str, int] = {}

    def note(name: str) -> None:
        threads[name] = threading.get_ident()

    def sync_homepage(request):
        note("sync")
        return PlainTextResponse("Done", background=BackgroundTask(note, "task"))

    async def async_homepage(request):
        note("async")
        return PlainTextResponse("Done")

    app = Starlette(routes=[Route("/", sync_homepage), Route("/async", async_homepage)])
    with client_for(app) as client:
        assert client.get("/").text == "Done"
        assert client.get("/async").text == "Done"

    assert threads["async"] not in (threads["sync"], threads["task"])


@pytest.mark.anyio
async def test_the_number_of_threads_can_be_raised() -> None:
    limiter = anyio.to_thread.current_default_thread_limiter()
    assert limiter.total_tokens == 40
    limiter.total_tokens = 100  # default is 40

    # It opens when as many threads wait for it as the default limit would not give.
    barrier = threading.Barrier(41)

    def endpoint(request):
        barrier.wait(MAX_SECONDS)
        return PlainTextResponse("Done")

    transport = ASGITransport(app=Starlette(routes=[Route("/", endpoint)]))
    try:
        async with (
            AsyncClient(transport=transport, base_url="http://testserver") as client,
            anyio.create_task_group() as task_group,
        ):
            for _ in range(barrier.parties):
                task_group.start_soon(client.get, "/")
    finally:
        limiter.total_tokens = 40

    assert not barrier.broken


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("HTTP_200_OK", 200),
        ("HTTP_201_CREATED", 201),
        ("HTTP_204_NO_CONTENT", 204),
        ("HTTP_301_MOVED_PERMANENTLY", 301),
        ("HTTP_400_BAD_REQUEST", 400),
        ("HTTP_401_UNAUTHORIZED", 401),
        ("HTTP_403_FORBIDDEN", 403),
        ("HTTP_404_NOT_FOUND", 404),
        ("HTTP_500_INTERNAL_SERVER_ERROR", 500),
        ("WS_1000_NORMAL_CLOSURE", 1000),
        ("WS_1008_POLICY_VIOLATION", 1008),
    ],
)
def test_status_codes_have_names(name: str, code: int) -> None:
    assert getattr(status, name) == code


@pytest.mark.parametrize("name", ["ASGIApp", "Message", "Receive", "Scope", "Send"])
def test_the_types_of_asgi_have_names(name: str) -> None:
    assert getattr(types, name) is not None
