"""Live updates: a message goes to everybody who listens to its room, and waits for nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from examples.lounge.store import Message

MAX_WAITING = 64
"""How many messages may wait for a slow listener before it is let go."""


class Hub:
    """Who listens to which room, in this process."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, set[MemoryObjectSendStream[Message]]] = defaultdict(set)

    @contextmanager
    def listen(self, room: str) -> Iterator[MemoryObjectReceiveStream[Message]]:
        """Give the messages of a room from now on; the stream ends for a listener too slow."""
        send, receive = anyio.create_memory_object_stream[Message](MAX_WAITING)
        self._listeners[room].add(send)
        try:
            with send, receive:
                yield receive
        finally:
            self._listeners[room].discard(send)
            if not self._listeners[room]:
                del self._listeners[room]

    def tell(self, message: Message) -> None:
        """Hand a message to everybody who listens to its room."""
        for listener in tuple(self._listeners.get(message["room"], ())):
            try:
                listener.send_nowait(message)
            except anyio.WouldBlock:
                listener.close()
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                # It was let go before, or is leaving just now.
                pass
