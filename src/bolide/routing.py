"""Routing: from a path or a host to an endpoint, and from a name back to a path.

RULES

Routes are tried in the order of their list: the first that matches path and method wins; if only
the method is wrong, the first such route answers 405. A `Mount` or `Host` that matches takes the
request for good. What is found is written into the scope, where outer layers can read it after the
call: `route`, `endpoint`, `path_params`, and inside a mount `root_path`.

THEORY OF OPERATION

The classes here are the public face. How a pattern is parsed and matched is in
`bolide._routing.pattern`, how the right route is found among many in `table`, how a name leads
back to a path in `reverse`, and the lifespan protocol in `lifespan`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from types import MethodType
from typing import Any, ClassVar, Final, Literal

from bolide._async import is_async_callable
from bolide._data.url import URLPath
from bolide._dispatch import (
    FunctionEndpoint,
    reject,
    request_response,
    websocket_session,
    wrap_app_handling_exceptions,
)
from bolide._exchange import takes_handover
from bolide._exports import publish
from bolide._routing import lifespan as _lifespan
from bolide._routing.base import (
    BaseRoute,
    Match,
    NoMatchFound,
    PatternRoute,
    check_path,
    get_name,
    get_route_path,
)
from bolide._routing.foreign import narrowed
from bolide._routing.host import Host
from bolide._routing.lifespan import AsyncLiftContextManager, NoLifespan, lift_generator
from bolide._routing.methods import ForHead, look_at_method
from bolide._routing.nested import STATES_KEY, overlaid, with_what_is_nested
from bolide._routing.passage import passage_through
from bolide._routing.pattern import PARAM_FORMAT_REGEX, PARAM_REGEX, fill, parse
from bolide._routing.reverse import child_name, find_url_path, search_url_path
from bolide._routing.route import Route
from bolide._routing.route_list import RouteList
from bolide._routing.slashes import SlashMode, check_slash_mode, redirect_to, slash_mode
from bolide._routing.table import (
    MISSING,
    NOWHERE,
    Found,
    IndexedTable,
    Missing,
    Redirect,
    WrongMethod,
)
from bolide._routing.websocket_route import WebSocketRoute
from bolide.convertors import Convertor
from bolide.middleware import Middleware
from bolide.middleware._head import run_for_head
from bolide.middleware._layers import add_layers
from bolide.middleware._limits_layer import LimitOptions
from bolide.types import ASGIApp, ExceptionHandler, Lifespan, Receive, Scope, Send

__all__ = [
    "PARAM_FORMAT_REGEX",
    "PARAM_REGEX",
    "BaseRoute",
    "Host",
    "Match",
    "Mount",
    "NoMatchFound",
    "Route",
    "Router",
    "WebSocketRoute",
    "compile_path",
    "get_name",
    "get_route_path",
    "is_async_callable",
    "replace_params",
    "request_response",
    "websocket_session",
    "wrap_app_handling_exceptions",
]


def compile_path(path: str) -> tuple[re.Pattern[str], str, dict[str, Convertor[Any]]]:
    """Parse a path or host pattern: give what matches it, what to fill in, and its convertors.

    Raises:
        AssertionError: A convertor is not registered.
        ValueError: A parameter is named twice.
    """
    pattern = parse(path)
    return pattern.regex, pattern.format, pattern.convertors


def replace_params(
    path: str, param_convertors: dict[str, Convertor[Any]], path_params: dict[str, str]
) -> tuple[str, dict[str, str]]:
    """Fill parameters into a path; give it, and the parameters that had no place in it."""
    return fill(path, param_convertors, path_params)


class Mount(PatternRoute):
    """Everything under a path, given to another application.

    Args:
        path: The pattern of the prefix; a slash at its end does not matter.
        app: The application; one of `app` and `routes` is needed.
        routes: Routes for a router of its own.
        name: What its routes are found behind, as in `name:route`.
        middleware: Middleware around everything in it, the first one outermost.
        max_body_size: The largest request body that it takes, in bytes.
        exception_handlers: Handlers for everything in it, which come before those further out.
        lifespan: Whether to run the lifespan of the application, too; see `Policy`.
        limits: Limits for everything in it, as those of a `Route`, and `max_message_size` for
            WebSockets. An application that has a policy has all limits of its own.
    """

    scope_types: ClassVar[tuple[str, ...]] = ("http", "websocket")

    def __init__(
        self,
        path: str,
        app: ASGIApp | None = None,
        routes: Sequence[BaseRoute] | None = None,
        name: str | None = None,
        *,
        middleware: Sequence[Middleware] | None = None,
        max_body_size: int | None = None,
        exception_handlers: Mapping[Any, ExceptionHandler] | None = None,
        lifespan: bool = True,
        limits: LimitOptions | None = None,
    ) -> None:
        if path:
            check_path(path)
        if app is None and routes is None:
            raise AssertionError("Either 'app=...', or 'routes=' must be specified")
        self.path: str = path.rstrip("/")
        self.name = name
        self._base_app: ASGIApp = Router(routes=routes) if app is None else app
        self.lifespan_app: ASGIApp | None = self._base_app if lifespan else None
        self.app: ASGIApp = add_layers(
            self._base_app, middleware, exception_handlers, max_body_size, limits
        )
        self.follow(parse(f"{self.path}/{{path:path}}"))

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes of the mounted application, if it has any."""
        return getattr(self._base_app, "routes", [])

    def accept(self, scope: Scope, path: str, params: dict[str, Any]) -> tuple[Match, Scope]:
        """Do what `matches` does, for a path that matches with these parameters."""
        prefix = path[: len(path) - len(params.pop("path")) - 1]
        root_path = scope.get("root_path", "")
        child_scope = {
            "path_params": {**scope["path_params"], **params} if "path_params" in scope else params,
            # URLs are made from the root of the outermost application.
            "app_root_path": scope.get("app_root_path", root_path),
            "root_path": root_path + prefix,
            "endpoint": self.app,
        }
        if (state := scope.get("state")) and STATES_KEY in state:
            child_scope["state"] = overlaid(state, self._base_app)
        return Match.FULL, child_scope

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Give the path of a route inside; or of any path inside, by this name and `path`."""
        prefix_format = self.path_format.removesuffix("/{path}")
        prefix, others = fill(prefix_format, self.param_convertors, path_params)
        if name == self.name and "path" in path_params:
            if set(others) == {"path"}:
                return URLPath(f"{prefix}/{str(others['path']).lstrip('/')}")
        else:
            child = child_name(self.name, name)
            found = None if child is None else search_url_path(self.routes, child, others)
            if found is not None:
                return URLPath(prefix + str(found), protocol=found.protocol)
        raise NoMatchFound(name, path_params)

    @property
    def is_plain(self) -> bool:
        """Whether to call `app` is all that is left to do, once the route is known to be right."""
        return self.handle == MethodType(_MOUNT_HANDLE, self)

    @property
    def leads_straight(self) -> bool:
        """Whether it has no parameters, and no layers around its application."""
        return len(self.param_convertors) == 1 and self.app is self._base_app

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the mounted application."""
        await self.app(scope, receive, send)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Mount)
            and self.path == other.path
            and self._base_app == other._base_app
        )

    def __repr__(self) -> str:
        name = self.name or ""
        return f"{type(self).__name__}(path={self.path!r}, {name=!r}, app={self.app!r})"


