"""Refusing requests that a page of another site makes in a user's name.

RULES

A request with a method that changes something (any but GET, HEAD, OPTIONS and TRACE) is let through

1. if its Sec-Fetch-Site says that it comes from the same origin, or from the user alone (Fetch
   Metadata, section 2.4);
2. else if its Origin is the server's own, or a trusted one; what says itself to be from another
   site is never the server's own;
3. else, if there is nothing to tell where it comes from, because it has neither header or the
   Origin `null`: if it holds a token that goes with its cookie. One with neither header needs none
   if it carries nothing that browsers send by themselves: no cookies and no password.

Anything else is refused with 403. Browsers of the last years send both headers and need no token;
it is for the older ones.

THEORY OF OPERATION

A token is a number made for this use, and a signature over it and the number in a cookie. The
server keeps nothing. The cookie is set with the first token that a page asks for. As a token is
another one each time, a compressed page does not give it away (the BREACH attack).

The token comes in a header or in a field of a form. To look for the field, the body is read, up to
a limit, and then given to the application.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Iterable, Sequence
from html import escape
from typing import Any, Final

from bolide._data.headers import Headers
from bolide._data.secret import Secret
from bolide._http.cookies import format_cookie
from bolide._http.origin import OriginList
from bolide.exceptions import BolideError, MissingExtra
from bolide.middleware._exempt import exemption
from bolide.middleware._filter import StartFilter, editable
from bolide.requests import HTTPConnection, Request
from bolide.responses import PlainTextResponse, Response
from bolide.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CSRFMiddleware", "csrf_context", "csrf_field", "csrf_token"]

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_PASSWORDS: Final = frozenset({"basic", "digest", "negotiate", "ntlm"})
"""What an Authorization header begins with that a browser sends by itself."""

_SCOPE_KEY: Final = "bolide.csrf"
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_BYTES: Final = 16
_MIN_KEY: Final = 16
# A number and the signature, 48 bytes; of that many each has one spelling only.
_SIGNED: Final = re.compile(r"[A-Za-z0-9_-]{64}")


class _NoCSRFToken(BolideError, RuntimeError):
    """A token was asked for where none can be had that would be accepted."""


def csrf_token(conn: HTTPConnection) -> str:
    """Give a token for a form or a script of the page that answers this request.

    Raises:
        RuntimeError: There is no `CSRFMiddleware` around, or the response has begun and it is too
            late for the cookie that goes with the token.
    """
    return _protection_of(conn).token()


def csrf_field(conn: HTTPConnection) -> str:
    """Give the hidden field of a form, as HTML that templates do not escape.

    Raises:
        RuntimeError: As for `csrf_token`.
    """
    protection = _protection_of(conn)
    name = escape(protection.middleware.field_name)
    return _Markup(f'<input type="hidden" name="{name}" value="{protection.token()}">')


def csrf_context(request: Request) -> dict[str, Any]:
    """Offer `csrf_field()` and `csrf_token()` to templates, as one of their context processors."""
    return {
        "csrf_field": lambda: csrf_field(request),
        "csrf_token": lambda: csrf_token(request),
    }


def _protection_of(conn: HTTPConnection) -> _Protection:
    protection: _Protection | None = conn.scope.get(_SCOPE_KEY)
    if protection is None:
        raise _NoCSRFToken("A CSRF token needs a CSRFMiddleware, and there is none.")
    return protection


class _Markup(str):
    """Text that is HTML already, which Jinja2 and others tell by this method."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


