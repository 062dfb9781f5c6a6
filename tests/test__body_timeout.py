"""Waiting for a body: in time, or not at all."""

from __future__ import annotations

import types
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from bolide._body_timeout import RequestBodyTimeout, body_timeout, in_time
from bolide._policy import Policy
from bolide.types import Message, Scope

pytestmark = pytest.mark.anyio


def scope_of(seconds: float, **more: Any) -> Scope:
    policy = Policy(body_idle_seconds=seconds)
    return {"type": "http", "app": types.SimpleNamespace(policy=policy), **more}


async def at_once() -> Message:
    return {"type": "http.request"}


async def never() -> Message:
    await anyio.sleep_forever()
    raise AssertionError


async def test_without_a_limit_the_channel_is_left_as_it_is() -> None:
    assert in_time(scope_of(0), at_once) is at_once


async def test_what_comes_in_time_is_given() -> None:
    assert await in_time(scope_of(5), at_once)() == {"type": "http.request"}


async def test_what_does_not_come_is_a_timeout() -> None:
    with pytest.raises(RequestBodyTimeout) as error:
        await in_time(scope_of(0.01), never)()
    assert error.value.status_code == 408


class Source:
    """A channel that waits for another task, in one of the ways in which channels do."""

    def __init__(self, way: str) -> None:
        self.way = way
        self.may_go_on = anyio.Event()
        self.log: list[str] = []

    async def __call__(self) -> str:
        if self.way == "scope":
            with anyio.CancelScope():
                await self.may_go_on.wait()
                await anyio.lowlevel.checkpoint()
        elif self.way == "shield":
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
            await self.may_go_on.wait()
        elif self.way == "group":
            async with anyio.create_task_group() as task_group:
                task_group.start_soon(self.may_go_on.wait)
        else:
            try:
                await self.may_go_on.wait()
            finally:
                self.log.append("over")
                await anyio.lowlevel.checkpoint()
        return "given"


each_way = pytest.mark.parametrize("way", ["plain", "scope", "shield", "group"])


@each_way
async def test_what_comes_later_but_in_time_is_given(way: str) -> None:
    source = Source(way)
    found: list[str] = []

    async def work() -> None:
        found.append(await in_time(scope_of(60), source)())

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(work)
        await anyio.wait_all_tasks_blocked()
        source.may_go_on.set()

    assert found == ["given"]


@each_way
async def test_whatever_the_channel_does_there_is_an_end_to_its_waiting(way: str) -> None:
    source = Source(way)
    with pytest.raises(RequestBodyTimeout) as error:
        await in_time(scope_of(0.01), source)()
    assert source.log == (["over"] if way == "plain" else [])
    assert error.value.__cause__ is None
    # Nothing of the cancellation is left.
    await anyio.lowlevel.checkpoint()


@each_way
async def test_who_waits_for_a_piece_can_be_cancelled(way: str) -> None:
    source = Source(way)
    with anyio.move_on_after(0.01) as around:
        await in_time(scope_of(60), source)()
    assert around.cancelled_caught
    await anyio.lowlevel.checkpoint()


async def test_a_channel_may_fail_at_once_or_later() -> None:
    async def fail(*, at_once: bool) -> None:
        if not at_once:
            await anyio.lowlevel.checkpoint()
        raise OSError("broken")

    for at_once in (True, False):
        with pytest.raises(OSError, match="broken"):
            await in_time(scope_of(60), partial(fail, at_once=at_once))()


async def test_a_channel_that_fails_when_its_time_is_up_has_failed() -> None:
    async def fail() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        await in_time(scope_of(0.01), fail)()


async def test_what_comes_when_the_time_is_up_is_given() -> None:
    async def catch() -> str:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            return "given"

    assert await in_time(scope_of(0.01), catch)() == "given"


@pytest.mark.parametrize(
    ("version", "headers"), [("1.0", {"Connection": "close"}), ("2", None), ("3", None)]
)
async def test_only_http_1_says_that_the_connection_ends(version: str, headers: Any) -> None:
    assert body_timeout(scope_of(1, http_version=version)).headers == headers
