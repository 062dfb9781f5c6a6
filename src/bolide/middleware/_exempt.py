"""Which requests a middleware leaves alone: those for some paths, or whatever a function says."""

from __future__ import annotations

from collections.abc import Callable, Collection

from bolide.types import Scope

__all__ = ["Exempt", "exemption"]

Exempt = Collection[str] | Callable[[Scope], bool]
"""Paths, as in routes; or a function that is given the scope and says so."""


def exemption(exempt: Exempt) -> Callable[[Scope], bool]:
    """Give the function that says whether a request is exempt.

    A path has to be the same letter for letter. It is the path that routes see: without the root
    path of the application.

    Raises:
        ValueError: It is a single text, or a path that does not begin with a slash.
    """
    if callable(exempt):
        return exempt
    # SECURITY: `in` would look for a part of the text, and find "/" in it.
    if isinstance(exempt, str):
        raise ValueError(f"A list of paths is wanted, not the text {exempt!r}.")
    paths = frozenset(exempt)
    for path in paths:
        if not path.startswith("/"):
            raise ValueError(f"The path {path!r} does not begin with a slash.")
    return lambda scope: _route_path(scope) in paths


def _route_path(scope: Scope) -> str:
    path: str = scope["path"]
    rest = path.removeprefix(scope.get("root_path", ""))
    # "/foo" is a prefix of "/foobar", but not its parent.
    return rest if not rest or rest.startswith("/") else path
