"""What is in force while an application runs, and that it ends there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bolide._json_codec import STANDARD, StandardCodec
from bolide._policy import BOLIDE, STARLETTE
from bolide._settings import ACTIVE, Settings
from bolide.applications import Bolide, Starlette
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Mount, Route

seen: list[Settings] = []


async def look(request: Request) -> Response:
    seen.append(ACTIVE.get())
    return PlainTextResponse("looked")


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


def test_by_default_they_are_those_of_starlette() -> None:
    settings = ACTIVE.get()
    assert (settings.policy, settings.codec, settings.limits) == (STARLETTE, STANDARD, None)


def test_an_application_has_its_own(client_for: Callable[..., Any]) -> None:
    codec = StandardCodec()
    client_for(Bolide(routes=[Route("/", look)], json=codec)).get("/")
    assert (seen[0].policy, seen[0].codec) == (BOLIDE, codec)
    assert seen[0].limits is not None


def test_they_are_made_once(client_for: Callable[..., Any]) -> None:
    client = client_for(Bolide(routes=[Route("/", look)]))
    client.get("/")
    client.get("/")
    assert seen[0] is seen[1]


def test_a_codec_that_is_set_later_counts(client_for: Callable[..., Any]) -> None:
    app = Bolide(routes=[Route("/", look)])
    client = client_for(app)
    client.get("/")
    app.json = codec = StandardCodec()
    client.get("/")
    assert seen[1].codec is codec


def test_an_application_inside_another_has_the_threads_of_the_other_and_its_own_rest(
    client_for: Callable[..., Any],
) -> None:
    inner = Starlette(routes=[Route("/", look)])
    outer = Bolide(routes=[Mount("/in", inner), Route("/", look)])
    client = client_for(outer)
    client.get("/in/")
    client.get("/")
    assert seen[0].policy is STARLETTE
    assert seen[0].limits is seen[1].limits
    assert seen[1].policy == BOLIDE
