"""Who may see what debug mode shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bolide._debug_access import may_see_debug
from bolide.applications import Bolide, Starlette
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Route
from bolide.types import Scope

ClientFor = Callable[..., Any]


def scope_of(client: tuple[str, int] | None, app: Any = None, **headers: str) -> Scope:
    raw = [
        (name.replace("_", "-").encode(), value.encode())
        for name, value in {"host": "localhost:8000", **headers}.items()
    ]
    return {"type": "http", "app": app or Bolide(), "client": client, "headers": raw}


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("testclient", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("2001:db8::1", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_a_client_on_the_machine_may(host: str, allowed: bool) -> None:
    assert may_see_debug(scope_of((host, 1234))) is allowed


def test_a_client_without_an_address_may_not() -> None:
    assert not may_see_debug(scope_of(None))
    assert not may_see_debug({"type": "http", "app": Bolide()})


@pytest.mark.parametrize(
    "header", ["forwarded", "via", "x_forwarded_for", "x_forwarded_host", "x_real_ip"]
)
def test_who_comes_through_a_proxy_may_not(header: str) -> None:
    assert not may_see_debug(scope_of(("127.0.0.1", 1234), **{header: "127.0.0.1"}))


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("LocalHost:80", True),
        ("shop.localhost:8000", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("evil.example:8000", False),
        ("localhost.evil.example", False),
        ("192.168.1.2", False),
        ("[2001:db8::1]", False),
        ("not a host", False),
        ("", False),
    ],
)
def test_who_asks_for_another_machine_may_not(host: str, allowed: bool) -> None:
    assert may_see_debug(scope_of(("127.0.0.1", 1234), host=host)) is allowed


@pytest.mark.parametrize("app", [Starlette(), Bolide(debug_for="anyone")])
def test_anyone_may_where_that_is_the_policy(app: Starlette) -> None:
    assert may_see_debug(scope_of(("10.0.0.1", 1234), app, via="proxy", host="example.com"))


async def fail(request: Request) -> Response:
    raise RuntimeError("secret")


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_who_may_not_is_answered_as_in_production(client_for: ClientFor, accept: str) -> None:
    app = Bolide(debug=True, routes=[Route("/", fail)])
    client = client_for(app, raise_server_exceptions=False, client=("10.0.0.1", 1234))
    response = client.get("/", headers={"accept": accept})

    assert response.status_code == 500
    assert "Internal Server Error" in response.text
    assert "secret" not in response.text


def test_who_may_not_is_answered_by_the_handler(client_for: ClientFor) -> None:
    async def sorry(request: Request, exc: Exception) -> Response:
        return PlainTextResponse("sorry", 500)

    app = Bolide(debug=True, routes=[Route("/", fail)], exception_handlers={500: sorry})
    for client, text in ((("10.0.0.1", 1), "sorry"), (("testclient", 1), "Traceback (most")):
        response = client_for(app, raise_server_exceptions=False, client=client).get("/")
        assert response.text.startswith(text)
