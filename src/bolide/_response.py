"""What every response is: a status, headers and a body, and an ASGI application that sends them.

RULES

Headers are a list of byte pairs in the order of the wire: the caller's, then `content-length`,
then `content-type`. A response may be sent any number of times. On a WebSocket that has not been
accepted, the same messages go out with `websocket.` in front (a denial response).
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from bolide._background import run_background
from bolide._data.headers import MutableHeaders, refuse_illegal
from bolide._exchange import Exchange
from bolide._policy import policy_of
from bolide._settings import current_settings
from bolide.background import BackgroundTask
from bolide.types import Message, Receive, Scope, Send

if TYPE_CHECKING:
    import datetime

__all__ = ["BODILESS", "HTMLResponse", "PlainTextResponse", "Response", "denial", "without_body"]

BODILESS: Final = frozenset({204, 205, 304})
"""Statuses of responses without a body (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5)."""


@functools.lru_cache(maxsize=256)
def _content_type_header(media_type: str, charset: str) -> tuple[bytes, bytes]:
    """Give the header of a media type; text says in which charset it is."""
    if media_type.startswith("text/") and "charset=" not in media_type.lower():
        media_type += f"; charset={charset}"
    header = (b"content-type", media_type.encode("latin-1"))
    refuse_illegal([header])
    return header


# PERF: S1, headers that are made again and again, and found here without a call of a function.
_UTF8_TYPES: Final = {
    media_type: _content_type_header(media_type, "utf-8")
    for media_type in ("text/plain", "text/html", "application/json")
}
_LENGTHS: Final = [(b"content-length", b"%d" % length) for length in range(256)]


class Response:
    """A response whose body is known when it is made.

    Subclasses may set `media_type` and `charset`, and override `render`.

    Args:
        content: The body; text is encoded with `charset`.
        status_code: The status (RFC 9110, section 15).
        headers: More headers; they win over the ones that would be added.
        media_type: The media type of the body, if it is not that of the class.
        background: A task to run when the response has been sent.

    Raises:
        ValueError: A header or the media type has a line break or a null byte in it.

    Attributes:
        body: The encoded body.
        raw_headers: The headers as they go out, a list of byte pairs.
        background: May be set until the response is sent.
    """

    media_type: str | None = None
    charset = "utf-8"

    body: bytes | memoryview
    raw_headers: list[tuple[bytes, bytes]]

    def __init__(
        self,
        content: Any = None,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | None = None,
    ) -> None:
        self.status_code = status_code
        if media_type is not None:
            self.media_type = media_type
        self.background = background
        # PERF: S1, the common cases of `render` and `init_headers` without their frames.
        cls = type(self)
        charset = self.charset
        is_utf8 = charset == "utf-8"
        body: bytes | memoryview
        if type(content) is not str or cls.render is not _RENDER:
            body = self.render(content)
        elif is_utf8:
            body = content.encode()
        else:
            body = content.encode(charset)
        self.body = body
        if headers is not None or status_code != 200 or cls.init_headers is not _INIT_HEADERS:
            self.init_headers(headers)
            return
        length = len(body)
        header = _LENGTHS[length] if length < 256 else (b"content-length", b"%d" % length)
        media_type = self.media_type
        if media_type is None:
            self.raw_headers = [header]
            return
        content_type = _UTF8_TYPES.get(media_type) if is_utf8 else None
        if content_type is None:
            content_type = _content_type_header(media_type, charset)
        self.raw_headers = [header, content_type]

    def render(self, content: Any) -> bytes | memoryview:
        """Turn the content into the body."""
        if content is None:
            return b""
        if isinstance(content, bytes):
            return content
        if isinstance(content, memoryview):
            # The length of a memoryview counts items; the wire counts bytes.
            if not content.c_contiguous:
                return memoryview(content.tobytes())
            return content.cast("B") if content.nbytes else memoryview(b"")
        encoded: bytes = content.encode(self.charset)
        return encoded

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Set `raw_headers` from the given ones, and add length and type where they are missing."""
        raw: list[tuple[bytes, bytes]] = []
        given: set[bytes] = set()
        if headers is not None:
            raw = [
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in headers.items()
            ]
            if raw:
                refuse_illegal(raw)
            given = {name for name, _ in raw}
        body = getattr(self, "body", None)
        status = self.status_code
        # A response that cannot have a body has no length to tell (RFC 9110, section 8.6).
        if body is not None and status >= 200 and status not in (204, 304):
            if b"content-length" not in given:
                raw.append((b"content-length", b"%d" % len(body)))
        if self.media_type is not None and b"content-type" not in given:
            raw.append(_content_type_header(self.media_type, self.charset))
        self.raw_headers = raw

    @property
    def headers(self) -> MutableHeaders:
        """The headers; what is changed here goes out."""
        if not hasattr(self, "_headers"):
            self._headers = MutableHeaders(raw=self.raw_headers)
        return self._headers

    def set_cookie(
        self,
        key: str,
        value: str = "",
        max_age: int | None = None,
        expires: datetime.datetime | str | int | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: Literal["lax", "strict", "none"] | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Add a cookie (RFC 6265bis, section 4.1).

        Args:
            key: The name.
            value: The value; quoted where it has to be.
            max_age: Seconds until the client shall forget it.
            expires: The same as seconds from now, a time in UTC, or a formatted date.
            path: The path that it is sent for, with everything under it.
            domain: The domain that it is sent to, with its subdomains; by default this host only.
            secure: Send it over HTTPS only.
            httponly: Hide it from scripts.
            samesite: Whether requests from other sites carry it.
            partitioned: Keep it apart for each top-level site (Python 3.14 and later).

        Raises:
            AssertionError: `samesite` is none of the three.
            ValueError: `expires` is not in UTC, or this Python cannot write `partitioned`; or
                browsers would drop the cookie, and the application that is running wants to know
                (`Policy.check_cookies`, `Policy.max_cookie_size`).
            http.cookies.CookieError: The name is not legal.
        """
        from bolide._http.cookies import format_cookie, refuse_dropped, refuse_large

        cookie = format_cookie(
            key,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )
        header = cookie.encode("latin-1")
        policy = current_settings().policy
        if policy.check_cookies:
            refuse_dropped(
                key,
                path=path,
                domain=domain,
                secure=secure,
                samesite=samesite,
                partitioned=partitioned,
            )
        if policy.max_cookie_size is not None:
            refuse_large(key, len(header), policy.max_cookie_size)
        self.raw_headers.append((b"set-cookie", header))

    def delete_cookie(
        self,
        key: str,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: Literal["lax", "strict", "none"] | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Make the client forget a cookie; name, path and domain must be those it was set with."""
        self.set_cookie(
            key,
            max_age=0,
            expires=0,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response: run as an ASGI application."""
        headers, body = self.raw_headers, self.body
        status = self.status_code
        if status != 200 and status in BODILESS and policy_of(scope).cut_forbidden_bodies:
            headers, body = without_body(status, headers), b""
        start: Message = {"type": "http.response.start", "status": status, "headers": headers}
        if scope["type"] == "websocket":
            send = denial(send)
        elif isinstance(send, Exchange):
            if type(send) is Exchange:
                # PERF: S1, note the start ourselves rather than in one more frame a message.
                send.response_started = True
                send = send.send
            else:
                start, send = send.lead(start, len(body))
        await send(start)
        await send({"type": "http.response.body", "body": body})
        if self.background is not None:
            await run_background(self.background, scope)


_RENDER = Response.render
_INIT_HEADERS = Response.init_headers


class HTMLResponse(Response):
    """An HTML page; see `Response` for the arguments."""

    media_type: str | None = "text/html"


class PlainTextResponse(Response):
    """Plain text; see `Response` for the arguments."""

    media_type: str | None = "text/plain"


def without_body(status_code: int, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Give the headers of a response whose status forbids the body that it has."""
    if status_code == 304:
        # Its Content-Length is that of the response to a request without conditions.
        return headers
    kept = [pair for pair in headers if pair[0] != b"content-length"]
    # A 204 has no length (RFC 9110, section 8.6), but a 205 has to end somewhere.
    return [*kept, (b"content-length", b"0")] if status_code == 205 else kept


def denial(send: Send) -> Send:
    """Let a response go out as the answer to a WebSocket handshake (ASGI denial response)."""

    def send_denial(message: Message) -> Awaitable[None]:
        return send({**message, "type": f"websocket.{message['type']}"})

    return send_denial
