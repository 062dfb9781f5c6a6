"""Problems: their members, their classes, and what every other error becomes."""

from __future__ import annotations

from typing import Any

import pytest

from bolide._problems import Problem, as_problem, title_of
from bolide.exceptions import HTTPException


class OutOfStock(Problem):
    status_code = 409
    title = "Out of stock"
    type = "https://example.com/problems/out-of-stock"


def test_a_problem_has_the_members_of_its_status() -> None:
    assert Problem(404).members == {"type": "about:blank", "title": "Not Found", "status": 404}


def test_a_problem_can_say_more() -> None:
    problem = Problem(
        422,
        "Two fields are wrong.",
        title="Invalid order",
        type="/problems/invalid",
        instance="/orders/7",
        errors=[{"field": "item"}],
    )
    assert list(problem.members.items()) == [
        ("type", "/problems/invalid"),
        ("title", "Invalid order"),
        ("status", 422),
        ("detail", "Two fields are wrong."),
        ("instance", "/orders/7"),
        ("errors", [{"field": "item"}]),
    ]


def test_a_class_describes_its_problems_once() -> None:
    problem = OutOfStock(detail="No books left.", item="book")
    assert problem.members == {
        "type": "https://example.com/problems/out-of-stock",
        "title": "Out of stock",
        "status": 409,
        "detail": "No books left.",
        "item": "book",
    }
    assert OutOfStock(410, title="Gone for good", type="/gone").members == {
        "type": "/gone",
        "title": "Gone for good",
        "status": 410,
    }


def test_without_a_status_it_is_an_error_of_the_server() -> None:
    assert Problem().members["status"] == 500


def test_a_problem_is_an_http_exception() -> None:
    problem: HTTPException = Problem(status_code=403, detail="Not for you.", headers={"x": "y"})
    assert (problem.status_code, problem.detail, problem.headers) == (
        403,
        "Not for you.",
        {"x": "y"},
    )
    assert str(problem) == "403: Not for you."
    assert repr(OutOfStock()) == "OutOfStock(status_code=409, detail='Out of stock')"


@pytest.mark.parametrize("detail", ["", "Not Found", None])
def test_a_detail_that_says_nothing_is_left_out(detail: str | None) -> None:
    assert "detail" not in Problem(404, detail).members


def test_extensions_may_be_changed_but_override_nothing() -> None:
    problem = Problem(404, a=1)
    problem.extensions.update(a=2, status=200, type="/other")
    assert problem.members == {"type": "about:blank", "title": "Not Found", "status": 404, "a": 2}


def test_a_status_under_another_name_is_refused() -> None:
    wrong: dict[str, Any] = {"status": 404}
    with pytest.raises(TypeError, match="`status_code`, not as `status`"):
        Problem(**wrong)


def test_a_problem_stays_itself() -> None:
    problem = OutOfStock()
    assert as_problem(problem) is problem


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (HTTPException(404), ("Not Found", 404, None)),
        (HTTPException(404, ""), ("Not Found", 404, None)),
        # Some Pythons know older phrases, which would then look like details.
        (HTTPException(413), ("Content Too Large", 413, None)),
        (HTTPException(422, "No."), ("Unprocessable Content", 422, "No.")),
        (HTTPException(400, {"a": 1}), ("Bad Request", 400, "{'a': 1}")),  # type: ignore[arg-type]
        (HTTPException(499), ("Client Error", 499, None)),
        (ValueError("secret"), ("Internal Server Error", 500, None)),
    ],
)
def test_every_error_is_a_problem(exc: Exception, expected: tuple[str, int, str | None]) -> None:
    members = as_problem(exc).members
    assert members["type"] == "about:blank"
    assert (members["title"], members["status"], members.get("detail")) == expected


def test_the_headers_of_an_error_are_kept() -> None:
    assert as_problem(HTTPException(405, headers={"Allow": "GET"})).headers == {"Allow": "GET"}


@pytest.mark.parametrize(
    ("status_code", "title"),
    [
        (418, "I'm a Teapot"),
        (414, "URI Too Long"),
        (416, "Range Not Satisfiable"),
        (499, "Client Error"),
        (599, "Server Error"),
        (700, "Error"),
    ],
)
def test_every_status_has_a_title(status_code: int, title: str) -> None:
    assert title_of(status_code) == title
