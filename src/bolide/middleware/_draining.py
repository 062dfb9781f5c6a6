"""The outermost layer of an application that ends its connections before it stops.

RULES

When draining is over, a WebSocket is cancelled and closed with code 1012, "service restart" (the
IANA registry of close codes). An HTTP request is told that its client has left, a little later:
streams of ours have ended by then, and others listen to that. What is left later still is
cancelled; see `_running_request`.

A request that is ended like this and has not begun to answer gets status 503, with Retry-After and
the end of the connection: the next one is for whoever runs by then (RFC 9110, section 15.6.4). What
has begun to answer is broken off.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Awaitable
from typing import Any, Final, cast

from bolide._cleanup import told_once
from bolide._drain import DRAINING_KEY, DrainControl
from bolide._error_answers import error_answer
from bolide._exchange import Exchange
from bolide._policy import policy_of
from bolide._quiet_disconnects import is_disconnect
from bolide._running_request import RUNNING_KEY, RunningRequest, unavailable
from bolide.exceptions import BolideError
from bolide.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["SERVICE_RESTART", "DrainBoundary", "ResponseCutOff"]

SERVICE_RESTART: Final = 1012

_ENDED: Final = object()


class ResponseCutOff(BolideError, TimeoutError):
    """A response had begun and was not done when draining was; the connection is broken off."""


class DrainBoundary:
    """Puts bounds to connections.

    Args:
        app: The application inside.
        draining: When its connections are to end.
    """

    __slots__ = ("_app", "_draining")

    def __init__(self, app: ASGIApp, draining: DrainControl) -> None:
        self._app = app
        self._draining = draining

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Run as an ASGI application."""
        # PERF: S1, not a coroutine function, so that a request passes no further coroutine, and all
        # in one function; the method is called since that is quicker than to call the object.
        app: Any = self._app
        awaitable: Awaitable[None]
        if DRAINING_KEY in scope:
            awaitable = app.__call__(scope, receive, send)
            return awaitable
        draining = self._draining
        scope[DRAINING_KEY] = draining
        if scope["type"] != "http":
            hold = scope["type"] == "websocket" and draining.seconds
            return (self._hold if hold else app)(scope, receive, send)
        request = RunningRequest(draining, receive)
        if draining.seconds > 0.0:
            receive = request
        if not draining.request_seconds > 0.0:
            awaitable = app.__call__(scope, receive, send)
            return awaitable
        scope[RUNNING_KEY] = request
        exchange: Any = send if type(send) is Exchange else Exchange(send)
        running: Awaitable[None] = app.__call__(scope, receive, exchange)
        if not (draining.interrupts or draining.can_interrupt()):
            return self._end(request, request.inside_scope(running), scope, receive, exchange)
        # Begun by hand, since most requests wait for nothing. PERF: S1, `send` would raise an error
        # at the end.
        steps = running.__await__()
        waits_for: object = next(steps, _ENDED)
        if waits_for is _ENDED:
            return _DONE
        going_on = request.go_on(running, steps, waits_for)
        return self._end(request, going_on, scope, receive, exchange)

    async def _end(
        self,
        request: RunningRequest,
        running: Awaitable[None],
        scope: Scope,
        receive: Receive,
        send: Exchange,
    ) -> None:
        """Run a request to its end, and answer it if draining has ended it before."""
        try:
            await running
        except Exception as exc:
            if send.response_started or not (request.was_told and is_disconnect(exc)):
                raise
        if not send.response_started:
            if request.was_cancelled or request.was_told:
                await error_answer(scope, unavailable(scope))(scope, receive, send)
        elif request.was_broken_off:
            raise ResponseCutOff("The response was not done when draining was.")

    async def _hold(self, scope: Scope, receive: Receive, send: Send) -> None:
        open_ = True

        def note(message: Message) -> Awaitable[None]:
            nonlocal open_
            if message["type"] != "websocket.accept" and message["type"] != "websocket.send":
                open_ = False  # a close, or a denial response
            return send(message)

        with self._draining.held():
            try:
                with self._draining.bounded(self._draining.seconds):
                    seconds = policy_of(scope).cleanup_seconds
                    await told_once(self._app(scope, receive, note), seconds)
            finally:
                # Some servers say to us that the client has left, and leave it to us to say why.
                if open_ and self._draining.is_set():
                    with contextlib.suppress(OSError):
                        message = {"type": "websocket.close", "code": SERVICE_RESTART, "reason": ""}
                        await send(message)


class _Done:
    """What has ended already."""

    # PERF: S1, not a function of Python.
    __await__ = staticmethod(functools.partial(iter, ()))


_DONE: Final = cast("Awaitable[None]", _Done())
