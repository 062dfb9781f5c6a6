"""Problems in use: raised, returned, and as an exception handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bolide import problems
from bolide.applications import Starlette
from bolide.exceptions import HTTPException
from bolide.problems import Problem, ProblemResponse, problem_response
from bolide.requests import Request
from bolide.responses import Response
from bolide.routing import Route

ClientFor = Callable[..., Any]
JSON = {"accept": "application/json"}


async def returned(request: Request) -> Response:
    return problem_response(request, Problem(409, "Twice."))


async def raised(request: Request) -> Response:
    raise Problem(409, "Twice.")


async def always(request: Request) -> Response:
    return ProblemResponse(Problem(409, "Twice."))


ROUTES = [Route("/returned", returned), Route("/raised", raised), Route("/always", always)]
TWICE = {"type": "about:blank", "title": "Conflict", "status": 409, "detail": "Twice."}


def test_a_problem_can_be_returned_in_the_form_that_is_accepted(client_for: ClientFor) -> None:
    client = client_for(Starlette(routes=ROUTES))
    assert client.get("/returned", headers=JSON).json() == TWICE
    assert client.get("/returned").text == "Twice."


def test_a_problem_can_be_returned_in_one_form(client_for: ClientFor) -> None:
    assert client_for(Starlette(routes=ROUTES)).get("/always").json() == TWICE


def test_starlette_answers_a_problem_like_any_http_exception(client_for: ClientFor) -> None:
    response = client_for(Starlette(routes=ROUTES)).get("/raised", headers=JSON)
    assert (response.status_code, response.text) == (409, "Twice.")


def test_it_is_an_exception_handler_for_those_who_want_it(client_for: ClientFor) -> None:
    handlers: Any = {HTTPException: problem_response, Exception: problem_response}
    client = client_for(Starlette(routes=ROUTES, exception_handlers=handlers))
    assert client.get("/raised", headers=JSON).json() == TWICE
    assert client.get("/nowhere", headers=JSON).json()["status"] == 404


def test_an_internal_error_tells_nothing() -> None:
    request: Request = Request({"type": "http", "method": "GET", "headers": []})
    response = problem_response(request, ValueError("secret"))
    assert (response.status_code, response.body) == (500, b"Internal Server Error")


def test_the_names_live_in_the_public_module() -> None:
    for name in problems.__all__:
        assert getattr(problems, name).__module__ == "bolide.problems"
