"""Clients that leave: one quiet line in the log for each, and no traceback.

That a client has gone is nobody's mistake, and anybody can make it happen as often as they like:
tracebacks would flood the log (CVE-2025-69230 is of that kind).
"""

from __future__ import annotations

from typing import Any, Final, cast

from bolide._connection import ClientDisconnect
from bolide.types import Scope
from bolide.websockets import WebSocketDisconnect

__all__ = ["is_disconnect", "note_disconnect"]

_DISCONNECTS: Final = (ClientDisconnect, WebSocketDisconnect)


def is_disconnect(exc: BaseException) -> bool:
    """Say whether an exception tells that the client has left, and nothing else.

    So does a group of nothing but such exceptions: that is what a task group makes of them.
    """
    if isinstance(exc, BaseExceptionGroup):
        return all(map(is_disconnect, _inside(cast(Any, exc))))
    return isinstance(exc, _DISCONNECTS)


def note_disconnect(scope: Scope, exc: BaseException) -> None:
    """Write the line."""
    import logging

    # SECURITY: the path is the client's, and may hold what would look like another line.
    what = scope.get("method", "WebSocket")
    log = logging.getLogger("bolide.disconnects")
    log.info("%s %r: the client has left%s", what, scope.get("path", ""), _why(exc))


def _inside(group: BaseExceptionGroup[BaseException]) -> tuple[BaseException, ...]:
    return group.exceptions


def _why(exc: BaseException) -> str:
    while isinstance(exc, BaseExceptionGroup):
        exc = _inside(cast(Any, exc))[0]
    return f" ({str(exc)!r})" if isinstance(exc, WebSocketDisconnect) else ""
