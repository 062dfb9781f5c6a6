"""Problems: errors with the members of RFC 9457, and those that every other error has.

RULES (RFC 9457, section 3.1)

- `type` is a URI that tells one kind of problem from another; `about:blank` says no more than the
  status does, and then the title is that of the status.
- `title` is the same for every problem of a type. `detail` is about this one; where it would only
  repeat the title it is left out.
- Other members, the extensions, are the application's.
"""

from __future__ import annotations

import http
from collections.abc import Mapping
from typing import Any, Final

from bolide.exceptions import HTTPException

__all__ = ["PROBLEM_MEDIA_TYPE", "Problem", "as_problem", "title_of"]

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"

# As RFC 9110 has them; Pythons before 3.13 know older names.
_TITLES: Final = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
_CLASSES: Final = {4: "Client Error", 5: "Server Error"}


class Problem(HTTPException):
    """An error with details that a program can read (RFC 9457).

    It is an `HTTPException`, so it can be raised wherever one can. A class of problems can be
    described once, in a subclass:

        class OutOfStock(Problem):
            status_code = 409
            title = "Out of stock"
            type = "https://example.com/problems/out-of-stock"

        raise OutOfStock(detail="No books left.", item="book")

    Args:
        status_code: The status of the response, by default that of the class, which is 500.
        detail: What is wrong this time, for people.
        title: What is wrong with all problems of the type, by default that of the class, or the
            reason phrase of the status.
        type: A URI that names the type, by default that of the class, which is `about:blank`.
        instance: A URI that names this very occurrence.
        headers: Headers to add to the response.
        extensions: More members, of values that `json.dumps` takes.

    Raises:
        TypeError: An extension is called `status`, as the status itself is in the document.

    Attributes:
        extensions: The members beyond those of the RFC; may be changed until it is sent.
    """

    status_code: int = 500
    title: str | None = None
    type: str = "about:blank"

    def __init__(
        self,
        status_code: int | None = None,
        detail: str | None = None,
        *,
        title: str | None = None,
        type: str | None = None,
        instance: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extensions: Any,
    ) -> None:
        if "status" in extensions:
            raise TypeError("A Problem takes its status as `status_code`, not as `status`.")
        status = self.status_code if status_code is None else status_code
        self.title = title or self.title or title_of(status)
        super().__init__(status, self.title if detail is None else detail, headers)
        self.type = type or self.type
        self.instance = instance
        self.extensions: dict[str, Any] = extensions

    @property
    def members(self) -> dict[str, Any]:
        """The members of the problem document, in the order of the RFC."""
        members: dict[str, Any] = {
            "type": self.type,
            "title": self.title,
            "status": self.status_code,
        }
        if self.detail and self.detail != self.title:
            members["detail"] = self.detail
        if self.instance is not None:
            members["instance"] = self.instance
        # What the RFC defines is not overridden, whatever the extensions have become.
        return {**members, **{k: v for k, v in self.extensions.items() if k not in members}}


def as_problem(exc: Exception) -> Problem:
    """Give what a client may know of an exception.

    SECURITY: of an exception that is not for clients that is nothing at all.
    """
    if isinstance(exc, Problem):
        return exc
    if not isinstance(exc, HTTPException):
        return Problem(500)
    # Other packages give details that are no text.
    detail = str(exc.detail)
    is_default = detail in ("", _phrase(exc.status_code))
    return Problem(exc.status_code, None if is_default else detail, headers=exc.headers)


def title_of(status_code: int) -> str:
    """Give the reason phrase of a status, or one for its class (RFC 9110, section 15)."""
    return (
        _TITLES.get(status_code)
        or _phrase(status_code)
        or _CLASSES.get(status_code // 100)
        or "Error"
    )


def _phrase(status_code: int) -> str:
    try:
        return http.HTTPStatus(status_code).phrase
    except ValueError:
        return ""
