"""One WebSocket, from the client's side: the handshake, then messages both ways.

RULES

    state        event of the application             then
    CONNECTING   websocket.accept                     OPEN
                 websocket.close                      OPEN, with nothing to come
                 websocket.http.response.start        DENYING
    DENYING      websocket.http.response.body         DENYING
    OPEN         anything                             OPEN; the client sees it as it is

Other events during the handshake are the application's mistake; `send` raises then.

THEORY OF OPERATION

Two queues. The client's events wait in one until the application receives them, the application's
events in the other until the client does, so neither side blocks the other; only when more than
`max_waiting` lie there, the sender waits. A client that leaves says so with a last
`websocket.disconnect`. The application may answer it for a few steps and is then cancelled, since
one that sleeps forever must not block the test. For the same reason a client does not wait for
ever.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from dataclasses import dataclass
from typing import Final

from anyio.lowlevel import checkpoint

from bolide._testing.conversation import Conversation
from bolide._testing.whereabouts import whereabouts
from bolide.exceptions import BolideError
from bolide.types import ASGIApp, Message, Scope

DEFAULT_TIMEOUT: Final = 30.0
"""How many seconds a client waits for an event of the application, unless somebody says how many.

Long enough for what a test does, and short enough for one that would never end.
"""


class ReceiveTimeout(BolideError, TimeoutError):
    """An application has sent nothing for as long as the client was ready to wait.

    Attributes:
        seconds: How long that was.
        listening: Whether the application waits for an event of the client.
        place: Where in the code it is, as a text.
    """

    def __init__(self, seconds: float, *, listening: bool, place: str) -> None:
        super().__init__(seconds, listening, place)
        self.seconds = seconds
        self.listening = listening
        self.place = place

    def __str__(self) -> str:
        doing = "waits for an event of the client" if self.listening else "waits for something else"
        return f"The application has sent nothing for {self.seconds:g} s. It {doing} {self.place}."


class State(enum.Enum):
    """How far the handshake is."""

    CONNECTING = enum.auto()
    DENYING = enum.auto()
    OPEN = enum.auto()


ALLOWED: Final[dict[State, dict[str, State]]] = {
    State.CONNECTING: {
        "websocket.accept": State.OPEN,
        "websocket.close": State.OPEN,
        "websocket.http.response.start": State.DENYING,
    },
    State.DENYING: {"websocket.http.response.body": State.DENYING},
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """The application accepted the WebSocket."""

    subprotocol: str | None
    headers: list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Refused:
    """The application closed the WebSocket instead of accepting it."""

    code: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Denied:
    """The application answered with an HTTP response instead (the denial extension of ASGI)."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class WebSocketConversation(Conversation):
    """One WebSocket.

    Args:
        app: An ASGI 3 application.
        scope: The scope of the WebSocket.
        max_waiting: How many events may wait in each direction before the sender has to.
        timeout: How many seconds the client waits for an event of the application.
        validate_events: As for every conversation.
    """

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope,
        *,
        max_waiting: int = 65_536,
        timeout: float = math.inf,
        validate_events: bool = False,
    ) -> None:
        super().__init__(app, scope, validate_events=validate_events)
        self._max_waiting = max_waiting
        self._timeout = timeout
        self._listeners = 0
        self._state = State.CONNECTING
        self._to_app: deque[Message] = deque([{"type": "websocket.connect"}])
        self._to_client: deque[Message] = deque()

    async def handshake(self) -> Accepted | Refused | Denied | None:
        """Wait for the application's answer; None if it ended without one.

        Raises:
            ReceiveTimeout: It took too long.
        """
        message = await self.next_message()
        if message is None:
            return None
        if message["type"] == "websocket.accept":
            headers = [(name, value) for name, value in message.get("headers") or ()]
            return Accepted(message.get("subprotocol"), headers)
        if message["type"] == "websocket.close":
            return Refused(message.get("code", 1000), message.get("reason"))
        return await self._denial(message)

    async def next_message(self, seconds: float | None = None) -> Message | None:
        """Wait for the application's next event; None after it has ended.

        Args:
            seconds: How long to wait, if not as long as in general.

        Raises:
            ReceiveTimeout: It took too long. The next event can still be waited for.
        """
        if seconds is None:
            seconds = self._timeout
        if not await self.until_within(seconds, lambda: bool(self._to_client) or self.ended):
            raise ReceiveTimeout(
                seconds, listening=self._listeners > 0, place=whereabouts(self.call)
            )
        if not self._to_client:
            return None
        message = self._to_client.popleft()
        self.notify()
        return message

    async def say(self, message: Message) -> None:
        """Send an event to the application; one that has ended does not hear it."""
        await self.until(lambda: len(self._to_app) < self._max_waiting or self.ended)
        if message["type"] == "websocket.disconnect":
            self.left = True
        self._to_app.append(message)
        self.notify()

    async def disconnect(self, code: int = 1000, reason: str | None = None) -> None:
        """Say goodbye, and let the application end or cancel it."""
        self._to_app.append({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.notify()
        await self.leave()

    async def receive(self) -> Message:
        """Give the application the client's next event."""
        self._listeners += 1
        try:
            await self.until(lambda: bool(self._to_app))
        finally:
            self._listeners -= 1
        message = self._to_app.popleft()
        self.notify()
        return message

    async def send(self, message: Message) -> None:
        """Take an event of the application.

        Raises:
            AssertionError: The event has no place in the handshake.
        """
        kind = message["type"]
        if self._state in ALLOWED:
            self._state = _next_state(self._state, kind)
        if isinstance(message.get("bytes"), bytearray | memoryview):
            # Applications may reuse a mutable buffer as soon as `send` has returned.
            message = {**message, "bytes": bytes(message["bytes"])}
        await self.until(lambda: len(self._to_client) < self._max_waiting)
        self._to_client.append(message)
        self.notify()
        await checkpoint()

    async def _denial(self, start: Message) -> Denied:
        body: list[bytes] = []
        more = True
        while more and (message := await self.next_message()) is not None:
            body.append(message.get("body", b""))
            more = message.get("more_body", False)
        headers = [(name, value) for name, value in start.get("headers", ())]
        return Denied(start["status"], headers, b"".join(body))


def _next_state(state: State, kind: str) -> State:
    """Look up where an event of the handshake leads, or say what would have been allowed."""
    try:
        return ALLOWED[state][kind]
    except KeyError:
        *most, last = (f'"{name}"' for name in ALLOWED[state])
        expected = f"{', '.join(most)} or {last}" if most else last
        raise AssertionError(f"Expected ASGI message {expected}, but got {kind!r}.") from None
