"""Takes an application of bolide apart, and runs what is left, for `callgrind` to count.

    valgrind --tool=callgrind python -m benchmarks.peeling FACE

`FACE` is `Starlette` or `Bolide`. The parts are the real objects of one application, called from
the inside out with what the layer around them would call them with. Two children are forked for
each part that differ in how often they run it. Lines on standard output tell the process ids:
`choosing 40 1234`.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

from benchmarks.apps._starlette_api import Apps
from benchmarks.contest import by_hand, make
from benchmarks.scenarios import Exchange, find, send

FEW, MANY = 40, 240
"""How many times the two children run a part."""

NAME: Final = "S1"

START: Final = {"type": "http.response.start", "status": 200, "headers": []}
BODY: Final = {"type": "http.response.body", "body": b"Hello, world!"}

Run = Callable[[int], None]


def onion(app: Any) -> list[Any]:
    """Give the layers of an application from the outside in, without the router."""
    layers, layer = [], app
    while layer is not app.router:
        layers.append(layer)
        inside = app.middleware_stack if layer is app else getattr(layer, "app", None)
        layer = inside or layer._app
    return layers


def answering(app: Any, scope: dict[str, Any], send: Any) -> Run:
    """Give requests to what has an ASGI application, as `by_hand` does."""
    pieces = find(NAME).pieces

    def give() -> None:
        coroutine = app(scope.copy(), Exchange(pieces).receive, send).__await__()
        try:
            next(coroutine)
        except StopIteration:
            return
        raise RuntimeError(f"{app!r} waits for something")

    return calling(give)


def calling(function: Callable[[], object]) -> Run:
    def run(number: int) -> None:
        for _ in range(number):
            function()

    return run


def awaiting(function: Callable[[], Any] | None) -> Run:
    async def await_all(number: int) -> None:
        for _ in range(number):
            if function is not None:
                await function()

    def run(number: int) -> None:
        try:
            await_all(number).send(None)
        except StopIteration:
            return
        raise RuntimeError("the endpoint waits for something")

    return run


async def exchange(scope: Any, receive: Any, send: Any) -> None:
    """Send two messages that are there already: what no application can do without."""
    await send(START)
    await send(BODY)


def parts(face: str) -> Iterator[tuple[str, Run]]:
    """Give what is to be counted, by name; `layers.py` knows what to take from what."""
    from bolide._exchange import Exchange as SharedSend
    from bolide.requests import Request
    from bolide.responses import PlainTextResponse

    app = Apps("bolide", face).SCENARIOS[NAME]()
    by_hand(app, find(NAME))
    scope = find(NAME).scope
    inner = {**scope, "app": app}
    shared = SharedSend(send)
    request = Request(inner, None, shared)
    route = app.routes[0]

    yield "exchange", answering(exchange, scope, send)
    yield "raw", answering(make("raw", NAME), scope, send)
    yield "sending", answering(PlainTextResponse("Hello, world!"), inner, shared)
    yield "no endpoint", awaiting(None)
    yield "endpoint", awaiting(lambda: route.endpoint(request))
    yield "nothing", calling(lambda: None)
    yield "request", calling(lambda: Request(inner, None, shared))
    yield "copying", calling(lambda: inner.copy())
    yield "choosing", calling(lambda: app.router.choose(inner.copy()))
    layers = onion(app)
    for layer in reversed(layers):
        # The layer of server errors is the outermost that shares its `send` with those further in.
        is_inside = layer is layers[-1]
        how = (inner, shared) if is_inside else (scope, send)
        yield type(layer).__name__, answering(layer, *how)


def child(run: Run, number: int) -> int:
    """Fork a process that runs a part and ends; return its id."""
    process = os.fork()
    if process:
        os.waitpid(process, 0)
        return process
    status = 1
    try:
        # A collection would come at another time in each child.
        gc.disable()
        run(number)
        status = 0
    finally:
        os._exit(status)


def main() -> None:
    for name, run in parts(sys.argv[1]):
        run(FEW)
        for number in (FEW, MANY):
            print(name, number, child(run, number), sep="\t", flush=True)


if __name__ == "__main__":
    main()
