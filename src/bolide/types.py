"""The types of the ASGI interface, and of what applications plug into it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from bolide.requests import Request
    from bolide.responses import Response
    from bolide.websockets import WebSocket

__all__ = [
    "ASGIApp",
    "AppType",
    "ExceptionHandler",
    "HTTPExceptionHandler",
    "Lifespan",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "StatefulLifespan",
    "StatelessLifespan",
    "WebSocketExceptionHandler",
]

AppType = TypeVar("AppType")

Scope = MutableMapping[str, Any]
"""What a server says of a connection, and what the layers add to it (ASGI specification)."""

Message = MutableMapping[str, Any]
"""One ASGI event, told apart by its `type`."""

Receive = Callable[[], Awaitable[Message]]
"""Waits for the next event from the client."""

Send = Callable[[Message], Awaitable[None]]
"""Hands an event to the client."""

ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI 3 application."""

StatelessLifespan = Callable[[AppType], AbstractAsyncContextManager[None]]
"""Makes the context that an application lives in."""

StatefulLifespan = Callable[[AppType], AbstractAsyncContextManager[Mapping[str, Any]]]
"""Makes the context that an application lives in; what it yields is the state of every request."""

Lifespan = StatelessLifespan[AppType] | StatefulLifespan[AppType]
"""Either kind of lifespan."""

HTTPExceptionHandler = Callable[["Request", Any], "Response | Awaitable[Response]"]
"""Turns an exception of a request into a response; may be async.

Of the exception it may say that it is of the class that it is registered for, which no type of the
table of handlers could check.
"""

WebSocketExceptionHandler = Callable[["WebSocket", Any], Awaitable[None]]
"""Ends a WebSocket after an exception."""

ExceptionHandler = HTTPExceptionHandler | WebSocketExceptionHandler
"""Either kind of exception handler."""
