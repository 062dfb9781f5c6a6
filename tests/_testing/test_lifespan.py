"""One lifespan: what applications do with it, right and wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from bolide._testing.lifespan import LifespanConversation, LifespanFailed
from bolide.types import ASGIApp

pytestmark = pytest.mark.anyio


def doing(*steps: Any) -> ASGIApp:
    """Make an application that receives, sends events, sleeps or raises, in this order."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for step in steps:
            if isinstance(step, Exception):
                raise step
            if step == "receive":
                await receive()
            elif step == "sleep":
                await anyio.sleep_forever()
            else:
                await send({"type": f"lifespan.{step}", "message": "why"})

    return app


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[LifespanConversation]:
    lifespan = LifespanConversation(app, {})
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(lifespan.run)
        yield lifespan
        lifespan.cancel()


async def test_startup_and_shutdown_happen_in_one_task() -> None:
    log: list[Any] = []
    state: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope == {"type": "lifespan", "state": {}}
        async with anyio.create_task_group():
            log.append(await receive())
            scope["state"]["key"] = "value"
            await send({"type": "lifespan.startup.complete"})
            log.append(await receive())
            await send({"type": "lifespan.shutdown.complete"})
        await checkpoint()
        log.append("ended")

    lifespan = LifespanConversation(app, state)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(lifespan.run)
        await lifespan.startup()
        lifespan.raise_error()
        assert state == {"key": "value"}
        assert log == [{"type": "lifespan.startup"}]
        await lifespan.shutdown()
        lifespan.raise_error()
        assert log == [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}, "ended"]


FAILURE = ValueError("mine")


@pytest.mark.parametrize(
    "steps",
    [
        [FAILURE],
        ["receive", FAILURE],
        ["receive", "startup.failed", FAILURE],
    ],
)
async def test_what_is_raised_at_startup_is_the_error(steps: list[Any]) -> None:
    async with running(doing(*steps)) as lifespan:
        await lifespan.startup()
        assert lifespan.error is FAILURE


@pytest.mark.parametrize(
    "steps",
    [
        [FAILURE],
        ["receive", FAILURE],
        ["receive", "shutdown.failed", FAILURE],
        ["receive", "shutdown.complete", FAILURE],
        ["receive", "something.else", FAILURE],
    ],
)
async def test_what_is_raised_later_is_the_error_of_the_shutdown(steps: list[Any]) -> None:
    async with running(doing("receive", "startup.complete", *steps)) as lifespan:
        await lifespan.startup()
        await anyio.wait_all_tasks_blocked()
        if steps[-2:-1] == ["something.else"]:
            with pytest.raises(AssertionError):
                await lifespan.shutdown()
        else:
            await lifespan.shutdown()
        assert lifespan.error is FAILURE


@pytest.mark.parametrize("then", [[], ["sleep"]])
async def test_a_startup_that_is_said_to_have_failed_raises(then: list[str]) -> None:
    async with running(doing("receive", "startup.failed", *then)) as lifespan:
        with pytest.raises(LifespanFailed, match="why"):
            await lifespan.startup()
        assert lifespan.ended


async def test_a_shutdown_that_is_said_to_have_failed_raises() -> None:
    steps = ["receive", "startup.complete", "receive", "shutdown.failed"]
    async with running(doing(*steps)) as lifespan:
        await lifespan.startup()
        with pytest.raises(LifespanFailed, match="why"):
            await lifespan.shutdown()


@pytest.mark.parametrize(
    ("steps", "got"),
    [([], "ended"), (["receive"], "ended"), (["something.else", "sleep"], "lifespan.something")],
)
async def test_a_startup_without_an_answer_raises(steps: list[str], got: str) -> None:
    async with running(doing(*steps)) as lifespan:
        with pytest.raises(AssertionError, match=rf'"lifespan\.startup\.complete".*{got}'):
            await lifespan.startup()
        assert lifespan.ended


@pytest.mark.parametrize(
    ("steps", "got"),
    [
        ([], "ended"),
        (["receive"], "ended"),
        (["startup.complete", "sleep"], "lifespan.startup.complete"),
    ],
)
async def test_a_shutdown_without_an_answer_raises(steps: list[str], got: str) -> None:
    async with running(doing("receive", "startup.complete", *steps)) as lifespan:
        await lifespan.startup()
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(AssertionError, match=rf'"lifespan\.shutdown\.complete".*{got}'):
            await lifespan.shutdown()
        assert lifespan.ended
