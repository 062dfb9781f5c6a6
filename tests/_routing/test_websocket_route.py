"""A route of WebSockets: what it is named, whom it equals, and what it calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bolide.routing import NoMatchFound, Route, WebSocketRoute
from bolide.types import Receive, Scope, Send
from bolide.websockets import WebSocket


async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(websocket.path_params.get("room", "none"))
    await websocket.close()


class Application:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await chat(WebSocket(scope, receive, send))


@pytest.mark.parametrize("endpoint", [chat, Application()])
def test_it_calls_a_function_or_an_application(
    endpoint: Any, client_for: Callable[..., Any]
) -> None:
    route = WebSocketRoute("/{room}", endpoint)
    with client_for(route).websocket_connect("/lobby") as websocket:
        assert websocket.receive_text() == "lobby"


def test_it_is_named_after_its_endpoint() -> None:
    assert WebSocketRoute("/", chat).name == "chat"
    assert WebSocketRoute("/", Application()).name == "Application"
    assert WebSocketRoute("/", chat, name="talk").name == "talk"
    assert repr(WebSocketRoute("/a", chat)) == "WebSocketRoute(path='/a', name='chat')"


def test_its_url_is_that_of_a_websocket() -> None:
    route = WebSocketRoute("/{room}", chat)
    url = route.url_path_for("chat", room="lobby")
    assert (url, url.protocol) == ("/lobby", "websocket")
    with pytest.raises(NoMatchFound):
        route.url_path_for("chat")


def test_routes_of_the_same_path_and_endpoint_are_equal() -> None:
    route = WebSocketRoute("/a", chat)
    assert route == WebSocketRoute("/a", chat, name="other")
    assert route != WebSocketRoute("/b", chat)
    assert route != WebSocketRoute("/a", Application())
    assert route != Route("/a", chat)


def test_a_path_begins_with_a_slash() -> None:
    with pytest.raises(AssertionError, match="must start with '/'"):
        WebSocketRoute("a", chat)
