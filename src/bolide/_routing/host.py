"""A route that goes by the Host header (RFC 9110, section 7.2)."""

from __future__ import annotations

import re
from typing import Any

from bolide._data.headers import Headers
from bolide._data.url import URLPath
from bolide._http.host import parse_host_header
from bolide._routing.base import BaseRoute, Match, NoMatchFound
from bolide._routing.nested import STATES_KEY, overlaid
from bolide._routing.pattern import bind, fill, parse
from bolide._routing.reverse import child_name, search_url_path
from bolide.convertors import Convertor
from bolide.types import ASGIApp, Receive, Scope, Send

__all__ = ["Host"]


class Host(BaseRoute):
    """Everything on a host, given to another application.

    Args:
        host: The pattern of the host, such as `{tenant}.example.org`; case does not matter. A
            port is not matched, but is used for URLs.
        app: The application.
        name: What its routes are found behind, as in `name:route`.
        lifespan: Whether to run the lifespan of the application, too; see `Policy`.
    """

    host_regex: re.Pattern[str]
    host_format: str
    param_convertors: dict[str, Convertor[Any]]

    def __init__(
        self, host: str, app: ASGIApp, name: str | None = None, *, lifespan: bool = True
    ) -> None:
        if host.startswith("/"):
            raise AssertionError("Host must not start with '/'")
        self.host = host
        self.app = app
        self.lifespan_app: ASGIApp | None = app if lifespan else None
        self.name = name
        pattern = parse(host)
        self.host_regex = pattern.regex
        self.host_format = pattern.format
        self.param_convertors = pattern.convertors

    @property
    def routes(self) -> list[BaseRoute]:
        """The routes of the application, if it has any."""
        return getattr(self.app, "routes", [])

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether the Host header of a scope is this host."""
        if scope["type"] in ("http", "websocket"):
            parsed = parse_host_header(Headers(scope=scope).get("host", ""))
            if parsed is not None:
                params = bind(self.host_regex, self.param_convertors, parsed.host.lower())
                if params is not None:
                    path_params = {**scope.get("path_params", {}), **params}
                    child_scope: Scope = {"path_params": path_params, "endpoint": self.app}
                    if (state := scope.get("state")) and STATES_KEY in state:
                        child_scope["state"] = overlaid(state, self.app)
                    return Match.FULL, child_scope
        return Match.NONE, {}

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Give the path of a route inside; or of any path inside, by this name and `path`."""
        host, others = fill(self.host_format, self.param_convertors, path_params)
        if name == self.name and "path" in path_params:
            if set(others) == {"path"}:
                return URLPath(path=str(others["path"]), host=host)
        else:
            child = child_name(self.name, name)
            found = None if child is None else search_url_path(self.routes, child, others)
            if found is not None:
                return URLPath(path=str(found), protocol=found.protocol, host=host)
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application."""
        await self.app(scope, receive, send)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Host) and self.host == other.host and self.app == other.app

    def __repr__(self) -> str:
        name = self.name or ""
        return f"{type(self).__name__}(host={self.host!r}, {name=!r}, app={self.app!r})"
