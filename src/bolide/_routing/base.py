"""What every route is, be it one of ours or somebody else's."""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Callable, Iterable
from types import FunctionType, MethodType
from typing import Any, ClassVar, Final

from bolide._data.url import URLPath
from bolide._dispatch import reject
from bolide._routing.pattern import Pattern, bind
from bolide.convertors import Convertor
from bolide.exceptions import BolideError
from bolide.types import ASGIApp, Receive, Scope, Send

__all__ = [
    "BaseRoute",
    "EndpointRoute",
    "Match",
    "NoMatchFound",
    "PatternRoute",
    "check_path",
    "get_name",
    "get_route_path",
    "is_function",
]


class Match(enum.Enum):
    """What a route says of a scope."""

    NONE = 0
    PARTIAL = 1
    """The path is mine, the method is not."""
    FULL = 2


_NO: Final = Match.NONE


class NoMatchFound(BolideError):
    """No route has the given name and exactly the given parameters.

    Args:
        name: The name that was asked for.
        path_params: The parameters that were given.
        known_names: Names that exist, for a hint.
    """

    def __init__(
        self, name: str, path_params: dict[str, Any], *, known_names: Iterable[str] = ()
    ) -> None:
        params = ", ".join(path_params)
        super().__init__(f'No route exists for name "{name}" and params "{params}".')
        self._name = name
        self._known_names = known_names
        self._notes: list[str] | None = None

    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]
        """The notes that Python shows under the message (PEP 678): a hint at what was meant.

        Worked out when somebody looks, since most of these exceptions are caught by a router that
        goes on to its next route.
        """
        if self._notes is None:
            from difflib import get_close_matches

            near = get_close_matches(self._name, set(self._known_names), n=1)
            self._notes = [self._hint_at(near[0])] if near else []
        return self._notes

    def _hint_at(self, name: str) -> str:
        if name == self._name:
            return f'There is a route "{name}", but it takes other parameters.'
        return f'Did you mean "{name}"?'


def get_route_path(scope: Scope) -> str:
    """Give the part of the path that is left for the routes: without `root_path`.

    A path that does not lie under `root_path` is left as it is.
    """
    path: str = scope["path"]
    root_path: str = scope.get("root_path", "")
    if not root_path or not path.startswith(root_path):
        return path
    rest = path[len(root_path) :]
    # "/foo" is a prefix of "/foobar", but not its parent.
    return rest if not rest or rest.startswith("/") else path


