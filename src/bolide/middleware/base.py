"""Middleware as one function: take a request, call what follows, return a response.

RULES

- `call_next` returns when the response of the application starts; the body then flows through
  `body_iterator` as it is asked for.
- What the application does after its last message (background tasks, leaving contexts) is done
  when the response has been sent, before the middleware returns, and whoever leaves.
- Of the request body each piece is given out once: to `dispatch` or to the application, whoever
  asks first. What `dispatch` has read with `body()` is given to the application again, whole.
  Where bodies are kept, each of the two gets all of it.
- If `dispatch` returns some other response, the application is not listened to any more, and
  learns that the client is gone.
- Context variables that the application has set are set for `dispatch` after `call_next`.

THEORY OF OPERATION

`call_next` has two ways, and takes the first one that is open:

- In place. Where nothing but our own parts leads to a function endpoint, the application is called
  with a `Handover`, and gives its response as an object. No second task is needed, however many
  such middlewares there are, one in the other.
- Apart. Any other application, and any response that is more than status, headers and body, runs
  in a task of its own, an `AppRun`, and stands still there while `dispatch` works.

The outermost middleware of a stack opens the task group for all of them, its `_Stage`. It does so
before it calls `dispatch`: a cancel scope that `dispatch` has open around `call_next` must not be
left before one that was opened within.

On the side of the request, `_CachedRequest.wrapped_receive` is a small machine over what the
application has been given so far:

    NOTHING   the application may ask for the body
    ALL       it has all of it, and can only wait for the client to leave
    GONE      it knows that the client has left

For new code a plain ASGI middleware is simpler and cheaper still.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Final

import anyio
import anyio.abc
import anyio.lowlevel

from bolide._background import run_background
from bolide._cleanup import note_passing, told_once
from bolide._disconnect import left_only
from bolide._dispatch import mark_answered, wrap_app_handling_exceptions
from bolide._exchange import Handover, takes_handover
from bolide._policy import policy_of
from bolide._replay import Replay, like
from bolide.background import BackgroundTask
from bolide.middleware._app_run import AppRun
from bolide.middleware._passing_on import (
    AsyncContentStream,
    BodyStreamGenerator,
    PassedOn,
    is_plain,
)
from bolide.requests import ClientDisconnect, Request
from bolide.responses import FileResponse, Response, StreamingResponse
from bolide.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "ASGIApp",
    "AsyncContentStream",
    "BaseHTTPMiddleware",
    "BodyStreamGenerator",
    "ClientDisconnect",
    "DispatchFunction",
    "RequestResponseEndpoint",
]

RequestResponseEndpoint = Callable[[Request], Awaitable[Response]]
"""The type of `call_next`."""

DispatchFunction = Callable[[Request, RequestResponseEndpoint], Awaitable[Response]]
"""The type of `dispatch`."""

MAX_HELD_BACK: Final = 1024 * 1024
"""How many bytes an endpoint may send by itself, without returning a response."""


class BaseHTTPMiddleware:
    """Middleware as a method or a function `dispatch(request, call_next) -> response`.

    Args:
        app: The application to wrap.
        dispatch: The function; without it the method `dispatch` is called, to be overridden.
    """

    def __init__(self, app: ASGIApp, dispatch: DispatchFunction | None = None) -> None:
        self.app = app
        self.dispatch_func: DispatchFunction = self.dispatch if dispatch is None else dispatch

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Override to handle a request.

        Args:
            request: The request. Its body may be read.
            call_next: Gives the response of the application; pass it the request.
        """
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = _CachedRequest(scope, receive, send)
        if isinstance(send, _InPlace):
            caller = _Caller(self.app, request, send.stage)
            response = await self.dispatch_func(request, caller.call_next)
            await send.take(response, scope, request.receive_back())
            return
        error: Exception | None = None
        runs: list[AppRun] = []
        errors: list[Exception] = []
        try:
            async with anyio.create_task_group() as task_group:
                stage = _Stage(task_group, runs, errors)
                try:
                    await told_once(
                        self._run(request, stage, scope, send),
                        policy_of(scope).cleanup_seconds,
                        task_group.cancel_scope,
                    )
                except Exception as exc:
                    error = exc
                    task_group.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            # Only what is no Exception gets here, such as KeyboardInterrupt in one of the tasks.
            raise group.exceptions[0] from None
        except BaseException as exc:
            note_passing(exc)
            raise
        for run in runs:
            run.hand_over_context()
            error = error or run.error
        for answered in errors:
            error = error or answered
        if error is not None:
            raise error

    async def _run(self, request: _CachedRequest, stage: _Stage, scope: Scope, send: Send) -> None:
        caller = _Caller(self.app, request, stage)
        response = await self.dispatch_func(request, caller.call_next)
        await response(scope, request.receive_back(), send)
        await stage.finish(scope)

    def takes_handover(self, scope: Scope) -> bool:
        """Say whether a request will be answered with `Handover.take`."""
        return type(self).__call__ is _CALL


