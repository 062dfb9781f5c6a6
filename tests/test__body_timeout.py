"""Waiting for a body: in time, or not at all."""

from __future__ import annotations

import types
from typing import Any

import anyio
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


@pytest.mark.parametrize(
    ("version", "headers"), [("1.0", {"Connection": "close"}), ("2", None), ("3", None)]
)
async def test_only_http_1_says_that_the_connection_ends(version: str, headers: Any) -> None:
    assert body_timeout(scope_of(1, http_version=version)).headers == headers
