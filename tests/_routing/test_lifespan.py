"""The lifespan protocol: startup, state, shutdown, and what goes wrong in each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from bolide._routing.lifespan import ENTERED, NoLifespan, NotedLifespan, bare, normalise, run
from bolide.exceptions import StarletteDeprecationWarning
from bolide.types import Lifespan, Message, Scope

pytestmark = pytest.mark.anyio


class Server:
    """Says startup and then shutdown, and writes down what it is told."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.received = 0

    async def receive(self) -> Message:
        self.received += 1
        return {"type": "lifespan.anything"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def run(self, lifespan: Lifespan[Any], scope: Scope) -> None:
        await run(lifespan, scope, self.receive, self.send)

    @property
    def types(self) -> list[str]:
        return [message["type"].removeprefix("lifespan.") for message in self.sent]


async def test_the_context_lasts_from_startup_to_shutdown() -> None:
    server, events = Server(), []

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        events.append((app, list(server.types), server.received))
        yield
        events.append((app, list(server.types), server.received))

    await server.run(lifespan, {"type": "lifespan", "app": "the app"})
    assert events == [("the app", [], 1), ("the app", ["startup.complete"], 2)]
    assert server.types == ["startup.complete", "shutdown.complete"]


async def test_without_an_application_the_lifespan_gets_none() -> None:
    given = []

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        given.append(app)
        yield

    await Server().run(lifespan, {"type": "lifespan"})
    assert given == [None]


async def test_no_lifespan_completes_at_once() -> None:
    server = Server()
    await server.run(NoLifespan(object()), {"type": "lifespan"})
    assert server.types == ["startup.complete", "shutdown.complete"]


async def test_what_is_yielded_becomes_the_state() -> None:
    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[Mapping[str, Any]]:
        yield {"db": 1}

    scope: Scope = {"type": "lifespan", "state": {"kept": 0}}
    await Server().run(lifespan, scope)
    assert scope["state"] == {"kept": 0, "db": 1}


async def test_state_that_the_server_cannot_keep_fails_the_startup() -> None:
    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[Mapping[str, Any]]:
        yield {"db": 1}

    server = Server()
    with pytest.raises(RuntimeError, match='does not support "state" in the lifespan scope'):
        await server.run(lifespan, {"type": "lifespan"})
    assert server.types == ["startup.failed"]


async def test_an_error_before_the_yield_fails_the_startup() -> None:
    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        raise LookupError("no database")
        yield

    server = Server()
    with pytest.raises(LookupError):
        await server.run(lifespan, {"type": "lifespan"})
    assert server.types == ["startup.failed"]
    assert server.sent[0]["message"].startswith("Traceback")
    assert "no database" in server.sent[0]["message"]


async def test_an_error_after_the_yield_fails_the_shutdown() -> None:
    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        yield
        raise LookupError("still busy")

    server = Server()
    with pytest.raises(LookupError):
        await server.run(lifespan, {"type": "lifespan"})
    assert server.types == ["startup.complete", "shutdown.failed"]
    assert "still busy" in server.sent[1]["message"]


async def test_task_groups_may_span_the_yield() -> None:
    ran = anyio.Event()

    async def work() -> None:
        ran.set()

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(work)
            yield
            await ran.wait()

    await Server().run(lifespan, {"type": "lifespan"})
    assert ran.is_set()


async def test_an_async_generator_function_is_deprecated_but_works() -> None:
    events = []

    async def lifespan(app: object) -> AsyncIterator[None]:
        events.append("up")
        yield
        events.append("down")

    with pytest.warns(StarletteDeprecationWarning, match="^async generator function") as caught:
        context = normalise(lifespan)
    assert caught[0].filename == __file__
    await Server().run(context, {"type": "lifespan"})
    assert events == ["up", "down"]


async def test_a_generator_function_is_deprecated_but_works() -> None:
    events = []

    def lifespan(app: object) -> Iterator[dict[str, int]]:
        events.append("up")
        yield {"db": 1}
        events.append("down")

    with pytest.warns(StarletteDeprecationWarning, match="^generator function"):
        context = normalise(lifespan)
    scope: Scope = {"type": "lifespan", "state": {}}
    await Server().run(context, scope)
    assert (events, scope["state"]) == (["up", "down"], {"db": 1})


async def test_a_generator_function_sees_the_errors_of_the_application() -> None:
    events: list[object] = []

    def lifespan(app: object) -> Iterator[None]:
        try:
            yield
        except LookupError as exc:
            events.append(str(exc))
            raise

    with pytest.warns(StarletteDeprecationWarning):
        context = normalise(lifespan)
    with pytest.raises(LookupError):
        async with context(None):
            raise LookupError("seen")
    assert events == ["seen"]


async def test_a_context_manager_function_is_taken_as_it_is() -> None:
    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        yield

    assert normalise(lifespan) is lifespan


async def test_a_lifespan_is_noted_only_while_an_application_is_starting() -> None:
    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[str]:
        yield "state"

    inner, owner = object(), object()
    noted = NotedLifespan(NotedLifespan(lifespan, inner), owner)
    assert bare(noted) is lifespan
    async with noted("app") as state:
        assert state == "state"
    entered: set[int] = set()
    outside = ENTERED.set(entered)
    async with noted("app"):
        pass
    ENTERED.reset(outside)
    assert entered == {id(inner), id(owner)}
