"""Robyn on its own server: `python -m benchmarks.apps.robyn_server SCENARIO PORT`."""

from __future__ import annotations

import sys

from robyn import Request, Robyn


def main(scenario: str, port: int) -> None:
    app = Robyn(__file__)
    if scenario == "S1":

        @app.get("/")
        async def hello(request: Request) -> str:
            return "Hello, world!"

    else:

        @app.post("/")
        async def echo(request: Request) -> object:
            return request.json()

    # Robyn reads the rest of the command line as its own.
    del sys.argv[1:]
    app.start(host="127.0.0.1", port=port)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
