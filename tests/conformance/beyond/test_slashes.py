"""Slashes at the end of a path: Kludex/starlette#869, #823, #464, #2748, #3377."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def app_of(api: Any, mode: str | None = None) -> Any:
    """An application, with its slashes treated in some way, where there is a way to say so."""

    async def show(request: Any) -> Any:
        return api("responses").PlainTextResponse(f"{request.method} {await request.body()!r}")

    routing = api("routing")
    routes = [
        routing.Route("/items", show, methods=["GET", "POST"]),
        routing.Mount("/users", routes=[routing.Route("/", show, methods=["GET", "POST"])]),
    ]
    try:
        return api.App(routes=routes, **({} if mode is None else {"redirect_slashes": mode}))
    except TypeError:
        return api.App(routes=routes)


@pytest.mark.parametrize(("path", "location"), [("/items/", "/items"), ("/users", "/users/")])
def test_a_redirect_does_not_repeat_the_host_that_the_client_claims(
    api: Any, client_for: Callable[..., Any], path: str, location: str
) -> None:
    client = client_for(app_of(api), follow_redirects=False)
    response = client.get(f"{path}?a=b", headers={"host": "10.0.0.1:8000"})
    assert (response.status_code, response.headers["location"]) == (307, f"{location}?a=b")


@pytest.mark.parametrize("path", ["/items/", "/users"])
def test_a_webhook_is_not_lost_for_a_slash(
    api: Any, client_for: Callable[..., Any], path: str
) -> None:
    client = client_for(app_of(api, "ignore"), follow_redirects=False)
    response = client.post(path, content=b"event")
    assert (response.status_code, response.text) == (200, "POST b'event'")


@pytest.mark.parametrize("path", ["/items/", "/users"])
def test_an_application_can_be_strict_about_slashes(
    api: Any, client_for: Callable[..., Any], path: str
) -> None:
    client = client_for(app_of(api, "strict"), follow_redirects=False)
    assert client.get(path).status_code == 404
