"""Where an application is: the line of code at which a coroutine waits."""

from __future__ import annotations

from types import FrameType
from typing import Any, Final

from bolide._async import Begun

# Nobody wants to hear that an application waits in the library that it waits with.
PASSED_OVER: Final = frozenset({"anyio", "asyncio", "bolide", "contextlib", "trio"})

_FRAMES: Final = ("cr_frame", "gi_frame", "ag_frame")
_AWAITED: Final = ("cr_await", "gi_yieldfrom", "ag_await")


def whereabouts(awaitable: object) -> str:
    """Say where a coroutine that is being awaited waits, as in `at app.py:12, in echo`.

    That is the innermost line that belongs to no library of `PASSED_OVER`, as far as one can see:
    the inside of other tasks, and that of async generators, cannot be seen from here.
    """
    frames: list[FrameType] = []
    while awaitable is not None:
        frame = _first(awaitable, _FRAMES)
        if isinstance(frame, FrameType):
            frames.append(frame)
        awaitable = _first(awaitable, _AWAITED) or _driven(awaitable, frame)
    for frame in reversed(frames):
        if frame.f_globals.get("__name__", "").partition(".")[0] not in PASSED_OVER:
            code = frame.f_code
            return f"at {code.co_filename}:{frame.f_lineno}, in {code.co_qualname}"
    return "at a place that cannot be told"


def _driven(awaitable: object, frame: object) -> object:
    """Give what is stepped by hand, for which there is no attribute."""
    if isinstance(awaitable, Begun):
        begun: Any = awaitable  # pyright: ignore[reportUnknownVariableType]
        return begun.work
    if isinstance(frame, FrameType) and frame.f_globals["__name__"].startswith("bolide."):
        # So it is called wherever we step something.
        return frame.f_locals.get("coroutine")
    return None


def _first(owner: object, names: tuple[str, ...]) -> object:
    """Give the first of some attributes that there is."""
    return next((value for name in names if (value := getattr(owner, name, None))), None)
