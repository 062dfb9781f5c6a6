"""How much of a body is taken in: more than the application's policy allows is refused.

RULES

- Bytes are counted as they arrive; what the client announces is not believed.
- A limit that was set for the place where the request has got to (`max_body_size` of an
  application, a mount or a route) counts by itself, and those of the policy do not hold there.
- Who takes a body piece by piece (`stream()`) has no limit: what is not kept does no harm.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final, Literal

from bolide._policy import policy_of
from bolide.exceptions import HTTPException

__all__ = ["MAX_BODY_SIZE_SCOPE_KEY", "BodyTooLarge", "limited", "max_size_of"]

MAX_BODY_SIZE_SCOPE_KEY: Final = "starlette.max_body_size"
"""Where a scope says which limit is in force, in bytes."""

LimitName = Literal["max_buffer_size", "max_form_size"]


class BodyTooLarge(HTTPException):
    """A body is over a limit of the policy; status 413 (RFC 9110, section 15.5.14).

    Attributes:
        max_size: The limit in bytes.
        limit: The name of the limit in `Policy`.
    """

    def __init__(self, max_size: float, limit: LimitName) -> None:
        super().__init__(413, f"The body is larger than {max_size} bytes ({limit}).")
        self.max_size = max_size
        self.limit: LimitName = limit


def max_size_of(scope: Mapping[str, Any], limit: LimitName) -> float:
    """Give how many bytes of a body are taken here; infinity for any number."""
    if MAX_BODY_SIZE_SCOPE_KEY in scope:
        return math.inf
    max_size: int | None = getattr(policy_of(scope), limit)
    return math.inf if max_size is None else max_size


def limited(
    stream: AsyncGenerator[bytes, None], max_size: float, limit: LimitName
) -> AsyncGenerator[bytes, None]:
    """Give a body on in pieces, as long as there are not too many bytes.

    Raises:
        BodyTooLarge: While it is read: there are.
    """
    return stream if max_size == math.inf else _counted(stream, max_size, limit)


async def _counted(
    stream: AsyncGenerator[bytes, None], max_size: float, limit: LimitName
) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > max_size:
            raise BodyTooLarge(max_size, limit)
        yield chunk
