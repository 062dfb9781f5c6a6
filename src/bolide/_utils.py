"""Private names of the API that other packages import from here."""

from __future__ import annotations

from bolide._async import (
    AwaitableCallable,
    AwaitableOrContextManager,
    AwaitableOrContextManagerWrapper,
    SupportsAsyncClose,
    SupportsAsyncCloseType,
    T,
    T_co,
    create_collapsing_task_group,
    is_async_callable,
)
from bolide._http.host import parse_host_header
from bolide._routing.base import get_route_path

__all__ = [
    "AwaitableCallable",
    "AwaitableOrContextManager",
    "AwaitableOrContextManagerWrapper",
    "SupportsAsyncClose",
    "SupportsAsyncCloseType",
    "T",
    "T_co",
    "create_collapsing_task_group",
    "get_route_path",
    "is_async_callable",
    "parse_host_header",
]
