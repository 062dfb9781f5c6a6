"""Endpoints as classes: a method for each verb, or for each event of a WebSocket."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any, Final, Literal

from bolide import status
from bolide._async import is_async_callable
from bolide._dispatch import refuse_method
from bolide._policy import policy_of
from bolide._threads import start_endpoint
from bolide._websocket_data import data_of, json_of
from bolide.requests import Request
from bolide.responses import Response
from bolide.types import ASGIApp, Message, Receive, Scope, Send
from bolide.websockets import WebSocket

__all__ = ["HTTPEndpoint", "WebSocketEndpoint"]

_VERBS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")


class HTTPEndpoint:
    """An endpoint that has a method for each verb that it answers.

    Define `get`, `post` and so on, each async or blocking; each takes a `Request` and returns a
    response. Any other verb is answered with 405. There is a fresh instance for each request.
    The class itself is the ASGI application: `Route("/users", Users)`.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise AssertionError(f"Expected an http scope, got {scope['type']!r}.")
        self.scope = scope
        self.receive = receive
        self.send = send

    def __await__(self) -> Generator[Any, None, None]:
        return self.dispatch().__await__()

    async def dispatch(self) -> None:
        """Call the method for the verb of the request, and send what it returns."""
        request: Request = Request(self.scope, receive=self.receive, send=self.send)
        verb = request.method
        # SECURITY: only verbs name methods, not whatever else the client can think of.
        if verb not in self._allowed_verbs():
            handler: Any = self.method_not_allowed
        elif verb == "HEAD" and getattr(self, "head", None) is None:
            handler = getattr(self, "get")  # noqa: B009 - which is there, or HEAD would not be
        else:
            handler = getattr(self, verb.lower())
        response: ASGIApp
        if is_async_callable(handler):
            response = await handler(request)
        else:
            response = await start_endpoint(handler, request)
        await response(self.scope, self.receive, self.send)

    async def method_not_allowed(self, request: Request) -> Response:
        """Answer a verb that there is no method for.

        Raises:
            HTTPException: Inside an application; its handlers answer.
        """
        return refuse_method(self.scope, self._allowed_verbs())

    def _allowed_verbs(self) -> list[str]:
        return [
            verb
            for verb in _VERBS
            if getattr(self, verb.lower(), None) is not None
            or (verb == "HEAD" and getattr(self, "get", None) is not None)
        ]


class WebSocketEndpoint:
    """An endpoint that has a method for each event of a WebSocket.

    The class itself is the ASGI application: `WebSocketRoute("/ws", Echo)`.
    """

    encoding: Literal["text", "bytes", "json"] | None = None
    """What messages hold, be it text, bytes, or JSON in either; None for whichever comes."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            raise AssertionError(f"Expected a websocket scope, got {scope['type']!r}.")
        self.scope = scope
        self.receive = receive
        self.send = send

    def __await__(self) -> Generator[Any, None, None]:
        return self.dispatch().__await__()

    async def dispatch(self) -> None:
        """Call the methods as events come, until the WebSocket is closed."""
        websocket: WebSocket = WebSocket(self.scope, receive=self.receive, send=self.send)
        await self.on_connect(websocket)
        close_code = status.WS_1000_NORMAL_CLOSURE
        try:
            while True:
                message = await websocket.receive()
                if message["type"] == "websocket.disconnect":
                    close_code = int(message.get("code") or status.WS_1000_NORMAL_CLOSURE)
                    break
                await self.on_receive(websocket, await self.decode(websocket, message))
        except BaseException:
            close_code = status.WS_1011_INTERNAL_ERROR
            raise
        finally:
            await self.on_disconnect(websocket, close_code)

    async def decode(self, websocket: WebSocket, message: Message) -> Any:
        """Take the data out of a message, as `encoding` says.

        Raises:
            AssertionError: `encoding` is none of the known ones.
            RuntimeError: The message holds something else; the WebSocket is closed with 1003.
            WebSocketException: The same, where the policy of the application is to check messages:
                this closes the WebSocket, with 1003, or with 1007 for what is not JSON.
        """
        text: str | None = message.get("text")
        data: bytes | None = message.get("bytes")
        if self.encoding is None:
            return data if text is None else text
        if policy_of(self.scope).check_websockets:
            return self._checked(message)
        if self.encoding == "text":
            if text is None:
                await self._refuse_data(
                    websocket, "Expected text websocket messages, but got bytes"
                )
            return text
        if self.encoding == "bytes":
            if data is None:
                await self._refuse_data(
                    websocket, "Expected bytes websocket messages, but got text"
                )
            return data
        if self.encoding != "json":
            raise AssertionError(f"Unsupported 'encoding' attribute {self.encoding}")
        try:
            return json.loads((data or b"").decode("utf-8") if text is None else text)
        except ValueError:
            await self._refuse_data(websocket, "Malformed JSON data received.")

    def _checked(self, message: Message) -> Any:
        if self.encoding == "text" or self.encoding == "bytes":
            return data_of(self.scope, message, self.encoding)
        if self.encoding != "json":
            raise AssertionError(f"Unsupported 'encoding' attribute {self.encoding}")
        text = message.get("text")
        return json_of(self.scope, data_of(self.scope, message, "bytes") if text is None else text)

    @staticmethod
    async def _refuse_data(websocket: WebSocket, reason: str) -> None:
        await websocket.close(code=status.WS_1003_UNSUPPORTED_DATA)
        raise RuntimeError(reason)

    async def on_connect(self, websocket: WebSocket) -> None:
        """Override to decide on a connection; by default it is accepted."""
        await websocket.accept()

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        """Override to handle a message; `data` is what `decode` gives."""

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        """Override to clean up; called once for every connection that was let in."""
