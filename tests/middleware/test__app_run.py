"""An application that runs apart: the two tasks take turns, and both come to an end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from bolide.middleware._app_run import AppRun
from bolide.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]}


def chunk(body: bytes = b"", more_body: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more_body}


async def receive() -> Message:
    return await anyio.sleep_forever()


@asynccontextmanager
async def running(app: ASGIApp, sent_out: list[Message] | None = None) -> AsyncIterator[AppRun]:
    async def send_out(message: Message) -> None:
        assert sent_out is not None
        sent_out.append(message)

    run = AppRun(app, {"type": "http"}, receive, send_out)
    async with anyio.create_task_group() as task_group:
        task_group.start_soon(run)
        yield run
        run.release()


async def test_the_application_waits_until_its_message_is_taken() -> None:
    log: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        for piece in (b"1", b"2"):
            await send(chunk(piece, more_body=True))
            log.append(f"gave {piece.decode()}")
        await send(chunk())
        log.append("ended")

    async with running(app) as run:
        response = await run.start()
        assert response.raw_headers == [(b"a", b"b")]
        async for piece in response.body_iterator:
            assert isinstance(piece, bytes)
            log.append(f"took {piece.decode()}")
        assert "ended" not in log
    # A task may find that its message was taken before or after the next one is looked for.
    assert [entry for entry in log if entry.startswith("took")] == ["took 1", "took 2"]
    assert log.index("gave 1") < log.index("took 2")
    assert log[-1] == "ended"


async def test_an_application_that_does_not_answer_is_an_error() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        return

    async with running(app) as run:
        with pytest.raises(RuntimeError, match=r"No response returned\."):
            await run.start()


async def test_an_error_before_the_start_is_raised_once() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("mine")

    async with running(app) as run:
        with pytest.raises(ValueError, match="mine"):
            await run.start()
    assert run.error is None


async def test_an_error_after_the_start_is_kept() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        raise ValueError("mine")

    async with running(app) as run:
        response = await run.start()
        assert [piece async for piece in response.body_iterator] == []
    assert isinstance(run.error, ValueError)


async def test_early_hints_go_past() -> None:
    sent_out: list[Message] = []
    hint: Message = {"type": "http.response.early_hint", "links": []}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(hint)
        await send(START)

    async with running(app, sent_out) as run:
        await run.start()
    assert sent_out == [hint]


async def test_a_start_without_headers_has_none() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204})

    async with running(app) as run:
        assert (await run.start()).raw_headers == []


async def test_after_the_release_messages_are_dropped_and_the_client_is_gone() -> None:
    learned: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        await send(chunk(b"never taken", more_body=True))
        learned.append((await receive())["type"])
        while len(learned) < 100:
            await send(chunk(b"dropped", more_body=True))
            learned.append(None)

    async with running(app) as run:
        await run.start()
    assert learned[0] == "http.disconnect"
    assert len(learned) == 100


async def test_a_receive_that_waits_is_ended_by_the_release() -> None:
    waiting = anyio.Event()
    learned: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(START)
        waiting.set()
        learned.append((await receive())["type"])

    async with running(app) as run:
        await run.start()
        await waiting.wait()
        await anyio.lowlevel.checkpoint()
    assert learned == ["http.disconnect"]


async def test_context_variables_are_handed_over() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="unset")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        variable.set("at the start")
        await send(START)
        variable.set("at the end")

    async with running(app) as run:
        await run.start()
        assert variable.get() in ("at the start", "at the end")
    run.hand_over_context()
    assert variable.get() == "at the end"
