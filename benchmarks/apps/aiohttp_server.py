"""aiohttp on its own server: `python -m benchmarks.apps.aiohttp_server SCENARIO PORT`."""

from __future__ import annotations

import sys

import uvloop
from aiohttp import web

from benchmarks.scenarios import SCENARIOS


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="Hello, world!")


async def echo(request: web.Request) -> web.Response:
    return web.json_response(await request.json())


def main(scenario: str, port: int) -> None:
    app = web.Application()
    handler = {"S1": hello, "S7": echo}[scenario]
    app.router.add_route(SCENARIOS[scenario].method, "/", handler)
    loop = uvloop.new_event_loop()
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, loop=loop)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
