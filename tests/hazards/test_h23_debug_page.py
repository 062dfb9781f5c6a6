"""The debug page: for who sits at the machine, without secrets, and not for a cache."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bolide.applications import Bolide, Starlette
from bolide.requests import Request
from bolide.responses import Response
from bolide.routing import Route
from bolide.testclient import TestClient

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]

HERE = {"client": ("127.0.0.1", 50000), "base_url": "http://localhost"}
ELSEWHERE = {"client": ("192.0.2.1", 50000), "base_url": "http://localhost"}
SECRETS = ("hunter2", "tr0ub4dor", "correct horse")


async def broken(request: Request) -> Response:
    password = "hunter2"
    settings = {"api_key": "tr0ub4dor", "colour": "green"}
    raise ValueError(f"{len(password)} {len(settings)}")


def answer_of(
    client_for: ClientFor, cls: type[Starlette], where: dict[str, object], debug: bool = True
) -> tuple[str, dict[str, str]]:
    app = cls(debug=debug, routes=[Route("/", broken)])
    client = client_for(app, raise_server_exceptions=False, **where)
    headers = {"accept": "text/html", "authorization": "Basic correct horse"}
    answer = client.get("/", headers=headers)
    assert answer.status_code == 500
    return answer.text, dict(answer.headers)


@pytest.mark.parametrize(
    ("cls", "where", "shown"),
    [
        (Bolide, HERE, True),
        (Bolide, ELSEWHERE, False),
        (Starlette, HERE, True),
        (Starlette, ELSEWHERE, True),
    ],
)
def test_in_bolide_it_is_for_who_sits_at_the_machine(
    client_for: ClientFor, cls: type[Starlette], where: dict[str, object], shown: bool
) -> None:
    page, _ = answer_of(client_for, cls, where)
    assert ("ValueError" in page) == shown


@pytest.mark.parametrize("cls", [Bolide, Starlette])
def test_outside_debug_nobody_learns_anything(client_for: ClientFor, cls: type[Starlette]) -> None:
    page, _ = answer_of(client_for, cls, HERE, debug=False)
    assert "ValueError" not in page


@pytest.mark.parametrize("cls", [Bolide, Starlette])
def test_secrets_are_masked_in_values_headers_and_source(
    client_for: ClientFor, cls: type[Starlette]
) -> None:
    page, _ = answer_of(client_for, cls, HERE)
    assert "green" in page
    assert [secret for secret in SECRETS if secret in page] == []


@pytest.mark.parametrize("cls", [Bolide, Starlette])
def test_it_is_kept_by_no_cache_and_runs_no_script(
    client_for: ClientFor, cls: type[Starlette]
) -> None:
    _, headers = answer_of(client_for, cls, HERE)
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
