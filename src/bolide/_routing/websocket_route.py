"""A route to an endpoint of WebSockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from bolide._data.url import URLPath
from bolide._dispatch import websocket_session
from bolide._routing.base import EndpointRoute, check_path, get_name, is_function
from bolide._routing.pattern import parse
from bolide._routing.reverse import endpoint_url
from bolide.middleware import Middleware
from bolide.middleware._layers import add_layers
from bolide.middleware._limits_layer import LimitOptions
from bolide.types import ASGIApp, ExceptionHandler, Receive, Scope, Send

__all__ = ["WebSocketRoute"]


class WebSocketRoute(EndpointRoute):
    """A path of WebSockets.

    Args:
        path: The pattern of the path.
        endpoint: An async function that takes a `WebSocket`; or any ASGI application, such as a
            class of `WebSocketEndpoint`.
        name: What `url_path_for` finds it by; by default the name of the endpoint.
        middleware: Middleware around this route alone, the first one outermost.
        exception_handlers: Handlers for this route alone, which come before those further out.
        limits: Limits for this route alone: `max_message_size`, `max_json_depth` and
            `max_json_values` of `Policy`.
    """

    scope_types: ClassVar[tuple[str, ...]] = ("websocket",)

    name: str

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        name: str | None = None,
        middleware: Sequence[Middleware] | None = None,
        exception_handlers: Mapping[Any, ExceptionHandler] | None = None,
        limits: LimitOptions | None = None,
    ) -> None:
        check_path(path)
        self.path = path
        self.endpoint = endpoint
        self.name = get_name(endpoint) if name is None else name
        app = websocket_session(endpoint) if is_function(endpoint) else endpoint
        self.app: ASGIApp = add_layers(app, middleware, exception_handlers, limits=limits)
        self.follow(parse(path))

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Give the path for these parameters, if the name is this route's."""
        return endpoint_url(self, self.name, name, path_params, protocol="websocket")

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the endpoint."""
        await self.app(scope, receive, send)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, WebSocketRoute)
            and self.path == other.path
            and self.endpoint == other.endpoint
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(path={self.path!r}, name={self.name!r})"
