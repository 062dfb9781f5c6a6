"""Letting pages of other origins read responses (Fetch standard, section 3.2).

RULES

A browser asks before a request that a page could not have made without scripts: the preflight, an
OPTIONS request that is answered here. Every other request goes to the application, and its response
gets headers that say whether the page may read it. This protects readers from pages, not the
application from requests.

SECURITY: a safe middleware refuses what would let pages of anybody read what is personal, and takes
origins apart before it compares them, so that an expression cannot match what is no origin.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Collection, Iterable, Mapping
from functools import lru_cache
from typing import Final

from bolide._async import asgi_call
from bolide._data.headers import Headers, MutableHeaders, encode_header, find_header
from bolide._http.memo import Memo
from bolide._http.origin import Origin, parse_origin
from bolide._policy import policy_of
from bolide.exceptions import BolideError
from bolide.middleware._filter import InnerApp, StartFilter, editable
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


# What would end a header, if it were sent back.
_UNSENDABLE: Final = re.compile(r"[\r\n\x00]")


RawHeader = tuple[bytes, bytes]


class UnsafeCORS(BolideError, ValueError):
    """Pages of origins that nobody had in mind could read responses."""


class CORSMiddleware:
    """Adds the headers of cross-origin resource sharing.

    Responses to server errors have them, too, in a `Bolide`. In a `Starlette`, wrap the whole
    application for that: `app = CORSMiddleware(app, ...)`.

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
        safe: Whether to refuse `*`, or an expression that matches anything, with credentials, a
            text where a list belongs, what is no origin, and an expression with an unescaped dot;
            and to compare origins in their normal form. By default what the application says,
            `Policy.safe_cors`.

    Raises:
        ValueError: Something of this is to be refused; if only the application says so, this is
            raised when it starts, or else at each request.
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
        *,
        safe: bool | None = None,
    ) -> None:
        lists = {
            "allow_origins": allow_origins,
            "allow_methods": allow_methods,
            "allow_headers": allow_headers,
            "expose_headers": expose_headers,
        }
        # None until it is known what the application says.
        self._safe: bool | None = None
        self._fault: str | None = find_fault(lists, allow_origin_regex, allow_credentials)
        if safe is not None:
            self._settle(safe=safe)
        parsed = (parse_origin(str(origin)) for origin in allow_origins)
        self._origins: set[Origin] = {origin for origin in parsed if origin is not None}
        cls = type(self)
        self._is_plain: bool = all(
            getattr(cls, name) is getattr(CORSMiddleware, name) for name in _OVERRIDABLE
        )
        self.app: InnerApp = app
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

    @asgi_call
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Run as an ASGI application."""
        if self._safe is None and "app" in scope:
            self._settle(safe=policy_of(scope).safe_cors)
        if scope["type"] != "http":
            return self.app(scope, receive, send)
        origin = find_header(scope, b"origin")
        if scope["method"] == "OPTIONS" and origin is not None:
            headers = Headers(scope=scope)
            if "access-control-request-method" in headers:
                return self.preflight_response(headers)(scope, receive, send)
        if self._is_plain:
            return self.app.__call__(scope, receive, _CORSFilter(self, send, origin))
        return self.simple_response(scope, receive, send, Headers(scope=scope))

    def _settle(self, *, safe: bool) -> None:
        if safe and self._fault is not None:
            raise UnsafeCORS(self._fault)
        self._safe = safe

    def is_allowed_origin(self, origin: str) -> bool:
        """Say whether pages of an origin may read responses."""
        return _UNSENDABLE.search(origin) is None and self._allows(origin)

    def _allows(self, origin: str) -> bool:
        if self.allow_all_origins:
            return True
        expression = self.allow_origin_regex
        if self._safe:
            parsed = _PARSED[origin]
            return parsed is not None and (
                parsed in self._origins
                or (expression is not None and expression.fullmatch(str(parsed)) is not None)
            )
        return origin in self.allow_origins or (
            expression is not None and expression.fullmatch(origin) is not None
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
            if _UNSENDABLE.search(requested) is not None:
                failures.append("headers")
            elif self.allow_all_headers:
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

        def send_on(message: Message) -> Awaitable[None]:
            return self.send(message, send, request_headers)

        await self.app(scope, receive, send_on)

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

    def headers_for(self, origin: bytes | None) -> Mapping[bytes, bytes]:
        """Give what `send` adds for an Origin header; the value of `vary` is one more."""
        if origin is None:
            return _VARY
        added = _VARY
        if self.allow_credentials or not self.allow_all_origins:
            text = _SENDABLE[origin]
            if text is not None and self._allows(text):
                added = _NAMED[origin]
        if self.simple_headers:
            added = dict([_encoded(*pair) for pair in self.simple_headers.items()]) | added
        return added


def _sendable(origin: bytes) -> str | None:
    text = origin.decode("latin-1")
    # SECURITY: servers may let bytes through that would end a header.
    return text if _UNSENDABLE.search(text) is None else None


_VARY: Final = {b"vary": b"Origin"}

# PERF: S11, many requests come from one origin, and an application has few headers of its own.
_SENDABLE: Final = Memo[bytes, str | None](_sendable)
_NAMED: Final = Memo[bytes, dict[bytes, bytes]](
    lambda origin: {b"access-control-allow-origin": origin, **_VARY}
)
_PARSED: Final = Memo[str, Origin | None](parse_origin)
_encoded = lru_cache(maxsize=64)(encode_header)

_OVERRIDABLE: Final = ("simple_response", "send", "is_allowed_origin", "allow_explicit_origin")


class _CORSFilter(StartFilter):
    """Does what `CORSMiddleware.send` does.

    PERF: S11. Few applications set one of these headers themselves, so most often they are put
    after the others.
    """

    def __init__(self, middleware: CORSMiddleware, send: Send, origin: bytes | None) -> None:
        self.send = send
        self.response_started = False
        self._middleware = middleware
        self._origin = origin

    def on_start(self, start: Message) -> Message:
        headers = start.get("headers", ())
        added = self._middleware.headers_for(self._origin)
        together = [*headers, *added.items()]
        for name, _ in headers:
            if name in added:
                together = _merged(headers, added)
                break
        # PERF: S11, a copy of a dict is quick, and one with a change to it is not.
        start = {**start}
        start["headers"] = together
        return start


def _merged(headers: Iterable[RawHeader], added: Mapping[bytes, bytes]) -> list[RawHeader]:
    """Set headers in the place of those that there are."""
    rest = dict(added)
    rest[b"vary"] = b", ".join([value for name, value in headers if name == b"vary"] + [b"Origin"])
    merged: list[RawHeader] = []
    for pair in headers:
        name = pair[0]
        if name not in added:
            merged.append(pair)
        elif name in rest:
            merged.append((name, rest.pop(name)))
    return [*merged, *rest.items()]


def find_fault(
    lists: Mapping[str, Collection[str]], origin_regex: str | None, allow_credentials: bool
) -> str | None:
    """Say why a configuration is not safe; None if it is.

    Args:
        lists: The parameters that have to be lists, by name.
        origin_regex: The expression for more origins.
        allow_credentials: Whether requests may carry cookies and the like.
    """
    for name, values in lists.items():
        # A part of the text would be in it: with "https://example.org", also "https://example.o".
        if isinstance(values, str):
            return f"{name} has to be a list, not the text {values!r}."
    for origin in lists["allow_origins"]:
        if origin == "*":
            if allow_credentials:
                return (
                    "allow_origins=['*'] with allow_credentials would let pages of anybody act as"
                    " the user. Name the origins."
                )
        elif parse_origin(str(origin)) is None:
            return (
                f"{origin!r} in allow_origins is no origin: it is a scheme, a host and perhaps a"
                " port, as in 'https://app.example.com'."
            )
    if origin_regex is None:
        return None
    if _has_bare_dot(origin_regex):
        return (
            f"allow_origin_regex {origin_regex!r} has a dot that matches any character."
            r" Write it as \."
        )
    matches = re.compile(origin_regex).fullmatch
    if allow_credentials and any(matches(origin) for origin in _ORIGINS_OF_NOBODY):
        return (
            f"allow_origin_regex {origin_regex!r} with allow_credentials would let pages of anybody"
            " act as the user. Name the origins."
        )
    return None


# Nobody can have this host (RFC 6761, section 6.4).
_ORIGINS_OF_NOBODY: Final = ("https://nobody.invalid", "http://nobody.invalid")

# What is escaped, or in brackets, is no bare dot; nor is one that is repeated, as in `.*`.
_BARE_DOT: Final = re.compile(r"\\.|\[\^?\]?(?:[^\]\\]|\\.)*+\]|(\.)(?![*+?{])", re.DOTALL)


def _has_bare_dot(expression: str) -> bool:
    return any(match[1] for match in _BARE_DOT.finditer(expression))
