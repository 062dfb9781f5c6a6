"""Background tasks that fail silently, or take others with them (fastapi#15715)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def test_a_task_that_fails_does_not_keep_the_next_from_running(
    api: Any, client_for: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    async def charge_the_card() -> None:
        raise ConnectionError("no network")

    async def endpoint(request: Any) -> Any:
        tasks = api("background").BackgroundTasks()
        tasks.add_task(charge_the_card)
        tasks.add_task(calls.append, "mail")
        return api("responses").PlainTextResponse("ok", background=tasks)

    app = api.App(routes=[api("routing").Route("/", endpoint)])
    with client_for(app, raise_server_exceptions=False) as client:
        assert client.get("/").text == "ok"
    assert calls == ["mail"]
    assert "charge_the_card" in caplog.text
    assert "ConnectionError: no network" in caplog.text
