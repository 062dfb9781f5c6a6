"""Patterns of the seeds: work after the response, one call or several in order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bolide.applications import Starlette
from bolide.background import BackgroundTask, BackgroundTasks
from bolide.responses import JSONResponse
from bolide.routing import Route
from bolide.testclient import TestClient

ClientFor = Callable[..., TestClient]


def test_a_single_task_takes_arguments_by_name(client_for: ClientFor) -> None:
    mails: list[tuple[str, str]] = []

    async def send_email(to: str, subject: str):
        mails.append((to, subject))

    async def signup(request):
        data = await request.json()
        task = BackgroundTask(send_email, to=data["email"], subject="Welcome!")
        return JSONResponse({"status": "ok"}, background=task)

    client = client_for(Starlette(routes=[Route("/", signup, methods=["POST"])]))

    assert client.post("/", json={"email": "a@b.org"}).json() == {"status": "ok"}
    assert mails == [("a@b.org", "Welcome!")]


@pytest.mark.parametrize("mail_fails", [False, True])
def test_several_tasks_run_in_order_until_one_fails(
    mail_fails: bool, client_for: ClientFor
) -> None:
    calls: list[str] = []

    async def send_email(to: str, subject: str):
        calls.append(f"mail to {to}")
        if mail_fails:
            raise OSError("no connection")

    async def log_signup(username: str):
        calls.append(f"log {username}")

    async def signup_v2(request):
        data = await request.json()
        tasks = BackgroundTasks()
        tasks.add_task(send_email, to=data["email"], subject="Welcome!")
        tasks.add_task(log_signup, username=data["username"])
        return JSONResponse({"status": "ok"}, background=tasks)

    app = Starlette(routes=[Route("/", signup_v2, methods=["POST"])])
    client = client_for(app, raise_server_exceptions=False)

    response = client.post("/", json={"email": "a@b.org", "username": "ada"})
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert calls == ["mail to a@b.org"] + ([] if mail_fails else ["log ada"])
