"""Bodies that can be read in any order, and again, because the beginning of them is kept.

RULES

- A body is kept up to a limit. Once more than that has arrived, only what nobody has read yet is
  kept, so that it can be read once, by whoever has come furthest.
- What is kept belongs to one receive channel. Middleware that hands on a channel of its own, with
  another body in it, starts anew: nobody further in sees what was there before.

THEORY OF OPERATION

The `BodyKeeper` of an application wraps the channel of the server in a `Replay`. To others, that
is a channel like any other, which gives the body once. A `Request` knows it, and takes a fresh
`Replay` of the same `KeptBody` each time that it reads. Our own middlewares that wrap a channel
make theirs a `Replay` too, if they were given one.
"""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable
from typing import Any, Final

from bolide._inbox import LOST, MAX_HELD, Inbox, OnceInbox, is_whole
from bolide._policy import policy_of
from bolide.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["INBOXES_KEY", "BodyKeeper", "KeptBody", "Replay", "inbox_of", "like"]

_MAX_CHUNKS: Final = 256
"""Into how many pieces a body is kept apart; many small ones cost far more than their bytes."""

INBOXES_KEY: Final = "bolide.inboxes"
"""Where a scope keeps what gives the inboxes of its channels."""

_KEPT_KEY: Final = "bolide.kept_bodies"


class KeptBody(Inbox):
    """An inbox that keeps the body.

    Args:
        source: The channel that is listened to.
        max_size: How many bytes of a body are kept after they were read.
    """

    replays = True

    def __init__(self, source: Receive, max_size: int) -> None:
        super().__init__(source)
        self.max_size = max_size
        self._chunks: list[bytes] = []
        self._first = 0  # what lies before this place is forgotten
        self._size = 0  # how much has arrived
        self._read = 0  # how much the furthest reader has had

    def again(self) -> Receive:
        """Give a channel to read the body from, from its beginning."""
        return Replay.of(self)

    def next_chunk(self, at: int) -> bytes | None:
        """Give what there is from a place on; empty at the end, None if nothing is there yet.

        Raises:
            LookupError: It is lost.
        """
        if at < self._first or self.loss is not None:
            raise LookupError
        if at == self._size:
            return b"" if self.complete else None
        self.begun = True
        chunk = self._from(at)
        self._read = self._size
        if self._size > self.max_size:
            self._forget()
        self.wake()
        return chunk

    def take_whole(self) -> bytes | None:
        """Give a body that is complete, if it is in one piece and all of it is kept."""
        if self._first or len(self._chunks) > 1:
            return None
        return self.next_chunk(0)

    def put_together(self, body: bytes) -> None:
        """Keep the body as the one piece that somebody has made of it, instead of another copy."""
        if len(body) == self._size and not self._first:
            self._chunks = [body]

    def why_lost(self) -> str:
        """Say why what was asked for is lost."""
        return self.loss or (
            f"Stream consumed: a body is kept up to {self.max_size} bytes (max_replay_size) to be"
            " read again, and this one is larger."
        )

    def take(self, message: Message) -> None:
        """Take in an event."""
        if message["type"] == "http.disconnect":
            self.gone = True
        elif message["type"] == "http.request" and not self.complete:
            self.complete = not message.get("more_body", False)
            self.loss = self.loss or message.get(LOST)
            if self.loss is None and (chunk := message.get("body", b"")):
                self._chunks.append(chunk)
                self._size += len(chunk)
                if self._size > self.max_size:
                    self._forget()
                elif len(self._chunks) > _MAX_CHUNKS:
                    self._chunks = [b"".join(self._chunks)]

    def clear(self) -> None:
        """Let go of the body."""
        self._chunks.clear()

    def is_full(self) -> bool:
        """Say whether no more should be held before somebody reads."""
        # What is kept anyway does not count.
        unread = self._size - max(self._read, self.max_size)
        return unread >= MAX_HELD and not self.complete and self.loss is None

    def _forget(self) -> None:
        """Forget what has been read."""
        if self._read > self._first:
            self._chunks = [self._from(self._read)] if self._read < self._size else []
            self._first = self._read

    def _from(self, at: int) -> bytes:
        last = self._chunks[-1]
        if at == self._size - len(last):
            return last
        self._chunks = [b"".join(self._chunks)]
        return self._chunks[0][at - self._first :]


