"""Lifespans of mounted applications (Kludex/starlette#649, open since 2019)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest


@pytest.mark.parametrize("kind", ["Mount", "Host"])
def test_a_mounted_application_is_started_and_stopped(
    api: Any, client_for: Callable[..., Any], kind: str
) -> None:
    events = []

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[dict[str, str]]:
        events.append("start")
        yield {"task_group": "is initialized"}
        events.append("stop")

    async def endpoint(request: Any) -> Any:
        return api("responses").PlainTextResponse(request.state.task_group)

    routing = api("routing")
    inner = api.App(routes=[routing.Route("/", endpoint)], lifespan=lifespan)
    outer = routing.Mount("/", app=inner) if kind == "Mount" else routing.Host("inner", app=inner)
    with client_for(api.App(routes=[outer]), base_url="http://inner") as client:
        assert events == ["start"]
        assert client.get("/").text == "is initialized"
    assert events == ["start", "stop"]


def test_each_application_has_its_own_state_over_that_around_it(
    api: Any, client_for: Callable[..., Any]
) -> None:
    def lifespan_with(**state: str) -> Any:
        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[dict[str, str]]:
            yield state

        return lifespan

    async def show(request: Any) -> Any:
        state = request.state
        return api("responses").PlainTextResponse(f"{state.settings} {state.database}")

    routing = api("routing")
    inner = api.App(
        routes=[routing.Route("/", show)], lifespan=lifespan_with(database="that of the shop")
    )
    outer = api.App(
        routes=[routing.Mount("/shop", app=inner), routing.Route("/", show)],
        lifespan=lifespan_with(settings="shared", database="that of the site"),
    )
    with client_for(outer) as client:
        assert client.get("/shop/").text == "shared that of the shop"
        assert client.get("/").text == "shared that of the site"


def test_one_that_cannot_start_keeps_the_whole_from_starting(
    api: Any, client_for: Callable[..., Any]
) -> None:
    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        raise ConnectionError("no database")
        yield

    inner = api.App(lifespan=lifespan)
    app = api.App(routes=[api("routing").Mount("/shop", app=inner)])
    with pytest.raises(Exception, match="/shop.*no database"):
        client_for(app).__enter__()
