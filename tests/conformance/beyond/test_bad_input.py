"""Input that is the client's fault and was answered with 500: malformed JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

ClientFor = Callable[..., Any]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[1,]", b'"\xff"', b"[" * 200_000, b"[" + b"1" * 5000 + b"]"],
    ids=["empty", "open", "comma", "no UTF-8", "deep", "long"],
)
def test_malformed_json_is_a_bad_request(api: Any, client_for: ClientFor, body: bytes) -> None:
    async def echo(request: Any) -> Any:
        return api("responses").JSONResponse(await request.json())

    routes = [api("routing").Route("/", echo, methods=["POST"])]
    client = client_for(api.App(routes=routes), raise_server_exceptions=False)
    assert client.post("/", content=body).status_code == 400


@pytest.mark.parametrize("body", [b"NaN", b"[1, -Infinity]"])
def test_what_json_does_not_have_is_a_bad_request(
    api: Any, client_for: ClientFor, body: bytes
) -> None:
    async def kind(request: Any) -> Any:
        return api("responses").PlainTextResponse(type(await request.json()).__name__)

    routes = [api("routing").Route("/", kind, methods=["POST"])]
    client = client_for(api.App(routes=routes), raise_server_exceptions=False)
    assert client.post("/", content=body).status_code == 400


def test_a_number_too_long_to_be_read_is_not_found(api: Any, client_for: ClientFor) -> None:
    async def item(request: Any) -> Any:
        return api("responses").PlainTextResponse("item")

    routes = [api("routing").Route("/{id:int}", item)]
    client = client_for(api.App(routes=routes), raise_server_exceptions=False)
    assert client.get(f"/{'1' * 5000}").status_code == 404
