"""What the client sends, event by event, for all who want to know: readers and watchers.

RULES

- At any time one call of `receive` is under way at the most, however many are waiting.
- Who watches for the client to leave takes nothing away from who reads the body: what arrives is
  held until it is read.
- No more is held than about `MAX_HELD`. Then a watcher waits for a reader. One that stands for a
  response on its way does not, if nobody has begun to read: it drops the body, since the client
  may leave just as well while nobody is interested in what it sends. Who then reads is told.

THEORY OF OPERATION

There is no task for this. Of those who wait one calls `receive`, and the others wait for its turn
to be over; then all look at what is there now. If it is cancelled, the next one takes over.

Others' code may wrap `receive` in a function of its own, about which nothing is known. An event
can pass through that: so a body that is lost is told with the mark `LOST` on an empty one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import anyio
import anyio.lowlevel

from bolide.exceptions import BolideError
from bolide.types import Message, Receive

__all__ = ["LOST", "MAX_HELD", "Inbox", "OnceInbox", "StreamConsumed", "is_whole"]

MAX_HELD: Final = 64 * 1024
"""How many bytes of a body are held for those who have not read it, and one event more."""

LOST: Final = "bolide.lost"
"""Marks an event in place of a body that is lost; its value says why."""

_EVENT_SIZE: Final = 256
"""What an event costs besides the bytes in it, about."""


class StreamConsumed(BolideError, RuntimeError):
    """A body was to be read that has been given away, or dropped."""


def is_whole(message: Message) -> bool:
    """Say whether an event is a body in one piece."""
    return (
        message["type"] == "http.request"
        and not message.get("more_body", False)
        and LOST not in message
    )


class _Turn:
    """What those wait for who do not call `receive` themselves."""

    __slots__ = ("error", "over")

    def __init__(self) -> None:
        self.over = anyio.Event()
        self.error: Exception | None = None


class Inbox:
    """What comes through a receive channel, for any number of tasks.

    Subclasses say how a body is held, and how it is read.

    Args:
        source: The channel that is listened to.

    Attributes:
        begun: Whether somebody has begun to read the body.
        complete: Whether all of the body has arrived.
        gone: Whether the client has left.
        loss: Why the body cannot be read, if so.
        refusal: Makes the error of somebody who has refused the body, if so.
        replays: Whether a body can be read more than once.
    """

    # PERF: S7, defaults of the class are not to be set for each request, as slots would have to be.
    begun = False
    complete = False
    gone = False
    loss: str | None = None
    refusal: Callable[[], Exception] | None = None
    replays = False
    _receiving = False
    _turn: _Turn | None = None

    def __init__(self, source: Receive) -> None:
        self.source = source

    def again(self) -> Receive:
        """Give a channel to read the body from."""
        raise NotImplementedError

    async def whole(self) -> bytes | None:
        """Wait for one event at the most, and give the body if that is all of it, and unread.

        PERF: S7, S8. Most bodies come in one piece. Of all others nothing is taken.
        """
        if not (self.complete or self.gone or self.begun):
            await self.advance()
        return self.take_whole() if self.complete and self.loss is None else None

    def take_whole(self) -> bytes | None:
        """Give a body that is complete, if it is in one piece and nobody has read it."""
        raise NotImplementedError

    def take(self, message: Message) -> None:
        """Take in an event."""
        raise NotImplementedError

    def clear(self) -> None:
        """Let go of the body, which `loss` says why it is lost."""
        raise NotImplementedError

    def is_full(self) -> bool:
        """Say whether no more should be held before somebody reads."""
        raise NotImplementedError

    async def poll(self) -> bool:
        """Say whether the client is known to have left, without waiting."""
        if not self.gone:
            if self.is_full() and not self.begun:
                self._drop()
            if self._receiving or self.is_full():
                await anyio.lowlevel.checkpoint()
            else:
                with anyio.CancelScope() as scope:
                    scope.cancel()
                    await self.advance()
        return self.gone

    async def wait_until_gone(self, *, may_drop: bool = False) -> None:
        """Return when the client has left.

        Args:
            may_drop: Whether a large body is dropped if nobody has begun to read it.
        """
        while not self.gone:
            if not self.is_full():
                await self.advance()
            elif may_drop and not self.begun:
                self._drop()
            else:
                await self._wait()

    async def advance(self) -> None:
        """Wait until another event has arrived."""
        if self._receiving:
            await self._wait()
            return
        self._receiving = True
        try:
            self.take(await self.source())
        except Exception as exc:
            if self._turn is not None:
                self._turn.error = exc
            raise
        finally:
            self._receiving = False
            self.wake()

    def begin_turn(self) -> None:
        """Let somebody call `receive` who then takes in the event, and calls `end_turn`."""
        self._receiving = True

    def end_turn(self, error: BaseException | None = None) -> None:
        """Let those who wait look at what is there now.

        Args:
            error: What `receive` has raised; a cancellation is nobody else's.
        """
        if isinstance(error, Exception) and self._turn is not None:
            self._turn.error = error
        self._receiving = False
        self.wake()

    async def _wait(self) -> None:
        turn = self._turn
        if turn is None:
            turn = self._turn = _Turn()
        await turn.over.wait()
        if turn.error is not None:
            raise turn.error

    def wake(self) -> None:
        """Let those who wait look at what is there now."""
        if self._turn is not None:
            self._turn.over.set()
            self._turn = None

    def _drop(self) -> None:
        self.loss = (
            f"Stream consumed: the body was dropped, since nobody had read it when {MAX_HELD}"
            " bytes of it had come in and the client was watched."
        )
        self.clear()
        self.wake()


class OnceInbox(Inbox):
    """An inbox that is a receive channel itself, and gives each event once."""

    def __init__(self, source: Receive) -> None:
        self.source = source
        self._held: deque[Message] = deque()

    async def __call__(self) -> Message:
        """Give the next event."""
        while not self._held:
            if self.gone:
                return {"type": "http.disconnect"}
            await self.advance()
        self.begun = True
        self.wake()
        return self._held.popleft()

    def again(self) -> Receive:
        """Give a channel to read the body from: there is but one."""
        return self

    def take_whole(self) -> bytes | None:
        """Give a body that is complete, if it is in one piece and nobody has read it."""
        if self.begun or len(self._held) != 1 or LOST in self._held[0]:
            return None
        self.begun = True
        body: bytes = self._held.popleft().get("body", b"")
        self.wake()
        return body

    def take(self, message: Message) -> None:
        """Take in an event."""
        if message["type"] == "http.disconnect":
            self.gone = True
        elif self.complete and self._held:
            # Nothing comes after a body. What does, and nobody wants, is not piled up.
            pass
        elif message["type"] != "http.request":
            self._held.append(message)
        else:
            self.complete = not message.get("more_body", False)
            if self.loss is None:
                self._held.append(message)

    def clear(self) -> None:
        """Let go of the body."""
        lost = {"type": "http.request", "body": b"", "more_body": False, LOST: self.loss}
        self._held = deque([lost])

    def is_full(self) -> bool:
        """Say whether no more should be held before somebody reads."""
        sizes = (_EVENT_SIZE + len(message.get("body", b"")) for message in self._held)
        return not self.complete and sum(sizes) >= MAX_HELD
