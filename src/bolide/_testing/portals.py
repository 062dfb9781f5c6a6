"""A conversation that runs in the event loop of a portal, for as long as a context lasts."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

from anyio.from_thread import BlockingPortal

from bolide._testing.conversation import Conversation

PortalFactory = Callable[[], AbstractContextManager[BlockingPortal]]
"""Makes the context in which a portal is open, for one conversation or for many."""


@contextmanager
def running(
    conversation: Conversation, portal_factory: PortalFactory
) -> Generator[BlockingPortal, None, None]:
    """Run the application of a conversation, and give the portal to talk to it through.

    An application never outlives the context: on leaving, it is cancelled if it has not ended.
    """
    with portal_factory() as portal:
        try:
            portal.start_task_soon(conversation.run)
            yield portal
        finally:
            _abort(conversation, portal)


def _abort(conversation: Conversation, portal: BlockingPortal) -> None:
    if conversation.ended:
        return
    try:
        portal.call(conversation.abort)
    except RuntimeError:
        # The portal is gone, and all its tasks with it.
        pass
