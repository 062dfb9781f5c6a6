"""A conversation that runs in a task of the event loop that its client runs in."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from bolide._async import create_collapsing_task_group
from bolide._testing.conversation import Conversation


@asynccontextmanager
async def running_task(
    conversation: Conversation, task_group: TaskGroup | None
) -> AsyncGenerator[None]:
    """Run the application of a conversation, in a task group or in one of its own.

    An application never outlives the context: on leaving, it is cancelled if it has not ended.
    """
    async with AsyncExitStack() as stack:
        if task_group is None:
            task_group = await stack.enter_async_context(create_collapsing_task_group())
        task_group.start_soon(conversation.run)
        try:
            yield
        finally:
            if not conversation.ended:
                with anyio.CancelScope(shield=True):
                    await conversation.abort()
