"""What every connection has, be it an HTTP request or a WebSocket: a view of its scope."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Generic

from bolide._data.headers import Headers
from bolide._data.local_path import path_below_root
from bolide._data.multidict import QueryParams
from bolide._data.state import State
from bolide._data.url import URL, Address, URLPath
from bolide._drain import Draining, draining_of
from bolide._http.cookie_header import parse_cookies
from bolide.exceptions import BolideError
from bolide.types import Receive, Scope

if TYPE_CHECKING or sys.version_info < (3, 13):
    from typing_extensions import TypeVar
else:
    from typing import TypeVar

__all__ = ["ClientDisconnect", "HTTPConnection", "StateT"]

# PERF: S6, a function is found sooner than one in a class.
_headers_of: Final = Headers.of_scope
_query_params_of: Final = QueryParams.of_query

StateT = TypeVar("StateT", bound=Mapping[str, Any] | State, default=State)
"""The type of `connection.state`: a `TypedDict` that the lifespan yields, or plain `State`."""


class ClientDisconnect(BolideError):
    """The client went away before the request or the response was complete."""


class HTTPConnection(Mapping[str, Any], Generic[StateT]):
    """A read-only view of the scope of a request or a WebSocket.

    Also a mapping over the scope itself. Two connections are equal only if they are the same
    object. Properties are computed when first asked for, and kept.

    Args:
        scope: The scope of an HTTP request or a WebSocket.
        receive: Not used here; subclasses take it.
    """

    # Not there until asked for: others look whether they are, or delete them.
    _headers: Headers
    _query_params: QueryParams
    _cookies: dict[str, str]

    def __init__(self, scope: Scope, receive: Receive | None = None) -> None:
        if scope["type"] not in ("http", "websocket"):
            raise AssertionError(f"Expected an http or websocket scope, got {scope['type']!r}.")
        self.scope = scope

    def __getitem__(self, key: str) -> Any:
        return self.scope[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.scope)

    def __len__(self) -> int:
        return len(self.scope)

    # A Mapping compares by value and is not hashable; a connection is itself and nothing else.

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return object.__hash__(self)

    @property
    def app(self) -> Any:
        """The innermost application that the connection has reached."""
        return self.scope["app"]

    @property
    def url(self) -> URL:
        """The URL that the client asked for."""
        if not hasattr(self, "_url"):
            self._url = URL(scope=self.scope)
        return self._url

    @property
    def base_url(self) -> URL:
        """The URL of the outermost application, ending in a slash."""
        if not hasattr(self, "_base_url"):
            scope = self.scope
            path = scope.get("app_root_path", scope.get("root_path", ""))
            if not path.endswith("/"):
                path += "/"
            self._base_url = URL(scope={**scope, "path": path, "query_string": b""})
        return self._base_url

    @property
    def headers(self) -> Headers:
        """The request headers; names are case-insensitive."""
        if hasattr(self, "_headers"):
            return self._headers
        headers = self._headers = _headers_of(self.scope)
        return headers

    @property
    def query_params(self) -> QueryParams:
        """The parameters of the query string."""
        if hasattr(self, "_query_params"):
            return self._query_params
        query: str | bytes = self.scope["query_string"]
        params = self._query_params = _query_params_of(query)
        return params

    @property
    def path_params(self) -> dict[str, Any]:
        """The parameters of the path, converted as the route says."""
        path_params: dict[str, Any] = self.scope.get("path_params", {})
        return path_params

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that the client sent (RFC 6265bis, section 5.8)."""
        if hasattr(self, "_cookies"):
            return self._cookies
        # HTTP/2 may send each in a header of its own (RFC 9113, section 8.2.3).
        cookies = self._cookies = parse_cookies(";".join(self.headers.getlist("cookie")))
        return cookies

    @property
    def client(self) -> Address | None:
        """The address of the client, or None where the server does not know it."""
        host_port = self.scope.get("client")
        return None if host_port is None else Address(*host_port)

    @property
    def session(self) -> Any:
        """The session of the client, a dict.

        Raises:
            AssertionError: `SessionMiddleware` is not installed.
        """
        if "session" not in self.scope:
            raise AssertionError("SessionMiddleware must be installed to access request.session")
        session = self.scope["session"]
        if hasattr(session, "mark_accessed"):
            session.mark_accessed()
        return session

    @property
    def auth(self) -> Any:
        """The credentials of the client, an `AuthCredentials`.

        Raises:
            AssertionError: `AuthenticationMiddleware` is not installed.
        """
        if "auth" not in self.scope:
            raise AssertionError(
                "AuthenticationMiddleware must be installed to access request.auth"
            )
        return self.scope["auth"]

    @property
    def user(self) -> Any:
        """The user of the client, a `BaseUser`.

        Raises:
            AssertionError: `AuthenticationMiddleware` is not installed.
        """
        if "user" not in self.scope:
            raise AssertionError(
                "AuthenticationMiddleware must be installed to access request.user"
            )
        return self.scope["user"]

    @property
    def state(self) -> StateT:
        """What the lifespan and the layers further out keep for this connection."""
        if not hasattr(self, "_state"):
            self._state = State(self.scope.setdefault("state", {}))
        return self._state  # type: ignore[return-value]

    @property
    def draining(self) -> Draining:
        """Tells whether the server is about to stop, by `is_set()` and `await wait()`."""
        return draining_of(self.scope)

    def url_for(self, name: str, /, **path_params: Any) -> URL:
        """Give the absolute URL of a named route.

        Args:
            name: The name of the route; inside a named mount `mount:route`.
            path_params: A value for each parameter of its path.

        Raises:
            NoMatchFound: There is no route of that name with exactly those parameters.
            RuntimeError: The connection has not passed through an application or router.
        """
        path = self._url_path_for("url_for", name, path_params)
        return path.make_absolute_url(base_url=self.base_url)

    def path_for(self, name: str, /, **path_params: Any) -> str:
        """Give the path of a named route, for links that stay on this host.

        It does not depend on what the client or a proxy says of scheme and host. Unlike
        `url_for`, it is percent-encoded: whatever the parameters hold, it leads to this route.

        Args:
            name: The name of the route; inside a named mount `mount:route`.
            path_params: A value for each parameter of its path.

        Raises:
            NoMatchFound: There is no route of that name with exactly those parameters.
            RuntimeError: The connection has not passed through an application or router.
        """
        path = self._url_path_for("path_for", name, path_params)
        return path_below_root(self.scope, path)

    def _url_path_for(self, method: str, name: str, path_params: dict[str, Any]) -> URLPath:
        router = self.scope.get("router") or self.scope.get("app")
        if router is None:
            raise RuntimeError(
                f"The `{method}` method can only be used inside a Starlette application or with a"
                " router."
            )
        path: URLPath = router.url_path_for(name, **path_params)
        return path
