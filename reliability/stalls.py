"""How long the event loop stands still while large bodies come in and go out."""

from __future__ import annotations

import argparse
import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

from bolide.types import Message
from reliability.app import app, compressible

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
    # What was done last counts, too.
    await asyncio.sleep(0)
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


def pieces_of(body: bytes) -> list[bytes]:
    return [body[at : at + CHUNK] for at in range(0, len(body), CHUNK)]


def records(count: int) -> bytes:
    return b"[" + b",".join([b'{"id":123,"name":"abc"}'] * count) + b"]"


async def measure(upload_size: int, response_size: int) -> dict[str, float]:
    """Give the largest stall of each kind of work, in milliseconds."""
    form = {b"content-type": b"multipart/form-data; boundary=b"}
    urlencoded = {b"content-type": b"application/x-www-form-urlencoded"}
    gzip = {b"accept-encoding": b"gzip"}
    field = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"\r\n-" * 349_000
    ampersands, pairs = pieces_of(b"&" * (8 * MEBIBYTE)), pieces_of(b"a=%41&" * 999)
    just_enough, one_value = records(30_000), b'"' + b"z" * (2 * MEBIBYTE - 2) + b'"'
    work: dict[str, tuple[int, str, str, dict[bytes, bytes], list[bytes]]] = {
        f"an upload of {upload_size} MiB": (200, "POST", "/form", form, upload(upload_size)),
        f"a compressed response of {response_size} MiB": (
            *(200, "GET", f"/compressed/{response_size}", gzip, []),
        ),
        f"a compressed stream of {response_size} MiB": (
            *(200, "GET", f"/compressed-stream/{response_size}", gzip, []),
        ),
        "a field of 1 MiB": (200, "POST", "/form", form, [field, b"\r\n--b--\r\n"]),
        "8 MiB of ampersands": (200, "POST", "/form", urlencoded, ampersands),
        "999 pairs": (200, "POST", "/form", urlencoded, pairs),
        "8 MiB of JSON": (413, "POST", "/echo", {}, pieces_of(records(350_000))),
        "2 MiB of JSON with many values": (400, "POST", "/echo", {}, pieces_of(records(87_000))),
        "JSON with 90,000 values": (200, "POST", "/echo", {}, pieces_of(just_enough)),
        "a JSON string of 2 MiB": (200, "POST", "/echo", {}, pieces_of(one_value)),
    }

    # Threads and what is made once are not part of it.
    await ask("POST", "/form", form, upload(4))
    await ask("GET", "/compressed/1", gzip, [])
    compressible(response_size)

    stalls: dict[str, float] = {}
    for name, (expected, method, path, headers, chunks) in work.items():

        async def run(
            expected: int = expected,
            method: str = method,
            path: str = path,
            headers: dict[bytes, bytes] = headers,
            chunks: list[bytes] = chunks,
        ) -> None:
            status = await ask(method, path, headers, chunks)
            assert status == expected, f"{path}: {status}"

        stalls[name] = await largest_stall(run) * 1000
    return stalls


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
