"""Patterns of the seeds: handlers for errors, by status code and by class."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from bolide.applications import Starlette
from bolide.exceptions import HTTPException
from bolide.requests import Request
from bolide.responses import JSONResponse
from bolide.routing import Route
from bolide.testclient import TestClient

ClientFor = Callable[..., TestClient]

logger = logging.getLogger("seeds")


async def teapot(request):
    raise HTTPException(status_code=418, detail="short and stout", headers={"X-Pot": "tea"})


async def failing(request):
    raise ValueError("a secret detail")


async def broken(request):
    raise HTTPException(status_code=500, detail="on purpose")


routes = [Route("/teapot", teapot), Route("/failing", failing), Route("/broken", broken)]


def test_handlers_by_class_answer_with_json(
    client_for: ClientFor, caplog: pytest.LogCaptureFixture
) -> None:
    async def http_exception_handler(request: Request, exc: HTTPException):
        return JSONResponse(
            status_code=exc.status_code,
            content={"error": exc.detail, "status_code": exc.status_code},
        )

    async def general_exception_handler(request: Request, exc: Exception):
        # Log error for debugging
        logger.error(f"Unhandled error: {exc}", exc_info=True)
        return JSONResponse(status_code=500, content={"error": "Internal server error"})

    exception_handlers = {
        HTTPException: http_exception_handler,
        Exception: general_exception_handler,
    }

    app = Starlette(routes=routes, exception_handlers=exception_handlers)
    client = client_for(app, raise_server_exceptions=False)

    response = client.get("/teapot")
    assert response.status_code == 418
    assert response.json() == {"error": "short and stout", "status_code": 418}
    response = client.get("/failing")
    assert response.status_code == 500
    assert response.json() == {"error": "Internal server error"}
    assert [record.getMessage() for record in caplog.records if record.name == "seeds"] == [
        "Unhandled error: a secret detail"
    ]


def test_handlers_by_code_come_before_those_by_class(client_for: ClientFor) -> None:
    async def not_found(request: Request, exc: HTTPException):
        return JSONResponse({"error": exc.detail}, status_code=404)

    async def server_error(request: Request, exc: Exception):
        return JSONResponse({"error": "Internal server error"}, status_code=500)

    async def http_exception_handler(request: Request, exc: HTTPException):
        return JSONResponse(
            {"detail": exc.detail},
            status_code=exc.status_code,
            headers=exc.headers,
        )

    exception_handlers = {
        404: not_found,
        500: server_error,
        HTTPException: http_exception_handler,
    }
    app = Starlette(routes=routes, exception_handlers=exception_handlers)
    client = client_for(app, raise_server_exceptions=False)

    assert client.get("/nowhere").json() == {"error": "Not Found"}
    assert client.get("/failing").json() == {"error": "Internal server error"}
    response = client.get("/teapot")
    assert (response.status_code, response.json()) == (418, {"detail": "short and stout"})
    assert response.headers["x-pot"] == "tea"


def test_an_unmatched_path_has_the_handler_of_404(client_for: ClientFor) -> None:
    async def not_found(request, exc):
        return JSONResponse({"error": "Not found"}, status_code=404)

    app = Starlette(routes=routes, exception_handlers={404: not_found})
    response = client_for(app).get("/nowhere")

    assert (response.status_code, response.json()) == (404, {"error": "Not found"})


def test_an_unhandled_error_is_answered_and_still_raised(client_for: ClientFor) -> None:
    answered: list[str] = []

    async def general_exception_handler(request: Request, exc: Exception):
        answered.append(str(exc))
        return JSONResponse(status_code=500, content={"error": "Internal server error"})

    app = Starlette(routes=routes, exception_handlers={Exception: general_exception_handler})

    with pytest.raises(ValueError, match="a secret detail"):
        client_for(app).get("/failing")
    assert answered == ["a secret detail"]


@pytest.mark.parametrize("debug", [True, False])
def test_a_traceback_is_shown_when_debugging_only(debug: bool, client_for: ClientFor) -> None:
    app = Starlette(debug=debug, routes=routes)
    response = client_for(app, raise_server_exceptions=False).get("/failing")

    assert response.status_code == 500
    assert ("a secret detail" in response.text) is debug
    assert debug or response.text == "Internal Server Error"