class Router:
    """Routes, and what happens when none matches; an ASGI application.

    Args:
        routes: The routes, in order.
        redirect_slashes: What becomes of a path that no route matches, but one would with, or
            without, a slash at its end: one of the choices of `Policy`. False is `"strict"`, and
            True is what the application says, by default `"redirect"`.
        default: The application for what no route matches; by default 404.
        lifespan: What to do at startup and shutdown; that of an inner router is run if the
            policy of the application has it so.
        middleware: Middleware around the router, the first one outermost.
        max_body_size: The largest request body that it takes, in bytes.
        exception_handlers: Handlers for its routes, which come before those further out.

    Attributes:
        routes: The list of routes; it may be edited at any time.
        lifespan_context: The lifespan; may be replaced until the server starts.
        middleware_stack: The router with its middleware around it.
    """

    def __init__(
        self,
        routes: Sequence[BaseRoute] | None = None,
        redirect_slashes: bool | Literal["redirect", "strict", "ignore"] = True,
        default: ASGIApp | None = None,
        lifespan: Lifespan[Any] | None = None,
        *,
        middleware: Sequence[Middleware] | None = None,
        max_body_size: int | None = None,
        exception_handlers: Mapping[Any, ExceptionHandler] | None = None,
    ) -> None:
        self.routes = [] if routes is None else list(routes)
        check_slash_mode(redirect_slashes)
        self.redirect_slashes: bool | SlashMode = redirect_slashes
        self._own_default: ASGIApp = self.not_found
        self.default: ASGIApp = self._own_default if default is None else default
        self.lifespan_context: Lifespan[Any] = (
            NoLifespan(self)
            if lifespan is None
            else _lifespan.NotedLifespan(_lifespan.normalise(lifespan), self)
        )
        self._own_app: ASGIApp = self.app
        app: ASGIApp = self._own_app
        if type(self).routes is Router.routes:
            app = narrowed(app, self.candidates)
        self.middleware_stack: ASGIApp = add_layers(
            app, middleware, exception_handlers, max_body_size
        )

    @property
    def routes(self) -> list[BaseRoute]:
        """The list of routes, in the order in which they are tried."""
        return self._routes

    @routes.setter
    def routes(self, routes: list[BaseRoute]) -> None:
        self._routes = RouteList(routes)
        self._table = IndexedTable(self._routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        await self.middleware_stack(scope, receive, send)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route a request, without the router's own middleware."""
        if scope["type"] not in ("http", "websocket"):
            if scope["type"] != "lifespan":
                raise AssertionError(f"A router does not know {scope['type']!r} scopes.")
            await self.lifespan(scope, receive, send)
            return
        app = self.choose(scope) if scope["type"] == "http" else self._look_closely(scope)
        await app(scope, receive, send)

    @property
    def is_bare(self) -> bool:
        """Whether to call what `choose` gives is all that a call of the router does."""
        cls = type(self)
        return cls.__call__ is _CALL and cls.app is _APP and self.middleware_stack is self._own_app

    def choose(self, scope: Scope) -> ASGIApp:
        """Give the application that an HTTP request goes to, and add to the scope."""
        if "router" not in scope:
            scope["router"] = self
        path = get_route_path(scope) if scope.get("root_path") else scope["path"]
        # PERF: S1, what `EndpointRoute.take` does, without its frame.
        routes = self._routes
        plain = routes.plain.get(path)
        if plain is not None:
            methods, method = plain.methods, scope["method"]
            if (methods is None or method in methods or not methods) and method != "HEAD":
                scope["route"] = plain
                scope["endpoint"] = plain.endpoint
                params = dict(scope["path_params"]) if "path_params" in scope else {}
                scope["path_params"] = params
                app = plain.app
                return app if type(app) is not Router else self._go_on(plain, scope, path)
        route: PatternRoute | Missing | None = None
        if routes.passages:
            passage = routes.passages.get(path[: path.rfind("/")])
            route = None if passage is None else passage.take(scope, path)
        if route is None:
            route = self._table.shortcut(scope, path)
        if isinstance(route, PatternRoute):
            app = route.app
            return app if type(app) is not Router else self._go_on(route, scope, path)
        if route is NOWHERE:
            return self._fallback
        return self._look_closely(scope, is_missing=route is MISSING)

    def _go_on(self, route: PatternRoute, scope: Scope, path: str) -> ASGIApp:
        """Choose among what is mounted in one another, with nothing but routers in between."""
        # PERF: S16, a mounted router has no coroutine of its own where it would do nothing else.
        passages = self._routes.passages
        steps: list[tuple[Any, Router]] = []
        app: Any = route.app
        rest = path
        while type(app) is Router and app.is_bare:
            steps.append((route, app))
            rest = get_route_path(scope)
            found = app._table.shortcut(scope, rest)
            if not isinstance(found, PatternRoute):
                return app._look_closely(scope, is_missing=found is not None)
            route, app = found, found.app
        if steps and all(type(each) is Mount and each.leads_straight for each, _ in steps):
            passage = passage_through(self._table, steps, path, rest)
            if passage is not None:
                passages[path[: path.rfind("/")]] = passage
        chosen: ASGIApp = app
        return chosen

    @property
    def _fallback(self) -> ASGIApp:
        """What no route matches goes there."""
        is_own = self.default is self._own_default and type(self).not_found is _NOT_FOUND
        return reject if is_own else self.default

    def _look_closely(self, scope: Scope, *, is_missing: bool = False) -> ASGIApp:
        """Do what `choose` does, for any connection."""
        if "router" not in scope:
            scope["router"] = self
        found = None if is_missing else self._table.match(scope)
        if not isinstance(found, Found):
            mode = slash_mode(self.redirect_slashes, scope)
            outcome = self._table.fall_back(scope, found, mode)
            if isinstance(outcome, Redirect):
                return redirect_to(scope, outcome.path)
            if not isinstance(outcome, Found | WrongMethod):
                return self._fallback
            found = outcome
        choice: Found | WrongMethod | ForHead = found
        if isinstance(found, WrongMethod) or scope.get("method") == "HEAD":
            choice = look_at_method(self._table, scope, found)
        route, child_scope = choice
        scope["route"] = route
        scope.update(child_scope)
        if isinstance(choice, ForHead):
            return partial(run_for_head, route.handle)
        return route.handle

    def takes_handover(self, scope: Scope) -> bool:
        """Say whether a request will be answered with `Handover.take`."""
        if not self.is_bare:
            return False
        outcome = self._table.match(scope)
        if type(outcome) is not Found or scope["method"] == "HEAD":
            return False
        route = outcome.route
        if type(route) is not Route or not route.is_plain:
            return False
        return type(route.app) is FunctionEndpoint or takes_handover(route.app, scope)

    def candidates(self, scope: Scope) -> list[BaseRoute]:
        """Give, in order, all routes that can match a path, with or without a slash at its end.

        For subclasses that choose among routes in a way of their own. There may be more in it: what
        each route says of the scope, it says itself.
        """
        return self._table.either_form(scope)

    async def not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Say that there is nothing here: 404, or a closed WebSocket."""
        await reject(scope, receive, send)

    async def lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go through startup and shutdown, as the server says when."""
        lifespan = with_what_is_nested(self.lifespan_context, self.routes, scope)
        await _lifespan.run(lifespan, scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Give the path of a named route.

        Args:
            name: The name of the route; inside a named mount or host `mount:route`.
            path_params: A value for each parameter of its path.

        Raises:
            NoMatchFound: There is no route of that name with exactly those parameters.
        """
        return find_url_path(self.routes, name, path_params)

    def mount(self, path: str, app: ASGIApp, name: str | None = None) -> None:
        """Append a `Mount`."""
        self.routes.append(Mount(path, app=app, name=name))

    def host(self, host: str, app: ASGIApp, name: str | None = None) -> None:
        """Append a `Host`."""
        self.routes.append(Host(host, app=app, name=name))

    def add_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
    ) -> None:
        """Append a `Route`."""
        self.routes.append(
            Route(
                path,
                endpoint=endpoint,
                methods=methods,
                name=name,
                include_in_schema=include_in_schema,
            )
        )

    def add_websocket_route(
        self, path: str, endpoint: Callable[..., Any], name: str | None = None
    ) -> None:
        """Append a `WebSocketRoute`."""
        self.routes.append(WebSocketRoute(path, endpoint=endpoint, name=name))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Router) and self.routes == other.routes


# Private names of the API that other packages reach for.
_AsyncLiftContextManager = AsyncLiftContextManager
_DefaultLifespan = NoLifespan
_wrap_gen_lifespan_context = lift_generator


_CALL: Final = Router.__call__
_APP: Final = Router.app
_NOT_FOUND: Final = Router.not_found
_MOUNT_HANDLE: Final = Mount.handle


publish(
    globals(),
    [
        "BaseRoute",
        "Host",
        "Match",
        "NoMatchFound",
        "Route",
        "WebSocketRoute",
        "get_name",
        "request_response",
        "websocket_session",
    ],
)
