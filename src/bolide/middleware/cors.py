"""Letting pages of other origins read responses (Fetch standard, section 3.2).

RULES

A browser asks before a request that a page could not have made without scripts: the preflight, an
OPTIONS request that is answered here. Every other request goes to the application, and its response
gets headers that say whether the page may read it. This protects readers from pages, not the
application from requests.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Collection
from typing import Final

from bolide._data.headers import Headers, MutableHeaders
from bolide.middleware._filter import SendFilter, editable
from bolide.responses import PlainTextResponse, Response
from bolide.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["ALL_METHODS", "SAFELISTED_HEADERS", "CORSMiddleware"]

ALL_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY")
"""What `*` stands for among methods."""

SAFELISTED_HEADERS: Final = {"Accept", "Accept-Language", "Content-Language", "Content-Type"}
"""Headers that are always allowed."""

_PREFLIGHT_VARY: Final = (
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers,"
    " Access-Control-Request-Private-Network"
)


class CORSMiddleware:
    """Adds the headers of cross-origin resource sharing.

    To have them on responses to server errors too, wrap the whole application:
    `app = CORSMiddleware(app, ...)`.

    Args:
        app: The application to wrap.
        allow_origins: Origins such as `https://example.org`; `*` for any.
        allow_methods: Methods; `*` for all usual ones.
        allow_headers: Request headers beside the safelisted ones; `*` for any.
        allow_credentials: Whether requests may carry cookies and the like.
        allow_origin_regex: More origins: an expression that has to match all of an origin.
        allow_private_network: Whether pages of public networks may ask a private one.
        expose_headers: Response headers that scripts may read.
        max_age: For how many seconds a browser may remember the answer to a preflight.
    """

    def __init__(
        self,
        app: ASGIApp,
        allow_origins: Collection[str] = (),
        allow_methods: Collection[str] = ("GET",),
        allow_headers: Collection[str] = (),
        allow_credentials: bool = False,
        allow_origin_regex: str | None = None,
        allow_private_network: bool = False,
        expose_headers: Collection[str] = (),
        max_age: int = 600,
    ) -> None:
        self.app = app
        self.allow_origins = allow_origins
        self.allow_methods: Collection[str] = ALL_METHODS if "*" in allow_methods else allow_methods
        self.allow_all_origins: bool = "*" in allow_origins
        self.allow_all_headers: bool = "*" in allow_headers
        self.allow_credentials = allow_credentials
        self.allow_origin_regex: re.Pattern[str] | None = (
            None if allow_origin_regex is None else re.compile(allow_origin_regex)
        )
        self.allow_private_network = allow_private_network
        allowed = sorted(SAFELISTED_HEADERS | set(allow_headers))
        self.allow_headers: list[str] = [header.lower() for header in allowed]
        # `*` is not allowed together with credentials (Fetch standard, section 3.2.5).
        any_origin = self.allow_all_origins and not allow_credentials
        self.preflight_explicit_allow_origin: bool = not self.allow_all_origins or allow_credentials

        simple = {}
        if self.allow_all_origins:
            simple["Access-Control-Allow-Origin"] = "*"
        if allow_credentials:
            simple["Access-Control-Allow-Credentials"] = "true"
        if expose_headers:
            simple["Access-Control-Expose-Headers"] = ", ".join(expose_headers)
        self.simple_headers: dict[str, str] = simple

        preflight = {"Vary": _PREFLIGHT_VARY}
        if any_origin:
            preflight["Access-Control-Allow-Origin"] = "*"
        preflight["Access-Control-Allow-Methods"] = ", ".join(self.allow_methods)
        preflight["Access-Control-Max-Age"] = str(max_age)
        if not self.allow_all_headers:
            preflight["Access-Control-Allow-Headers"] = ", ".join(allowed)
        if allow_credentials:
            preflight["Access-Control-Allow-Credentials"] = "true"
        self.preflight_headers: dict[str, str] = preflight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if (
            scope["method"] == "OPTIONS"
            and "origin" in headers
            and "access-control-request-method" in headers
        ):
            await self.preflight_response(headers)(scope, receive, send)
        else:
            await self.simple_response(scope, receive, send, headers)

    def is_allowed_origin(self, origin: str) -> bool:
        """Say whether pages of an origin may read responses."""
        return (
            self.allow_all_origins
            or (
                self.allow_origin_regex is not None
                and self.allow_origin_regex.fullmatch(origin) is not None
            )
            or origin in self.allow_origins
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """Give the answer to a preflight."""
        headers = dict(self.preflight_headers)
        failures: list[str] = []

        origin = request_headers["origin"]
        if not self.is_allowed_origin(origin):
            failures.append("origin")
        elif self.preflight_explicit_allow_origin:
            headers["Access-Control-Allow-Origin"] = origin

        if request_headers["access-control-request-method"] not in self.allow_methods:
            failures.append("method")

        requested = request_headers.get("access-control-request-headers")
        if requested is not None:
            if self.allow_all_headers:
                headers["Access-Control-Allow-Headers"] = requested
            elif any(
                name.strip().lower() not in self.allow_headers for name in requested.split(",")
            ):
                failures.append("headers")

        if "access-control-request-private-network" in request_headers:
            if self.allow_private_network:
                headers["Access-Control-Allow-Private-Network"] = "true"
            else:
                failures.append("private-network")

        if failures:
            text = f"Disallowed CORS {', '.join(failures)}"
            return PlainTextResponse(text, status_code=400, headers=headers)
        return PlainTextResponse("OK", headers=headers)

    async def simple_response(
        self, scope: Scope, receive: Receive, send: Send, request_headers: Headers
    ) -> None:
        """Call the application, and add headers to its response."""
        await self.app(scope, receive, _CORSFilter(self, send, request_headers))

    async def send(self, message: Message, send: Send, request_headers: Headers) -> None:
        """Send a message; the start of a response gets its headers."""
        if message["type"] == "http.response.start":
            message, headers = editable(message)
            origin = request_headers.get("origin")
            if origin is not None:
                headers.update(self.simple_headers)
            explicit = self.allow_credentials or not self.allow_all_origins
            if origin is not None and explicit and self.is_allowed_origin(origin):
                self.allow_explicit_origin(headers, origin)
            else:
                # Also without an Origin: a cache must not give this to a page that sends one.
                headers.add_vary_header("Origin")
        await send(message)

    @staticmethod
    def allow_explicit_origin(headers: MutableHeaders, origin: str) -> None:
        """Say that pages of this origin may read the response, and of others perhaps not."""
        headers["Access-Control-Allow-Origin"] = origin
        headers.add_vary_header("Origin")


class _CORSFilter(SendFilter):
    __slots__ = ("_middleware", "_request_headers")

    def __init__(self, middleware: CORSMiddleware, send: Send, request_headers: Headers) -> None:
        self.send = send
        self._middleware = middleware
        self._request_headers = request_headers

    def on_start(self, message: Message) -> Awaitable[None]:
        return self._middleware.send(message, self.send, self._request_headers)
