"""HTTP responses: objects that are ASGI applications, and send themselves."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from time import monotonic
from types import AsyncGeneratorType
from typing import Any, Final
from urllib.parse import quote

import anyio
import anyio.lowlevel

from bolide._async import CLEANUP_SECONDS, close_iterator
from bolide._background import run_background
from bolide._cleanup import told_once
from bolide._connection import ClientDisconnect
from bolide._data.url import URL
from bolide._disconnect import (
    reports_disconnect_on_send,
    run_until_disconnect,
    wait_for_disconnect,
    wait_until_client_left,
)
from bolide._drain import DRAINING_KEY, DrainControl
from bolide._exchange import Exchange
from bolide._exports import publish
from bolide._files import FileResponse
from bolide._http.media import guess_type
from bolide._http.ranges import MalformedRangeHeader, RangeNotSatisfiable
from bolide._json_codec import STANDARD, encode_standard
from bolide._policy import policy_of
from bolide._response import (
    BODILESS,
    HTMLResponse,
    PlainTextResponse,
    Response,
    denial,
    without_body,
)
from bolide._settings import current_settings
from bolide.background import BackgroundTask
from bolide.concurrency import iterate_in_threadpool
from bolide.types import Message, Receive, Scope, Send

__all__ = [
    "AsyncContentStream",
    "Content",
    "ContentStream",
    "FileResponse",
    "HTMLResponse",
    "JSONResponse",
    "MalformedRangeHeader",
    "PlainTextResponse",
    "RangeNotSatisfiable",
    "RedirectResponse",
    "Response",
    "StreamingResponse",
    "SyncContentStream",
    "guess_type",
]

Content = str | bytes | memoryview
"""One piece of a body."""

SyncContentStream = Iterable[Content]
"""A body that is produced in pieces by blocking code."""

AsyncContentStream = AsyncIterable[Content]
"""A body that is produced in pieces by async code."""

ContentStream = AsyncContentStream | SyncContentStream
"""A body that is produced in pieces."""

_TURN_SECONDS: Final = 0.005
"""How long a stream that waits for nothing may keep the event loop to itself."""

_LOOK_AFTER: Final = 8
"""After how many pieces of a stream to look at the clock."""


class JSONResponse(Response):
    """A value as JSON (RFC 8259); see `Response` for the other arguments.

    Args:
        content: What the JSON codec of the application accepts; for the standard one, what
            `json.dumps` does.

    Raises:
        TypeError: The codec does not know how to write something in the content.
        ValueError: The value holds NaN or an infinity, which JSON does not have; other codecs may
            write `null`.
    """

    media_type: str | None = "application/json"

    def __init__(
        self,
        content: Any,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        super().__init__(content, status_code, headers, media_type, background)

    def render(self, content: Any) -> bytes:
        """Encode the content compactly as UTF-8."""
        codec = current_settings().codec
        if codec is STANDARD:
            # PERF: S2, without the frame of its method.
            return encode_standard(content).encode("utf-8")
        data = codec.dumps(content)
        return data.encode("utf-8") if isinstance(data, str) else data


class RedirectResponse(Response):
    """Sends the client elsewhere; see `Response` for the other arguments.

    Args:
        url: Where to; what a URL may not hold is percent-encoded.
        status_code: 307 keeps the method; 303 makes it GET (RFC 9110, section 15.4).
    """

    def __init__(
        self,
        url: str | URL,
        status_code: int = 307,
        headers: Mapping[str, str] | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        super().__init__(b"", status_code, headers, None, background)
        self.headers["location"] = quote(str(url), safe=":/%#?=@[]!$&'()*+,;")


class StreamingResponse(Response):
    """A response whose body is produced while it is sent; see `Response` for the other arguments.

    When the client leaves, the body is not asked for more, and an async generator is closed. The
    same happens some time after the application was told to stop, and the response then ends like
    any other; see `Policy.drain_seconds`.

    Args:
        content: An async iterable of text or bytes, or a blocking one, each step of which is
            taken in a worker thread.

    Attributes:
        body_iterator: The async iterable that the body comes from.
    """

    body_iterator: AsyncContentStream
    media_type: str | None

    _draining: DrainControl | None = None
    _cleanup_seconds = 0.0

    def __init__(
        self,
        content: ContentStream,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        # PERF: S12, the most usual class first, since to ask an abstract one takes its time.
        if type(content) is AsyncGeneratorType or isinstance(content, AsyncIterable):
            self.body_iterator = content
        else:
            self.body_iterator = iterate_in_threadpool(content)
        self.status_code = status_code
        if media_type is not None:
            self.media_type = media_type
        self.background = background
        self.init_headers(headers)

    async def listen_for_disconnect(self, receive: Receive) -> None:
        """Return when the client is gone. Not called unless it is overridden."""
        await wait_for_disconnect(receive)

    async def stream_response(self, send: Send) -> None:
        """Send the start and every piece of the body.

        Raises:
            ClientDisconnect: The server says that the client is gone.
        """
        message: Message = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        pieces = self.body_iterator
        try:
            if isinstance(send, Exchange):
                # PERF: S12, so that no piece passes through more frames than it must.
                message, send = send.lead(message, None)
            await _deliver(message, send)
            pieces = aiter(self.body_iterator)
            with self._until_drained() as bound:
                await told_once(self._send_pieces(pieces, send), self._cleanup_seconds)
            seconds = None
            if bound is not None and bound.cancelled_caught:
                await self._close(pieces)
                seconds = CLEANUP_SECONDS
            with anyio.move_on_after(seconds) if seconds else nullcontext():
                await _deliver(
                    {"type": "http.response.body", "body": b"", "more_body": False}, send
                )
        except BaseException:
            await self._close(pieces)
            raise

    async def _send_pieces(self, pieces: AsyncIterator[Content], send: Send) -> None:
        turn_ends, until_look = monotonic() + _TURN_SECONDS, _LOOK_AFTER
        async for chunk in pieces:
            if type(chunk) is not bytes and not isinstance(chunk, bytes | memoryview):
                chunk = chunk.encode(self.charset)
            try:
                # PERF: S12, without the frame of `_deliver`.
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except OSError as exc:
                raise ClientDisconnect from exc
            # Perhaps neither ever waits: not an iterator that has its pieces at hand, and not
            # `send` of a server whose client reads quickly, or is gone.
            until_look -= 1
            if not until_look:
                # PERF: S12, not after each piece.
                until_look = _LOOK_AFTER
                if monotonic() >= turn_ends:
                    await anyio.lowlevel.checkpoint()
                    turn_ends = monotonic() + _TURN_SECONDS

    def _until_drained(self) -> AbstractContextManager[anyio.CancelScope | None]:
        draining = self._draining
        if draining is None or not draining.seconds:
            return nullcontext()
        return draining.bounded(draining.seconds)

    async def _close(self, pieces: object) -> None:
        await close_iterator(pieces)
        # `__aiter__` may be a generator, which is not what the caller gave.
        if pieces is not self.body_iterator:
            await close_iterator(self.body_iterator)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response: run as an ASGI application."""
        self._draining = scope.get(DRAINING_KEY)
        self._cleanup_seconds = policy_of(scope).cleanup_seconds
        if scope["type"] == "websocket":
            await self.stream_response(denial(send))
        elif scope.get("method") == "HEAD" and policy_of(scope).cut_head_bodies:
            await self._send_head(send, self.raw_headers)
        elif self.status_code in BODILESS and policy_of(scope).cut_forbidden_bodies:
            await self._send_head(send, without_body(self.status_code, self.raw_headers))
        elif reports_disconnect_on_send(scope):
            await self.stream_response(send)
        else:
            listen = functools.partial(wait_until_client_left, scope, receive)
            if type(self).listen_for_disconnect is not _LISTEN_FOR_DISCONNECT:
                listen = functools.partial(self.listen_for_disconnect, receive)
            await run_until_disconnect(functools.partial(self.stream_response, send), listen)
        if self.background is not None:
            await run_background(self.background, scope)

    async def _send_head(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        """Send the start of the response, and no body, which is not even begun."""
        await close_iterator(self.body_iterator)
        start = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": headers,
        }
        await send(start)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _deliver(message: Message, send: Send) -> None:
    try:
        await send(message)
    except OSError as exc:
        # An OSError of the iterator would be the iterator's own.
        raise ClientDisconnect from exc


_LISTEN_FOR_DISCONNECT = StreamingResponse.listen_for_disconnect

publish(
    globals(),
    [
        "FileResponse",
        "HTMLResponse",
        "MalformedRangeHeader",
        "PlainTextResponse",
        "RangeNotSatisfiable",
        "Response",
    ],
)
