"""Error responses in the form that the client accepts: a problem document, a page, or text.

RULES

- JSON of any kind in Accept gives a problem document (RFC 9457), `text/html` a page, everything
  else, no Accept, and an Accept that allows none of these, plain text.
- A response that could have had another form says `Vary: Accept`.
- An error whose headers tell a content type has been given its form, and is left in it.

SECURITY: the page has no style, no script and no reference to anything, so that it works under any
Content-Security-Policy; all text in it is escaped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from bolide._data.headers import Headers
from bolide._exchange import Exchange
from bolide._policy import policy_of
from bolide._problems import PROBLEM_MEDIA_TYPE, Problem, as_problem
from bolide.background import BackgroundTask
from bolide.exceptions import HTTPException
from bolide.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from bolide.types import ASGIApp, Receive, Scope, Send

__all__ = ["ProblemResponse", "error_answer", "missing_answer", "negotiated"]

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{heading}</title>
</head>
<body>
<main>
<h1>{heading}</h1>
{rest}</main>
</body>
</html>
"""

_NOT_FOUND: Final = b"Not Found"
_NOT_FOUND_HEADERS: Final = [
    (b"content-length", b"%d" % len(_NOT_FOUND)),
    (b"content-type", b"text/plain; charset=utf-8"),
]


class ProblemResponse(JSONResponse):
    """A problem document (RFC 9457), whatever the client accepts.

    Args:
        problem: The problem, or another `HTTPException`; its status and headers are those of the
            response.
        headers: More headers.
        background: A task to run when the response has been sent.
    """

    media_type: str | None = PROBLEM_MEDIA_TYPE

    def __init__(
        self,
        problem: HTTPException,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        problem = as_problem(problem)
        all_headers = {**_headers_of(problem), **(headers or {})}
        super().__init__(problem.members, problem.status_code, all_headers, background=background)


def error_answer(scope: Scope, exc: HTTPException) -> Response:
    """Answer an error as the policy of the application says: in text, or by Accept."""
    if not policy_of(scope).negotiate_errors:
        return PlainTextResponse(exc.detail, status_code=exc.status_code, headers=exc.headers)
    return negotiated(scope, exc)


def missing_answer(scope: Scope) -> ASGIApp:
    """Do what `error_answer` does, for a 404 without any detail on an HTTP request."""
    if policy_of(scope).negotiate_errors:
        return negotiated(scope, HTTPException(404))
    # PERF: S5, in text it is the same for everybody.
    return _say_not_found


async def _say_not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Send what a `PlainTextResponse` of "Not Found" would."""
    if isinstance(send, Exchange):
        send.response_started = True
        send = send.send
    # The list is the request's own, since middleware adds to it.
    await send({"type": "http.response.start", "status": 404, "headers": [*_NOT_FOUND_HEADERS]})
    await send({"type": "http.response.body", "body": _NOT_FOUND})


def negotiated(scope: Scope, exc: Exception) -> Response:
    """Answer an error in the form that the client accepts.

    Args:
        scope: Of the request or the WebSocket handshake.
        exc: The error; what is no `HTTPException` is an internal error, of which nothing is told.
    """
    problem = as_problem(exc)
    status = problem.status_code
    # There is no body that could have a form (RFC 9110, sections 15.3.5 and 15.4.5).
    if status in (204, 304):
        return Response(status_code=status, headers=problem.headers)
    if any(name.lower() == "content-type" for name in problem.headers or ()):
        response: Response = PlainTextResponse(problem.detail, status, problem.headers)
    else:
        accept = ",".join(Headers(scope=scope).getlist("accept")) if "headers" in scope else ""
        response = _form_for(accept)(problem)
        response.headers.add_vary_header("Accept")
    if scope.get("method") == "HEAD":
        # The headers are those of a GET, length and all (RFC 9110, section 9.3.2).
        response.body = b""
    return response


def _form_for(accept: str) -> Callable[[Problem], Response]:
    """Choose the form of an answer."""
    from bolide._http.accept import best_of, parse_accept

    ranges = parse_accept(accept)
    forms: dict[str, Callable[[Problem], Response]] = {
        "text/plain;charset=utf-8": _text,
        PROBLEM_MEDIA_TYPE: ProblemResponse,
        "text/html;charset=utf-8": _page,
    }
    for media_range in ranges:
        # Whoever reads some kind of JSON reads a problem document, too.
        if media_range.subtype == "json" or media_range.subtype.endswith("+json"):
            forms[str(media_range)] = ProblemResponse
    return forms[best_of(ranges, forms) or "text/plain;charset=utf-8"]


def _text(problem: Problem) -> Response:
    return PlainTextResponse(problem.detail, problem.status_code, _headers_of(problem))


def _page(problem: Problem) -> Response:
    from html import escape

    members = problem.members
    heading = escape(f"{members.pop('status')} {members.pop('title')}")
    rest = ""
    if detail := members.pop("detail", ""):
        rest = f"<p>{escape(detail)}</p>\n"
    if members.pop("type") != "about:blank":
        members = {"type": problem.type, **members}
    if members:
        rest += "<dl>\n" + "".join(map(_entry, members.items())) + "</dl>\n"
    page = _PAGE.format(heading=heading, rest=rest)
    return HTMLResponse(page, problem.status_code, _headers_of(problem))


def _entry(member: tuple[str, Any]) -> str:
    from html import escape

    name, value = member
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    return f"<dt>{escape(name)}</dt>\n<dd><pre>{escape(text)}</pre></dd>\n"


def _headers_of(problem: Problem) -> dict[str, str]:
    """Give the headers of a problem without those that are about another body."""
    return {
        name: value
        for name, value in (problem.headers or {}).items()
        if name.lower() not in ("content-length", "content-type")
    }
