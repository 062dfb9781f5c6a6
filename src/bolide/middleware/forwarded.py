"""Believing what trusted proxies say of a request: its client, scheme, host and path.

RULES

- Headers count only if the peer of the connection is trusted, and only those that the proxy sets
  for every request. A proxy hands other headers on as the client sent them.
- If there is a Forwarded header (RFC 7239) that is well-formed, X-Forwarded-* are not looked at.
- How headers are read is in `bolide._http.forwarded`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import unquote

from bolide._http.forwarded import Claim, read_forwarded, read_x_forwarded
from bolide._http.host import parse_host_header
from bolide._http.peers import Peer, TrustedPeers
from bolide.exceptions import BolideError
from bolide.types import ASGIApp, Receive, Scope, Send

__all__ = ["FORWARDED", "X_FORWARDED", "ForwardedMiddleware", "UnknownHeader"]

FORWARDED: Final = ("forwarded",)
"""The header of RFC 7239."""

X_FORWARDED: Final = (
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
)
"""The headers that had no standard before it, and are what most proxies can send."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_PLAIN: Final = {"http": "http", "https": "http", "ws": "ws", "wss": "ws"}


class UnknownHeader(BolideError, ValueError):
    """A header is not one that tells of a proxy's client."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        from difflib import get_close_matches

        known = [*FORWARDED, *X_FORWARDED]
        close = get_close_matches(self.name.lower(), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"expected some of {', '.join(known)}."
        return f"{self.name!r} is not a header to be believed; {hint}"


class ForwardedMiddleware:
    """Puts into the scope what trusted proxies say of a request or a WebSocket.

    `scope["client"]` becomes the client of the outermost trusted proxy, or None if the proxy keeps
    it secret; `scope["scheme"]` and the Host header become what that was asked with, and a prefix
    that proxies took off the path stands in `root_path` and `path` again. Everything that makes
    URLs follows.

    It belongs outermost, in front of whatever looks at the client or makes URLs. The server must
    not do the same thing: with uvicorn, say `--no-proxy-headers`.

    Args:
        app: The application to wrap.
        trusted: The proxies: networks such as `10.0.0.0/8`, addresses, names where the server
            gives peers names, and `unix` for whoever connects to a Unix socket. By default none,
            and nothing is believed.
        headers: What the proxies set, or else remove, in every request: some of `FORWARDED` and
            `X_FORWARDED`. By default the client and the scheme, which every proxy can be told to
            set.
        max_hops: How many proxies there are at most, trusted ones that is.
        max_header_size: How many bytes of each header are read, from its end.

    Raises:
        ValueError: A proxy is none of these, or a header has nothing to do with proxies.
    """

    def __init__(
        self,
        app: ASGIApp,
        trusted: str | Iterable[Peer] = (),
        *,
        headers: Collection[str] = ("x-forwarded-for", "x-forwarded-proto"),
        max_hops: int = 10,
        max_header_size: int = 4096,
    ) -> None:
        for name in headers:
            if name.lower() not in (*FORWARDED, *X_FORWARDED):
                raise UnknownHeader(name)
        self.app = app
        self.trusted: TrustedPeers = TrustedPeers(trusted)
        self.headers: set[bytes] = {name.lower().encode() for name in headers}
        self.max_hops = max_hops
        self.max_header_size = max_header_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] in ("http", "websocket"):
            client = scope.get("client")
            if self.trusted.has_peer(None if client is None else client[0]):
                self._believe(scope)
        await self.app(scope, receive, send)

    def _believe(self, scope: Scope) -> None:
        found: dict[str, str] = {}
        for name, value in scope["headers"]:
            if name in self.headers:
                key = name.decode()
                text = value.decode("latin-1")
                found[key] = f"{found[key]},{text}" if key in found else text
        if not found:
            return
        for name, text in found.items():
            if len(text) > self.max_header_size:
                # What is cut in two is no element any more.
                found[name] = text[-self.max_header_size :].partition(",")[2]
        claim: Claim | None = None
        if "forwarded" in found:
            claim = read_forwarded(found.pop("forwarded"), self.trusted, self.max_hops)
        if claim is None:
            values = {name.removeprefix("x-forwarded-"): text for name, text in found.items()}
            claim = read_x_forwarded(values, self.trusted, self.max_hops)
        _apply(claim, scope)


def _apply(claim: Claim, scope: Scope) -> None:
    """Write into a scope what is said of it."""
    if claim.client is not None:
        scope["client"] = None if claim.client.host is None else tuple(claim.client)
    if claim.scheme is not None:
        # A WebSocket begins as a request, and proxies may call it one.
        plain = "ws" if scope["type"] == "websocket" else "http"
        is_secure = claim.scheme != _PLAIN[claim.scheme]
        scope["scheme"] = f"{plain}s" if is_secure else plain
    if claim.host is not None or claim.port is not None:
        _set_host(claim, scope)
    if claim.prefix is not None:
        _add_prefix(claim.prefix, scope)


def _set_host(claim: Claim, scope: Scope) -> None:
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    host = claim.host
    if host is None:
        if len(hosts) != 1:
            return
        host = hosts[0].decode("latin-1")
    parsed = parse_host_header(host)
    if parsed is None:
        return
    default_port = _DEFAULT_PORTS.get(scope.get("scheme", "http"))
    if claim.port not in (None, default_port) and parsed.port is None:
        host = f"{host}:{claim.port}"
    others = [(name, value) for name, value in scope["headers"] if name != b"host"]
    scope["headers"] = [(b"host", host.encode("latin-1")), *others]


def _add_prefix(prefix: str, scope: Scope) -> None:
    """Put in front of the path what proxies took away."""
    text = unquote(prefix)
    root_path: str = scope.get("root_path", "").rstrip("/")
    path: str = scope["path"]
    if not f"{path}/".startswith(f"{root_path}/"):
        # Some servers leave their own root path out of the path.
        path = root_path + path
    scope["path"] = text + path
    scope["root_path"] = text + root_path
    if "app_root_path" in scope:
        scope["app_root_path"] = text + scope["app_root_path"]
    if scope.get("raw_path") is not None:
        scope["raw_path"] = prefix.encode() + scope["raw_path"]