class BaseRoute:
    """The interface of a route; a subclass may be put into any list of routes."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether this route is for a scope, and what to add to the scope if it is."""
        raise NotImplementedError

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Give the path of the route of that name.

        Raises:
            NoMatchFound: It is not this route, or not with these parameters.
        """
        raise NotImplementedError

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, after `matches` has said yes and the scope has been added to."""
        raise NotImplementedError

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application, without a router."""
        match, child_scope = self.matches(scope)
        if match is Match.NONE:
            await reject(scope, receive, send)
            return
        scope.update(child_scope)
        await self.handle(scope, receive, send)


class PatternRoute(BaseRoute):
    """A route that goes by the pattern of a path, so that an index can find it.

    What `matches` does is in two steps here: the pattern gives the parameters, and `accept` says
    what they mean. An index that has done the first step goes on with the second.

    A subclass with a `matches` of its own is asked in its turn, since nobody knows what it says.
    One that never says yes where the class above it says no can be indexed all the same, if it
    promises so in its class body: `matches_only_its_pattern = True`. The promise holds for the
    `matches` beside it, not for those of further subclasses.

    Attributes:
        pattern: The parsed pattern.
        path_format: The pattern with `{name}` for each parameter.
        param_convertors: The convertor of each parameter.
        app: What takes the connections.
        matches_only_its_pattern: See above.
    """

    matches_only_its_pattern: ClassVar[bool]
    scope_types: ClassVar[tuple[str, ...]]
    app: ASGIApp
    pattern: Pattern
    path_format: str
    param_convertors: dict[str, Convertor[Any]]

    _path_regex: re.Pattern[str] | None = None

    def follow(self, pattern: Pattern) -> None:
        """Go by this pattern."""
        self.pattern = pattern
        self.path_format = pattern.format
        self.param_convertors = pattern.convertors

    @property
    def path_regex(self) -> re.Pattern[str]:
        """The regular expression of the pattern; another one may be put in its place."""
        regex = self._path_regex
        if regex is None:
            regex = self._path_regex = self.pattern.regex
        return regex

    @path_regex.setter
    def path_regex(self, regex: re.Pattern[str]) -> None:
        self._path_regex = regex

    @property
    def goes_by_pattern(self) -> bool:
        """Whether the pattern says what `matches` will say."""
        return (
            # Neither the class nor the object has another one.
            self.matches == MethodType(PatternRoute.matches, self)
            and getattr(self, "pattern", None) is not None
            and (self._path_regex is None or self._path_regex is self.pattern.regex)
        )

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether this route is for a scope, and what to add to the scope if it is."""
        # PERF: S4 on FastAPI, most of those that are asked in their turn say no.
        if scope["type"] in self.scope_types:
            path = get_route_path(scope) if scope.get("root_path") else scope["path"]
            if (self._path_regex or self.path_regex).match(path) is not None:
                return self.match_path(scope, path)
        return _NO, {}

    def match_path(self, scope: Scope, path: str) -> tuple[Match, Scope]:
        """Do what `matches` does, for a scope of the right type whose route path is known."""
        params = bind(self.path_regex, self.param_convertors, path)
        if params is None:
            return Match.NONE, {}
        return self.accept(scope, path, params)

    def accept(self, scope: Scope, path: str, params: dict[str, Any]) -> tuple[Match, Scope]:
        """Do what `matches` does, for a path that matches with these parameters."""
        raise NotImplementedError

    @property
    def is_plain(self) -> bool:
        """Whether to call `app` is all that is left to do, once the route is known to be right."""
        return False


class EndpointRoute(PatternRoute):
    """A route to one endpoint.

    Attributes:
        endpoint: What was registered.
        methods: The methods that it takes; None or empty for any. Only HTTP has methods.
    """

    endpoint: Callable[..., Any]
    methods: set[str] | None

    def accept(self, scope: Scope, path: str, params: dict[str, Any]) -> tuple[Match, Scope]:
        """Do what `matches` does, for a path that matches with these parameters."""
        path_params = {**scope["path_params"], **params} if "path_params" in scope else params
        child_scope = {"endpoint": self.endpoint, "path_params": path_params}
        if scope["type"] == "http" and self.methods and scope["method"] not in self.methods:
            return Match.PARTIAL, child_scope
        return Match.FULL, child_scope

    def take(self, scope: Scope) -> bool:
        """Take an HTTP request whose path is literally that of the route; not if it may not.

        Returns:
            Whether its method is one of those of the route, and has no rules of its own (HEAD).
        """
        methods, method = self.methods, scope["method"]
        if (methods and method not in methods) or method == "HEAD":
            return False
        scope["route"] = self
        scope["endpoint"] = self.endpoint
        scope["path_params"] = dict(scope["path_params"]) if "path_params" in scope else {}
        return True


def get_name(endpoint: Callable[..., Any]) -> str:
    """Give the name that a route to an endpoint has if it is not given one."""
    return getattr(endpoint, "__name__", type(endpoint).__name__)


def check_path(path: str) -> None:
    """Say no to a path that no request can have."""
    if not path.startswith("/"):
        raise AssertionError("Routed paths must start with '/'")


def is_function(endpoint: Callable[..., Any]) -> bool:
    """Say whether an endpoint is called with a connection, not as an ASGI application."""
    while isinstance(endpoint, functools.partial):
        endpoint = endpoint.func
    return isinstance(endpoint, (FunctionType, MethodType))
