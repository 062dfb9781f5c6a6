"""The response that `call_next` gives: one that is passed on, perhaps changed on the way."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Callable,
    Mapping,
    MutableMapping,
)
from types import TracebackType
from typing import Any, Final

from bolide._async import close_iterator
from bolide._background import run_background
from bolide.background import BackgroundTask
from bolide.responses import Response
from bolide.types import Receive, Scope, Send

__all__ = ["AsyncContentStream", "BodyStreamGenerator", "OneChunk", "PassedOn", "is_plain"]

BodyStreamGenerator = AsyncGenerator[bytes | MutableMapping[str, Any], None]
"""The body of a response from `call_next`: chunks, or a message to pass on as it is."""

AsyncContentStream = AsyncIterable[str | bytes | memoryview | MutableMapping[str, Any]]
"""What a response that is passed on may be made of."""


class PassedOn(Response):
    """A response that is passed on.

    Attributes:
        info: What the application told a test client, if anything.
        body_iterator: The chunks of the body.
        on_sent: Called when the response has been sent, or will not be.
    """

    def __init__(
        self,
        content: AsyncContentStream,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        self.info = info
        self.body_iterator = content
        self.status_code = status_code
        self.media_type = media_type
        self.background: BackgroundTask | None = None
        self.on_sent: Callable[[], None] | None = None
        self.init_headers(headers)

    @classmethod
    def of(cls, response: Response) -> PassedOn:
        """Pass on a response that `is_plain`, all but its background task."""
        passed_on = cls(OneChunk(response.body), response.status_code)
        passed_on.raw_headers = list(response.raw_headers)
        return passed_on

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response: run as an ASGI application."""
        if self.info is not None:
            await send({"type": "http.response.debug", "info": self.info})
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
            }
        )
        if await self._send_chunks(send):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        if self.on_sent is not None:
            self.on_sent()
        if self.background is not None:
            await run_background(self.background, scope)

    async def _send_chunks(self, send: Send) -> bool:
        """Send the body; say whether its end is still to be sent."""
        content = self.body_iterator
        if type(content) is OneChunk:
            # PERF: S13, most bodies come in one piece.
            if chunk := content.take():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            return True
        has_body = True
        try:
            async for piece in content:
                if isinstance(piece, MutableMapping):
                    has_body = False
                    await send(piece)
                    continue
                if not isinstance(piece, bytes | memoryview):
                    piece = piece.encode(self.charset)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except BaseException:
            await close_iterator(content)
            raise
        return has_body


class OneChunk(AsyncGenerator[bytes | memoryview, None]):
    """A body in one piece, as if an async generator gave it.

    Args:
        chunk: The body; nothing is given of an empty one.
    """

    __slots__ = ("_chunk",)

    def __init__(self, chunk: bytes | memoryview) -> None:
        self._chunk: bytes | memoryview = chunk

    def take(self) -> bytes | memoryview:
        """Give what has not been given yet."""
        chunk, self._chunk = self._chunk, b""
        return chunk

    async def asend(self, value: None) -> bytes | memoryview:
        """Give the chunk, the first time."""
        if chunk := self.take():
            return chunk
        raise StopAsyncIteration

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: object = None,
        tb: TracebackType | None = None,
    ) -> bytes | memoryview:
        """End with an exception."""
        self._chunk = b""
        raise typ


_RESPONSE_CALL: Final = Response.__call__


def is_plain(response: object) -> bool:
    """Say whether a response is no more than its status, headers, body and background task."""
    return isinstance(response, Response) and type(response).__call__ is _RESPONSE_CALL
