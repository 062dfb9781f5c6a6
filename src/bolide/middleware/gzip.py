"""Compressing responses with gzip (RFC 1952, RFC 9110 section 8.4.1.3).

RULES

- The start of a response is held back until the first piece of its body tells how large it is: a
  complete body that is small is left alone, and what comes in pieces is compressed piece by piece,
  each so that it can be read at once.
- Left alone from the start: what has an encoding already, ranges, and types that do not compress.
- Every other response says that it depends on Accept-Encoding, also to a client that does not take
  gzip: a cache has to know.
- What is strict follows RFC 9110 where Starlette does not: qualities count in Accept-Encoding, a
  compressed body has a weak entity tag, and `no-transform` is obeyed.

SECURITY: where a response repeats what its client sent next to a secret, its compressed length
tells of the secret (BREACH). A response that sets cookies is the likeliest to hold one, and is left
alone if strict; that is a rule of thumb, and tokens in pages have to be masked all the same.

THEORY OF OPERATION

`IdentityResponder` is all of this but the compression; it serves the clients that do not take
gzip. `GZipResponder` adds the compressor, made when there is something to compress. Large pieces
are compressed in worker threads, under a limiter of their own so that they do not take the threads
of blocking endpoints.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Iterable
from functools import partial
from typing import Any, Final, NoReturn, Protocol

import anyio
import anyio.lowlevel
import anyio.to_thread
from anyio.lowlevel import RunVar

from bolide._async import asgi_call, hands_on
from bolide._data.headers import find_header, header_values
from bolide._exchange import Exchange
from bolide._http.accept_encoding import takes_gzip
from bolide._http.memo import Memo
from bolide._policy import policy_of
from bolide.middleware._filter import InnerApp, editable
from bolide.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["DEFAULT_EXCLUDED_CONTENT_TYPES", "GZipMiddleware", "GZipResponder", "IdentityResponder"]

DEFAULT_EXCLUDED_CONTENT_TYPES: Final[tuple[str, ...]] = (
    "application/grpc",
    "application/gzip",
    "application/x-gzip",
    "application/zip",
    "audio/*",
    "font/woff",
    "font/woff2",
    "image/avif",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/event-stream",
    "video/*",
)
"""Media types that are compressed already, or have to arrive as they are sent."""

_MAX_DONE_HERE: Final = 64 * 1024
"""How many bytes of one response are compressed in the event loop before other tasks run."""

_COST_OF_PIECE: Final = 1024
"""What compressing and flushing a piece costs besides its bytes, counted as such."""

_MAX_THREADS: Final = 40
_limiter: RunVar[anyio.CapacityLimiter] = RunVar("bolide_gzip_limiter")

_NO_MESSAGE: Final[Message] = {}

_TELLING: Final = frozenset({b"content-type", b"content-encoding", b"cache-control", b"set-cookie"})
"""Headers that may say that a response is to be left alone."""


class Compressor(Protocol):
    """What `zlib.compressobj` gives; its class has no public name."""

    def compress(self, data: bytes, /) -> bytes:
        """Take a piece of data."""
        ...

    def flush(self, mode: int = ..., /) -> bytes:
        """Give what was held back."""
        ...


class GZipMiddleware:
    """Compresses responses for clients that take gzip.

    Args:
        app: The application to wrap.
        minimum_size: How many bytes a complete body has to have.
        compresslevel: From 1, fast, to 9, small.
        thread_minimum_size: From how many bytes on a piece is compressed in a worker thread.
        exclude_content_types: Media types to leave alone; `image/*` for all of a kind.
        strict: Whether to follow RFC 9110 in full, and to leave responses alone that set cookies;
            by default what the application says, `Policy.strict_compression`.
        compress_with_cookies: Compress responses that set cookies, too, if strict.
    """

    def __init__(
        self,
        app: ASGIApp,
        minimum_size: int = 500,
        compresslevel: int = 9,
        thread_minimum_size: int = 128 * 1024,
        *,
        exclude_content_types: tuple[str, ...] = DEFAULT_EXCLUDED_CONTENT_TYPES,
        strict: bool | None = None,
        compress_with_cookies: bool = False,
    ) -> None:
        self.app: InnerApp = app
        self.minimum_size = minimum_size
        self.compresslevel = compresslevel
        self.thread_minimum_size = thread_minimum_size
        self.exclude_content_types: tuple[str, ...] = _normalised(exclude_content_types)
        self._strict = strict
        # PERF: S11, what is the same for all requests is not set for each of them.
        settings = {
            "app": staticmethod(app),
            "minimum_size": minimum_size,
            "compresslevel": compresslevel,
            "thread_minimum_size": thread_minimum_size,
            "exclude_content_types": self.exclude_content_types,
            "compress_with_cookies": compress_with_cookies,
            "_excludes": Memo(partial(_is_excluded, excluded=self.exclude_content_types)),
            "__init__": _attach,
        }
        self._gzip: Any = type("GZipResponder", (GZipResponder,), settings)
        self._identity: Any = type("IdentityResponder", (IdentityResponder,), settings)

    @asgi_call
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Run as an ASGI application."""
        if scope["type"] != "http":
            return self.app(scope, receive, send)
        return self.app.__call__(scope, receive, _ToCompress(send, self, scope))

    def responder_for(self, scope: Scope, send: Send) -> IdentityResponder:
        """Give what handles a request."""
        strict = policy_of(scope).strict_compression if self._strict is None else self._strict
        if strict:
            takes = _WANTS_GZIP[b",".join(header_values(scope, b"accept-encoding"))]
        else:
            takes = _NAMES_GZIP[find_header(scope, b"accept-encoding") or b""]
        responder: IdentityResponder = (self._gzip if takes else self._identity)(send)
        if strict:
            responder.strict = True
        return responder


