"""What becomes of a path with a slash too many or too few at its end."""

from __future__ import annotations

from typing import Any, Final, Literal

from bolide._data.local_path import path_with_query
from bolide._data.url import URL
from bolide._policy import policy_of
from bolide._routing.base import get_route_path
from bolide.exceptions import BolideError
from bolide.responses import RedirectResponse
from bolide.types import Scope

__all__ = [
    "SLASH_ADDED",
    "SlashMode",
    "UnknownSlashMode",
    "check_slash_mode",
    "lacks_slash",
    "other_form",
    "redirect_to",
    "slash_mode",
]

SlashMode = Literal["redirect", "strict", "ignore"]
"""Send the client to the form that has a route; say 404; or answer as if it had come there."""

SLASH_ADDED: Final = "bolide.slash_added"
"""In the scope of a mount that was asked for without the slash that its path has now."""

_MODES: Final = ("redirect", "strict", "ignore")


class UnknownSlashMode(BolideError, ValueError):
    """There is no such way to treat slashes."""

    def __init__(self, value: object) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        modes = ", ".join(repr(mode) for mode in _MODES)
        return f"redirect_slashes is True, False, or one of {modes}; got {self.value!r}."


def check_slash_mode(value: Any) -> None:
    """See that a setting is a bool or a mode.

    Raises:
        UnknownSlashMode: It is not.
    """
    if isinstance(value, str) and value not in _MODES:
        raise UnknownSlashMode(value)


def slash_mode(setting: bool | SlashMode, scope: Scope) -> SlashMode:
    """Give the mode of a router whose setting may leave it to the application."""
    if isinstance(setting, str):
        return setting
    return policy_of(scope).redirect_slashes if setting else "strict"


def other_form(scope: Scope) -> str | None:
    """Give the path with, or without, a slash at its end; None where there is no other form."""
    route_path = get_route_path(scope)
    if route_path == "/":
        return None
    path: str = scope["path"]
    return path.rstrip("/") if route_path.endswith("/") else f"{path}/"


def lacks_slash(scope: Scope) -> bool:
    """Say whether the client asked for a path without a slash at its end."""
    return SLASH_ADDED in scope or not scope["path"].endswith("/")


def redirect_to(scope: Scope, path: str) -> RedirectResponse:
    """Send a request to another path, with its query string, on the same host."""
    if policy_of(scope).relative_redirects:
        return RedirectResponse(path_with_query(scope, path))
    return RedirectResponse(URL(scope={**scope, "path": path}))
