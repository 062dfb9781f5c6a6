"""How long the event loop stands still while large bodies come in and go out."""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bolide.types import Message
from reliability.app import app

CHUNK = 64 * 1024
MEBIBYTE = 1024 * 1024


async def largest_stall(work: Callable[[], Awaitable[None]]) -> float:
    """Give the longest time, in seconds, for which no other task got its turn."""
    largest = 0.0

    async def watch() -> None:
        nonlocal largest
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            largest = max(largest, now - last)
            last = now

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0)
    await work()
    watcher.cancel()
    return largest


async def ask(method: str, path: str, headers: dict[bytes, bytes], chunks: list[bytes]) -> int:
    """Call the application; give the status."""
    waiting = iter(chunks)
    status = 0

    async def receive() -> Message:
        # As a server does: other tasks run while a piece of the body comes.
        await asyncio.sleep(0)
        chunk = next(waiting, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": list(headers.items()),
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return status


def upload(mebibytes: int) -> list[bytes]:
    head = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    return [head, *[b"z" * CHUNK] * (mebibytes * MEBIBYTE // CHUNK), b"\r\n--b--\r\n"]


async def measure(upload_size: int, response_size: int) -> dict[str, float]:
    """Give the largest stall of each kind of work, in milliseconds."""
    form = {b"content-type": b"multipart/form-data; boundary=b"}

    async def take_upload() -> None:
        assert await ask("POST", "/form", form, upload(upload_size)) == 200

    async def compress() -> None:
        headers = {b"accept-encoding": b"gzip"}
        assert await ask("GET", f"/compressed/{response_size}", headers, []) == 200

    # Threads and what is made once are not part of it.
    await ask("POST", "/form", form, upload(4))
    await ask("GET", "/compressed/1", {b"accept-encoding": b"gzip"}, [])
    return {
        f"an upload of {upload_size} MiB": await largest_stall(take_upload) * 1000,
        f"a compressed response of {response_size} MiB": await largest_stall(compress) * 1000,
    }


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m reliability stalls", description=__doc__)
    parser.add_argument("--upload", type=int, default=200, help="MiB")
    parser.add_argument("--response", type=int, default=50, help="MiB")
    parser.add_argument("--most", type=float, default=50.0, help="milliseconds")
    options = parser.parse_args(arguments)
    stalls = asyncio.run(measure(options.upload, options.response))
    for name, milliseconds in stalls.items():
        print(f"{name}: the event loop stood still for at most {milliseconds:.1f} ms")
    print(f"threads at the end: {threading.active_count()}")
    return 0 if max(stalls.values()) <= options.most else 1
