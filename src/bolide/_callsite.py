"""Where in the user's code bolide was called, for warnings and messages."""

from __future__ import annotations

import os
import sys
import warnings
from types import FrameType

__all__ = ["registration_site", "warn_caller"]

# With the separator: another package's name may begin with ours.
_PACKAGE = __file__.rpartition(os.sep)[0] + os.sep


def _outside_frame() -> tuple[FrameType, int]:
    """Give the nearest calling frame that is not bolide's, and how far up it is."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    depth = 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        depth += 1
    return frame, depth


def registration_site() -> tuple[str, int]:
    """Give file and line of the user's code that is making something."""
    frame, _ = _outside_frame()
    return frame.f_code.co_filename, frame.f_lineno


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn, pointing at the user's line."""
    _, depth = _outside_frame()
    warnings.warn(message, category, stacklevel=depth)
