"""Which HTTP client library the test client builds on: httpx2, or else httpx."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType

from bolide.exceptions import MissingExtra, StarletteDeprecationWarning


class MissingHTTPLibrary(MissingExtra, RuntimeError):
    """Neither httpx2 nor httpx is installed."""

    def __init__(self) -> None:
        super().__init__(
            "The bolide.testclient module requires the httpx2 package to be installed.\n"
            "You can install this with:\n"
            "    $ pip install httpx2\n",
            extra="test",
        )


def import_http_library(*, warn: bool = True) -> ModuleType:
    """Import httpx2, or httpx with a warning to whoever imports the calling module.

    Args:
        warn: Whether there shall be a warning.

    Raises:
        MissingHTTPLibrary: Neither is installed; also a `RuntimeError`.
    """
    try:
        return importlib.import_module("httpx2")
    except ImportError:
        pass
    try:
        httpx = importlib.import_module("httpx")
    except ImportError:
        raise MissingHTTPLibrary from None
    if warn:
        warnings.warn(
            "Using `httpx` with `bolide.testclient` is deprecated; install `httpx2` instead.",
            StarletteDeprecationWarning,
            stacklevel=3,
        )
    return httpx