class IdentityResponder:
    """Handles one request of a client that does not take gzip.

    Attributes:
        strict: See `GZipMiddleware`.
        compress_with_cookies: See `GZipMiddleware`.
    """

    strict: bool = False
    compress_with_cookies: bool = False
    content_encoding: str | None = None

    # PERF: S11, what is not set for each request costs nothing.
    initial_message: Message = _NO_MESSAGE
    started: bool = False
    content_encoding_set: bool = False
    content_type_is_excluded: bool = False
    partial_response: bool = False
    _is_forbidden: bool = False

    def __init__(
        self,
        app: ASGIApp,
        minimum_size: int,
        *,
        exclude_content_types: tuple[str, ...] = DEFAULT_EXCLUDED_CONTENT_TYPES,
    ) -> None:
        self.app = app
        self.minimum_size = minimum_size
        self.send: Send = unattached_send
        self.exclude_content_types: tuple[str, ...] = (
            exclude_content_types
            if exclude_content_types is DEFAULT_EXCLUDED_CONTENT_TYPES
            else _normalised(exclude_content_types)
        )
        self._excludes = Memo(partial(_is_excluded, excluded=self.exclude_content_types))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application, for one request."""
        self.send = send
        await self.app(scope, receive, self.send_with_compression)

    @hands_on
    def send_with_compression(self, message: Message) -> Awaitable[None]:
        """Take a message of the application."""
        kind = message["type"]
        if kind == "http.response.start":
            self.initial_message = message
            if not self._leaves_alone(message):
                return _nothing()
            self.started = True
        elif kind == "http.response.body":
            if not (
                self.content_encoding_set
                or self.content_type_is_excluded
                or self.partial_response
                or self._is_forbidden
            ):
                is_complete = not self.started and not message.get("more_body", False)
                if is_complete and len(message.get("body", b"")) < self.minimum_size:
                    return self._send_whole(message)
                return self._send_piece(message)
        elif kind == "http.response.pathsend":
            if not self.started:
                return self._send_whole(message)
        elif kind not in ("http.response.early_hint", "http.response.trailers"):
            return _nothing()
        return self.send(message)

    def _leaves_alone(self, start: Message) -> bool:
        """Note what the start of a response says that it is to be left alone for, if anything."""
        content_type: bytes | None = None
        for name, value in start.get("headers", ()):
            # PERF: S11, most headers tell nothing.
            if name in _TELLING:
                if name == b"content-type":
                    content_type = value if content_type is None else content_type
                elif name == b"content-encoding":
                    self.content_encoding_set = True
                elif self.strict and self._forbids_compression(name, value):
                    self._is_forbidden = True
        if self._excludes[content_type or b""]:
            self.content_type_is_excluded = True
        if start["status"] == 206:
            self.partial_response = True
        return (
            self.content_encoding_set
            or self.content_type_is_excluded
            or self.partial_response
            or self._is_forbidden
        )

    def _forbids_compression(self, name: bytes, value: bytes) -> bool:
        """Say whether a header forbids it where RFC 9110 is followed in full."""
        if name == b"cache-control":
            # RFC 9111, section 5.2.2.6: a response that is to arrive as it is.
            directives = value.lower().split(b",")
            return any(directive.strip() == b"no-transform" for directive in directives)
        return name == b"set-cookie" and not self.compress_with_cookies

    async def _send_whole(self, message: Message) -> None:
        """Send what follows the start and ends the response, which stays as it is."""
        self.started = True
        await self.send(self.initial_message)
        await self.send(message)

    async def _send_piece(self, message: Message) -> None:
        body = message.get("body", b"")
        more_body = message.get("more_body", False)
        compressed = await self.apply_compression(body, more_body=more_body)
        if not self.started:
            self.started = True
            await self.send(self._start(None if more_body else len(compressed)))
        if compressed is not body:
            message = {**message, "body": compressed}
        await self.send(message)

    def _start(self, length: int | None) -> Message:
        """Give the start of the response, with what is known of the length of its body."""
        start, headers = editable(self.initial_message)
        headers.add_vary_header("Accept-Encoding")
        if self.content_encoding is not None:
            headers["content-encoding"] = self.content_encoding
            etag = headers.get("etag")
            if self.strict and etag is not None and not etag.startswith("W/"):
                # A strong one vouches for every byte (RFC 9110, section 8.8.1).
                headers["etag"] = f"W/{etag}"
            if length is None or start.get("trailers", False):
                del headers["content-length"]
            else:
                headers["content-length"] = str(length)
        return start

    async def apply_compression(self, body: bytes, *, more_body: bool) -> bytes:
        """Compress a piece of the body: not here."""
        return body


class GZipResponder(IdentityResponder):
    """Handles one request of a client that takes gzip."""

    content_encoding: str | None = "gzip"

    _compressor: Compressor | None = None
    _done_here = 0

    def __init__(
        self,
        app: ASGIApp,
        minimum_size: int,
        compresslevel: int = 9,
        *,
        thread_minimum_size: int = 128 * 1024,
        exclude_content_types: tuple[str, ...] = DEFAULT_EXCLUDED_CONTENT_TYPES,
    ) -> None:
        super().__init__(app, minimum_size, exclude_content_types=exclude_content_types)
        self.compresslevel = compresslevel
        self.thread_minimum_size = thread_minimum_size

    @property
    def compressor(self) -> Compressor:
        """The compressor of this response, made when it is first needed."""
        if self._compressor is None:
            # 15 for the largest window, and 16 for the format of gzip.
            self._compressor = zlib.compressobj(self.compresslevel, zlib.DEFLATED, 15 + 16)
        return self._compressor

    async def apply_compression(self, body: bytes, *, more_body: bool) -> bytes:
        """Compress a piece of the body so that the client can read it at once."""
        if len(body) < self.thread_minimum_size:
            # SECURITY: neither what makes the pieces nor a server need ever wait for anything.
            self._done_here += len(body) + _COST_OF_PIECE
            if self._done_here >= _MAX_DONE_HERE:
                self._done_here = 0
                await anyio.lowlevel.checkpoint()
            return self._compress(body, more_body)
        limiter = _limiter.get(None)
        if limiter is None:
            limiter = anyio.CapacityLimiter(_MAX_THREADS)
            _limiter.set(limiter)
        return await anyio.to_thread.run_sync(self._compress, body, more_body, limiter=limiter)

    def _compress(self, body: bytes, more_body: bool) -> bytes:
        mode = zlib.Z_SYNC_FLUSH if more_body else zlib.Z_FINISH
        return self.compressor.compress(body) + self.compressor.flush(mode)


class _ToCompress(Exchange):
    """The `send` of a request: a responder takes what could be compressed.

    PERF: S11, most bodies are small and complete, and are left alone whatever else there is to
    know. So nothing is looked up before there is another one.
    """

    _responder: IdentityResponder | None = None

    def __init__(self, send: Send, middleware: GZipMiddleware, scope: Scope) -> None:
        self.send = send
        self.response_started = False
        self._middleware = middleware
        # What it is now: layers further in may write into it.
        headers = scope["headers"]
        if type(headers) is not list:
            headers = scope["headers"] = list(headers)
        self._scope = {**scope}
        self._scope["headers"] = headers.copy()

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.response_started = True
        responder = self._responder
        if responder is None:
            responder = self._middleware.responder_for(self._scope, self.send)
            self._responder = responder
        return responder.send_with_compression(message)

    def lead(self, start: Message, size: int | None) -> tuple[Message, Send]:
        if size is None or size >= self._middleware.minimum_size:
            return start, self.__call__
        self.response_started = True
        send = self.send
        return send.lead(start, size) if isinstance(send, Exchange) else (start, send)


def _attach(responder: IdentityResponder, send: Send) -> None:
    """Make a responder that has its settings from its class."""
    responder.send = send


async def unattached_send(message: Message) -> NoReturn:
    """Stand in for the send channel of a responder that was not called yet."""
    raise RuntimeError("send awaitable not set")


async def _nothing() -> None:
    """Do what there is to do for a message that is not handed on."""


# PERF: S11, there are few browsers, and each says the same all the time.
_WANTS_GZIP: Final = Memo[bytes, bool](lambda header: takes_gzip(header.decode("latin-1")))
_NAMES_GZIP: Final = Memo[bytes, bool](lambda header: b"gzip" in header)


def _normalised(content_types: Iterable[str]) -> tuple[str, ...]:
    return tuple(content_type.split(";")[0].strip().lower() for content_type in content_types)


def _is_excluded(content_type: bytes, excluded: tuple[str, ...]) -> bool:
    essence = content_type.partition(b";")[0].decode("latin-1").strip().lower()
    return (
        essence in excluded
        or f"{essence.partition('/')[0]}/*" in excluded
        or (essence.startswith("application/grpc+") and "application/grpc" in excluded)
    )
