"""A limiter that does not let other tasks run where a thread is free."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import anyio

__all__ = ["PromptLimiter"]


class PromptLimiter(anyio.CapacityLimiter):
    """Takes the tokens of another limiter, at once where there are any.

    PERF: S14. AnyIO lets other tasks run before it asks for a token, and once more when it has got
    one. The second time, which is left out, was a fifth of the way to a thread and back.
    """

    __slots__ = ("_limiter",)

    def __new__(cls, limiter: anyio.CapacityLimiter) -> Self:
        # That of the class would give a limiter of the backend.
        return object.__new__(cls)

    def __init__(self, limiter: anyio.CapacityLimiter) -> None:
        self._limiter = limiter

    # On asyncio, a thread is asked for inside this context; on trio, on behalf of somebody.

    async def __aenter__(self) -> None:
        try:
            self._limiter.acquire_nowait()
        except anyio.WouldBlock:
            await self._limiter.acquire()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        self._limiter.release()

    async def acquire_on_behalf_of(self, borrower: object) -> None:
        try:
            self._limiter.acquire_on_behalf_of_nowait(borrower)
        except anyio.WouldBlock:
            await self._limiter.acquire_on_behalf_of(borrower)

    def release_on_behalf_of(self, borrower: object) -> None:
        self._limiter.release_on_behalf_of(borrower)
