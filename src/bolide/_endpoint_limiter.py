"""A limit on the threads of blocking endpoints, in which none can take the last ones from others.

RULES

- So many calls run at a time as there are threads; the others wait, first come, first served.
- When all threads are taken, an endpoint of which no call is running may take one of a few more,
  the reserve. What hangs, however often it is called, takes one of those at the most.
- Where that does not help either, a request waits, or is refused when too many wait already.

THEORY OF OPERATION

There is one count of all calls that run. An endpoint that has one of them may have another one
while that is less than the number of threads; an endpoint that has none, while it is less than that
and the reserve together. At each end of a call those that wait and may run then begin, in their
order. So of those that wait nobody ever may, and whoever comes and may run overtakes nobody who
could.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import anyio

from bolide.exceptions import HTTPException

__all__ = ["EndpointLimiter"]

T = TypeVar("T")

_RETRY_AFTER_SECONDS: Final = 1


class EndpointLimiter:
    """The limit of one application, in one event loop.

    Args:
        threads: How many calls run at a time.
        reserve: How many more, if they are of different endpoints.
        max_waiting: How many calls may wait before requests are refused. None for any number.
        tell: Called when a call has to wait.

    Attributes:
        running: How many calls run.
    """

    __slots__ = ("_max_waiting", "_of", "_reserve", "_tell", "_waiting", "running", "threads")

    def __init__(
        self,
        threads: int,
        reserve: int = 0,
        max_waiting: int | None = None,
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        self.threads = threads
        self.running = 0
        self._reserve = reserve
        self._max_waiting = max_waiting
        self._tell = tell
        self._of: Counter[int] = Counter()
        self._waiting: dict[anyio.Event, int] = {}

    async def run(
        self,
        call: Callable[[], Awaitable[T]],
        endpoint: Callable[..., Any],
        may_refuse: bool = False,
    ) -> T:
        """Run a call, or wait until it may be run.

        Args:
            call: Begins it.
            endpoint: What it is a call of.
            may_refuse: Whether it is a request that has not begun.

        Raises:
            HTTPException: Status 503: too many are waiting.
        """
        # A method that is taken from its object is another one each time, and not every object can
        # be a key.
        key = id(getattr(endpoint, "__func__", endpoint))
        if self._has_room_for(key):
            self._begin(key)
        else:
            waiting = len(self._waiting)
            if may_refuse and self._max_waiting is not None and waiting >= self._max_waiting:
                raise HTTPException(503, headers={"Retry-After": str(_RETRY_AFTER_SECONDS)})
            self._tell()
            await self._wait(key)
        try:
            return await call()
        finally:
            self._end(key)

    def _has_room_for(self, key: int) -> bool:
        return self.running < self.threads or (
            self.running < self.threads + self._reserve and key not in self._of
        )

    def _begin(self, key: int) -> None:
        self.running += 1
        self._of[key] += 1

    def _end(self, key: int) -> None:
        self.running -= 1
        self._of[key] -= 1
        if not self._of[key]:
            del self._of[key]
        # There is room for one, and maybe for one of the same endpoint, in the reserve.
        for turn, waiting in list(self._waiting.items()):
            if self._has_room_for(waiting):
                del self._waiting[turn]
                self._begin(waiting)
                turn.set()

    async def _wait(self, key: int) -> None:
        turn = anyio.Event()
        self._waiting[turn] = key
        try:
            await turn.wait()
        except BaseException:
            if self._waiting.pop(turn, None) is None:
                # It has come together with the cancellation.
                self._end(key)
            raise
