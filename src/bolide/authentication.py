"""Who is asking, and what they may do."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec
from urllib.parse import urlencode

from bolide._async import is_async_callable
from bolide._data.local_path import path_with_query
from bolide._policy import policy_of
from bolide.exceptions import BolideError, HTTPException
from bolide.requests import HTTPConnection, Request
from bolide.responses import RedirectResponse
from bolide.websockets import WebSocket

__all__ = [
    "AuthCredentials",
    "AuthenticationBackend",
    "AuthenticationError",
    "BaseUser",
    "SimpleUser",
    "UnauthenticatedUser",
    "has_required_scope",
    "requires",
]

_P = ParamSpec("_P")


class AuthenticationError(BolideError):
    """The credentials that a client sent are not good; its text goes to the client."""


class AuthCredentials:
    """What a client may do.

    Args:
        scopes: Names of permissions, such as `"authenticated"`.
    """

    def __init__(self, scopes: Sequence[str] | None = None) -> None:
        self.scopes: list[str] = list(scopes or ())


class AuthenticationBackend:
    """Finds out who a client is; to be subclassed."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """Override to look at the connection.

        Returns:
            What the client may do and who it is, or None if it does not say.

        Raises:
            AuthenticationError: What it says is not true.
        """
        raise NotImplementedError


class BaseUser:
    """A user; to be subclassed."""

    @property
    def is_authenticated(self) -> bool:
        """Whether it is known who this is."""
        raise NotImplementedError

    @property
    def display_name(self) -> str:
        """A name to show."""
        raise NotImplementedError

    @property
    def identity(self) -> str:
        """What tells this user from all others."""
        raise NotImplementedError


class SimpleUser(BaseUser):
    """A user who is no more than a name.

    Args:
        username: The name.
    """

    def __init__(self, username: str) -> None:
        self.username = username

    @property
    def is_authenticated(self) -> bool:
        """True."""
        return True

    @property
    def display_name(self) -> str:
        """The name."""
        return self.username

    @property
    def identity(self) -> str:
        """The name."""
        return self.username


class UnauthenticatedUser(BaseUser):
    """Nobody in particular."""

    @property
    def is_authenticated(self) -> bool:
        """False."""
        return False

    @property
    def display_name(self) -> str:
        """Nothing."""
        return ""

    @property
    def identity(self) -> str:
        """Nothing."""
        return ""


class _NoConnectionArgument(BolideError, TypeError):
    """A function was decorated that is not called with a connection."""


def has_required_scope(conn: HTTPConnection, scopes: Sequence[str]) -> bool:
    """Say whether the client of a connection has all these permissions."""
    return all(scope in conn.auth.scopes for scope in scopes)


def requires(
    scopes: str | Sequence[str], status_code: int = 403, redirect: str | None = None
) -> Callable[[Callable[_P, Any]], Callable[_P, Any]]:
    """Let only clients with these permissions through to an endpoint.

    The endpoint has to have a parameter named `request` or `websocket`. A WebSocket that is not
    let through is closed.

    Args:
        scopes: One permission, or several that are all needed.
        status_code: What other clients get; 404 keeps them from knowing that there is something.
        redirect: The name of a route to send them to instead, with `next` in its query.

    Raises:
        HTTPException: When called: the client is not let through.
    """
    required = [scopes] if isinstance(scopes, str) else list(scopes)

    def decorate(func: Callable[_P, Any]) -> Callable[_P, Any]:
        name, position = _connection_parameter(func)

        def connection(args: tuple[Any, ...], kwargs: dict[str, Any], cls: type[Any]) -> Any:
            found = kwargs.get(name, args[position] if position < len(args) else None)
            if not isinstance(found, cls):
                raise AssertionError(
                    f"Parameter with name '{name}' is required to be of type '{cls.__name__}'"
                    f" not '{type(found).__name__}'"
                )
            return found

        def refusal(request: Request) -> RedirectResponse | None:
            """Give the redirect for a request that is not let through; None if it is."""
            if has_required_scope(request, required):
                return None
            if redirect is None:
                raise HTTPException(status_code=status_code)
            there, here = str(request.url_for(redirect)), str(request.url)
            if policy_of(request.scope).relative_redirects:
                there = request.path_for(redirect)
                here = path_with_query(request.scope, request.scope["path"])
            query = urlencode({"next": here})
            return RedirectResponse(f"{there}?{query}", status_code=303)

        if name == "websocket":

            @functools.wraps(func)
            async def guarded_websocket(*args: _P.args, **kwargs: _P.kwargs) -> None:
                websocket = connection(args, kwargs, WebSocket)
                if has_required_scope(websocket, required):
                    await func(*args, **kwargs)
                else:
                    await websocket.close()

            return guarded_websocket

        if is_async_callable(func):

            @functools.wraps(func)
            async def guarded_async(*args: _P.args, **kwargs: _P.kwargs) -> Any:
                refused = refusal(connection(args, kwargs, Request))
                return await func(*args, **kwargs) if refused is None else refused

            return guarded_async

        @functools.wraps(func)
        def guarded(*args: _P.args, **kwargs: _P.kwargs) -> Any:
            refused = refusal(connection(args, kwargs, Request))
            return func(*args, **kwargs) if refused is None else refused

        return guarded

    return decorate


def _connection_parameter(func: Callable[..., Any]) -> tuple[str, int]:
    """Give the name and the position of the parameter that takes the connection."""
    for position, name in enumerate(inspect.signature(func).parameters):
        if name in ("request", "websocket"):
            return name, position
    raise _NoConnectionArgument(f'No "request" or "websocket" argument on function "{func}"')
