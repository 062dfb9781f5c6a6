"""Crashes that look like errors of CORS, and handlers for a mount: starlette#1116, #1175."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

ClientFor = Callable[..., Any]


async def boom(request: Any) -> Any:
    raise RuntimeError("boom")


def test_a_500_carries_the_headers_of_cors(api: Any, client_for: ClientFor) -> None:
    cors = api("middleware").Middleware(api("middleware.cors").CORSMiddleware, allow_origins=["*"])
    app = api.App(routes=[api("routing").Route("/", boom)], middleware=[cors])
    client = client_for(app, raise_server_exceptions=False)
    response = client.get("/", headers={"origin": "https://example.org"})
    assert response.status_code == 500
    assert response.headers["access-control-allow-origin"] == "*"

    with pytest.raises(RuntimeError, match="boom"):
        client_for(app).get("/")


def test_a_500_carries_the_request_id(api: Any, client_for: ClientFor) -> None:
    async def add_id(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["x-request-id"] = "7"
        return response

    base = api("middleware.base").BaseHTTPMiddleware
    app = api.App(
        routes=[api("routing").Route("/", boom)],
        middleware=[api("middleware").Middleware(base, dispatch=add_id)],
    )
    response = client_for(app, raise_server_exceptions=False).get("/")
    assert (response.status_code, response.headers["x-request-id"]) == (500, "7")


def test_a_mount_has_exception_handlers_of_its_own(api: Any, client_for: ClientFor) -> None:
    async def as_json(request: Any, exc: Any) -> Any:
        return api("responses").JSONResponse({"error": exc.detail}, exc.status_code)

    async def as_page(request: Any, exc: Any) -> Any:
        return api("responses").HTMLResponse("<p>", exc.status_code)

    handlers = {api("exceptions").HTTPException: as_json}
    try:
        mount = api("routing").Mount("/api", routes=[], exception_handlers=handlers)
    except TypeError:
        mount = api("routing").Mount("/api", routes=[])
    client = client_for(api.App(routes=[mount], exception_handlers={404: as_page}))
    assert client.get("/nothing").text == "<p>"
    assert client.get("/api/nothing").headers["content-type"] == "application/json"


@pytest.mark.parametrize("layer", ["Route", "Router", "Mount"])
def test_the_nearest_exception_handler_wins(api: Any, client_for: ClientFor, layer: str) -> None:
    def says(text: str) -> dict[str, Any]:
        async def handler(request: Any, exc: Exception) -> Any:
            return api("responses").PlainTextResponse(text, 409)

        # Where nobody has thought of it there is no such argument.
        return {"exception_handlers": {ValueError: handler}}

    async def endpoint(request: Any) -> Any:
        raise ValueError

    def make(name: str, *args: Any, **options: Any) -> Any:
        cls = getattr(api("routing"), name)
        near = says(layer) if name == layer else {}
        try:
            return cls(*args, **options, **near)
        except TypeError:
            return cls(*args, **options)

    router = make("Router", [make("Route", "/", endpoint)])
    app = api.App(routes=[make("Mount", "/api", app=router)], **says("application"))
    assert client_for(app).get("/api/").text == layer