class Replay:
    """A receive channel that gives the body from its beginning, whoever has read it before.

    Args:
        source: The channel that is listened to.
        max_size: How many bytes of a body are kept.
    """

    # PERF: S1, defaults of the class are not to be set for each request, as slots would have to be.
    _body: KeptBody | None = None
    _whole: bytes | None = None
    _is_alone = False
    _at = 0
    _ended = False

    # An argument that may be left out would cost even more: CPython does not specialise such calls.

    def __init__(self, source: Receive, max_size: int) -> None:
        self.source = source
        self.max_size = max_size

    @staticmethod
    def of(body: KeptBody) -> Replay:
        """Give another channel to read what is kept."""
        replay = Replay(body.source, body.max_size)
        replay._body = body
        return replay

    @property
    def body(self) -> KeptBody:
        """What is kept; made when it is first asked for."""
        body = self._body
        if body is None:
            body = self._body = KeptBody(self.source, self.max_size)
            if self._is_alone:
                body.begin_turn()
            elif self._whole is not None:
                body.take({"type": "http.request", "body": self._whole})
        return body

    async def whole(self) -> bytes | None:
        """Do what `body.whole()` does.

        PERF: S7, S8, a third of what it takes: as long as nobody else listens, all that is kept is
        the body.
        """
        kept = self._body
        if kept is not None or self._is_alone:
            return await self.body.whole()
        if self._whole is not None:
            return self._whole
        self._is_alone = True
        try:
            message = await self.source()
        except BaseException as exc:
            self._is_alone = False
            if self._body is not None:
                self._body.end_turn(exc)
            raise
        if self._body is None and is_whole(message):
            whole: bytes = message.get("body", b"")
            if len(whole) <= self.max_size:
                self._is_alone = False
                self._whole = whole
                return whole
        body = self.body
        self._is_alone = False
        body.take(message)
        body.end_turn()
        return body.take_whole() if body.complete and body.loss is None else None

    async def __call__(self) -> Message:
        """Give the next event."""
        body = self.body
        while not self._ended:
            try:
                chunk = body.next_chunk(self._at)
            except LookupError:
                self._ended = True
                lost = {LOST: body.why_lost()}
                return {"type": "http.request", "body": b"", "more_body": False, **lost}
            if chunk is not None:
                self._at += len(chunk)
                self._ended = body.complete
                return {"type": "http.request", "body": chunk, "more_body": not self._ended}
            if body.gone:
                return {"type": "http.disconnect"}
            await body.advance()
        await body.wait_until_gone()
        return {"type": "http.disconnect"}


class BodyKeeper:
    """The layer of an application that has bodies kept.

    Args:
        app: The application inside.
        max_size: How many bytes of a body are kept.
    """

    __slots__ = ("_app", "_max_size")

    def __init__(self, app: ASGIApp, max_size: int) -> None:
        # PERF: S1, to call a method takes a third of what it takes to call an object.
        self._app: Any = app
        self._max_size = max_size

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Run as an ASGI application."""
        # PERF: S1, not a coroutine function, so that a request passes no further coroutine.
        if scope["type"] == "http" and type(receive) is not Replay:
            receive = Replay(receive, self._max_size)
        run: Awaitable[None] = self._app.__call__(scope, receive, send)
        return run


def like(receive: Receive, wrapper: Receive) -> Receive:
    """Let a channel that wraps another one replay bodies if that one does."""
    return Replay(wrapper, receive.max_size) if isinstance(receive, Replay) else wrapper


def inbox_of(scope: Scope, receive: Receive) -> Inbox:
    """Give the inbox that all share who listen to one channel of one request."""
    if isinstance(receive, Replay):
        return receive.body
    inboxes: list[Callable[[], Inbox | None]] = scope.get(INBOXES_KEY, [])
    for reference in inboxes:
        known = reference()
        # Each time that a method is taken from its object, that is another, but equal.
        if known is not None and known.source == receive:
            return known
    max_size = policy_of(scope).max_replay_size
    inbox = KeptBody(receive, max_size) if max_size else OnceInbox(receive)
    # Weak, since servers hold the scope, and channels belong to servers: nothing but the garbage
    # collector would end that circle. What keeps a body, though, has to last.
    if max_size:
        scope.setdefault(_KEPT_KEY, []).append(inbox)
    if not inboxes:
        scope[INBOXES_KEY] = inboxes
    inboxes.append(weakref.ref(inbox))
    return inbox
