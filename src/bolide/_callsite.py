"""Where in the user's code bolide was called, for warnings."""

from __future__ import annotations

import os
import sys
import warnings
from types import FrameType

__all__ = ["warn_caller"]

# With the separator: another package's name may begin with ours.
_PACKAGE = __file__.rpartition(os.sep)[0] + os.sep


def _outside_depth() -> int:
    """Say how far up the nearest calling frame is that is not bolide's."""
    frame: FrameType = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    depth = 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        depth += 1
    return depth


def warn_caller(message: str, category: type[Warning]) -> None:
    """Warn, pointing at the user's line."""
    warnings.warn(message, category, stacklevel=_outside_depth())
