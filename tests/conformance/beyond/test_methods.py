"""OPTIONS that is answered, and HEAD that stops: starlette#12, #45, discussion #3128."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

ClientFor = Callable[..., Any]


def says(api: Any, text: str) -> Any:
    async def endpoint(request: Any) -> Any:
        return api("responses").PlainTextResponse("", headers={"x-from": text})

    return endpoint


async def head(app: Any, path: str = "/") -> list[Any]:
    """Give what an application sends to the server for a HEAD request."""
    sent: list[Any] = []

    async def receive() -> Any:
        await anyio.sleep_forever()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": "HEAD",
        "path": path,
        "query_string": b"",
        "headers": [],
    }
    await app(scope, receive, send)
    return sent


def test_options_is_answered_with_all_methods_of_a_path(api: Any, client_for: ClientFor) -> None:
    route = api("routing").Route
    routes = [route("/", says(api, "get")), route("/", says(api, "post"), methods=["POST"])]
    response = client_for(api.App(routes=routes)).options("/")
    assert (response.status_code, response.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")


def test_a_405_tells_all_methods_of_a_path(api: Any, client_for: ClientFor) -> None:
    route = api("routing").Route
    routes = [route("/", says(api, "get")), route("/", says(api, "post"), methods=["POST"])]
    response = client_for(api.App(routes=routes)).delete("/")
    assert response.status_code == 405
    assert {"GET", "HEAD", "POST"} <= set(response.headers["allow"].split(", "))


def test_a_route_for_head_comes_before_one_for_get(api: Any, client_for: ClientFor) -> None:
    route = api("routing").Route
    routes = [route("/", says(api, "get")), route("/", says(api, "head"), methods=["HEAD"])]
    assert client_for(api.App(routes=routes)).head("/").headers["x-from"] == "head"


@pytest.mark.anyio
async def test_head_sends_no_body_and_stops_what_makes_one(api: Any) -> None:
    made: list[int] = []

    async def numbers() -> Any:
        for number in range(3):
            made.append(number)
            yield str(number)

    async def stream(request: Any) -> Any:
        return api("responses").StreamingResponse(numbers(), headers={"content-length": "3"})

    start, *rest = await head(api.App(routes=[api("routing").Route("/", stream)]))
    assert (b"content-length", b"3") in start["headers"]
    assert [(message["body"], message.get("more_body", False)) for message in rest] == [
        (b"", False)
    ]
    assert made == []


@pytest.mark.anyio
async def test_head_sends_no_body_and_keeps_its_length(api: Any) -> None:
    async def hello(request: Any) -> Any:
        return api("responses").PlainTextResponse("hello")

    start, *rest = await head(api.App(routes=[api("routing").Route("/", hello)]))
    assert (b"content-length", b"5") in start["headers"]
    assert [message["body"] for message in rest] == [b""]
