"""Forty threads for everything: blocking endpoints that stop all else."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

pytestmark = pytest.mark.anyio


def scope_for(path: str) -> Any:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [],
        "client": None,
        "server": None,
    }


async def receive() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


class Blocked:
    """Blocking endpoints that take all the threads that they can get."""

    def __init__(self, api: Any, files: Path) -> None:
        self.running = 0
        self.go_on = threading.Event()

        def block(request: Any) -> Any:
            self.running += 1
            self.go_on.wait(10)
            return api("responses").Response()

        async def file(request: Any) -> Any:
            return api("responses").FileResponse(files / "file")

        async def upload(request: Any) -> Any:
            with pytest.MonkeyPatch.context() as patch:
                parser = api("formparsers").MultiPartParser
                patch.setattr(parser, "spool_max_size", 1)
                async with request.form() as form:
                    return api("responses").PlainTextResponse(await form["file"].read())

        async def stranger(request: Any) -> Any:
            return api("responses").PlainTextResponse(
                await api("concurrency").run_in_threadpool(str, "own")
            )

        route = api("routing").Route
        static = api("staticfiles").StaticFiles(directory=files, check_dir=False)
        self.app = api.App(
            routes=[
                route("/block", block),
                route("/file", file),
                route("/upload", upload),
                route("/stranger", stranger),
                api("routing").Mount("/static", static),
            ]
        )

    async def get(self, path: str, body: bytes = b"", headers: Any = ()) -> bytes:
        sent: list[bytes] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message.get("body", b""))

        await self.app({**scope_for(path), "headers": headers}, receive, send)
        return b"".join(sent)

    async def __aenter__(self) -> Blocked:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        for _ in range(60):
            self._tasks.start_soon(self.get, "/block")
        with anyio.fail_after(5):
            while self.running < 40:  # noqa: ASYNC110 - a thread cannot set an event of the loop
                await anyio.sleep(0.001)
        await anyio.wait_all_tasks_blocked()
        return self

    async def __aexit__(self, *error: Any) -> None:
        self.go_on.set()
        await self._tasks.__aexit__(None, None, None)


MULTIPART = (
    b'--x\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\ndata\r\n--x--\r\n'
)


@pytest.mark.parametrize("path", ["/file", "/static/file", "/upload", "/stranger"])
async def test_blocking_endpoints_starve_everything_else(
    api: Any, tmp_path: Path, path: str
) -> None:
    await anyio.Path(tmp_path / "file").write_bytes(b"data")
    headers = [(b"content-type", b"multipart/form-data; boundary=x")]
    answer = b""
    async with Blocked(api, tmp_path) as blocked:
        assert blocked.running == 40
        with anyio.move_on_after(1):
            answer = await blocked.get(path, MULTIPART, headers)
    assert answer == (b"own" if path == "/stranger" else b"data")


async def test_nobody_says_that_the_threads_are_all_taken(
    api: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Blocked(api, tmp_path) as blocked:
        with anyio.move_on_after(0.01):
            await blocked.get("/block")
    assert "All 40 threads are busy" in caplog.text
