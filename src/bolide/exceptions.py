"""The errors that endpoints raise on purpose, and the root of all others."""

from __future__ import annotations

import http
from collections.abc import Mapping

__all__ = [
    "BolideError",
    "HTTPException",
    "MissingExtra",
    "StarletteDeprecationWarning",
    "WebSocketException",
]


class BolideError(Exception):
    """The root of every exception that bolide defines.

    Each subclass also derives from the standard type that one would catch, where there is one.
    """


class MissingExtra(BolideError):
    """A feature was used whose third-party library is not installed.

    Where a feature used to fail with a standard exception, the raised class derives from that
    one too, so that existing `except` clauses go on working.

    Attributes:
        extra: The name of the extra that brings the library, as in `pip install "bolide[extra]"`.
    """

    def __init__(self, message: str, *, extra: str) -> None:
        super().__init__(message)
        self.extra = extra
        self.add_note(f'Install it with:  pip install "bolide[{extra}]"')


class HTTPException(BolideError):
    """Ends a request with an HTTP status, wherever it is raised.

    Args:
        status_code: The status of the response (RFC 9110, section 15).
        detail: The text of the response. By default the reason phrase of the status, or nothing
            for a status that the running Python does not know.
        headers: Headers to add to the response.
    """

    def __init__(
        self, status_code: int, detail: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        if detail is None:
            try:
                detail = http.HTTPStatus(status_code).phrase
            except ValueError:
                detail = ""
        self.status_code = status_code
        self.detail = detail
        self.headers = headers

    def __str__(self) -> str:
        return f"{self.status_code}: {self.detail}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(status_code={self.status_code!r}, detail={self.detail!r})"


class WebSocketException(BolideError):
    """Closes a WebSocket with a code, wherever it is raised.

    Args:
        code: The close code (RFC 6455, section 7.4).
        reason: A short text for the other side, empty by default.
    """

    def __init__(self, code: int, reason: str | None = None) -> None:
        self.code = code
        self.reason: str = reason or ""

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(code={self.code!r}, reason={self.reason!r})"


class StarletteDeprecationWarning(UserWarning):
    """A name or a parameter is going away.

    Not a `DeprecationWarning`, since Python hides those from the people who could act on them.
    """
