"""Hearing of signals before the server does, without taking them away from it.

RULES

A signal that tells the process to stop is held back until `release`, and then raised again, as if
it had only come now. The same signal a second time is a sign of impatience: all are released. A
signal that nobody handles is left alone, since it ends the process, and so is Python's own handling
of SIGINT, which raises KeyboardInterrupt: there is no server that would stop in order.

THEORY OF OPERATION

There are two ways to handle a signal, and both are stepped in front of: a handler that Python calls
(`signal.signal`), and a file descriptor that the number of every signal is written to, which event
loops read. Other signals are passed on to that descriptor at once.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from types import FrameType
from typing import Any, Final

__all__ = ["STOPPING", "HeldSignals"]

STOPPING: Final = (signal.SIGINT, signal.SIGTERM)
"""What tells a server to stop."""


class HeldSignals:
    """Signals that tell the process to stop, and are held back.

    Args:
        socket: Where the numbers of all signals are to be written to; it does not block.

    Attributes:
        pending: The numbers of those that have come.
    """

    def __init__(self, socket: socket.socket) -> None:
        self.pending: list[int] = []
        self._socket = socket
        self._previous_fd = -1
        self._previous: dict[int, Any] = {}

    def install(self) -> None:
        """Step in front of the handlers that there are; only the main thread has any."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in STOPPING:
            handler: Any = signal.getsignal(number)
            if callable(handler) and handler is not signal.default_int_handler:
                signal.signal(number, self._handle)
                self._previous[number] = handler
        self.hold()

    def hold(self) -> None:
        """Step in front again: some event loops take the file descriptor each time they are run."""
        if self._previous:
            # Another thread has no business with signals.
            with contextlib.suppress(ValueError):
                fd = self._socket.fileno()
                current = signal.set_wakeup_fd(fd, warn_on_full_buffer=False)
                if current != fd:
                    self._previous_fd = current

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number in self.pending:
            self.release()
        else:
            self.pending.append(number)
            # A full one is being read, and a closed one has no more to say.
            with contextlib.suppress(OSError):
                self._socket.send(b"\0")

    def pass_on(self, numbers: bytes) -> None:
        """Pass on what was written to the file descriptor, all but what is held back."""
        self.hold()
        others = bytes(number for number in numbers if number and number not in self.pending)
        if others and self._previous_fd != -1:
            # Full, or closed by now: whoever reads it does not miss this one.
            with contextlib.suppress(OSError):
                os.write(self._previous_fd, others)

    def release(self) -> None:
        """Step aside, and raise what was held back."""
        self._step_aside()
        pending, self.pending = self.pending, []
        for number in pending:
            signal.raise_signal(number)

    def _step_aside(self) -> None:
        if not self._previous:
            return
        for number, handler in self._previous.items():
            # Not if somebody has put another one before ours, or in its place.
            if signal.getsignal(number) == self._handle:
                signal.signal(number, handler)
        self._previous = {}
        current = signal.set_wakeup_fd(-1)
        if current == self._socket.fileno():
            current = self._previous_fd
        # It may belong to an event loop that has been closed meanwhile.
        with contextlib.suppress(OSError, ValueError):
            signal.set_wakeup_fd(current)
