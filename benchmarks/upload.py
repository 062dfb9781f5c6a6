"""Reading multipart forms: bare parsers against `request.form()`, interleaved, and its memory.

    python -m benchmarks.upload [--rounds N]

Needs the extra `forms`; measures python-multipart as well where that is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator

import multipart

from bolide.formparsers import MultiPartParser
from bolide.requests import Request
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


def seconds(run: Callable[[bytes], Awaitable[None]], body: bytes) -> float:
    async def timed() -> float:
        start = time.perf_counter()
        await run(body)
        return time.perf_counter() - start

    return asyncio.run(timed())


def compare(title: str, body: bytes, rounds: int) -> None:
    contestants: dict[str, Callable[[bytes], Awaitable[None]]] = {"multipart": bare_multipart}
    if python_multipart is not None:
        contestants["python-multipart"] = bare_python_multipart
    contestants["request.form()"] = form
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            times[name].append(seconds(run, body))
    base = statistics.median(times["multipart"])
    print(title)
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"  {name:18} {median * 1000:8.2f} ms   {median / base:5.2f} of bare multipart")


def peak_memory(size: int) -> float:
    """Give how much memory an upload takes at most, in MiB."""
    body = file_form(size)
    tracemalloc.start()
    asyncio.run(form(body))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / MEBIBYTE


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.upload", description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    compare("a file of 8 MiB", file_form(8 * MEBIBYTE), rounds)
    compare("1,000 fields", field_form(1000), rounds)
    compare("10,000 fields", field_form(10_000), max(3, rounds // 3))
    limit = MultiPartParser.spool_max_size / MEBIBYTE
    print(f"memory at its peak, 8 MiB upload: {peak_memory(8 * MEBIBYTE):.2f} MiB")
    print(f"  of which {limit:.0f} MiB may be held before a file goes to disk")


if __name__ == "__main__":
    main()
