"""Sanic on its own server: `python -m benchmarks.apps.sanic_server SCENARIO PORT`."""

from __future__ import annotations

import sys

from sanic import Request, Sanic, json, text
from sanic.response import HTTPResponse

from benchmarks.scenarios import SCENARIOS


async def hello(request: Request) -> HTTPResponse:
    return text("Hello, world!")


async def echo(request: Request) -> HTTPResponse:
    return json(request.json)


def main(scenario: str, port: int) -> None:
    app = Sanic("benchmark")
    handler = {"S1": hello, "S7": echo}[scenario]
    app.add_route(handler, "/", methods=[SCENARIOS[scenario].method])
    app.run(host="127.0.0.1", port=port, access_log=False, single_process=True, motd=False)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