class CSRFMiddleware:
    """Refuses requests that change something and come from other sites.

    It looks at the method that the request came with: whatever takes another one from a field or a
    header belongs in front of it.

    Args:
        app: The application to wrap.
        secret_key: Signs the tokens: at least 16 bytes. Of a list, the first one signs, and all
            are accepted.
        trusted_origins: Origins that may make such requests, too. The server's own is known by the
            Host header.
        exempt: Paths that are let through, such as webhooks; or a function that is given the scope
            and says so.
        cookie_name: The name of the cookie. One that begins with `__Host-` cannot be set by other
            hosts of the domain, and needs HTTPS.
        field_name: The field of a form that holds the token.
        header_name: The header that holds the token.
        max_form_size: How many bytes of a form are read to find the token; a larger one is refused.

    Raises:
        ValueError: A key is too short, an origin is none, or `exempt` is a single text.
        http.cookies.CookieError: The name of the cookie is none.
    """

    def __init__(
        self,
        app: ASGIApp,
        secret_key: str | Secret | Sequence[str | Secret],
        *,
        trusted_origins: Iterable[str] = (),
        exempt: Collection[str] | Callable[[Scope], bool] = (),
        cookie_name: str = "csrf",
        field_name: str = "csrf_token",
        header_name: str = "X-CSRF-Token",
        max_form_size: int = 1024 * 1024,
    ) -> None:
        keys = [secret_key] if isinstance(secret_key, str | Secret) else list(secret_key)
        self.signer: _Signer = _Signer([str(key).encode() for key in keys])
        self.app = app
        self.trusted_origins: OriginList = OriginList(trusted_origins)
        self.is_exempt: Callable[[Scope], bool] = exemption(exempt)
        format_cookie(cookie_name)
        self.cookie_name = cookie_name
        self.field_name = field_name
        self.header_name = header_name
        self.max_form_size = max_form_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        protection = scope[_SCOPE_KEY] = _Protection(self, scope)
        send = _CookieFilter(send, protection)
        if not (scope["method"] in _SAFE_METHODS or self.is_exempt(scope)):
            verdict = self._verdict(scope)
            if verdict is None:
                body = _Body(receive)
                verdict = await protection.has_token(body)
                receive = body.again
            if not verdict:
                await self.refusal(scope)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def refusal(self, scope: Scope) -> Response:
        """Override to give another response to a request that is refused."""
        return PlainTextResponse("Cross-site request refused", 403)

    def _verdict(self, scope: Scope) -> bool | None:
        """Say whether a request is let through; None if only a token can tell."""
        headers = Headers(scope=scope)
        sites = headers.getlist("sec-fetch-site")
        origins = headers.getlist("origin")
        if len(sites) > 1 or len(origins) > 1:
            # No browser does that.
            return False
        if sites and sites[0] in ("same-origin", "none"):
            return True
        if not sites and origins == ["null"]:
            # Forms have it, too, where the Referrer-Policy is "no-referrer" (Fetch standard, 3.2).
            return None
        if origins:
            hosts = [] if sites else headers.getlist("host")
            is_secure = scope.get("scheme") == "https"
            return self.trusted_origins.allows(origins[0], hosts, is_secure=is_secure)
        if sites:
            return False
        return None if _has_credentials(headers) else True


def _has_credentials(headers: Headers) -> bool:
    """Say whether a request has what a browser sends along, whoever makes it send the request."""
    return "cookie" in headers or any(
        value.strip().partition(" ")[0].lower() in _PASSWORDS
        for value in headers.getlist("authorization")
    )


class _Signer:
    """Signs numbers with the first of its keys, and knows the signatures of all."""

    __slots__ = ("_keys",)

    def __init__(self, keys: list[bytes]) -> None:
        if not keys or any(len(key) < _MIN_KEY for key in keys):
            raise ValueError(f"A key that signs CSRF tokens has at least {_MIN_KEY} bytes.")
        self._keys = keys

    def sign(self, purpose: bytes, number: bytes, *others: bytes) -> str:
        """Sign a number, for a purpose and together with others."""
        signature = self._signature(self._keys[0], purpose, number, *others)
        return urlsafe_b64encode(number + signature).decode()

    def check(self, text: str, purpose: bytes, *others: bytes) -> tuple[bytes, bool] | None:
        """Give the number that was signed, and whether the first key has; None if nobody has."""
        if _SIGNED.fullmatch(text) is None:
            return None
        data = urlsafe_b64decode(text)
        number, signature = data[:_BYTES], data[_BYTES:]
        for place, key in enumerate(self._keys):
            expected = self._signature(key, purpose, number, *others)
            if hmac.compare_digest(signature, expected):
                return number, place == 0
        return None

    def _signature(self, key: bytes, purpose: bytes, *numbers: bytes) -> bytes:
        # SECURITY: the numbers all have one length, so no two lists of them look the same.
        return hmac.digest(key, b"bolide.csrf:" + b":".join([purpose, *numbers]), hashlib.sha256)


