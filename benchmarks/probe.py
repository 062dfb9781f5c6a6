"""Memory, build times and idle connections, measured inside a framework's own process.

    python -m benchmarks.probe build|memory|idle FRAMEWORK

Prints one line of JSON. Each kind runs in a fresh process: what one leaves behind is not counted
to the next.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Final

from benchmarks.contest import Contestant, make
from benchmarks.scenarios import COMMON, Exchange, find, send

ROUTES: Final = (1_000, 10_000)
CONNECTIONS: Final = 500


async def answer_once(app: Any, name: str) -> None:
    """Let the app do what it puts off until the first request."""
    contestant = Contestant(app, find(name))
    await contestant.start()
    await contestant.stop()


def build(framework: str) -> dict[str, Any]:
    """Give the CPU milliseconds that apps of many routes take, with the first answer."""
    import_module(f"benchmarks.apps.{framework}")
    found = {}
    for curve in ("literal", "parametrised"):
        for size in ROUTES:
            # The others take up to minutes, and nobody asked.
            if size > 1_000 and framework not in ("bolide", "starlette", "blacksheep"):
                continue
            start = time.process_time()
            app = make(framework, f"{curve}/{size}")
            asyncio.run(answer_once(app, f"{curve}/{size}"))
            found[f"{curve}/{size}"] = round((time.process_time() - start) * 1000, 1)
            del app
            gc.collect()
    return found


def memory(framework: str) -> dict[str, Any]:
    """Give the bytes that a route takes, in apps of 10,000, after the first answer."""
    import_module(f"benchmarks.apps.{framework}")
    found = {}
    for curve in ("literal", "parametrised"):
        name = f"{curve}/{ROUTES[-1]}"
        asyncio.run(answer_once(make(framework, f"{curve}/1"), f"{curve}/1"))
        gc.collect()
        tracemalloc.start()
        app = make(framework, name)
        asyncio.run(answer_once(app, name))
        gc.collect()
        found[name] = round(tracemalloc.get_traced_memory()[0] / ROUTES[-1])
        tracemalloc.stop()
        del app
    return found


async def held(start: Callable[[asyncio.Event], Awaitable[None]]) -> int:
    """Open many connections that stay open; give the bytes that each one holds."""
    # What the first one makes for all is not counted.
    first = asyncio.Event()
    await start(first)
    gc.collect()
    tracemalloc.start()
    opened = [asyncio.Event() for _ in range(CONNECTIONS)]
    before = tracemalloc.get_traced_memory()[0]
    for event in opened:
        await start(event)
    for event in opened:
        await event.wait()
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return round((after - before) / CONNECTIONS)


async def idle_connections(package: str) -> dict[str, Any]:
    """Hold WebSockets that say nothing, and streams whose next chunk does not come."""

    def name(module: str, attribute: str) -> Any:
        return getattr(import_module(f"{package}.{module}"), attribute)

    never = asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()

    async def socket(websocket: Any) -> None:
        await websocket.accept()
        await websocket.receive_text()

    async def chunks() -> Any:
        yield b"first"
        await never.wait()

    async def stream(request: Any) -> Any:
        return name("responses", "StreamingResponse")(chunks())

    routing = [
        name("routing", "WebSocketRoute")("/socket", socket),
        name("routing", "Route")("/stream", stream),
    ]
    app = name("applications", "Starlette")(routes=routing)

    async def open_socket(opened: asyncio.Event) -> None:
        first = True

        async def receive() -> dict[str, Any]:
            nonlocal first
            if first:
                first = False
                return {"type": "websocket.connect"}
            opened.set()
            await never.wait()
            raise AssertionError("nothing is ever received")

        headers = [(header.lower(), value) for header, value in COMMON]
        scope = {
            "type": "websocket",
            "path": "/socket",
            "query_string": b"",
            "headers": headers,
            "root_path": "",
            "scheme": "ws",
            "subprotocols": [],
        }
        tasks.add(asyncio.create_task(app(scope, receive, send)))
        await opened.wait()

    async def open_stream(opened: asyncio.Event) -> None:
        async def take(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.body":
                opened.set()

        scope = {**find("S1").scope, "path": "/stream"}
        exchange = Exchange((b"",), never.wait)
        tasks.add(asyncio.create_task(app(scope, exchange.receive, take)))
        await opened.wait()
        # The stream goes on to where it waits for its next chunk.
        await asyncio.sleep(0)

    found = {"websocket": await held(open_socket), "stream": await held(open_stream)}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return found


def idle(framework: str) -> dict[str, Any]:
    """Give the bytes that an idle WebSocket and an open stream hold."""
    return asyncio.run(idle_connections(framework))


if __name__ == "__main__":
    kinds = {"build": build, "memory": memory, "idle": idle}
    print(json.dumps(kinds[sys.argv[1]](sys.argv[2])))
