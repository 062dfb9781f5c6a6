"""HTTP responses: objects that are ASGI applications, and send themselves."""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from bolide._async import close_iterator
from bolide._connection import ClientDisconnect
from bolide._data.url import URL
from bolide._disconnect import (
    reports_disconnect_on_send,
    run_until_disconnect,
    wait_for_disconnect,
)
from bolide._exports import publish
from bolide._files import FileResponse
from bolide._http.media import guess_type
from bolide._http.ranges import MalformedRangeHeader, RangeNotSatisfiable
from bolide._response import HTMLResponse, PlainTextResponse, Response, denial
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


class JSONResponse(Response):
    """A value as JSON (RFC 8259); see `Response` for the other arguments.

    Args:
        content: What `json.dumps` accepts.

    Raises:
        ValueError: The value holds NaN or an infinity, which JSON does not have.
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
        return _json_encoder.encode(content).encode("utf-8")


# PERF: S2, one encoder for all, where `json.dumps` with these options makes one a call.
_json_encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


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

    When the client leaves, the body is not asked for more, and an async generator is closed.

    Args:
        content: An async iterable of text or bytes, or a blocking one, each step of which is
            taken in a worker thread.

    Attributes:
        body_iterator: The async iterable that the body comes from.
    """

    body_iterator: AsyncContentStream
    media_type: str | None

    def __init__(
        self,
        content: ContentStream,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        if isinstance(content, AsyncIterable):
            self.body_iterator = content
        else:
            self.body_iterator = iterate_in_threadpool(content)
        self.status_code = status_code
        if media_type is not None:
            self.media_type = media_type
        self.background = background
        self.init_headers(headers)

    async def listen_for_disconnect(self, receive: Receive) -> None:
        """Return when the client is gone."""
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
        sending = True
        try:
            await send(message)
            sending = False
            pieces = aiter(self.body_iterator)
            async for chunk in pieces:
                if not isinstance(chunk, bytes | memoryview):
                    chunk = chunk.encode(self.charset)
                message = {"type": "http.response.body", "body": chunk, "more_body": True}
                sending = True
                await send(message)
                sending = False
            sending = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except BaseException as exc:
            await close_iterator(pieces)
            # `__aiter__` may be a generator, which is not what the caller gave.
            if pieces is not self.body_iterator:
                await close_iterator(self.body_iterator)
            # An OSError of the iterator is the iterator's own.
            if sending and isinstance(exc, OSError):
                raise ClientDisconnect from exc
            raise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response: run as an ASGI application."""
        if scope["type"] == "websocket":
            await self.stream_response(denial(send))
        elif reports_disconnect_on_send(scope):
            await self.stream_response(send)
        else:
            await run_until_disconnect(
                functools.partial(self.stream_response, send),
                functools.partial(self.listen_for_disconnect, receive),
            )
        if self.background is not None:
            await self.background()


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