class _Protection:
    """The cookie and the tokens of one request."""

    __slots__ = ("_is_current", "_number", "_scope", "has_started", "is_used", "middleware")

    def __init__(self, middleware: CSRFMiddleware, scope: Scope) -> None:
        self.middleware = middleware
        self._scope = scope
        self._number: bytes | None = None
        self._is_current = False
        self.is_used = False
        self.has_started = False

    def token(self) -> str:
        """Give a token that goes with the cookie, which is made if there is none."""
        if self.has_started and not self.is_used:
            raise _NoCSRFToken(
                "A page has to ask for its first CSRF token before the response begins, as it may"
                " need a cookie."
            )
        number = self._number = self.number() or secrets.token_bytes(_BYTES)
        self.is_used = True
        return self.middleware.signer.sign(b"token", secrets.token_bytes(_BYTES), number)

    def number(self) -> bytes | None:
        """Give the number of the cookie, if there is one that we have set."""
        if self._number is None:
            cookie = HTTPConnection(self._scope).cookies.get(self.middleware.cookie_name, "")
            found = self.middleware.signer.check(cookie, b"cookie")
            if found is not None:
                self._number, self._is_current = found
        return self._number

    def cookie(self) -> str | None:
        """Give the Set-Cookie header that a page needs which has asked for a token, if any."""
        if self._number is None or self._is_current:
            return None
        # A number that an older key has signed is signed anew, since that key will be taken away.
        name = self.middleware.cookie_name
        return format_cookie(
            name,
            self.middleware.signer.sign(b"cookie", self._number),
            # Browsers take cookies of such names only if they are secure (RFC 6265bis, 4.1.3).
            secure=self._scope.get("scheme") == "https"
            or name.lower().startswith(("__host-", "__secure-")),
            httponly=True,
        )

    async def has_token(self, body: _Body) -> bool:
        """Say whether the request has a token that goes with its cookie."""
        number = self.number()
        if number is None:
            return False
        headers = Headers(scope=self._scope)
        token = headers.get(self.middleware.header_name)
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if token is None and content_type in _FORMS:
            data = await body.read(self.middleware.max_form_size)
            if data is not None:
                token = await _form_field(self._scope, data, self.middleware.field_name)
        return token is not None and bool(self.middleware.signer.check(token, b"token", number))


class _CookieFilter(StartFilter):
    def __init__(self, send: Send, protection: _Protection) -> None:
        super().__init__(send)
        self._protection = protection

    def on_start(self, start: Message) -> Message:
        protection = self._protection
        protection.has_started = True
        if protection.is_used:
            start, headers = editable(start)
            # SECURITY: what holds one user's token is not for a cache to give to others.
            headers.add_vary_header("Cookie")
            cookie = protection.cookie()
            if cookie is not None:
                headers.append("set-cookie", cookie)
        return start


class _Body:
    """The body of a request, read once and given again."""

    __slots__ = ("_body", "_receive")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._body: bytes | None = None

    async def again(self) -> Message:
        """Give the body if it was read, and then what comes after it."""
        body, self._body = self._body, None
        if body is None:
            return await self._receive()
        return {"type": "http.request", "body": body, "more_body": False}

    async def read(self, max_size: int) -> bytes | None:
        """Read the body; None if it is too large, or the client has left."""
        body = bytearray()
        more_body = True
        while more_body:
            message = await self._receive()
            body += message.get("body", b"")
            more_body = message.get("more_body", False)
            if message["type"] == "http.disconnect" or len(body) > max_size:
                return None
        self._body = bytes(body)
        return self._body


async def _form_field(scope: Scope, body: bytes, name: str) -> str | None:
    """Give a field of a form, None if there is no such thing."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    form_scope = {"type": "http", "headers": scope["headers"], "method": scope["method"]}
    try:
        async with Request(form_scope, receive).form() as form:
            value = form.get(name)
    except (ValueError, MissingExtra):
        # What cannot be read holds no token.
        return None
    return value if isinstance(value, str) else None
