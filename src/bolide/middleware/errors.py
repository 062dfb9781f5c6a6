"""The outermost layer: whatever goes wrong, the client gets a response and the server learns it.

The page for debugging is imported when somebody is about to see it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, cast

from bolide._async import asgi_call
from bolide._body_limits import BodyTooLarge
from bolide._debug_access import may_see_debug
from bolide._dispatch import call_handler, was_answered
from bolide._error_answers import error_answer
from bolide._exchange import Exchange
from bolide._policy import policy_of
from bolide._quiet_disconnects import is_disconnect
from bolide.concurrency import run_in_threadpool
from bolide.exceptions import HTTPException
from bolide.middleware.exceptions import ExceptionMiddleware
from bolide.requests import Request
from bolide.responses import HTMLResponse, Response
from bolide.types import ASGIApp, ExceptionHandler, Receive, Scope, Send

if TYPE_CHECKING:
    import inspect

__all__ = ["ServerErrorMiddleware"]


class ServerErrorMiddleware:
    """Answers an exception that nothing further in has handled with status 500.

    The exception is always raised again afterwards, so that the server logs it and a test fails.

    Args:
        app: The application to wrap.
        handler: `handler(request, exc)` gives the response; async, or blocking.
        debug: Show the traceback instead, to those clients that `Policy.debug_for` allows to see
            it. It can show secrets: never in production.
    """

    def __init__(
        self, app: ASGIApp, handler: ExceptionHandler | None = None, debug: bool = False
    ) -> None:
        self.app = app
        self._is_object = not isinstance(app, FunctionType)
        self.handler = handler
        self.debug = debug

    @asgi_call
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Run as an ASGI application."""
        app: Any = self.app
        awaitable: Awaitable[None]
        if scope["type"] != "http":
            awaitable = app(scope, receive, send)
        # PERF: S1, where nothing stands between the two layers, one coroutine does for both.
        elif type(app) is ExceptionMiddleware and ExceptionMiddleware.__call__ is _INNER_CALL:
            awaitable = app.respond(scope, receive, send, self)
        else:
            awaitable = self._respond(scope, receive, send)
        return awaitable

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        # PERF: S11n, `isinstance` takes its time to say no, and so does a call of an object.
        exchange: Any = send if type(send) is Exchange else Exchange(send)
        app: Any = self.app
        try:
            if self._is_object:
                await app.__call__(scope, receive, exchange)
            else:
                await app(scope, receive, exchange)
        except Exception as exc:
            if not await self.settle(exc, scope, receive, exchange):
                raise

    async def settle(self, exc: Exception, scope: Scope, receive: Receive, send: Exchange) -> bool:
        """Answer an exception; say whether that is all there is to it, or it has to be raised."""
        if isinstance(exc, BodyTooLarge) and not send.response_started:
            # Middleware has read the body, and nothing is wrong but that.
            await error_answer(scope, exc)(scope, receive, send)
            return True
        await self.recover(exc, scope, receive, send)
        return False

    async def recover(self, exc: Exception, scope: Scope, receive: Receive, send: Exchange) -> None:
        """Answer an exception, unless the response is already on its way."""
        if was_answered(exc, scope, send):
            return
        if is_disconnect(exc) and policy_of(scope).quiet_disconnects:
            # There is nobody to answer, and nothing went wrong that a handler would report.
            return
        response = await self.response_to(exc, Request(scope))
        if not send.response_started:
            await response(scope, receive, send)

    async def response_to(self, exc: Exception, request: Request) -> ASGIApp:
        """Give the response to an exception."""
        if self.debug and may_see_debug(request.scope):
            # Source files are read for the page.
            return await run_in_threadpool(self.debug_response, request, exc)
        if self.handler is None:
            return self.error_response(request, exc)
        response = await call_handler(self.handler, request, exc)
        return cast(ASGIApp, response)

    def debug_response(self, request: Request, exc: Exception) -> Response:
        """Show the traceback, as a page to a browser and as text to anything else."""
        from bolide._debug_page import page_response, text_response

        if "headers" in request.scope and "text/html" in request.headers.get("accept", ""):
            if type(self).generate_html is _GENERATE_HTML:
                return page_response(request.scope, exc)
            return HTMLResponse(self.generate_html(exc), status_code=500)
        return text_response(self.generate_plain_text(exc))

    def error_response(self, request: Request, exc: Exception) -> Response:
        """Say no more than that something went wrong."""
        return error_answer(request.scope, HTTPException(500, "Internal Server Error"))

    def format_line(self, index: int, line: str, frame_lineno: int, frame_index: int) -> str:
        """Give one line of the source around a frame.

        Args:
            index: Its place among the lines shown.
            line: Its text.
            frame_lineno: The number of the line that the frame is at.
            frame_index: The place of that line among the lines shown.
        """
        from bolide._debug_page import line_html

        number = frame_lineno - frame_index + index
        return line_html(line, number=number, is_error=index == frame_index)

    def generate_frame_html(self, frame: inspect.FrameInfo, is_collapsed: bool) -> str:
        """Give one frame of the page."""
        from bolide._debug_page import frame_html

        return frame_html(frame, opened=not is_collapsed)

    def generate_html(self, exc: Exception, limit: int = 7) -> str:
        """Give the page, with at most `limit` frames."""
        from bolide._debug_page import page_html

        return page_html("Starlette Debugger", exc, limit=limit)

    def generate_plain_text(self, exc: Exception) -> str:
        """Give the traceback as text."""
        from bolide._debug_page import plain_text

        return plain_text(exc)


_GENERATE_HTML: Final = ServerErrorMiddleware.generate_html
_INNER_CALL: Final = ExceptionMiddleware.__call__
