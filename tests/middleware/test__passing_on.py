"""A response that is passed on: what its body may be, and a body in one piece."""

from __future__ import annotations

from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import pytest

from bolide.middleware._passing_on import OneChunk, PassedOn, is_plain
from bolide.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from bolide.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio


async def sent_by(response: Response) -> list[Message]:
    messages: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("nothing is received")

    async def send(message: Message) -> None:
        messages.append(message)

    await response({"type": "http"}, receive, send)
    return messages


async def pieces(*values: Any) -> AsyncIterator[Any]:
    for value in values:
        yield value


async def test_pieces_may_be_text_bytes_and_memoryviews() -> None:
    response = PassedOn(pieces("é", b"b", memoryview(b"c")))
    bodies = [message.get("body") for message in await sent_by(response)]
    assert bodies == [None, "é".encode(), b"b", b"c", b""]


async def test_a_message_among_the_pieces_is_the_body() -> None:
    path: MutableMapping[str, Any] = {"type": "http.response.pathsend", "path": "/file"}
    messages = await sent_by(PassedOn(pieces(path), 206, {"x-a": "b"}, "text/plain"))
    assert messages[0]["status"] == 206
    assert dict(messages[0]["headers"]) == {
        b"x-a": b"b",
        b"content-type": b"text/plain; charset=utf-8",
    }
    assert messages[1:] == [path]


async def test_a_generator_that_fails_is_closed() -> None:
    closed: list[bool] = []

    async def failing() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            raise ValueError
        finally:
            closed.append(True)

    with pytest.raises(ValueError):
        await sent_by(PassedOn(failing()))
    assert closed == [True]


async def test_information_for_a_test_goes_first_and_the_end_is_told() -> None:
    told: list[bool] = []
    response = PassedOn(OneChunk(b"a"), info={"template": "t"})
    response.on_sent = lambda: told.append(True)
    messages = await sent_by(response)
    assert messages[0] == {"type": "http.response.debug", "info": {"template": "t"}}
    assert told == [True]


async def test_a_plain_response_is_passed_on_with_a_list_of_headers_of_its_own() -> None:
    plain = PlainTextResponse("a", 201)
    passed_on = PassedOn.of(plain)
    passed_on.headers["x-new"] = "1"
    assert "x-new" not in plain.headers
    assert passed_on.status_code == 201
    assert [message.get("body") for message in await sent_by(passed_on)] == [None, b"a", b""]


async def test_one_chunk_is_given_once() -> None:
    body = OneChunk(b"chunk")
    assert [piece async for piece in body] == [b"chunk"]
    assert [piece async for piece in body] == []
    assert [piece async for piece in OneChunk(b"")] == []


async def test_one_chunk_that_was_closed_gives_nothing() -> None:
    body = OneChunk(b"chunk")
    await body.aclose()
    assert [piece async for piece in body] == []


async def test_an_exception_can_be_thrown_into_one_chunk() -> None:
    with pytest.raises(LookupError):
        await OneChunk(b"chunk").athrow(LookupError())


class Own(PlainTextResponse):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


async def test_what_is_plain() -> None:
    plain = [Response(), PlainTextResponse("a"), HTMLResponse("a"), JSONResponse(1)]
    plain.append(RedirectResponse("/"))
    others = [Own("a"), StreamingResponse(iter(())), FileResponse("a"), PassedOn(OneChunk(b""))]
    assert all(is_plain(response) for response in plain)
    assert not any(is_plain(response) for response in others)
    assert not is_plain(None)
