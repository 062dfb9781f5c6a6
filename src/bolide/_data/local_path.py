"""Paths as they are written in a link or a redirect that stays on the same host (RFC 3986)."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from bolide._data.url import URLPath
from bolide.types import Scope

__all__ = ["encoded_path", "path_below_root", "path_with_query"]

# What a path may hold as it is, besides letters, digits and "-._~" (section 3.3); and a query, in
# which percent signs belong to escapes already (section 3.4).
_PATH: Final = "/:@!$&'()*+,;="
_QUERY: Final = _PATH + "?%[]"


def encoded_path(path: str) -> str:
    """Percent-encode a path so that every reader takes it for a path, and for this one."""
    text = "/" + quote(path, safe=_PATH, errors="replace").removeprefix("/")
    # SECURITY: "//host" would be a host (section 4.2).
    return f"/%2F{text[2:]}" if text.startswith("//") else text


def path_below_root(scope: Scope, path: URLPath) -> str:
    """Give the path of a route with the root path of the outermost application in front."""
    text = encoded_path(path)
    # What a URLPath has encoded already.
    if text.startswith("/%252F"):
        text = f"/%2F{text[6:]}"
    text = text.replace("%255C", "%5C")
    root = _root_path(scope)
    return f"{encoded_path(root)}{text}" if root else text


def path_with_query(scope: Scope, path: str) -> str:
    """Give where a request would go if its path were another one, with its query string.

    Args:
        scope: The scope of the request.
        path: The path, with the root path in front; some servers leave that out.
    """
    root = _root_path(scope)
    if root and not f"{path}/".startswith(f"{root}/"):
        path = f"{root}/{path.removeprefix('/')}"
    query: bytes = scope.get("query_string", b"")
    return encoded_path(path) + (f"?{quote(query, safe=_QUERY)}" if query else "")


def _root_path(scope: Scope) -> str:
    root_path: str = scope.get("app_root_path", scope.get("root_path", ""))
    return root_path.rstrip("/")