_CALL: Final = BaseHTTPMiddleware.__call__


class _Stage:
    """What the middlewares of one request share that are called in place, one by the other.

    Attributes:
        runs: What runs apart.
        errors: What has been answered, and is to be raised when the response has been sent.
        backgrounds: Tasks to run when the response has been sent.
    """

    __slots__ = ("_task_group", "backgrounds", "errors", "runs")

    def __init__(
        self, task_group: anyio.abc.TaskGroup, runs: list[AppRun], errors: list[Exception]
    ) -> None:
        self._task_group = task_group
        self.runs = runs
        self.errors = errors
        self.backgrounds: list[BackgroundTask] = []

    async def run_apart(self, run: AppRun) -> PassedOn:
        """Run an application in a task of its own until its response starts."""
        self.runs.append(run)
        self._task_group.start_soon(run)
        return await run.start()

    async def finish(self, scope: Scope) -> None:
        """Do what is to be done after the response."""
        for run in self.runs:
            run.release()
        if self.backgrounds:
            # Responses go first, also those of other requests.
            await anyio.lowlevel.checkpoint()
        for background in self.backgrounds:
            await run_background(background, scope)


class _Caller:
    """Calls the application on behalf of one `dispatch`."""

    __slots__ = ("_app", "_last", "_stage", "request")

    def __init__(self, app: ASGIApp, request: _CachedRequest, stage: _Stage) -> None:
        self._app = app
        self._stage = stage
        self._last: PassedOn | None = None
        self.request = request

    async def call_next(self, _: Request) -> Response:
        """Give the response of the application.

        Raises:
            Exception: What the application raised before.
            RuntimeError: The application has ended without a response.
        """
        request = self.request
        if self._last is not None and self._last.on_sent is not None:
            # It is called once more: nobody listens to the first call then.
            self._last.on_sent()
        request.rewind()
        if not takes_handover(self._app, request.scope):
            self._last = await self.run_apart(self._app, request.scope, request.receive_on())
            return self._last
        in_place = _InPlace(self, self._stage)
        try:
            await self._app(request.scope, request.receive_on(), in_place)
        except Exception as exc:
            raise exc from exc.__cause__ or exc.__context__
        self._last = await in_place.result()
        return self._last

    async def run_apart(self, app: ASGIApp, scope: Scope, receive: Receive) -> PassedOn:
        """Give the response of an application that runs in a task of its own."""
        return await self._stage.run_apart(AppRun(app, scope, receive, self.request.send_out))


