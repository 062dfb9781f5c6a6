"""One lifespan of an application: startup, the time between, shutdown.

RULES

    the client sends      the application answers        then
    lifespan.startup      lifespan.startup.complete      requests may come
                          lifespan.startup.failed        no requests; nothing to shut down
    lifespan.shutdown     lifespan.shutdown.complete     the application ends
                          lifespan.shutdown.failed       the application ends

An application that raises has failed; its exception counts for more than any answer. One that ends
or answers otherwise makes `startup` or `shutdown` raise.

THEORY OF OPERATION

Two streams of events, and the call of the application between them, in one task from startup to
shutdown: task groups and cancel scopes may span the whole time. When the application ends, the
streams are closed, which wakes whoever waits for an answer.
"""

from __future__ import annotations

from typing import Any

import anyio
from anyio.streams.stapled import StapledObjectStream

from bolide._testing.conversation import Conversation
from bolide._testing.scopes import lifespan_scope
from bolide.exceptions import BolideError
from bolide.types import ASGIApp, Message

EventStream = StapledObjectStream[Message]

MAX_WAITING = 8
"""How many events may wait in each direction; the protocol has two."""


class LifespanFailed(BolideError, RuntimeError):
    """The application said that its startup or its shutdown has failed, and did not raise."""


class LifespanConversation(Conversation):
    """One lifespan.

    Args:
        app: An ASGI 3 application.
        state: The dict that the application fills, and that requests get copies of.
        validate_events: As for every conversation.

    Attributes:
        to_app: What the client sends, and the application receives.
        from_app: What the application sends, and the client receives.
    """

    def __init__(
        self, app: ASGIApp, state: dict[str, Any], *, validate_events: bool = False
    ) -> None:
        super().__init__(app, lifespan_scope(state), validate_events=validate_events)
        self.to_app: EventStream = _event_stream()
        self.from_app: EventStream = _event_stream()

    async def run(self) -> None:
        """Run the application from startup to shutdown; the body of a task."""
        try:
            await super().run()
        finally:
            with anyio.CancelScope(shield=True):
                await self.to_app.aclose()
                await self.from_app.aclose()

    async def startup(self) -> None:
        """Start the application up.

        Returns also when the application has raised; see `raise_error`.

        Raises:
            LifespanFailed: It said so.
            AssertionError: It ended, or sent something else.
        """
        answer = await self._ask("startup")
        if answer is None or answer["type"] == "lifespan.startup.complete":
            return
        # What comes now is a traceback, if the application is about to raise.
        await self.leave()
        if self.error is None:
            raise LifespanFailed(answer.get("message", ""))

    async def shutdown(self) -> None:
        """Shut the application down and wait until it has ended; raises as `startup`."""
        answer = await self._ask("shutdown")
        await self.until(lambda: self.ended)
        if answer is None or self.error is not None:
            return
        if answer["type"] == "lifespan.shutdown.failed":
            raise LifespanFailed(answer.get("message", ""))

    async def receive(self) -> Message:
        """Give the application the next event."""
        return await self.to_app.receive()

    async def send(self, message: Message) -> None:
        """Take an event of the application."""
        await self.from_app.send(message)

    async def _ask(self, what: str) -> Message | None:
        """Send an event and wait for an answer to it; None if the application has raised."""
        answer: Message | None = None
        try:
            await self.to_app.send({"type": f"lifespan.{what}"})
            answer = await self.from_app.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
            await self.until(lambda: self.ended)
            if self.error is not None:
                return None
        expected = (f"lifespan.{what}.complete", f"lifespan.{what}.failed")
        if answer is not None and answer["type"] in expected:
            return answer
        await self.abort()
        got = "ended" if answer is None else f"sent {answer['type']!r}"
        raise AssertionError(
            f'The application was expected to send "{expected[0]}" or "{expected[1]}", but {got}.'
        )


def _event_stream() -> EventStream:
    return StapledObjectStream(*anyio.create_memory_object_stream[Message](MAX_WAITING))
