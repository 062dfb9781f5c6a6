"""The scopes that the test client opens: pure functions of a method, a URL and headers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from bolide.types import Scope

Headers = Iterable[tuple[bytes, bytes]]

DEFAULT_BASE_URL: Final = "http://testserver"
DEFAULT_CLIENT: Final = ("testclient", 50000)
DEFAULT_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}

ASGI_VERSION: Final = {"version": "3.0", "spec_version": "2.3"}
"""The version that most servers say they speak: `send` is silent after a client has left."""

HTTP_EXTENSIONS: Final = ("http.response.debug", "http.response.trailers")
WEBSOCKET_EXTENSIONS: Final = ("websocket.http.response",)


def http_scope(
    method: str,
    url: str,
    headers: Headers,
    *,
    root_path: str,
    client: tuple[str, int],
    state: Mapping[str, Any],
) -> Scope:
    """Build the scope of one HTTP request.

    Args:
        method: The method, in upper case.
        url: An absolute URL, percent-encoded (RFC 3986).
        headers: Pairs of bytes; `host` is taken from the URL if it is not among them.
        root_path: The path that the application is mounted at.
        client: Host and port of the client.
        state: The state of the lifespan; the request gets a shallow copy.
    """
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        **_connection(url, headers),
        "root_path": root_path,
        "client": client,
        "extensions": {name: {} for name in HTTP_EXTENSIONS},
        "state": dict(state),
    }


def websocket_scope(
    url: str,
    headers: Headers,
    *,
    root_path: str,
    client: tuple[str, int],
    state: Mapping[str, Any],
) -> Scope:
    """Build the scope of one WebSocket; the arguments are those of `http_scope`.

    The subprotocols are those of the `sec-websocket-protocol` headers (RFC 6455, section 11.3.4).
    """
    connection = _connection(url, headers)
    return {
        "type": "websocket",
        **connection,
        "root_path": root_path,
        "client": client,
        "subprotocols": [
            token
            for name, value in connection["headers"]
            if name == b"sec-websocket-protocol"
            for part in value.decode("latin-1").split(",")
            if (token := part.strip())
        ],
        "extensions": {name: {} for name in WEBSOCKET_EXTENSIONS},
        "state": dict(state),
    }


def lifespan_scope(state: dict[str, Any]) -> Scope:
    """Build the scope of a lifespan, whose `state` is the very dict that requests get copies of."""
    return {"type": "lifespan", "state": state}


def _connection(url: str, headers: Headers) -> dict[str, Any]:
    """Give the keys that come from the URL and the headers."""
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError(f"Expected an http, https, ws or wss URL, got {url!r}.")
    raw_headers = [(name.lower(), value) for name, value in headers]
    if not any(name == b"host" for name, _ in raw_headers):
        host = parts.netloc.rpartition("@")[2]
        raw_headers.insert(0, (b"host", host.encode("ascii")))
    port = DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    path = parts.path or "/"
    return {
        "scheme": parts.scheme,
        "path": unquote(path),
        "raw_path": path.encode("ascii"),
        "query_string": parts.query.encode("ascii"),
        "headers": raw_headers,
        "server": [parts.hostname, port],
    }
