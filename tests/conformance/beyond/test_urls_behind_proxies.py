"""URLs behind proxies: Kludex/starlette#843, #604, #538, #1396, #1130."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


async def endpoint(request: Any) -> Any:
    raise NotImplementedError


def behind_proxy(api: Any, routes: list[Any]) -> Any:
    """An application that believes what the test client says, where there is a way to say so."""
    try:
        middleware = api("middleware.forwarded")
    except ModuleNotFoundError:
        return api.App(routes=routes)
    trusting = api("middleware").Middleware(
        middleware.ForwardedMiddleware, trusted=["testclient"], headers=middleware.X_FORWARDED
    )
    return api.App(routes=routes, middleware=[trusting])


HEADERS = {
    "X-Forwarded-For": "203.0.113.9, 198.51.100.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "shop.example",
    "X-Forwarded-Prefix": "/v2",
}


def test_url_for_knows_scheme_host_and_prefix_behind_a_proxy(
    api: Any, client_for: Callable[..., Any]
) -> None:
    async def show(request: Any) -> Any:
        return api("responses").PlainTextResponse(str(request.url_for("show")))

    app = behind_proxy(api, [api("routing").Route("/items", show)])
    response = client_for(app).get("/items", headers=HEADERS)
    assert response.text == "https://shop.example/v2/items"


def test_the_client_is_the_one_that_the_proxy_saw(api: Any, client_for: Callable[..., Any]) -> None:
    async def show(request: Any) -> Any:
        return api("responses").PlainTextResponse(request.client.host)

    app = behind_proxy(api, [api("routing").Route("/", show)])
    assert client_for(app).get("/", headers=HEADERS).text == "198.51.100.7"


def test_a_websocket_behind_a_proxy_is_secure(api: Any, client_for: Callable[..., Any]) -> None:
    async def socket(websocket: Any) -> None:
        await websocket.accept()
        await websocket.send_text(str(websocket.url_for("socket")))
        await websocket.close()

    app = behind_proxy(api, [api("routing").WebSocketRoute("/socket", socket)])
    with client_for(app).websocket_connect("/socket", headers=HEADERS) as session:
        assert session.receive_text() == "wss://shop.example/v2/socket"


def test_a_link_in_a_template_needs_no_host(api: Any, client_for: Callable[..., Any]) -> None:
    jinja2 = pytest.importorskip("jinja2")
    source = "{{ (path_for or url_for)('static', path='/style.css') }}"
    env = jinja2.Environment(loader=jinja2.DictLoader({"page.html": source}), autoescape=True)
    templates = api("templating").Jinja2Templates(env=env)

    async def show(request: Any) -> Any:
        return templates.TemplateResponse(request, "page.html")

    routing = api("routing")
    routes = [
        routing.Route("/", show),
        routing.Mount("/static", routing.Router(), name="static"),
    ]
    client = client_for(api.App(routes=routes), root_path="/root")
    assert client.get("/root/").text == "/root/static/style.css"


def test_a_request_gives_the_path_of_a_route(api: Any, client_for: Callable[..., Any]) -> None:
    async def show(request: Any) -> Any:
        path_for = getattr(request, "path_for", request.url_for)
        return api("responses").PlainTextResponse(str(path_for("show", name="a?b")))

    client = client_for(api.App(routes=[api("routing").Route("/{name}", show)]))
    assert client.get("/x").text == "/a%3Fb"