class _InPlace(Handover):
    """The `send` of an application that is called in place."""

    __slots__ = ("_caller", "_held", "_held_size", "_response", "stage")

    def __init__(self, caller: _Caller, stage: _Stage) -> None:
        super().__init__(self._hold)
        self.stage = stage
        self._caller = caller
        self._response: PassedOn | None = None
        self._held: list[Message] = []
        self._held_size = 0

    async def take(self, response: ASGIApp, scope: Scope, receive: Receive) -> None:
        """Take the response."""
        if self._held:
            return
        if type(response) is not PassedOn and not is_plain(response):
            app = wrap_app_handling_exceptions(response, Request(scope, receive))
            if isinstance(response, StreamingResponse | FileResponse):
                # What they are made of may read the body, which is that of the outer channel.
                receive = left_only(scope, receive)
            self._response = await self._caller.run_apart(app, scope, receive)
            return
        assert isinstance(response, Response)
        if response.background is not None:
            self.stage.backgrounds.append(response.background)
        if isinstance(response, PassedOn):
            response.background = None
            self._response = response
        else:
            self._response = PassedOn.of(response)

    def take_error(self, exc: Exception) -> None:
        """Take an error that has been answered."""
        mark_answered(exc)
        self.stage.errors.append(exc)

    async def result(self) -> PassedOn:
        """Give the response that was taken."""
        if self._held:
            request = self._caller.request
            return await self._caller.run_apart(
                self._replay, request.scope, request.wrapped_receive
            )
        if self._response is None:
            raise RuntimeError("No response returned.")
        return self._response

    async def _hold(self, message: Message) -> None:
        """Hold back what an endpoint sends by itself: there is one task, and it has to go on."""
        if message["type"] == "http.response.early_hint":
            await self._caller.request.send_out(message)
            return
        self._held_size += len(message.get("body", b""))
        if self._held_size > MAX_HELD_BACK:
            raise RuntimeError(
                "An endpoint has sent too much by itself. Return a response instead, such as a"
                " StreamingResponse."
            )
        self._held.append(message)

    async def _replay(self, scope: Scope, receive: Receive, send: Send) -> None:
        for message in self._held:
            await send(message)


class _Given(enum.Enum):
    """How much of the request the application has been given."""

    NOTHING = enum.auto()
    ALL = enum.auto()
    GONE = enum.auto()


class _CachedRequest(Request):
    """The request that `dispatch` gets; the application reads through it."""

    _given = _Given.NOTHING
    _body_again: Receive | None = None

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, receive, send)

    async def send_out(self, message: Message) -> None:
        """Send past `dispatch`."""
        await self._send(message)

    def rewind(self) -> None:
        """Let another run of the application have the body too, if it was kept."""
        if self._given is _Given.ALL and (hasattr(self, "_body") or self._body_again is not None):
            self._given = _Given.NOTHING
            self._body_again = None

    def receive_on(self) -> Receive:
        """Give the channel that the application reads."""
        return like(self._receive, self.wrapped_receive)

    def receive_back(self) -> Receive:
        """Give the channel on which a response listens."""
        return self._receive if isinstance(self._receive, Replay) else self.wrapped_receive

    async def wrapped_receive(self) -> Message:
        """Give the application its next event.

        Raises:
            RuntimeError: The server goes on with a body that was complete.
        """
        if self._given is _Given.NOTHING:
            if hasattr(self, "_body"):
                return self._give_all(self._body)
            inbox = self._shared_inbox()
            if inbox.replays:
                self._body_again = self._body_again or inbox.again()
            elif self._stream_consumed:
                return self._give_all(b"")
            message = await (self._body_again or inbox.again())()
            if message["type"] != "http.disconnect":
                if not message.get("more_body", False):
                    self._given = _Given.ALL
                    self._stream_consumed = not inbox.replays
                return message
            self._is_disconnected = True
        elif self._given is _Given.ALL and not self._is_disconnected:
            inbox = self._shared_inbox()
            if inbox.replays:
                await inbox.wait_until_gone()
            else:
                message = await inbox.again()()
                if message["type"] != "http.disconnect":
                    raise RuntimeError(f"Unexpected message received: {message['type']}")
            self._is_disconnected = True
        self._given = _Given.GONE
        return {"type": "http.disconnect"}

    def _give_all(self, body: bytes) -> Message:
        self._given = _Given.ALL
        return {"type": "http.request", "body": body, "more_body": False}


# The name of the API.
_StreamingResponse = PassedOn
