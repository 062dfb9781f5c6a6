"""Reading multipart forms: bare parsers against `request.form()`, interleaved, and its memory.

    python -m benchmarks.upload [--rounds N]

Needs the extra `forms`; measures python-multipart as well where that is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import socket
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from tempfile import SpooledTemporaryFile

import multipart

from bolide.applications import Starlette
from bolide.formparsers import MultiPartParser
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Route
from bolide.types import Message

try:
    import python_multipart
except ModuleNotFoundError:
    python_multipart = None

BOUNDARY = "0123456789abcdef"
CHUNK = 64 * 1024
MEBIBYTE = 1024 * 1024


def file_form(size: int) -> bytes:
    head = b'Content-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    return b"--%b\r\n%b%b\r\n--%b--\r\n" % (
        BOUNDARY.encode(), head, os.urandom(size), BOUNDARY.encode(),
    )  # fmt: skip


def field_form(number: int) -> bytes:
    fields = (
        b'--%b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nvalue\r\n'
        % (BOUNDARY.encode(), index)
        for index in range(number)
    )
    return b"".join(fields) + b"--" + BOUNDARY.encode() + b"--\r\n"


def chunks(body: bytes) -> Iterator[bytes]:
    return (body[at : at + CHUNK] for at in range(0, len(body), CHUNK))


async def bare_multipart(body: bytes) -> None:
    with multipart.PushMultipartParser(BOUNDARY) as parser:
        for chunk in chunks(body):
            for _ in parser.parse(chunk):
                pass


async def bare_multipart_to_disk(body: bytes) -> None:
    with (
        SpooledTemporaryFile(max_size=MultiPartParser.spool_max_size) as file,
        multipart.PushMultipartParser(BOUNDARY) as parser,
    ):
        for chunk in chunks(body):
            for event in parser.parse(chunk):
                if isinstance(event, bytes):
                    file.write(event)


async def bare_python_multipart(body: bytes) -> None:
    # The callbacks that a form needs; they do nothing.
    data = dict.fromkeys(("on_part_data", "on_header_field", "on_header_value"), lambda *_: None)
    events = ("on_part_begin", "on_part_end", "on_header_end", "on_headers_finished", "on_end")
    callbacks = {**data, **dict.fromkeys(events, lambda: None)}
    parser = python_multipart.MultipartParser(BOUNDARY, callbacks)
    for chunk in chunks(body):
        parser.write(chunk)
    parser.finalize()


async def form(body: bytes) -> None:
    pieces = chunks(body)

    async def receive() -> Message:
        piece = next(pieces, b"")
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    headers = [(b"content-type", b"multipart/form-data; boundary=" + BOUNDARY.encode())]
    async with Request({"type": "http", "headers": headers}, receive).form(max_fields=10_000):
        pass


async def compare(title: str, body: bytes, rounds: int) -> None:
    contestants: dict[str, Callable[[bytes], Awaitable[None]]] = {"multipart": bare_multipart}
    if python_multipart is not None:
        contestants["python-multipart"] = bare_python_multipart
    contestants["multipart, written to disk"] = bare_multipart_to_disk
    contestants["request.form()"] = form
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            start = time.perf_counter()
            await run(body)
            times[name].append(time.perf_counter() - start)
    base = statistics.median(times["multipart"])
    print(title)
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"  {name:27} {median * 1000:8.2f} ms   {median / base:5.2f} of bare multipart")


def peak_memory(size: int) -> float:
    """Give how much memory an upload takes at most, in MiB."""
    body = file_form(size)
    tracemalloc.start()
    asyncio.run(form(body))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / MEBIBYTE


async def take_bare(request: Request) -> Response:
    with multipart.PushMultipartParser(BOUNDARY) as parser:
        async for chunk in request.stream():
            if chunk:
                for _ in parser.parse(chunk):
                    pass
    return PlainTextResponse("done")


async def take_form(request: Request) -> Response:
    async with request.form():
        return PlainTextResponse("done")


app = Starlette(
    routes=[
        Route("/bare", take_bare, methods=["POST"]),
        Route("/form", take_form, methods=["POST"]),
    ]
)


def over_the_wire(body: bytes, rounds: int) -> None:
    """Upload through a socket to uvicorn, which is a process of its own."""
    command = [sys.executable, "-m", "uvicorn", "benchmarks.upload:app", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=-3, text=True) as server:
        assert server.stderr is not None
        try:
            found = None
            while found is None:
                found = re.search(r"http://127\.0\.0\.1:(\d+)", server.stderr.readline())
            with socket.create_connection(("127.0.0.1", int(found[1]))) as connection:
                times: dict[str, list[float]] = {"/bare": [], "/form": []}
                for _ in range(rounds):
                    for path, taken in times.items():
                        taken.append(upload(connection, path, body))
        finally:
            server.terminate()
    bare, through_form = (statistics.median(taken) for taken in times.values())
    print("a file of 8 MiB, over a socket to uvicorn")
    print(f"  {'multipart':27} {bare * 1000:8.2f} ms    1.00 of bare multipart")
    ratio = through_form / bare
    print(f"  {'request.form()':27} {through_form * 1000:8.2f} ms   {ratio:5.2f} of bare multipart")


def upload(connection: socket.socket, path: str, body: bytes) -> float:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    )
    start = time.perf_counter()
    connection.sendall(head.encode())
    connection.sendall(body)
    answer = b""
    while not answer.endswith(b"done"):
        answer += connection.recv(65536)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.upload", description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    asyncio.run(compare("a file of 8 MiB", file_form(8 * MEBIBYTE), rounds))
    asyncio.run(compare("1,000 fields", field_form(1000), rounds))
    over_the_wire(file_form(8 * MEBIBYTE), rounds)
    limit = MultiPartParser.spool_max_size / MEBIBYTE
    print(f"memory at its peak, 8 MiB upload: {peak_memory(8 * MEBIBYTE):.2f} MiB")
    print(f"  of which {limit:.0f} MiB may be held before a file goes to disk")


if __name__ == "__main__":
    main()
