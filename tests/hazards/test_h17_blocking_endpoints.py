"""Blocking endpoints: 200 that hang keep neither files nor others from being served.

They hang on an event, and not for a time: what is answered is answered while all of them do. How
long that takes on a real server: tests/integration/test_blocked_server.py.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from bolide.applications import Bolide, Starlette
from bolide.background import BackgroundTask
from bolide.endpoints import HTTPEndpoint
from bolide.requests import Request
from bolide.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from bolide.routing import Mount, Route
from bolide.staticfiles import StaticFiles
from bolide.types import Message

pytestmark = pytest.mark.anyio

MAX_SECONDS = 30

MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
    + b"x" * 2 * 1024 * 1024
    + b"\r\n--x--\r\n"
)


class Service:
    """An application with an endpoint that blocks until it is told to go on."""

    def __init__(self, cls: type[Starlette], files: Path, **options: Any) -> None:
        self.running = 0
        self.healthy = 0
        self.answers: list[tuple[int, dict[bytes, bytes]]] = []
        self._go_on = threading.Event()

        service = self

        class Class(HTTPEndpoint):
            def get(self, request: Request) -> Response:
                return service.block(request)

        self.app = cls(
            routes=[
                Route("/block", self.block),
                Route("/class", Class),
                Route("/async", self.quick),
                Route("/async-file", self.file),
                Route("/upload", self.upload, methods=["POST"]),
                Route("/sync", self.health),
                Route("/own", self.health, limits={"max_endpoint_threads": 1}),
                Mount("/static", StaticFiles(directory=files, check_dir=False)),
            ],
            **options,
        )
        self._file = files / "file"

    def block(self, request: Request) -> Response:
        self.running += 1
        self._go_on.wait(MAX_SECONDS)
        return PlainTextResponse("at last")

    def health(self, request: Request) -> Response:
        self.healthy += 1
        return PlainTextResponse("data")

    async def quick(self, request: Request) -> Response:
        return PlainTextResponse("data")

    async def file(self, request: Request) -> Response:
        return FileResponse(self._file)

    async def upload(self, request: Request) -> Response:
        # Large enough to be on disk.
        async with request.form() as form:
            file: Any = form["file"]
            return PlainTextResponse("data" if len(await file.read()) > 1024 * 1024 else "none")

    async def ask(self, path: str) -> tuple[int, dict[bytes, bytes], bytes]:
        sent: list[Message] = []
        body = MULTIPART if path == "/upload" else b""

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "POST" if body else "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [
                (b"host", b"localhost"),
                (b"content-type", b"multipart/form-data; boundary=x"),
            ],
            "client": ("127.0.0.1", 1234),
            "server": ("127.0.0.1", 80),
        }
        await self.app(scope, receive, send)
        content = b"".join(message.get("body", b"") for message in sent)
        return sent[0]["status"], dict(sent[0]["headers"]), content

    async def answer(self, path: str) -> bytes:
        """Give the answer, while all that were blocked before are."""
        blocked, answered = self.running, len(self.answers)
        with anyio.fail_after(MAX_SECONDS / 2):
            answer = await self.ask(path)
        assert not self._go_on.is_set()
        assert (self.running, len(self.answers)) == (blocked, answered)
        return answer[2]

    @asynccontextmanager
    async def blocked(self, number: int, threads: int, path: str = "/block") -> AsyncIterator[None]:
        """Have so many requests block, or wait to."""

        async def ask() -> None:
            status, headers, _ = await self.ask(path)
            self.answers.append((status, headers))

        async with anyio.create_task_group() as task_group:
            for _ in range(number):
                task_group.start_soon(ask)
            await self.until_running(threads)
            try:
                yield
            finally:
                self._go_on.set()

    async def until_running(self, number: int) -> None:
        with anyio.fail_after(MAX_SECONDS):
            while self.running < number:  # noqa: ASYNC110 - a thread cannot set such an event
                await anyio.sleep(0.001)

    def count(self, status: int) -> int:
        return sum(one == status for one, _ in self.answers)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"data")
    return tmp_path


ALL = ["/async", "/async-file", "/static/file", "/upload", "/own", "/sync"]


async def test_two_hundred_that_hang_keep_no_others_waiting(files: Path) -> None:
    service = Service(Bolide, files)
    async with service.blocked(200, 40):
        for path in ALL:
            assert await service.answer(path) == b"data", path
        assert service.running == 40
    assert service.count(200) == 200


async def test_no_more_do_either_when_others_are_refused(files: Path) -> None:
    service = Service(Bolide, files)
    async with service.blocked(300, 40):
        await anyio.wait_all_tasks_blocked()
        assert service.count(503) == 60
        assert await service.answer("/sync") == b"data"


@pytest.mark.parametrize("path", ALL)
async def test_on_starlette_all_that_needs_a_thread_waits(files: Path, path: str) -> None:
    service = Service(Starlette, files)
    async with service.blocked(60, 40):
        answered = None
        with anyio.move_on_after(0.1):
            answered = (await service.ask(path))[2]
    # A pool of its own is there for whoever asks for it.
    assert answered == (b"data" if path in ("/async", "/own") else None)
    assert service.count(200) == 60


async def test_without_a_reserve_the_others_wait(files: Path) -> None:
    service = Service(Bolide, files, reserved_endpoint_threads=0)
    async with service.blocked(40, 40), anyio.create_task_group() as task_group:
        task_group.start_soon(service.ask, "/sync")
        await anyio.wait_all_tasks_blocked()
        assert service.healthy == 0
        service._go_on.set()
    assert service.healthy == 1


async def test_what_hangs_in_the_reserve_takes_one_thread_of_it(files: Path) -> None:
    service = Service(Bolide, files)
    async with service.blocked(60, 40), anyio.create_task_group() as task_group:
        for _ in range(10):
            task_group.start_soon(service.ask, "/class")
        await service.until_running(41)
        for _ in range(10):
            assert await service.answer("/sync") == b"data"
        assert service.running == 41
        service._go_on.set()


@pytest.mark.parametrize("path", ["/block", "/class"])
async def test_when_too_many_wait_the_next_ones_are_refused(files: Path, path: str) -> None:
    service = Service(Bolide, files, max_endpoint_threads=2, max_waiting_endpoints=3)
    # All of them come before the first has begun to wait.
    async with service.blocked(10, 2, path):
        await anyio.wait_all_tasks_blocked()
        assert service.count(503) == 5
        assert all(headers[b"retry-after"] == b"1" for _, headers in service.answers)
        # Whoever does not have to wait is not concerned.
        assert await service.answer("/own") == b"data"
        assert await service.answer("/sync") == b"data"
    assert service.count(200) == 5


@pytest.mark.parametrize(
    ("cls", "options"),
    [(Starlette, {}), (Bolide, {"max_waiting_endpoints": None})],
)
async def test_starlette_lets_any_number_wait_and_so_does_who_wants_to(
    files: Path, cls: type[Starlette], options: dict[str, Any]
) -> None:
    service = Service(cls, files, **options)
    async with service.blocked(300, 40):
        await anyio.wait_all_tasks_blocked()
    assert service.count(200) == 300


async def test_by_default_two_hundred_may_wait(files: Path) -> None:
    service = Service(Bolide, files)
    async with service.blocked(250, 40):
        await anyio.wait_all_tasks_blocked()
        assert service.count(503) == 10


async def test_a_request_that_has_begun_is_never_refused(files: Path) -> None:
    # Its handlers and background tasks, and the steps of its stream, wait however long it takes.
    options = {"max_waiting_endpoints": 0, "reserved_endpoint_threads": 0}
    service = Service(Bolide, files, max_endpoint_threads=1, **options)
    handled: list[str] = []

    async def broken(request: Request) -> Response:
        raise LookupError

    def handler(request: Request, exc: Exception) -> Response:
        handled.append("handler")
        return StreamingResponse(steps(), background=BackgroundTask(handled.append, "task"))

    def steps() -> Iterator[str]:
        handled.append("step")
        yield "data"

    service.app.add_route("/broken", broken)
    service.app.add_exception_handler(LookupError, handler)
    async with service.blocked(1, 1), anyio.create_task_group() as task_group:
        assert (await service.ask("/sync"))[0] == 503
        task_group.start_soon(service.ask, "/broken")
        await anyio.wait_all_tasks_blocked()
        assert handled == []
        service._go_on.set()
    assert handled == ["handler", "step", "task"]
