"""What an application on trio is wrapped in."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest

from bolide.applications import Bolide, Starlette
from bolide.middleware._cleanup_boundary import CleanupBoundary
from bolide.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio


async def never(*args: object) -> Any:
    raise AssertionError


@pytest.mark.parametrize(("kind", "cleaned"), [("http", 1), ("websocket", 1), ("lifespan", 0)])
async def test_connections_may_clean_up_and_a_lifespan_is_left_alone(
    kind: str, cleaned: int
) -> None:
    done: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            await anyio.lowlevel.checkpoint()
            done.append(kind)

    async with anyio.create_task_group() as task_group:
        task_group.start_soon(CleanupBoundary(app, 5), {"type": kind}, never, never)
        await anyio.wait_all_tasks_blocked()
        task_group.cancel_scope.cancel()

    assert len(done) == cleaned


async def test_it_is_there_where_all_cancel_by_scopes(anyio_backend_name: str) -> None:
    def has_one(app: Starlette) -> bool:
        return isinstance(app.build_middleware_stack(), CleanupBoundary)

    assert has_one(Bolide()) == (anyio_backend_name == "trio")
    assert not has_one(Bolide(cleanup_seconds=0))
    assert not has_one(Starlette())
