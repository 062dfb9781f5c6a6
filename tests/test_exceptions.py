"""The exceptions that end requests, and the root of all others."""

from __future__ import annotations

import http

import pytest

from bolide.exceptions import (
    BolideError,
    HTTPException,
    MissingExtra,
    StarletteDeprecationWarning,
    WebSocketException,
)


class Teapot(HTTPException): ...


class Hangup(WebSocketException): ...


@pytest.mark.parametrize(
    ("error", "text", "representation"),
    [
        (HTTPException(404), "404: Not Found", "(status_code=404, detail='Not Found')"),
        (HTTPException(404, "Gone"), "404: Gone", "(status_code=404, detail='Gone')"),
        (HTTPException(404, ""), "404: ", "(status_code=404, detail='')"),
        (HTTPException(status_code=499), "499: ", "(status_code=499, detail='')"),
    ],
)
def test_an_http_exception_is_told_by_status_and_detail(
    error: HTTPException, text: str, representation: str
) -> None:
    assert str(error) == text
    assert repr(error) == f"HTTPException{representation}"


@pytest.mark.parametrize("status", list(http.HTTPStatus))
def test_the_detail_of_a_status_is_its_phrase(status: http.HTTPStatus) -> None:
    assert HTTPException(int(status)).detail == status.phrase


def test_an_http_exception_keeps_what_it_was_given() -> None:
    headers = {"retry-after": "5"}
    error = HTTPException(503, "Busy", headers)

    assert (error.status_code, error.detail, error.headers) == (503, "Busy", headers)
    assert HTTPException(503).headers is None


@pytest.mark.parametrize(
    ("error", "text", "representation"),
    [
        (WebSocketException(1008), "1008: ", "(code=1008, reason='')"),
        (
            WebSocketException(1008, "Policy Violation"),
            "1008: Policy Violation",
            "(code=1008, reason='Policy Violation')",
        ),
        (WebSocketException(code=1000, reason=None), "1000: ", "(code=1000, reason='')"),
    ],
)
def test_a_websocket_exception_is_told_by_code_and_reason(
    error: WebSocketException, text: str, representation: str
) -> None:
    assert str(error) == text
    assert repr(error) == f"WebSocketException{representation}"


def test_a_subclass_goes_by_its_own_name() -> None:
    assert repr(Teapot(418, "x")) == "Teapot(status_code=418, detail='x')"
    assert repr(Hangup(1001)) == "Hangup(code=1001, reason='')"


def test_a_missing_extra_says_how_to_install_it() -> None:
    error = MissingExtra("Forms need a parser.", extra="forms")

    assert str(error) == "Forms need a parser."
    assert error.extra == "forms"
    assert error.__notes__ == ['Install it with:  pip install "bolide[forms]"']


def test_a_missing_extra_can_be_of_a_standard_type_too() -> None:
    class MissingParser(MissingExtra, AssertionError): ...

    with pytest.raises(AssertionError, match="needs a parser"):
        raise MissingParser("A form needs a parser.", extra="forms")


@pytest.mark.parametrize("kind", [HTTPException, WebSocketException, MissingExtra])
def test_all_have_one_root(kind: type[Exception]) -> None:
    assert issubclass(kind, BolideError)


def test_the_deprecation_warning_is_one_that_python_shows() -> None:
    assert issubclass(StarletteDeprecationWarning, UserWarning)
    assert not issubclass(StarletteDeprecationWarning, DeprecationWarning)
