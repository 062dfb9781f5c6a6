"""The application: routes, middleware, exception handlers and a lifespan, put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, Unpack, cast

from bolide._async import asgi_call
from bolide._cleanup import runs_on_trio
from bolide._data.state import State
from bolide._data.url import URLPath
from bolide._drain import DrainControl, Draining
from bolide._exports import publish
from bolide._inner_boundary import InnerBoundary
from bolide._json_codec import STANDARD, JSONCodec, fastest_codec
from bolide._policy import (
    BOLIDE,
    STARLETTE,
    Policy,
    PolicyOptions,
    UnknownChoice,
    UnknownOption,
)
from bolide._quiet_disconnects import is_disconnect, note_disconnect
from bolide._replay import BodyKeeper
from bolide._settings import (
    DEFAULT,
    Settings,
    current_settings,
    enter_settings,
    leave_settings,
)
from bolide._threads import ThreadLimits
from bolide.middleware import Middleware, MiddlewareFactory, build_stack
from bolide.middleware._draining import DrainBoundary
from bolide.middleware._head import HeadersOnly
from bolide.middleware._host_guard import (
    advise,
    check_hosts,
    place_host_check,
    refuse_hosts,
)
from bolide.middleware._websocket_guard import WebSocketGuard
from bolide.middleware.body_limit import RequestBodyLimitMiddleware
from bolide.middleware.errors import ServerErrorMiddleware
from bolide.middleware.exceptions import ExceptionMiddleware
from bolide.routing import BaseRoute, Router
from bolide.types import ASGIApp, ExceptionHandler, Lifespan, Receive, Scope, Send

__all__ = [
    "Bolide",
    "Draining",
    "JSONCodec",
    "Policy",
    "Starlette",
    "UnknownChoice",
    "UnknownOption",
]

AppType = TypeVar("AppType", bound="Starlette")
P = ParamSpec("P")


class Starlette:
    """An application with the behaviour of Starlette.

    A request passes, from the outside in: `ServerErrorMiddleware`, the limit on bodies if there is
    one, the user's middleware in order, `ExceptionMiddleware`, the router.

    Args:
        debug: Show tracebacks to clients. They can show secrets: never in production.
        routes: The routes, in order.
        middleware: Middleware around all of them, the first one outermost.
        exception_handlers: Handlers by status code or class of exception; the one for 500 or
            `Exception` answers what nothing else has handled.
        lifespan: What to do at startup and shutdown: a function that takes the application and
            gives an async context manager. What that yields is the state of every request.
        max_body_size: The largest request body that is taken, in bytes; by default any.
        json: How JSON is written and read: an object with `dumps` and `loads`, such as the module
            `orjson`. By default the standard library does it, in the very bytes of Starlette.
        policy: Choices that Starlette does not offer; see `Policy`.

    Attributes:
        state: A place for the application's own things.
        router: The router.
        user_middleware: The list of middleware.
        middleware_stack: The layers, put together at the first call.
    """

    # Of the class, since a subclass may have a constructor that does without this one.
    policy: Policy = STARLETTE
    json: JSONCodec = STANDARD
    _thread_limits: ThreadLimits | None = None
    _settings: Settings | None
    _websocket_guard: WebSocketGuard | None = None

    def __init__(
        self: AppType,
        debug: bool = False,
        routes: Sequence[BaseRoute] | None = None,
        middleware: Sequence[Middleware] | None = None,
        exception_handlers: Mapping[Any, ExceptionHandler] | None = None,
        lifespan: Lifespan[AppType] | None = None,
        *,
        max_body_size: int | None = None,
        json: JSONCodec = STANDARD,
        policy: Policy = STARLETTE,
    ) -> None:
        check_hosts(policy.allowed_hosts)
        self.debug = debug
        self.policy = policy
        self.json = json
        self._thread_limits = ThreadLimits.of(policy)
        self._websocket_guard = WebSocketGuard.of(policy)
        self.state: State = State()
        self.router: Router = Router(routes, lifespan=lifespan)
        self.max_body_size = max_body_size
        self.exception_handlers: dict[Any, ExceptionHandler] = dict(exception_handlers or {})
        self.user_middleware: list[Middleware] = list(middleware or [])
        self.middleware_stack: ASGIApp | None = None

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)
            # PERF: S1, not of the class: CPython looks up slowly what an object has as well.
            if name in ("policy", "json", "middleware_stack"):
                super().__setattr__("_settings", None)

    def build_middleware_stack(self) -> ASGIApp:
        """Put the layers together; called once, at the first call of the application."""
        handlers = dict(self.exception_handlers)
        server_error_handler: ExceptionHandler | None = None
        for key in list(handlers):
            if key in (500, Exception):
                server_error_handler = handlers.pop(key)
        boundary = ExceptionMiddleware(self.router, handlers=handlers, debug=self.debug)
        boundary.websocket_guard = self._websocket_guard
        app: ASGIApp = boundary
        if self.policy.errors_inside_middleware and self.user_middleware:
            app = InnerBoundary(app, handler=server_error_handler, debug=self.debug)
        outside, inside = place_host_check(self.user_middleware, self.policy.allowed_hosts)
        app = build_stack(app, inside)
        if self.max_body_size is not None:
            app = RequestBodyLimitMiddleware(app, self.max_body_size)
        app = ServerErrorMiddleware(app, handler=server_error_handler, debug=self.debug)
        app = build_stack(app, outside)
        if self.policy.max_replay_size:
            app = BodyKeeper(app, self.policy.max_replay_size)
        control = self._drain_control
        if control.seconds or control.background_seconds or control.request_seconds:
            app = DrainBoundary(app, control)
        if self.policy.cleanup_seconds and runs_on_trio():
            from bolide.middleware._cleanup_boundary import CleanupBoundary

            app = CleanupBoundary(app, self.policy.cleanup_seconds)
        return app

    @asgi_call
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Run as an ASGI application."""
        # There are no settings before there is a stack.
        if self._settings is not DEFAULT or current_settings() is not DEFAULT:
            return self._run(scope, receive, send)
        scope["app"] = self
        stack: Any = self.middleware_stack
        # PERF: S1, to call a method takes a third of what it takes to call an object.
        awaitable: Awaitable[None] = stack.__call__(scope, receive, send)
        return awaitable

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the layers with what this application has set."""
        stack: Any = self.middleware_stack
        is_outermost = "app" not in scope
        if stack is None:
            stack = self.middleware_stack = self.build_middleware_stack()
            if is_outermost and scope["type"] == "lifespan" and not self.debug:
                advise(self.policy, self.user_middleware)
        limits = self._thread_limits or current_settings().limits
        inside = self._settings
        if inside is None or inside.limits is not limits:
            inside = self._settings = Settings.of(self.policy, self.json, limits)
        policy = inside.policy
        scope["app"] = self
        if policy.cut_head_bodies and scope.get("method") == "HEAD":
            send = HeadersOnly(send)
        # PERF: S1, a layer of its own would cost every request a frame. An iterator could be gone
        # through only once.
        if policy.refuse_double_hosts and isinstance(scope.get("headers"), (list, tuple)):
            if [header[0] for header in scope["headers"]].count(b"host") > 1:
                stack = refuse_hosts
        before = enter_settings(inside)
        try:
            await stack.__call__(scope, receive, send)
        except Exception as exc:
            # Further in, middleware has to learn why there is no response.
            if not (is_outermost and policy.quiet_disconnects and is_disconnect(exc)):
                raise
            note_disconnect(scope, exc)
        finally:
            leave_settings(before)

    @property
    def draining(self) -> Draining:
        """Tells whether the application is about to stop, by `is_set()` and `await wait()`.

        It is to stop once the process has been told so by SIGTERM or SIGINT, where the policy puts
        bounds to anything, or when `drain` has been called. Connections have it, too.
        """
        return self._drain_control

    def drain(self) -> None:
        """Begin draining: what goes on for long is told, and ended after a while; see `Policy`.

        For servers that do not stop by a signal, and for tests. While the lifespan of the
        application runs, it may be called in any thread; else in a task of the event loop.
        """
        self._drain_control.begin()

    @property
    def _drain_control(self) -> DrainControl:
        if not hasattr(self, "_draining"):
            policy = self.policy
            self._draining = DrainControl(
                policy.drain_seconds, policy.background_drain_seconds, policy.request_drain_seconds
            )
        return self._draining

    @property
    def routes(self) -> list[BaseRoute]:
        """The list of routes; it may be edited at any time."""
        return self.router.routes

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Give the path of a named route.

        Args:
            name: The name of the route; inside a named mount or host `mount:route`.
            path_params: A value for each parameter of its path.

        Raises:
            NoMatchFound: There is no route of that name with exactly those parameters.
        """
        return self.router.url_path_for(name, **path_params)

    def mount(self, path: str, app: ASGIApp, name: str | None = None) -> None:
        """Give everything under a path to another application."""
        self.router.mount(path, app=app, name=name)

    def host(self, host: str, app: ASGIApp, name: str | None = None) -> None:
        """Give everything on a host to another application."""
        self.router.host(host, app=app, name=name)

    def add_middleware(
        self, middleware_class: MiddlewareFactory[P], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Put middleware around all that is there already.

        Args:
            middleware_class: A class, or any callable that takes an application first.
            args: Its other positional arguments.
            kwargs: Its keyword arguments.

        Raises:
            RuntimeError: The application has already been called.
        """
        if self.middleware_stack is not None:
            raise RuntimeError("Cannot add middleware after an application has started")
        self.user_middleware.insert(0, Middleware(middleware_class, *args, **kwargs))

    def add_exception_handler(
        self, exc_class_or_status_code: int | type[Exception], handler: ExceptionHandler
    ) -> None:
        """Register an exception handler; has no effect once the application has been called.

        Args:
            exc_class_or_status_code: What to handle: the status of an HTTPException, or a class.
            handler: `handler(connection, exc)`, async or blocking, gives a response or None.
        """
        self.exception_handlers[exc_class_or_status_code] = handler

    def add_route(
        self,
        path: str,
        route: Callable[..., Any],
        methods: Collection[str] | None = None,
        name: str | None = None,
        include_in_schema: bool = True,
    ) -> None:
        """Append a `Route`.

        Args:
            path: The pattern of the path.
            route: The endpoint.
            methods: The methods that it takes.
            name: What `url_path_for` finds it by.
            include_in_schema: Whether a schema generator shall mention it.
        """
        self.router.add_route(
            path, route, methods=methods, name=name, include_in_schema=include_in_schema
        )


class Bolide(Starlette):
    """An application with safe and pleasant defaults, for new code.

    It is a `Starlette` with another `Policy`, each choice of which can be changed by name:
    `Bolide(redirect_slashes="ignore")`.

    Args:
        debug: See `Starlette`.
        routes: See `Starlette`.
        middleware: See `Starlette`.
        exception_handlers: See `Starlette`.
        lifespan: See `Starlette`.
        max_body_size: See `Starlette`.
        json: See `Starlette`; by default msgspec's or orjson's, the first that is installed.
        options: What shall be otherwise than by default; the attributes of `Policy`.

    Raises:
        TypeError: There is no such option.
        ValueError: An option that is a word is none of its choices.
    """

    def __init__(
        self: AppType,
        debug: bool = False,
        routes: Sequence[BaseRoute] | None = None,
        middleware: Sequence[Middleware] | None = None,
        exception_handlers: Mapping[Any, ExceptionHandler] | None = None,
        lifespan: Lifespan[AppType] | None = None,
        *,
        max_body_size: int | None = None,
        json: JSONCodec | None = None,
        **options: Unpack[PolicyOptions],
    ) -> None:
        super().__init__(
            debug,
            routes,
            middleware,
            exception_handlers,
            cast(Any, lifespan),
            max_body_size=max_body_size,
            json=fastest_codec() if json is None else json,
            policy=BOLIDE.changed(options),
        )


publish(globals(), ["Draining", "JSONCodec", "Policy", "UnknownChoice", "UnknownOption"])
