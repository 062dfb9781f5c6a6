"""Long responses and clients that leave: stop the work when nobody is there to see it.

THEORY OF OPERATION

A server that speaks ASGI 2.4 or later raises OSError from `send` once the client is gone, so a
long response just fails. An older one swallows what is sent: there the response has to listen for
`http.disconnect` on `receive` while it works. It listens through the inbox that the request uses,
so that what produces the response may read the body meanwhile.

Listening takes a task, which cannot run before the work waits for something. So the work is begun
by hand, and the task is made when it has to wait for the first time; often it never has to.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from bolide._async import Begun, CollapsingTaskGroup
from bolide._connection import ClientDisconnect
from bolide._http.memo import Memo
from bolide._replay import inbox_of
from bolide.types import Message, Receive, Scope

__all__ = [
    "cancel_on_disconnect",
    "left_only",
    "reports_disconnect_on_send",
    "run_until_disconnect",
    "wait_for_disconnect",
    "wait_until_client_left",
]


def reports_disconnect_on_send(scope: Scope) -> bool:
    """Say whether the server raises OSError from `send` once the client is gone (ASGI 2.4)."""
    return _REPORTS[scope.get("asgi", {}).get("spec_version", "2.0")]


# PERF: S12, a server has one version.
_REPORTS: Final = Memo[str, bool](
    lambda version: tuple(map(int, version.split("."))) >= (2, 4),
)


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client is gone; other events are dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def wait_until_client_left(scope: Scope, receive: Receive) -> None:
    """Return when the client is gone; meanwhile others may read the body."""
    await inbox_of(scope, receive).wait_until_gone(may_drop=True)


def left_only(scope: Scope, receive: Receive) -> Receive:
    """Give a channel on which nothing comes but that the client is gone."""

    async def left() -> Message:
        await wait_until_client_left(scope, receive)
        return {"type": "http.disconnect"}

    return left


async def run_until_disconnect(
    work: Callable[[], Coroutine[Any, Any, None]], disconnected: Callable[[], Awaitable[None]]
) -> None:
    """Do `work` in the caller's task; cancel it quietly if `disconnected` returns first.

    `disconnected` is not even called if the work never waits for anything.
    """
    async with CollapsingTaskGroup() as task_group:

        async def watch() -> None:
            await disconnected()
            task_group.cancel_scope.cancel()

        # PERF: S12, most of what a short stream cost was the task that nobody needed.
        coroutine = work()
        try:
            waits_for = coroutine.send(None)
        except StopIteration:
            return
        task_group.start_soon(watch)
        await Begun(coroutine, waits_for)
        task_group.cancel_scope.cancel()


@asynccontextmanager
async def cancel_on_disconnect(
    disconnected: Callable[[], Awaitable[None]],
) -> AsyncGenerator[None, None]:
    """Cancel what is done in the context when `disconnected` returns.

    Raises:
        ClientDisconnect: On leaving the context: it has been cancelled.
    """
    ended = False
    async with CollapsingTaskGroup() as task_group:

        async def watch() -> None:
            await disconnected()
            task_group.cancel_scope.cancel()

        task_group.start_soon(watch)
        yield
        ended = True
        task_group.cancel_scope.cancel()
    if not ended:
        raise ClientDisconnect
