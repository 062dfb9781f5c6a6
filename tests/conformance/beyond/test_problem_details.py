"""Errors in the form that the client accepts, and what debug mode gives away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

PROBLEM = "application/problem+json"


async def fail(request: Any) -> Any:
    api_key = "sk-live-2f6c9d"  # noqa: F841 - it is there to be seen, or not
    raise RuntimeError("The database is gone.")


def app_of(api: Any, **options: Any) -> Any:
    Route = api("routing").Route  # noqa: N806 - it is a class

    async def refuse(request: Any) -> Any:
        raise api("exceptions").HTTPException(403, "Not for children.")

    return api.App(routes=[Route("/refuse", refuse), Route("/fail", fail)], **options)


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("GET", "/nowhere", 404, "Not Found"),
        ("POST", "/refuse", 405, "Method Not Allowed"),
        ("GET", "/refuse", 403, "Forbidden"),
        ("GET", "/fail", 500, "Internal Server Error"),
    ],
)
def test_rfc_9457_problem_details_for_every_error(
    api: Any, client_for: Callable[..., Any], method: str, path: str, status: int, title: str
) -> None:
    client = client_for(app_of(api), raise_server_exceptions=False)
    response = client.request(method, path, headers={"accept": "application/json"})

    assert (response.status_code, response.headers["content-type"]) == (status, PROBLEM)
    assert response.headers["vary"] == "Accept"
    members = response.json()
    assert (members["title"], members["status"]) == (title, status)


def test_browsers_get_error_pages(api: Any, client_for: Callable[..., Any]) -> None:
    response = client_for(app_of(api)).get("/refuse", headers={"accept": "text/html"})
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "Not for children." in response.text


def test_the_debug_page_does_not_show_secrets(api: Any, client_for: Callable[..., Any]) -> None:
    client = client_for(app_of(api, debug=True), raise_server_exceptions=False)
    response = client.get("/fail", headers={"accept": "text/html"})

    assert "api_key" in response.text
    assert "sk-live-2f6c9d" not in response.text


def test_the_debug_page_is_not_cached(api: Any, client_for: Callable[..., Any]) -> None:
    client = client_for(app_of(api, debug=True), raise_server_exceptions=False)
    response = client.get("/fail", headers={"accept": "text/html"})

    assert response.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in response.headers["content-security-policy"]


def test_debug_mode_answers_only_the_machine_itself(
    api: Any, client_for: Callable[..., Any]
) -> None:
    app = app_of(api, debug=True)
    client = client_for(app, raise_server_exceptions=False, client=("203.0.113.7", 1234))
    response = client.get("/fail", headers={"accept": "text/html"})

    assert response.status_code == 500
    assert "database" not in response.text
