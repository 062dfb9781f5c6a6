"""Sessions in signed cookies. Needs the extra `sessions`.

RULES

The session is in the cookie itself: readable by the client, but not changeable. It is written back
when it has changed, and only then; a response that has looked at it says that it depends on the
cookie. Cookies are those of Starlette, so that switching logs nobody out.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Sequence
from typing import Any, Final, Literal, cast

from bolide._data.secret import Secret
from bolide.exceptions import MissingExtra
from bolide.middleware._filter import SendFilter, editable
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

_MISSING: Final = object()


class Session(dict[str, Any]):
    """A dict that knows whether it was looked at and whether it was changed.

    A change inside a value, such as appending to a list in it, is not seen: set the value again,
    or call `mark_modified`.

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
    ) -> None:
        keys = [secret_key] if isinstance(secret_key, str | Secret) else list(secret_key)
        if not keys:
            raise ValueError("A session needs at least one secret key to be signed with.")
        self.app = app
        # SECURITY: of several keys itsdangerous signs with the last.
        self.signer: itsdangerous.TimestampSigner = itsdangerous.TimestampSigner(
            [str(key) for key in reversed(keys)]
        )
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        conn: HTTPConnection = HTTPConnection(scope)
        stored = self._load(conn.cookies.get(self.session_cookie))
        session = scope["session"] = Session(stored or ())
        await self.app(
            scope, receive, _SessionFilter(self, send, session, was_stored=stored is not None)
        )

    def _load(self, cookie: str | None) -> dict[str, Any] | None:
        """Give what a cookie holds, or None if there is none or it is not one of ours."""
        if cookie is None:
            return None
        try:
            data: Any = json.loads(
                b64decode(self.signer.unsign(cookie.encode("utf-8"), max_age=self.max_age))
            )
        except (itsdangerous.BadSignature, ValueError):
            return None
        # The keys of a JSON object are strings.
        return cast("dict[str, Any]", data) if isinstance(data, dict) else None

    def cookie_for(self, session: Session, *, was_stored: bool) -> str | None:
        """Give the Set-Cookie header that a session needs at the end of a request, if any."""
        if not session.modified:
            return None
        if session:
            data = self.signer.sign(b64encode(json.dumps(session).encode("utf-8"))).decode("utf-8")
            lifetime = "" if self.max_age is None else f"Max-Age={self.max_age}; "
            return (
                f"{self.session_cookie}={data}; path={self.path}; {lifetime}{self.security_flags}"
            )
        if was_stored:
            expires = "expires=Thu, 01 Jan 1970 00:00:00 GMT"
            return f"{self.session_cookie}=null; path={self.path}; {expires}; {self.security_flags}"
        return None


class _SessionFilter(SendFilter):
    __slots__ = ("_middleware", "_session", "_was_stored")

    def __init__(
        self, middleware: SessionMiddleware, send: Send, session: Session, *, was_stored: bool
    ) -> None:
        self.send = send
        self._middleware = middleware
        self._session = session
        self._was_stored = was_stored

    def on_start(self, message: Message) -> Awaitable[None]:
        if self._session.accessed:
            message, headers = editable(message)
            headers.add_vary_header("Cookie")
            cookie = self._middleware.cookie_for(self._session, was_stored=self._was_stored)
            if cookie is not None:
                headers.append("Set-Cookie", cookie)
        return self.send(message)
