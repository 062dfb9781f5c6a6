"""What the application that is running has set, for those who have no scope to look it up in.

THEORY OF OPERATION

There is one context variable for all of it, since each takes its time to set and to put back in
every request.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from bolide._json_codec import STANDARD, JSONCodec
from bolide._policy import STARLETTE, Policy

if TYPE_CHECKING:
    from bolide._threads import ThreadLimits

__all__ = [
    "ACTIVE",
    "DEFAULT",
    "Settings",
    "current_settings",
    "enter_settings",
    "leave_settings",
]


class Settings:
    """What is set for whatever is done now.

    Attributes:
        policy: The policy of the application.
        codec: How it writes and reads JSON.
        limits: How many threads it may take; None for AnyIO's limit.
    """

    __slots__ = ("codec", "limits", "policy")

    def __init__(
        self,
        policy: Policy = STARLETTE,
        codec: JSONCodec = STANDARD,
        limits: ThreadLimits | None = None,
    ) -> None:
        self.policy = policy
        self.codec = codec
        self.limits = limits

    @classmethod
    def of(cls, policy: Policy, codec: JSONCodec, limits: ThreadLimits | None) -> Settings:
        """Give these settings, which are `DEFAULT` itself where they are those of Starlette."""
        if policy is STARLETTE and codec is STANDARD and limits is None:
            return DEFAULT
        return cls(policy, codec, limits)


DEFAULT: Final = Settings()
"""What holds where nothing is set: the behaviour of Starlette."""

ACTIVE: Final[ContextVar[Settings]] = ContextVar("bolide_settings", default=DEFAULT)
"""The settings of the innermost application that is running."""

# PERF: S1, CPython makes a new bound method for each call of a method of an imported name.

current_settings: Final = ACTIVE.get
"""Give the settings of the innermost application that is running."""

enter_settings: Final = ACTIVE.set
"""Let these settings hold, and give what `leave_settings` takes to end that."""

leave_settings: Final = ACTIVE.reset
"""Let the settings hold that did before."""
