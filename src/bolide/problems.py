"""Errors as problem details (RFC 9457), or in whatever form the client accepts."""

from __future__ import annotations

from bolide._connection import HTTPConnection
from bolide._error_answers import ProblemResponse, negotiated
from bolide._exports import publish
from bolide._problems import Problem
from bolide.responses import Response

__all__ = ["Problem", "ProblemResponse", "problem_response"]


def problem_response(request: HTTPConnection, exc: Exception) -> Response:
    """Answer an error in the form that the client accepts, as `Bolide` does by default.

    That is a problem document for those that ask for JSON, a plain page for those that ask for
    HTML, and text for all others (RFC 9110, section 12.5.1). It can be returned from an endpoint,
    and registered as an exception handler of a `Starlette`.

    Args:
        request: The request or WebSocket that is answered.
        exc: The error. Of one that is no `HTTPException` the client learns nothing but that it is
            an internal error.
    """
    return negotiated(request.scope, exc)


publish(globals(), ["Problem", "ProblemResponse"])
