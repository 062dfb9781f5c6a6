"""JSON made to hurt: malformed, deep, with many values, and with what is no JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bolide.applications import Bolide, Starlette
from bolide.requests import Request
from bolide.responses import JSONResponse, Response
from bolide.routing import Route
from bolide.testclient import TestClient

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]

HEADERS = {"accept": "application/json"}


async def echo(request: Request) -> Response:
    return JSONResponse(await request.json())


ROUTES = [Route("/", echo, methods=["POST"])]


def post(client: TestClient, body: bytes) -> Any:
    return client.post("/", content=body, headers=HEADERS)


DEEP = "The body is not valid JSON: Nested more than 128 deep (max_json_depth)."
MANY = "The body is not valid JSON: More than 100000 values (max_json_values)."


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"[" * 129 + b"]" * 129, DEEP),
        (b'{"a":' * 129 + b"1" + b"}" * 129, DEEP),
        (b'[{"":' * 65 + b"1" + b"}]" * 65, DEEP),
        (b"[" * 50_000 + b"]" * 50_000, DEEP),
        (b"[" + b"1," * 100_000 + b"1]", MANY),
        (b"[" + b"[]," * 100_000 + b"[]]", MANY),
        (b"[" * 200_000, MANY),
        (b"[NaN]", "The body is not valid JSON: NaN is not allowed (line 1, column 2)."),
        (b"1" * 5000, "The body is not valid JSON: A number is too long."),
        (b"", "The body is not valid JSON: Expecting value (line 1, column 1)."),
    ],
)
def test_bolide_says_what_is_wrong(client_for: ClientFor, body: bytes, detail: str) -> None:
    response = post(client_for(Bolide(routes=ROUTES)), body)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == detail


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 128 + b"]" * 128,
        b"[" + b"1," * 99_998 + b"1]",
        b'["' + b"[,{" * 200_000 + b'"]',
        b'["' + b'\\"[' * 200_000 + b'"]',
    ],
    ids=["depth", "count", "text", "escaped text"],
)
def test_what_is_within_the_limits_is_taken(client_for: ClientFor, body: bytes) -> None:
    assert post(client_for(Bolide(routes=ROUTES)), body).content == body


def test_the_limits_are_choices(client_for: ClientFor) -> None:
    client = client_for(Bolide(routes=ROUTES, max_json_depth=2, max_json_values=3))
    assert [post(client, body).status_code for body in (b"[[1]]", b"[[[]]]", b"[1,2,3]")] == [
        200,
        400,
        400,
    ]


def test_starlette_has_no_limits_of_its_own(client_for: ClientFor) -> None:
    client = client_for(Starlette(routes=ROUTES))
    body = b"[" * 200 + b"]" * 200
    assert post(client, body).content == body
    client = client_for(Starlette(routes=ROUTES), raise_server_exceptions=False)
    assert post(client, b"[").status_code == 500


@given(
    body=st.binary()
    | st.text('[]{}",:\\ 0eEnulNaI-.\n', max_size=300).map(str.encode)
    | st.integers(0, 300).map(lambda depth: b"[" * depth + b"]" * depth)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_body_is_an_error_of_the_server(client_for: ClientFor, body: bytes) -> None:
    client = client_for(Bolide(routes=ROUTES), raise_server_exceptions=False)
    assert post(client, body).status_code in (200, 400)
