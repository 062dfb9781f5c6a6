"""Running a WSGI application (PEP 3333) inside an ASGI one. Deprecated."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from bolide._async import create_collapsing_task_group
from bolide._body_limits import BodyTooLarge, max_size_of
from bolide._callsite import warn_caller
from bolide.exceptions import BolideError, StarletteDeprecationWarning
from bolide.types import Message, Receive, Scope, Send

__all__ = ["WSGIMiddleware", "WSGIResponder", "build_environ"]

warn_caller(
    "bolide.middleware.wsgi is deprecated and will be removed in a future release. Please refer to"
    " https://github.com/abersheeran/a2wsgi as a replacement.",
    StarletteDeprecationWarning,
)

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

_MAX_WAITING_CHUNKS = 16
"""How far the application may be ahead of the client."""


class _NobodyListens(BolideError, OSError):
    """The response can no longer be sent; raised in the thread of the application."""


def build_environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """Give the environment of a WSGI application for a request.

    Args:
        scope: The scope of the request.
        body: Its whole body.
    """
    script_name = scope.get("root_path", "")
    path_info = scope["path"]
    if path_info == script_name or path_info.startswith(f"{script_name.rstrip('/')}/"):
        path_info = path_info[len(script_name) :]
    server_name, server_port = scope.get("server") or ("localhost", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        # Text of WSGI is bytes seen as latin-1.
        "SCRIPT_NAME": script_name.encode("utf-8").decode("latin-1"),
        "PATH_INFO": path_info.encode("utf-8").decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("ascii"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server_name,
        "SERVER_PORT": server_port,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stdout,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if scope.get("client"):
        environ["REMOTE_ADDR"] = scope["client"][0]
    for raw_name, raw_value in scope.get("headers", ()):
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        if name not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            name = f"HTTP_{name}"
        value = raw_value.decode("latin-1")
        environ[name] = f"{environ[name]},{value}" if name in environ else value
    return environ


class WSGIMiddleware:
    """Makes an ASGI application of a WSGI one.

    Args:
        app: The WSGI application; it runs in worker threads.
    """

    def __init__(self, app: Callable[..., Any]) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] != "http":
            raise AssertionError(f"WSGI does not know {scope['type']!r} scopes.")
        await WSGIResponder(self.app, scope)(receive, send)


class WSGIResponder:
    """Handles one request."""

    def __init__(self, app: Callable[..., Any], scope: Scope) -> None:
        self.app = app
        self.scope = scope
        self.status: str | None = None
        self.response_headers: list[tuple[str, str]] | None = None
        self.response_started: bool = False
        self.exc_info: ExcInfo | None = None
        self.stream_send: MemoryObjectSendStream[Message]
        self.stream_receive: MemoryObjectReceiveStream[Message]
        self.stream_send, self.stream_receive = anyio.create_memory_object_stream[Message](
            _MAX_WAITING_CHUNKS
        )

    async def __call__(self, receive: Receive, send: Send) -> None:
        """Read the request, and run the application in a thread while its response is sent."""
        try:
            body = await self._read(receive)
        except BaseException:
            self.stream_send.close()
            self.stream_receive.close()
            raise
        environ = build_environ(self.scope, body)
        async with create_collapsing_task_group() as task_group:
            task_group.start_soon(self.sender, send)
            async with self.stream_send:
                try:
                    await anyio.to_thread.run_sync(self.wsgi, environ, self.start_response)
                except _NobodyListens:
                    # The error of the sender, which is why, comes out of the task group.
                    pass
        if self.exc_info is not None:
            raise self.exc_info[0].with_traceback(self.exc_info[1], self.exc_info[2])

    async def _read(self, receive: Receive) -> bytes:
        body = bytearray()
        max_size = max_size_of(self.scope, "max_buffer_size")
        more_body = True
        while more_body:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > max_size:
                raise BodyTooLarge(max_size, "max_buffer_size")
            more_body = message.get("more_body", False)
        return bytes(body)

    async def sender(self, send: Send) -> None:
        """Send what the thread has left, until there is no more."""
        async with self.stream_receive:
            async for message in self.stream_receive:
                await send(message)

    def start_response(
        self,
        status: str,
        response_headers: list[tuple[str, str]],
        exc_info: ExcInfo | None = None,
    ) -> None:
        """Take the start of the response; called by the application, in its thread."""
        self.exc_info = exc_info
        if self.response_started:
            return
        self.response_started = True
        self._leave(
            {
                "type": "http.response.start",
                "status": int(status.partition(" ")[0]),
                "headers": [
                    (name.strip().encode("ascii").lower(), value.strip().encode("ascii"))
                    for name, value in response_headers
                ],
            }
        )

    def wsgi(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> None:
        """Run the application; in a thread."""
        chunks: Iterable[bytes] = self.app(environ, start_response)
        try:
            for chunk in chunks:
                self._leave({"type": "http.response.body", "body": chunk, "more_body": True})
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        self._leave({"type": "http.response.body", "body": b""})

    def _leave(self, message: Message) -> None:
        try:
            anyio.from_thread.run(self.stream_send.send, message)
        except anyio.BrokenResourceError:
            raise _NobodyListens from None
