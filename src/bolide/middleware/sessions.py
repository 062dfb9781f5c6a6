"""Sessions in signed cookies. Needs the extra `sessions`.

RULES

The session is in the cookie itself: readable by the client, but not changeable. It is written back
when it has changed, and only then; a response that has looked at it says that it depends on the
cookie. Cookies are those of Starlette, so that switching logs nobody out.

SECURITY: a safe middleware signs a cookie together with its name, so that one that was made for
something else is no session. It still reads the cookies of one that is not safe, which nobody can
make who has not got the key; `accept_unsalted=False` ends that when the last of them has expired.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, Final, Literal, cast

from bolide._async import asgi_call
from bolide._data.headers import find_header
from bolide._data.secret import Secret
from bolide._http.cookies import refuse_dropped, refuse_large, refuse_separators
from bolide._policy import policy_of
from bolide.exceptions import BolideError, MissingExtra
from bolide.middleware._filter import InnerApp, StartFilter, editable
from bolide.requests import HTTPConnection
from bolide.types import ASGIApp, Message, Receive, Scope, Send


class _MissingItsdangerous(MissingExtra, ImportError):
    """The library that signs cookies is not installed."""


try:
    import itsdangerous
except ModuleNotFoundError:
    raise _MissingItsdangerous(
        "The `itsdangerous` package is required to use `SessionMiddleware`.", extra="sessions"
    ) from None

__all__ = ["Session", "SessionMiddleware"]

_MIN_KEY_BYTES: Final = 16
_MAX_COOKIE_BYTES: Final = 4093


class ShortKey(BolideError, ValueError):
    """A secret key can be guessed."""


class Session(dict[str, Any]):
    """A dict that knows whether it was looked at and whether it was changed.

    A change inside a value, such as appending to a list in it, is not seen here: a safe
    `SessionMiddleware` sees it; for another, set the value again, or call `mark_modified`.

    Attributes:
        accessed: Whether it was looked at.
        modified: Whether it was changed.
    """

    accessed: bool = False
    modified: bool = False

    def mark_accessed(self) -> None:
        """Say that it was looked at."""
        self.accessed = True

    def mark_modified(self) -> None:
        """Say that it was changed."""
        self.accessed = True
        self.modified = True

    def rotate(self, *, keep: Iterable[str] | None = None) -> None:
        """Begin a new session: call it when somebody logs in or out.

        The client gets a new cookie. The old one cannot be taken back, since the session is in it,
        but it holds no more than it did.

        Args:
            keep: The keys to take along; by default all.

        Raises:
            ValueError: A single text.
        """
        # SECURITY: the letters of a text would be its keys.
        if isinstance(keep, str):
            raise ValueError(f"A list of keys is wanted, not the text {keep!r}.")
        self.mark_modified()
        if keep is not None:
            kept = set(keep)
            for key in [key for key in self if key not in kept]:
                super().__delitem__(key)

    def __setitem__(self, key: str, value: Any) -> None:
        self.mark_modified()
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self.mark_modified()
        super().__delitem__(key)

    def __ior__(self, other: Any) -> Session:  # type: ignore[override,misc]
        self.mark_modified()
        super().update(other)
        return self

    def clear(self) -> None:
        """Remove everything."""
        self.mark_modified()
        super().clear()

    def pop(self, key: str, *args: Any) -> Any:
        """Remove a key and give its value; `dict.pop`."""
        if key in self:
            self.mark_modified()
        return super().pop(key, *args)

    def popitem(self) -> tuple[str, Any]:
        """Remove the last key and give it with its value; `dict.popitem`."""
        item = super().popitem()
        self.mark_modified()
        return item

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Set the value of a key that has none; give the value it has then."""
        if key not in self:
            self.mark_modified()
        return super().setdefault(key, default)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set many values; `dict.update`."""
        self.mark_modified()
        super().update(*args, **kwargs)


class SessionMiddleware:
    """Gives each client a session, `request.session`.

    Args:
        app: The application to wrap.
        secret_key: What cookies are signed with. Of several, the first one signs and all are
            accepted, so that a key can be replaced without logging everybody out.
        session_cookie: The name of the cookie.
        max_age: For how many seconds after its last change a session lasts; None for ever, with a
            cookie that the browser forgets when it is closed.
        path: The path that the cookie is sent for.
        same_site: Whether requests from other sites carry the cookie.
        https_only: Send the cookie over HTTPS only.
        domain: The domain that the cookie is sent to; by default this host only.
        partitioned: Keep the cookie apart for each top-level site.
        safe: Whether keys need 16 bytes, a session that browsers would drop is an error, cookies
            are Secure over HTTPS in any case, are signed with their name, and changes inside
            values are seen; by default what the application says, `Policy.safe_sessions`.
        accept_unsalted: Whether a safe middleware takes cookies that were signed without their
            name, as Starlette signs them.

    Raises:
        ValueError: There is no key; or the name, path or domain has a semicolon or a control
            character in it. Safe: a key is short, or browsers would drop the cookie; if only the
            application says that it shall be safe, this is raised at each request.
    """

    def __init__(
        self,
        app: ASGIApp,
        secret_key: str | Secret | Sequence[str | Secret],
        session_cookie: str = "session",
        max_age: int | None = 14 * 24 * 60 * 60,
        path: str = "/",
        same_site: Literal["lax", "strict", "none"] = "lax",
        https_only: bool = False,
        domain: str | None = None,
        partitioned: bool = False,
        *,
        safe: bool | None = None,
        accept_unsalted: bool = True,
    ) -> None:
        keys = [secret_key] if isinstance(secret_key, str | Secret) else list(secret_key)
        if not keys:
            raise ValueError("A session needs at least one secret key to be signed with.")
        self.app: InnerApp = app
        attributes = {
            "name": session_cookie,
            "path": path,
            "same_site": same_site,
            "domain": domain,
        }
        for attribute, text in attributes.items():
            refuse_separators(session_cookie, attribute, text)
        # SECURITY: of several keys itsdangerous signs with the last.
        reversed_keys = [str(key) for key in reversed(keys)]
        self.signer: itsdangerous.TimestampSigner = itsdangerous.TimestampSigner(reversed_keys)
        # With hmac: salt and key, put one after the other, could be another salt and another key.
        self._salted = itsdangerous.TimestampSigner(
            reversed_keys, salt=f"bolide.session.{session_cookie}", key_derivation="hmac"
        )
        self._safe = safe
        self._accept_unsalted = accept_unsalted
        self.session_cookie = session_cookie
        self.max_age = max_age
        self.path = path
        flags = ["httponly", f"samesite={same_site}"]
        if https_only:
            flags.append("secure")
        if domain is not None:
            flags.append(f"domain={domain}")
        if partitioned:
            flags.append("partitioned")
        self.security_flags: str = "; ".join(flags)
        self._https_only = https_only
        self._fault: ValueError | None = None
        try:
            _refuse_short(reversed_keys)
            refuse_dropped(
                session_cookie,
                path=path,
                domain=domain,
                secure=https_only,
                samesite=same_site,
                partitioned=partitioned,
            )
        except ValueError as exc:
            if safe:
                raise
            # It is not known yet what the application says.
            self._fault = exc

    @asgi_call
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Run as an ASGI application."""
        if scope["type"] not in ("http", "websocket"):
            return self.app(scope, receive, send)
        safe = policy_of(scope).safe_sessions if self._safe is None else self._safe
        if safe and self._fault is not None:
            raise type(self._fault)(*self._fault.args)
        session, payload = Session(), None
        # PERF: S11, most clients have no cookies.
        if find_header(scope, b"cookie") is not None:
            conn: HTTPConnection = HTTPConnection(scope)
            payload = self._load(conn.cookies.get(self.session_cookie), session, safe=safe)
        scope["session"] = session
        send_on = _SessionFilter(self, send, session, scope, safe, payload)
        return self.app.__call__(scope, receive, send_on)

    def _load(self, cookie: str | None, session: Session, *, safe: bool) -> bytes | None:
        """Fill a session with what a cookie holds; give the JSON, None if it is not one of ours."""
        if cookie is None:
            return None
        try:
            payload = b64decode(self._unsign(cookie.encode("utf-8"), safe=safe))
            data: Any = json.loads(payload)
        except (itsdangerous.BadSignature, ValueError):
            return None
        if not isinstance(data, dict):
            return None
        # The keys of a JSON object are strings. Its own method would take this for a change.
        super(Session, session).update(cast("dict[str, Any]", data))
        return payload

    def _unsign(self, cookie: bytes, *, safe: bool) -> bytes:
        if safe:
            try:
                return self._salted.unsign(cookie, max_age=self.max_age)
            except itsdangerous.BadSignature:
                if not self._accept_unsalted:
                    raise
        return self.signer.unsign(cookie, max_age=self.max_age)

    def cookie_for(
        self, session: Session, scope: Scope, *, safe: bool, payload: bytes | None
    ) -> str | None:
        """Give the Set-Cookie header that a session needs at the end of a request, if any.

        Args:
            session: The session, which has been looked at.
            scope: The scope of the request.
            safe: Whether the rules of a safe middleware hold.
            payload: The JSON that the session came as, if it came at all.

        Raises:
            ValueError: The session is too large for browsers, where that is not allowed.
        """
        if not session.modified and not safe:
            return None
        flags = self.security_flags
        if safe and not self._https_only and scope.get("scheme") in ("https", "wss"):
            flags = f"{flags}; secure"
        if session:
            data = json.dumps(session).encode("utf-8")
            if not session.modified and data == payload:
                return None
            signer = self._salted if safe else self.signer
            signed = signer.sign(b64encode(data)).decode("utf-8")
            lifetime = "" if self.max_age is None else f"Max-Age={self.max_age}; "
            cookie = f"{self.session_cookie}={signed}; path={self.path}; {lifetime}{flags}"
            if safe:
                max_size = policy_of(scope).max_cookie_size
                refuse_large(self.session_cookie, len(cookie), max_size or _MAX_COOKIE_BYTES)
            return cookie
        if session.modified and payload is not None:
            expires = "expires=Thu, 01 Jan 1970 00:00:00 GMT"
            return f"{self.session_cookie}=null; path={self.path}; {expires}; {flags}"
        return None


def _refuse_short(keys: list[str]) -> None:
    for key in keys:
        size = len(key.encode())
        if size < _MIN_KEY_BYTES:
            raise ShortKey(
                f"A secret key of a session has {size} bytes, and should have {_MIN_KEY_BYTES} at"
                " the least. Make one with `secrets.token_urlsafe(32)`."
            )


class _SessionFilter(StartFilter):
    def __init__(
        self,
        middleware: SessionMiddleware,
        send: Send,
        session: Session,
        scope: Scope,
        safe: bool,
        payload: bytes | None,
    ) -> None:
        self.send = send
        self.response_started = False
        self._middleware = middleware
        self._session = session
        self._scope = scope
        self._safe = safe
        self._payload = payload

    def on_start(self, start: Message) -> Message:
        if not self._session.accessed:
            return start
        start, headers = editable(start)
        headers.add_vary_header("Cookie")
        cookie = self._middleware.cookie_for(
            self._session, self._scope, safe=self._safe, payload=self._payload
        )
        if cookie is not None:
            headers.append("Set-Cookie", cookie)
        return start
