"""The two ends of an ASGI connection, without a client: `send` writes down, `receive` reads out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import anyio
from anyio.lowlevel import checkpoint

from bolide._testing.validation import EventValidator
from bolide._testing.websocket import DEFAULT_TIMEOUT
from bolide.datastructures import Headers
from bolide.exceptions import BolideError
from bolide.types import Message, Scope

STARTS = ("http.response.start", "websocket.http.response.start")
BODIES = ("http.response.body", "websocket.http.response.body")


class EventMissing(BolideError, AssertionError):
    """A recorder was asked about a response that the application has not started.

    Attributes:
        events: What it has sent.
    """

    def __init__(self, events: list[Message]) -> None:
        super().__init__(events)
        self.events = events

    def __str__(self) -> str:
        sent = ", ".join(repr(event.get("type")) for event in self.events) or "nothing"
        return f"The application has started no response; it has sent {sent}."


class ScriptEnded(BolideError, TimeoutError):
    """An application waits for more events than its script has.

    Attributes:
        events: How many the script had.
    """

    def __init__(self, events: int) -> None:
        super().__init__(events)
        self.events = events

    def __str__(self) -> str:
        return f"The application waits for an event after the last of the script ({self.events})."


class EventRecorder:
    """A `send` that keeps what an application sends: `await app(scope, receive, recorder)`.

    Args:
        scope: The scope of the application. With it, each event is checked as `EventValidator`
            does, and a bad one raises `InvalidEvent` where it is sent.

    Attributes:
        events: The events, in order.
    """

    def __init__(self, scope: Scope | None = None) -> None:
        self.events: list[Message] = []
        self._validator = None if scope is None else EventValidator(scope)

    async def __call__(self, message: Message) -> None:
        """Take the next event."""
        if self._validator is not None:
            message = self._validator.checked(message)
        # Applications may reuse a message or a mutable buffer as soon as `send` has returned.
        event = dict(message)
        if isinstance(event.get("body"), bytearray | memoryview):
            event["body"] = bytes(event["body"])
        self.events.append(event)
        await checkpoint()

    @property
    def status(self) -> int:
        """The status of the response.

        Raises:
            EventMissing: There is none.
        """
        status: int = self._start["status"]
        return status

    @property
    def headers(self) -> Headers:
        """The headers of the response; raises as `status`."""
        return Headers(raw=list(self._start.get("headers", ())))

    @property
    def body(self) -> bytes:
        """The body of the response as far as it has come; raises as `status`."""
        assert self._start
        return b"".join(event.get("body", b"") for event in self._bodies)

    @property
    def complete(self) -> bool:
        """Whether the last part of the body was sent."""
        return any(not event.get("more_body", False) for event in self._bodies)

    @property
    def _start(self) -> Message:
        for event in self.events:
            if event.get("type") in STARTS:
                return event
        raise EventMissing(self.events)

    @property
    def _bodies(self) -> list[Message]:
        return [event for event in self.events if event.get("type") in BODIES]


class ScriptedReceive:
    """A `receive` that gives the events of a script, one after the other.

    Then it waits, as that of a server does while the client is quiet, but not for ever.

    Args:
        events: The events; `{"type": "http.disconnect"}` is the client leaving.
        timeout: How many seconds it waits after the last event before it raises; `math.inf` for
            ever.

    Attributes:
        waiting: The events that the application has not received yet.
    """

    def __init__(self, events: Iterable[Message] = (), *, timeout: float = DEFAULT_TIMEOUT) -> None:
        self.waiting: deque[Message] = deque(events)
        self.timeout = timeout
        self._length = len(self.waiting)

    async def __call__(self) -> Message:
        """Give the next event.

        Raises:
            ScriptEnded: There is none, and the application waits for one.
        """
        # Without a checkpoint: applications poll `receive` inside a cancelled scope.
        if self.waiting:
            return self.waiting.popleft()
        with anyio.move_on_after(self.timeout):
            await anyio.sleep_forever()
        raise ScriptEnded(self._length)
