"""Background tasks: one that fails keeps no other from running."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bolide.applications import Bolide, Starlette
from bolide.background import BackgroundTasks
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Route
from bolide.testclient import TestClient

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]


def app_of(cls: type[Starlette], done: list[str]) -> Starlette:
    async def fail() -> None:
        raise ValueError("of the task")

    async def home(request: Request) -> Response:
        tasks = BackgroundTasks()
        tasks.add_task(fail)
        tasks.add_task(done.append, "second")
        return PlainTextResponse("answered", background=tasks)

    return cls(routes=[Route("/", home)])


def test_a_task_that_fails_is_logged_and_the_next_one_runs(
    client_for: ClientFor, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []
    assert client_for(app_of(Bolide, done)).get("/").text == "answered"
    assert done == ["second"]
    records = [record for record in caplog.records if record.name == "bolide.background"]
    assert len(records) == 1
    assert records[0].exc_info is not None


def test_on_starlette_the_first_failure_is_the_end(client_for: ClientFor) -> None:
    done: list[str] = []
    with pytest.raises(ValueError, match="of the task"):
        client_for(app_of(Starlette, done)).get("/")
    assert done == []
