"""Many requests and WebSockets, some of them rude; then, what the server still holds."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import time

from websockets.asyncio.client import connect

from reliability.server import Server, serving

BODY = json.dumps({"text": "x" * 500}).encode()
FORM = (
    b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    + b"y" * 20_000
    + b"\r\n--b--\r\n"
)


def request(line: str, body: bytes = b"", content_type: str = "application/json") -> bytes:
    head = f"{line} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Content-Type: {content_type}\r\n\r\n".encode() + body


REQUESTS = [
    request("GET /"),
    request("POST /echo", BODY),
    request("POST /form", FORM, "multipart/form-data; boundary=b"),
    request("GET /stream"),
    request("GET /file"),
    request("GET /blocking"),
    request("GET /nothing"),
    request("POST /echo", b"{"),
]


async def read_response(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in head:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
        await reader.readuntil(b"\r\n")
    elif b"content-length: " in head:
        length = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
        await reader.readexactly(length)


async def client(port: int, requests: int, rude: float, chance: random.Random) -> None:
    """Send requests one after the other; now and then leave in the middle of one."""
    writer: asyncio.StreamWriter | None = None
    for _ in range(requests):
        if writer is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        data = chance.choice(REQUESTS)
        if chance.random() < rude:
            # A part of a request, or a whole one whose answer nobody reads: then a reset.
            writer.write(data[: chance.randrange(1, len(data) + 1)])
            writer.transport.abort()
            writer = None
            continue
        writer.write(data)
        try:
            await read_response(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            # The server closes after some errors, as it may.
            writer = None
    if writer is not None:
        writer.close()


async def websocket(port: int, chance: random.Random) -> None:
    """Say something, and leave: with a goodbye, or without one."""
    with contextlib.suppress(OSError, EOFError):
        socket = await connect(f"ws://127.0.0.1:{port}/live", compression=None)
        for _ in range(chance.randrange(5)):
            await socket.send("hello")
            await socket.recv()
        if chance.random() < 0.5:
            socket.transport.abort()
        await socket.close()


async def slow_reader(port: int, stop: asyncio.Event) -> None:
    """Ask for a stream, read a little of it, and hold on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("GET /stream"))
    await reader.read(100)
    await stop.wait()
    writer.transport.abort()


async def load(port: int, requests: int, websockets: int, seed: int) -> None:
    """Put the server under load."""
    stop = asyncio.Event()
    slow = [asyncio.create_task(slow_reader(port, stop)) for _ in range(20)]
    clients = 20
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            chance = random.Random(seed + number)
            group.create_task(client(port, requests // clients, 0.05, chance))

        async def sockets() -> None:
            chance = random.Random(seed)
            for _ in range(0, websockets, 50):
                await asyncio.gather(*(websocket(port, chance) for _ in range(50)))

        group.create_task(sockets())
    stop.set()
    await asyncio.gather(*slow)


async def settled_descriptors(server: Server) -> int:
    """Give how many descriptors are open, once the server has noticed who is gone."""
    deadline = time.monotonic() + 10
    seen = [server.descriptors()]
    while len(set(seen[-5:])) > 1 or len(seen) < 5:
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.1)
        seen.append(server.descriptors())
    return seen[-1]


async def soak(requests: int, websockets: int, max_growth: float) -> bool:
    """Run, and print what was seen; say whether memory stayed flat and nothing leaked."""
    with serving() as server:
        # As many at a time as later, and for long: what that takes at the most is taken once.
        await load(server.port, max(requests // 2, 2000), max(websockets, 50), seed=1)
        descriptors = await settled_descriptors(server)
        before = server.resident()
        print(f"warm: {before:.1f} MiB resident, {descriptors} descriptors")
        start = time.monotonic()
        await load(server.port, requests, websockets, seed=1000)
        seconds = time.monotonic() - start
        after = server.resident()
        leaked = max(0, await settled_descriptors(server) - descriptors)
    growth = after / before - 1
    print(f"{requests:,} requests and {websockets:,} WebSockets in {seconds:.0f} s")
    print(f"after: {after:.1f} MiB resident ({growth:+.1%}), {leaked} descriptors leaked")
    return growth <= max_growth and leaked == 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m reliability soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--websockets", type=int, default=1_000)
    parser.add_argument("--max-growth", type=float, default=0.05, help="of resident memory")
    options = parser.parse_args(arguments)
    return 0 if asyncio.run(soak(options.requests, options.websockets, options.max_growth)) else 1
