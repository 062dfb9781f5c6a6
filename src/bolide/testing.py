"""Tests of an ASGI application by hand: scopes, and what stands in for a server's two callables.

Nothing here needs an HTTP library. `bolide.testclient` has clients, which do the same for whole
requests; `InvalidEvent` and `ReceiveTimeout` are what they raise.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast
from urllib.parse import quote, urljoin, urlsplit

from bolide._exports import publish
from bolide._http.event_stream import EventStreamParser, EventTooLarge, ReceivedEvent
from bolide._testing import scopes
from bolide._testing.recorder import EventMissing, EventRecorder, ScriptedReceive, ScriptEnded
from bolide._testing.validation import EventValidator, InvalidEvent
from bolide._testing.websocket import ReceiveTimeout
from bolide.types import Scope

__all__ = [
    "EventMissing",
    "EventRecorder",
    "EventStreamParser",
    "EventTooLarge",
    "EventValidator",
    "InvalidEvent",
    "ReceiveTimeout",
    "ReceivedEvent",
    "ScriptEnded",
    "ScriptedReceive",
    "http_scope",
    "lifespan_scope",
    "websocket_scope",
]

HeaderTypes = Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]]

LIFESPAN_ASGI_VERSION: Final = {"version": "3.0", "spec_version": "2.0"}


def http_scope(
    url: str = "/",
    *,
    method: str = "GET",
    headers: HeaderTypes = (),
    root_path: str = "",
    http_version: str = "1.1",
    client: tuple[str, int] | None = scopes.DEFAULT_CLIENT,
    state: Mapping[str, Any] | None = None,
    extensions: Mapping[str, Any] | None = None,
    **keys: Any,
) -> Scope:
    """Build the complete scope of an HTTP request.

    Args:
        url: The URL, joined to `http://testserver`. Path, query, scheme, server and the `host`
            header come from it; what is not ASCII is percent-encoded (RFC 3986).
        method: The method, as it is.
        headers: Names and values; names become lower case.
        root_path: The path that the application is mounted at; the URL has it, too.
        http_version: `"1.0"`, `"1.1"`, `"2"` or `"3"`.
        client: Host and port of the client.
        state: The state of the lifespan; the scope gets a shallow copy.
        extensions: The extensions of ASGI that the server offers, with their settings.
        **keys: Further keys, as `app`, `path_params` or `session`, or other values for the keys
            above.

    Raises:
        ValueError: The URL is no HTTP URL.
    """
    scope = scopes.http_scope(
        method,
        _absolute(url, "http"),
        _pairs(headers),
        root_path=root_path,
        client=client or scopes.DEFAULT_CLIENT,
        state=state or {},
    )
    return {
        **scope,
        "asgi": dict(scopes.ASGI_VERSION),
        "http_version": http_version,
        "client": client,
        "extensions": dict(extensions or {}),
        **keys,
    }


def websocket_scope(
    url: str = "/",
    *,
    subprotocols: Iterable[str] = (),
    headers: HeaderTypes = (),
    root_path: str = "",
    http_version: str = "1.1",
    client: tuple[str, int] | None = scopes.DEFAULT_CLIENT,
    state: Mapping[str, Any] | None = None,
    extensions: Mapping[str, Any] | None = None,
    **keys: Any,
) -> Scope:
    """Build the complete scope of a WebSocket; the arguments are those of `http_scope`.

    Args:
        url: The URL, joined to `ws://testserver`.
        subprotocols: The subprotocols that the client offers.
        headers: As there.
        root_path: As there.
        http_version: As there.
        client: As there.
        state: As there.
        extensions: As there.
        **keys: As there.

    Raises:
        ValueError: The URL is no WebSocket URL.
    """
    scope = scopes.websocket_scope(
        _absolute(url, "ws"),
        _pairs(headers),
        root_path=root_path,
        client=client or scopes.DEFAULT_CLIENT,
        state=state or {},
    )
    return {
        **scope,
        "asgi": dict(scopes.ASGI_VERSION),
        "http_version": http_version,
        "client": client,
        "subprotocols": list(subprotocols) or scope["subprotocols"],
        "extensions": dict(extensions or {}),
        **keys,
    }


def lifespan_scope(state: dict[str, Any] | None = None) -> Scope:
    """Build the complete scope of a lifespan.

    Args:
        state: The very dict that the application fills; by default one of its own.
    """
    scope = scopes.lifespan_scope({} if state is None else state)
    scope["asgi"] = dict(LIFESPAN_ASGI_VERSION)
    return scope


def _absolute(url: str, scheme: str) -> str:
    joined = quote(urljoin(f"{scheme}://testserver", url), safe=string.punctuation)
    if urlsplit(joined).scheme not in (scheme, f"{scheme}s"):
        raise ValueError(f"Expected a URL with scheme {scheme!r} or {scheme + 's'!r}, got {url!r}.")
    return joined


def _pairs(headers: HeaderTypes) -> list[tuple[bytes, bytes]]:
    pairs = cast(
        Iterable[tuple[str | bytes, str | bytes]],
        headers.items() if isinstance(headers, Mapping) else headers,
    )
    return [(_bytes(name), _bytes(value)) for name, value in pairs]


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


publish(
    globals(),
    [
        "EventMissing",
        "EventRecorder",
        "EventStreamParser",
        "EventTooLarge",
        "EventValidator",
        "InvalidEvent",
        "ReceiveTimeout",
        "ReceivedEvent",
        "ScriptEnded",
        "ScriptedReceive",
    ],
)
