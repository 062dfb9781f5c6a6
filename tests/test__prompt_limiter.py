"""A limiter that takes the tokens of another one, at once where there are any."""

from __future__ import annotations

import anyio
import pytest

from bolide._prompt_limiter import PromptLimiter

pytestmark = pytest.mark.anyio


async def test_a_token_that_is_free_is_taken_at_once() -> None:
    limiter = anyio.CapacityLimiter(2)
    prompt = PromptLimiter(limiter)
    others: list[int] = []

    async def other() -> None:
        others.append(limiter.borrowed_tokens)

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(other)
        async with prompt:
            assert limiter.borrowed_tokens == 1
            await prompt.acquire_on_behalf_of("somebody")
            assert limiter.borrowed_tokens == 2
            assert others == []
            prompt.release_on_behalf_of("somebody")
        assert limiter.borrowed_tokens == 0


@pytest.mark.parametrize("borrower", [None, "somebody"])
async def test_where_there_is_none_it_is_waited_for(borrower: str | None) -> None:
    limiter = anyio.CapacityLimiter(1)
    prompt = PromptLimiter(limiter)
    taken: list[int] = []

    async def take() -> None:
        if borrower is None:
            async with prompt:
                taken.append(limiter.borrowed_tokens)
        else:
            await prompt.acquire_on_behalf_of(borrower)
            taken.append(limiter.borrowed_tokens)
            prompt.release_on_behalf_of(borrower)

    async with anyio.create_task_group() as task_group, limiter:
        task_group.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        assert taken == []
    assert taken == [1]
    assert limiter.borrowed_tokens == 0
