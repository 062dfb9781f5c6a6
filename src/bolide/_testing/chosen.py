"""The HTTP library of the modules below `bolide.testclient`, which has said so if it is httpx."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bolide._testing.library import import_http_library

if TYPE_CHECKING:
    import httpx2 as httpx
else:
    httpx = import_http_library(warn=False)

__all__ = ["httpx"]
