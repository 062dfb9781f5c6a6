"""Which code of FastAPI is known: somebody has read it, and it is used for what it was found to do.

A function is recognised by where it is, and by all the names and texts that it uses. A version with
others is not known until it has been read, and its fingerprint stands here beside the older ones.
"""

from __future__ import annotations

from functools import cache
from types import CodeType, FunctionType
from typing import Final

__all__ = ["KNOWN", "fingerprint", "is_known"]

_MODULE: Final = "fastapi.routing"

KNOWN: Final[dict[str, set[str]]] = {
    # Read in FastAPI 0.165.
    "APIRoute.matches": {"2a64dda0fb1d51e2"},
    "APIWebSocketRoute.matches": {"d4817d8672b756ba"},
    "APIRouter._get_routes_version": {"31c61d7453defa14"},
    "APIRouter.app": {"15e03bca7afa3d7b"},
    "APIRouter.matches": {"314036655a0e7e7c"},
    "_EffectiveRouteContext.matches": {"91242524e3e05919"},
    "_IncludedRouter._match": {"9b87dd96305647e4"},
    "_IncludedRouter.effective_candidates": {"84e1324170cb7c76"},
    "_IncludedRouter.matches": {"1c6f0175c0eb2f46"},
    "_get_scope_effective_route_context": {"a6e09bf1099da5b2"},
    "_get_scope_included_router": {"7305c8b613327ff5"},
}
"""By name, the fingerprints of all versions that were read."""


def is_known(function: object, *names: str) -> bool:
    """Say whether this is one of FastAPI's functions of these names, as it was read."""
    return (
        isinstance(function, FunctionType)
        and function.__module__ == _MODULE
        and function.__qualname__ in names
        and not any(function.__defaults__ or ())
        and not function.__kwdefaults__
        and fingerprint(function.__code__) in KNOWN[function.__qualname__]
    )


@cache
def fingerprint(code: CodeType) -> str:
    """Say in a few letters what a function uses: names, variables, texts, and in which order.

    It is the same in all versions of Python, which the code that they make of it is not.
    """
    # Only where FastAPI is.
    from hashlib import sha256

    # Some versions have small numbers, and None, elsewhere. A function inside has an address in its
    # `repr`, so that whoever has one is never known.
    texts = [repr(const) for const in code.co_consts if not isinstance(const, int | None)]
    parts = [code.co_names, code.co_varnames, code.co_freevars, *texts]
    return sha256(repr(parts).encode()).hexdigest()[:16]
