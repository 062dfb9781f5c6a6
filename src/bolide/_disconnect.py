"""Long responses and clients that leave: stop the work when nobody is there to see it.

THEORY OF OPERATION

A server that speaks ASGI 2.4 or later raises OSError from `send` once the client is gone, so a
long response just fails. An older one swallows what is sent: there the response has to listen for
`http.disconnect` on `receive` while it works.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bolide._async import create_collapsing_task_group
from bolide.types import Receive, Scope

__all__ = ["reports_disconnect_on_send", "run_until_disconnect", "wait_for_disconnect"]


def reports_disconnect_on_send(scope: Scope) -> bool:
    """Say whether the server raises OSError from `send` once the client is gone (ASGI 2.4)."""
    version = scope.get("asgi", {}).get("spec_version", "2.0")
    return tuple(map(int, version.split("."))) >= (2, 4)


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client is gone; other events are dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def run_until_disconnect(
    work: Callable[[], Awaitable[None]], disconnected: Callable[[], Awaitable[None]]
) -> None:
    """Do `work` in the caller's task; cancel it quietly if `disconnected` returns first."""
    async with create_collapsing_task_group() as task_group:

        async def watch() -> None:
            await disconnected()
            task_group.cancel_scope.cancel()

        task_group.start_soon(watch)
        await work()
        task_group.cancel_scope.cancel()
