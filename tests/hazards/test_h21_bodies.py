"""H21: responses whose status forbids a body; Allow and OPTIONS are looked at elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bolide.applications import Bolide, Starlette
from bolide.background import BackgroundTask
from bolide.exceptions import HTTPException
from bolide.requests import Request
from bolide.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from bolide.routing import Route
from bolide.types import Message, Scope

pytestmark = pytest.mark.anyio

Make = Callable[[int], Response]


async def pieces() -> AsyncIterator[bytes]:
    yield b"a body"


MADE: dict[str, Make] = {
    "text": lambda status: HTMLResponse("a body", status),
    "JSON": lambda status: JSONResponse(None, status),
    "with a length": lambda status: Response(b"a body", status, {"content-length": "6"}),
    "stream": lambda status: StreamingResponse(pieces(), status),
    "stream with a length": lambda status: StreamingResponse(
        pieces(), status, {"content-length": "6"}
    ),
}


async def sent_by(face: type[Starlette], response: Response, **options: Any) -> list[Message]:
    async def endpoint(request: Request) -> Response:
        return response

    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    app = face(routes=[Route("/", endpoint)], **options)
    spec = {"version": "3.0", "spec_version": "2.4"}
    scope: Scope = {"type": "http", "asgi": spec, "method": "GET", "path": "/", "headers": []}
    await app(scope, receive, send)
    return sent


def body_of(sent: list[Message]) -> bytes:
    return b"".join(message.get("body", b"") for message in sent[1:])


def lengths_of(sent: list[Message]) -> list[bytes]:
    return [value for name, value in sent[0]["headers"] if name == b"content-length"]


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("name", MADE)
async def test_bolide_sends_no_body_where_the_status_forbids_one(name: str, status: int) -> None:
    sent = await sent_by(Bolide, MADE[name](status))

    assert sent[0]["status"] == status
    assert body_of(sent) == b""
    assert not sent[-1].get("more_body", False)
    if status == 204:
        assert lengths_of(sent) == []
    elif status == 205:
        assert lengths_of(sent) == [b"0"]


async def test_a_304_tells_the_length_that_it_was_given() -> None:
    sent = await sent_by(Bolide, MADE["with a length"](304))

    assert lengths_of(sent) == [b"6"]


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("name", MADE)
async def test_starlette_sends_it(name: str, status: int) -> None:
    assert body_of(await sent_by(Starlette, MADE[name](status))) in (b"a body", b"null")


@pytest.mark.parametrize("name", MADE)
async def test_it_can_be_chosen(name: str) -> None:
    sent = await sent_by(Bolide, MADE[name](204), cut_forbidden_bodies=False)

    assert body_of(sent) in (b"a body", b"null")


@pytest.mark.parametrize("status", [200, 203, 206, 404])
@pytest.mark.parametrize("name", MADE)
async def test_other_bodies_are_sent(name: str, status: int) -> None:
    assert body_of(await sent_by(Bolide, MADE[name](status))) in (b"a body", b"null")


async def test_a_response_that_is_sent_again_is_as_it_was() -> None:
    response = HTMLResponse("a body", 205)
    first = await sent_by(Bolide, response)

    assert await sent_by(Bolide, response) == first
    assert response.body == b"a body"
    assert response.headers["content-length"] == "6"


@pytest.mark.parametrize("name", MADE)
async def test_the_background_task_runs_all_the_same(name: str) -> None:
    ran: list[bool] = []
    response = MADE[name](204)
    response.background = BackgroundTask(ran.append, True)

    await sent_by(Bolide, response)

    assert ran == [True]


async def test_a_stream_is_not_even_begun() -> None:
    begun: list[bool] = []

    async def stream() -> AsyncIterator[bytes]:
        begun.append(True)
        yield b"a body"

    await sent_by(Bolide, StreamingResponse(stream(), 204))

    assert begun == []


@pytest.mark.parametrize("face", [Bolide, Starlette])
@pytest.mark.parametrize("status", [204, 304])
def test_an_exception_with_such_a_status_has_no_body(
    client_for: Any, face: type[Starlette], status: int
) -> None:
    async def endpoint(request: Request) -> Response:
        raise HTTPException(status, "a body")

    response = client_for(face(routes=[Route("/", endpoint)])).get("/")

    assert (response.status_code, response.content) == (status, b"")
