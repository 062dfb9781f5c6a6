"""A route of HTTP requests to one endpoint."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from sys import intern
from types import MethodType
from typing import Any, ClassVar, Final

from bolide._data.url import URLPath
from bolide._dispatch import refuse_method, request_response
from bolide._routing.base import EndpointRoute, check_path, get_name, is_function
from bolide._routing.pattern import parse
from bolide._routing.reverse import endpoint_url
from bolide.middleware import Middleware
from bolide.middleware._layers import add_layers
from bolide.middleware._limits_layer import LimitOptions
from bolide.types import ASGIApp, ExceptionHandler, Receive, Scope, Send

__all__ = ["Route"]


class Route(EndpointRoute):
    """A path of HTTP requests.

    Args:
        path: The pattern of the path, such as `/users/{id:int}`.
        endpoint: A function, async or blocking, that takes a `Request` and returns a response;
            or any ASGI application, such as a class of `HTTPEndpoint`.
        methods: The methods that it takes; GET brings HEAD with it. By default GET for a
            function, and any method for an application.
        name: What `url_path_for` finds it by; by default the name of the endpoint.
        include_in_schema: Whether a schema generator shall mention it.
        middleware: Middleware around this route alone, the first one outermost.
        max_body_size: The largest request body that it takes, in bytes.
        exception_handlers: Handlers for this route alone, which come before those further out.
        limits: Limits for this route alone, by name, such as `{"max_json_depth": 10}`. Of those
            that `Policy` has, all that begin with `max_form_` and `max_json_`, `max_buffer_size`,
            `max_endpoint_threads` (which are threads of its own, then), `max_waiting_endpoints`.

    Raises:
        AssertionError: The path does not begin with a slash, or a convertor is not registered.
        TypeError: There is no such limit.
        ValueError: A parameter is named twice.
    """

    scope_types: ClassVar[tuple[str, ...]] = ("http",)

    name: str

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
        middleware: Sequence[Middleware] | None = None,
        max_body_size: int | None = None,
        exception_handlers: Mapping[Any, ExceptionHandler] | None = None,
        limits: LimitOptions | None = None,
    ) -> None:
        check_path(path)
        self.path = path
        self.endpoint = endpoint
        self.name = get_name(endpoint) if name is None else name
        self.include_in_schema = include_in_schema
        if is_function(endpoint):
            self.app: ASGIApp = request_response(endpoint)
            methods = ["GET"] if methods is None else methods
        else:
            self.app = endpoint
        self.app = add_layers(self.app, middleware, exception_handlers, max_body_size, limits)
        self.methods = None
        if methods is not None:
            # One string for all routes, instead of one for each.
            self.methods = {intern(method.upper()) for method in methods}
            if "GET" in self.methods:
                self.methods.add("HEAD")
        self.follow(parse(path))

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Give the path for these parameters, if the name is this route's."""
        return endpoint_url(self, self.name, name, path_params, protocol="http")

    @property
    def is_plain(self) -> bool:
        """Whether to call `app` is all that is left to do, once the route is known to be right."""
        return self.handle == MethodType(_HANDLE, self)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the endpoint, or refuse the method."""
        if self.methods and scope["method"] not in self.methods:
            await refuse_method(scope, sorted(self.methods))(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Route)
            and self.path == other.path
            and self.endpoint == other.endpoint
            and self.methods == other.methods
        )

    def __repr__(self) -> str:
        methods = sorted(self.methods or [])
        return f"{type(self).__name__}(path={self.path!r}, name={self.name!r}, {methods=!r})"


_HANDLE: Final = Route.handle
