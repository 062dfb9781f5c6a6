"""Serves the lounge: `python -m examples.lounge`."""

from __future__ import annotations

import argparse
import os

import uvicorn

from examples.lounge.app import create_app


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.lounge", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on")
    parser.add_argument("--database", default="lounge.db", help="the SQLite file")
    parser.add_argument(
        "--grace",
        type=int,
        default=5,
        metavar="SECONDS",
        help="how long a response under way may take to end when the server is told to stop",
    )
    options = parser.parse_args()
    app = create_app(database=options.database, secret=os.environ.get("LOUNGE_SECRET"))
    print(f"The lounge is open on http://{options.host}:{options.port}", flush=True)  # noqa: T201
    uvicorn.run(app, host=options.host, port=options.port, timeout_graceful_shutdown=options.grace)


if __name__ == "__main__":
    main()
