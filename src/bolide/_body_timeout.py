"""Bodies that do not come: who waits for one is told after a while (RFC 9110, section 15.5.9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import anyio

from bolide._async import Begun
from bolide._policy import policy_of
from bolide.exceptions import HTTPException
from bolide.types import Scope

__all__ = ["RequestBodyTimeout", "body_timeout", "in_time"]

T = TypeVar("T")


class RequestBodyTimeout(HTTPException):
    """The client has stopped sending in the middle of a body.

    Args:
        headers: Headers to add to the response.
    """

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(408, "Request Timeout", headers)


def body_timeout(scope: Scope) -> RequestBodyTimeout:
    """Give the error for a request."""
    # The rest of the body would be taken for the next request. HTTP/2 has no such header
    # (RFC 9113, section 8.2.2).
    is_http_1 = scope.get("http_version", "1.1").startswith("1")
    return RequestBodyTimeout({"Connection": "close"} if is_http_1 else None)


def in_time(scope: Scope, receive: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
    """Let each piece of a body take no longer than the policy of the application allows.

    Raises:
        RequestBodyTimeout: While it is awaited: it has taken longer.
    """
    seconds = policy_of(scope).body_idle_seconds
    if not seconds:
        return receive

    async def receive_in_time() -> T:
        with anyio.CancelScope() as bounds:
            work = receive().__await__()
            # PERF: S7 of `Bolide`, a clock takes as long as all the rest, and what is there already
            # needs none.
            try:
                waits_for = work.send(None)
            except StopIteration as done:
                value: T = done.value
                return value
            bounds.deadline = anyio.current_time() + seconds
            return await Begun(work, waits_for)
        raise body_timeout(scope)

    return receive_in_time
