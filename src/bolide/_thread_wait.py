"""Tells waiting for a worker thread from all other waiting: nobody can end it but the thread.

THEORY OF OPERATION

What a coroutine yields goes up to the event loop at once, through everybody who awaits it. So who
yields notes what it is, and whoever sees the same object come by knows where it comes from. Another
thread may have noted something else meanwhile: then nothing is known, which does no harm.
"""

from __future__ import annotations

from typing import Any

__all__ = ["is_for_thread", "note", "note_end"]


class _Noted:
    waits_for: Any = None


def note(waits_for: Any) -> None:
    """Note what is yielded next, to wait for a thread."""
    _Noted.waits_for = waits_for


def note_end() -> None:
    """Let go of it: it may hold what the thread has returned."""
    _Noted.waits_for = None


def is_for_thread(waits_for: Any) -> bool:
    """Say whether what was just yielded is known to be waiting for a thread."""
    return waits_for is _Noted.waits_for
