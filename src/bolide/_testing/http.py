"""One HTTP exchange: an application answers one request, and a reader takes the response.

RULES

    state      event                        then
    START      http.response.start          BODY
    BODY       http.response.body           BODY, or at the last: TRAILERS if declared, else DONE
    TRAILERS   http.response.trailers       TRAILERS, or DONE at the last
    any        http.response.debug          the same; noted before the body, ignored after
    any        everything else unknown      the same; ignored, as a server may

Another order is the application's mistake: `MISPLACED` has what `send` raises then.

THEORY OF OPERATION

Back-pressure: a part of the body is taken when the reader asks for it, and not before. `read` says
that it wants a chunk, `send` waits for that, puts the chunk down and returns; the next `send` waits
for the next `read`. So at most one chunk lies here. A part with nothing to read (empty, or the
answer to a HEAD request) waits for the reader too, but leaves the reader waiting.

The response is complete when the last part was handed over and the last trailers came; that is when
`receive` tells the application that the client is gone. Closing a complete response lets the
application end in its own time, background tasks included; closing it earlier cancels it.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Any, Final

from anyio.lowlevel import checkpoint

from bolide._testing.conversation import Conversation
from bolide.types import ASGIApp, Message, Scope

BodySource = Callable[[], Awaitable[tuple[bytes, bool]]]
"""Gives the next chunk of a request body, and whether more may come."""


class State(enum.Enum):
    """Which event of the application comes next."""

    START = enum.auto()
    BODY = enum.auto()
    TRAILERS = enum.auto()
    DONE = enum.auto()


MISPLACED: Final = {
    "http.response.start": {
        State.BODY: 'Received multiple "http.response.start" messages.',
        State.TRAILERS: 'Received multiple "http.response.start" messages.',
        State.DONE: 'Received multiple "http.response.start" messages.',
    },
    "http.response.body": {
        State.START: 'Received "http.response.body" without "http.response.start".',
        State.TRAILERS: 'Received "http.response.body" after body completed.',
        State.DONE: 'Received "http.response.body" after response completed.',
    },
    "http.response.trailers": {
        State.BODY: 'Received "http.response.trailers" before body completed.',
        State.DONE: 'Received "http.response.trailers" after response completed.',
    },
}
UNDECLARED: Final = 'Received "http.response.trailers" without declaring trailers.'
NO_RESPONSE: Final = "TestClient did not receive any response."


class HTTPConversation(Conversation):
    """One HTTP request and its response.

    Args:
        app: An ASGI 3 application.
        scope: The scope of the request.
        body: The body of the request, whole or chunk by chunk.
        raise_app_exceptions: As for every conversation. If False, an application that fails before
            it starts a response gives an empty one with status 500.

    Attributes:
        status: The status of the response.
        headers: Its headers, pairs of bytes.
        trailers: Its trailers so far, pairs of bytes; None if none were declared.
        debug: The information of the last `http.response.debug` event before the body.
    """

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope,
        body: bytes | BodySource,
        *,
        raise_app_exceptions: bool = True,
    ) -> None:
        super().__init__(app, scope, raise_app_exceptions=raise_app_exceptions)
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.trailers: list[tuple[bytes, bytes]] | None = None
        self.debug: dict[str, Any] | None = None
        self._body: bytes | BodySource | None = body
        self._state = State.START
        self._body_begun = False
        self._drops_body = scope["method"] == "HEAD"
        self._wanted = False
        self._chunk: bytes | None = None

    @property
    def response_started(self) -> bool:
        """Whether the application has started a response."""
        return self._state is not State.START

    async def started(self) -> None:
        """Wait until the response has started or never will."""
        await self.until(lambda: self.response_started or self.ended)

    async def read(self) -> bytes | None:
        """Take the next chunk of the response body; None after the application has ended."""
        if self._chunk is None:
            self._wanted = True
            self.notify()
            try:
                await self.until(lambda: self._chunk is not None or self.ended)
            finally:
                self._wanted = False
        chunk, self._chunk = self._chunk, None
        return chunk

    async def aclose(self) -> None:
        """Wait for the application after a complete response, cancel it before that."""
        if self._state is not State.DONE:
            self.cancel()
        await self.until(lambda: self.ended)

    def raise_error(self) -> None:
        """Raise what the application raised, or that it never answered, if that is wanted."""
        super().raise_error()
        if self.ended and not self.response_started and self.raise_app_exceptions:
            raise AssertionError(NO_RESPONSE)

    async def receive(self) -> Message:
        """Give the request, chunk by chunk, then wait until the client is gone."""
        if isinstance(self._body, bytes):
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if self._body is not None:
            await checkpoint()
            chunk, more = await self._body()
            if not more:
                self._body = None
            return {"type": "http.request", "body": chunk, "more_body": more}
        await self.until(lambda: self._state is State.DONE)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take the next event of the response.

        Raises:
            AssertionError: The event comes out of order; the texts are in `MISPLACED`.
        """
        kind = message["type"]
        if kind == "http.response.body":
            await self._take_body(message)
        elif kind == "http.response.start":
            self._take_start(message)
        elif kind == "http.response.trailers":
            self._take_trailers(message)
        elif kind == "http.response.debug" and not self._body_begun:
            self.debug = message["info"]

    def _take_start(self, message: Message) -> None:
        self._check_order("http.response.start")
        headers = _pairs(message)
        self.status = message["status"]
        self.headers = headers
        if message.get("trailers", False):
            self.trailers = []
        self._enter(State.BODY)

    async def _take_body(self, message: Message) -> None:
        self._check_order("http.response.body")
        self._body_begun = True
        # Applications may reuse a mutable buffer as soon as `send` has returned.
        chunk = bytes(message.get("body", b""))
        await self.until(lambda: self._wanted)
        # Another task may have ended the body while this one waited.
        self._check_order("http.response.body")
        more = message.get("more_body", False)
        if chunk and not self._drops_body:
            self._chunk = chunk
            self._wanted = False
            self.notify()
        elif more:
            # The reader goes on waiting, so nothing holds back an endless loop of these.
            await checkpoint()
        if not more:
            self._enter(State.DONE if self.trailers is None else State.TRAILERS)

    def _take_trailers(self, message: Message) -> None:
        if self.trailers is None:
            raise AssertionError(UNDECLARED)
        self._check_order("http.response.trailers")
        self.trailers.extend(_pairs(message))
        if not message.get("more_trailers", False):
            self._enter(State.DONE)

    def _check_order(self, kind: str) -> None:
        text = MISPLACED[kind].get(self._state)
        if text is not None:
            raise AssertionError(text)

    def _enter(self, state: State) -> None:
        self._state = state
        self.notify()


def _pairs(message: Message) -> list[tuple[bytes, bytes]]:
    return [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
