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
application end in its own time, background tasks included.

There are two ways to go before that. `aclose` cancels the application at once. `hang_up` does what
a client does whose connection breaks: `receive` says `http.disconnect`, what is sent is dropped,
and the application is cancelled only if it goes on nevertheless. A request whose body breaks off,
since its source says so, has lost its client, too.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio
from anyio.lowlevel import checkpoint

from bolide._connection import ClientDisconnect
from bolide._testing.conversation import Conversation
from bolide.types import ASGIApp, Message, Scope

BodySource = Callable[[], Awaitable[tuple[bytes, bool] | None]]
"""Gives the next chunk of a request body, and whether more may come; None if it breaks off."""

DISCONNECT: Final = "http.disconnect"


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
        validate_events: As for every conversation.

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
        validate_events: bool = False,
    ) -> None:
        super().__init__(
            app,
            scope,
            raise_app_exceptions=raise_app_exceptions,
            validate_events=validate_events,
        )
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.trailers: list[tuple[bytes, bytes]] | None = None
        self.debug: dict[str, Any] | None = None
        self._body: bytes | BodySource | None = body
        self._body_scope: anyio.CancelScope | None = None
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
        """Wait until the response has started or never will, or the client is gone."""
        await self.until(lambda: self.response_started or self.ended or self.left)

    async def read(self) -> bytes | None:
        """Take the next chunk of the response body; None after the application has ended.

        Or after the client is gone.
        """
        if self._chunk is None:
            self._wanted = True
            self.notify()
            try:
                await self.until(lambda: self._chunk is not None or self.ended or self.left)
            finally:
                self._wanted = False
        chunk, self._chunk = self._chunk, None
        return chunk

    async def aclose(self) -> None:
        """Wait for the application after a complete response, cancel it before that."""
        if self._state is not State.DONE:
            self.cancel()
        await self.until(lambda: self.ended)

    async def hang_up(self) -> None:
        """Wait for the application after a complete response, let the client leave before that.

        Whoever is cancelled while waiting cancels the application.
        """
        if self._state is not State.DONE and not self.ended:
            with anyio.CancelScope(shield=True):
                await self._disconnect()
        try:
            await self.until(lambda: self.ended)
        finally:
            if not self.ended:
                with anyio.CancelScope(shield=True):
                    await self.abort()

    async def _disconnect(self) -> None:
        self.left = True
        self._body = None
        if self._body_scope is not None:
            self._body_scope.cancel()
        self.notify()
        await self.leave()

    def raise_error(self) -> None:
        """Raise what the application raised, or that it never answered, if that is wanted.

        After the client has left there is nothing to answer, and being told so is no failure.
        """
        if self.left and isinstance(self.error, ClientDisconnect):
            return
        super().raise_error()
        never_answered = self.ended and not self.response_started and not self.left
        if never_answered and self.raise_app_exceptions:
            raise AssertionError(NO_RESPONSE)

    async def receive(self) -> Message:
        """Give the request, chunk by chunk, then wait until the client is gone."""
        if isinstance(self._body, bytes):
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if self._body is not None:
            await checkpoint()
        # The client may have left meanwhile.
        if self._body is not None:
            return await self._next_part(self._body)
        await self.until(lambda: self._state is State.DONE or self.left)
        return {"type": DISCONNECT}

    async def _next_part(self, source: BodySource) -> Message:
        part: tuple[bytes, bool] | None = None
        with anyio.CancelScope() as self._body_scope:
            part = await source()
        self._body_scope = None
        if part is None:
            self._body = None
            self.left = True
            self.notify()
            return {"type": DISCONNECT}
        chunk, more = part
        if not more:
            self._body = None
        return {"type": "http.request", "body": chunk, "more_body": more}

    async def send(self, message: Message) -> None:
        """Take the next event of the response.

        Raises:
            AssertionError: The event comes out of order; the texts are in `MISPLACED`.
        """
        kind = message["type"]
        if self.left:
            await checkpoint()
        elif kind == "http.response.body":
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
        await self.until(lambda: self._wanted or self.left)
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
