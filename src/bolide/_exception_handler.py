"""Private names of the API that other packages import from here."""

from __future__ import annotations

from bolide._dispatch import (
    ExceptionHandlers,
    StatusHandlers,
    lookup_by_class,
    wrap_app_handling_exceptions,
)
from bolide.concurrency import run_in_threadpool

__all__ = [
    "ExceptionHandlers",
    "StatusHandlers",
    "run_in_threadpool",
    "wrap_app_handling_exceptions",
]

_lookup_exception_handler = lookup_by_class
