"""Disks that fail: whichever operation on a file it is, no answer is wrong, and nothing leaks.

Everything that is done with files is done in worker threads. Each scenario is run again and again,
with the first, the second, the third of these calls failing, until it runs to its end without.
"""

from __future__ import annotations

import errno
import functools
import gc
import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from bolide.applications import Bolide, Starlette
from bolide.middleware import Middleware
from bolide.middleware.base import BaseHTTPMiddleware
from bolide.requests import Request
from bolide.responses import FileResponse, JSONResponse, Response
from bolide.routing import Mount, Route
from bolide.staticfiles import StaticFiles
from bolide.types import ASGIApp, Message

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")

MAX_CALLS = 200

CONTENT = b"0123456789" * 30_000
PART = b'Content-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
FORM = b"".join(b"--x\r\n" + PART + CONTENT * 6 + b"\r\n" for _ in range(2)) + b"--x--\r\n"
CHUNK = 256 * 1024

FAULTS: dict[str, Callable[[], Exception]] = {
    "input or output": lambda: OSError(errno.EIO, "injected"),
    "no space": lambda: OSError(errno.ENOSPC, "injected"),
    "too many files": lambda: OSError(errno.EMFILE, "injected"),
    "no memory": lambda: MemoryError("injected"),
}


class Disk:
    """Lets the n-th call in a worker thread fail."""

    def __init__(self, fails_at: int, fault: Callable[[], Exception]) -> None:
        self.calls = 0
        self._fails_at = fails_at
        self._fault = fault
        self._run_sync = anyio.to_thread.run_sync

    @property
    def has_failed(self) -> bool:
        return self.calls >= self._fails_at

    async def run_sync(self, func: Callable[..., Any], *args: Any, **options: Any) -> Any:
        self.calls += 1
        if self.calls == self._fails_at:
            func = functools.partial(self._fail, func)
        return await self._run_sync(func, *args, **options)

    def _fail(self, func: Callable[..., Any], *args: Any) -> Any:
        if _name(func) == "close":
            # A file is closed even if what was left to be written cannot be.
            func(*args)
        raise self._fault()


def _name(func: Any) -> str:
    while isinstance(func, functools.partial):
        func = func.func
    return str(getattr(func, "__name__", ""))


async def file(request: Request) -> Response:
    return FileResponse(request.app.state.path)


async def upload(request: Request) -> Response:
    digests = []
    async with request.form() as form:
        for each in form.getlist("file"):
            assert not isinstance(each, str)
            content = await each.read()
            await each.seek(0)
            assert await each.read(10) == content[:10]
            digests.append(hashlib.sha256(content).hexdigest())
    return JSONResponse(digests)


async def pass_on(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    return response


# The path, its headers, and the body.
SCENARIOS: dict[str, tuple[str, list[tuple[bytes, bytes]], bytes]] = {
    "a file": ("/file", [], b""),
    "a range": ("/file", [(b"range", b"bytes=10-250000")], b""),
    "some ranges": ("/file", [(b"range", b"bytes=10-20,250000-")], b""),
    "a static file": ("/static/file", [], b""),
    "an index": ("/static/", [], b""),
    "a missing file": ("/static/nothing", [], b""),
    "an upload": ("/upload", [(b"content-type", b"multipart/form-data; boundary=x")], FORM),
}


async def ask(app: ASGIApp, scenario: str) -> tuple[int, bytes, bool, Exception | None]:
    """Give the status, the body, whether that is complete, and the error that is left."""
    path, headers, body = SCENARIOS[scenario]
    chunks = [body[at : at + CHUNK] for at in range(0, len(body), CHUNK)] or [b""]
    sent: list[Message] = []

    async def receive() -> Message:
        if not chunks:
            await anyio.sleep_forever()
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

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
        "headers": [(b"host", b"localhost"), *headers],
        "client": ("127.0.0.1", 1234),
        "server": ("127.0.0.1", 80),
    }
    error: Exception | None = None
    try:
        await app(scope, receive, send)
    except Exception as exc:
        error = exc
    content = b"".join(message.get("body", b"") for message in sent[1:])
    # What stands between ranges is made up for each response.
    content = re.sub(rb"--[0-9a-f]{26}", b"--boundary", content)
    complete = bool(sent[1:]) and not sent[-1].get("more_body", False)
    return sent[0]["status"] if sent else 0, content, complete, error


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - in a hot loop


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name in ("file", "index.html"):
        (tmp_path / name).write_bytes(CONTENT)
    return tmp_path


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Remember the temporary files that are made."""
    from bolide import formparsers

    made: list[Any] = []

    class Remembered(tempfile.SpooledTemporaryFile[bytes]):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.append(self)

    monkeypatch.setattr(formparsers, "SpooledTemporaryFile", Remembered)
    return made


@pytest.mark.usefixtures("quick_collections")
@pytest.mark.parametrize("cls", [Bolide, Starlette])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("layers", [0, 2])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_whichever_call_fails_no_answer_is_wrong_and_nothing_is_left_open(
    cls: type[Starlette],
    backend: str,
    layers: int,
    scenario: str,
    files: Path,
    made: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = cls(
        routes=[
            Route("/file", file),
            Route("/upload", upload, methods=["POST"]),
            Mount("/static", StaticFiles(directory=files, html=True, check_dir=False)),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=pass_on)] * layers,
    )
    app.state.path = files / "file"
    right = anyio.run(ask, app, scenario, backend=backend)
    assert right[2:] == (True, None)

    async def run(disk: Disk) -> tuple[tuple[int, bytes, bool, Exception | None], int, int]:
        # What is made once is made now.
        await anyio.to_thread.run_sync(gc.collect)
        before = descriptors()
        with monkeypatch.context() as patch:
            patch.setattr(anyio.to_thread, "run_sync", disk.run_sync)
            answer = await ask(app, scenario)
        return answer, before, descriptors()

    names = list(FAULTS)
    for number in range(1, MAX_CALLS):
        disk = Disk(number, FAULTS[names[number % len(names)]])
        (status, content, complete, error), before, after = anyio.run(run, disk, backend=backend)
        assert after == before, number
        assert all(each.closed for each in made)
        if not disk.has_failed:
            assert (status, content, complete, error) == right
            assert number > 1
            return
        assert error is None or "injected" in f"{error} {error.__cause__} {error.__context__}"
        # All of it, or nothing: an error, or a body that the server breaks off.
        if (status, content, complete) != right[:3]:
            assert error is not None or status >= 500
            # Starlette ends what has broken off behind such middleware.
            assert status >= 500 or not complete or (cls is Starlette and layers)
    pytest.fail("It has never run to its end.")
