"""Where a request comes from: the Origin header (RFC 6454, section 7; the Fetch standard).

RULES

- An origin is a scheme, a host and a port. A port that is the scheme's own counts as none, in
  Origin and in Host alike: browsers leave it out, but proxies may put it in again.
- A server's own origin is that of its web pages, so the scheme is http or https. Which of them,
  the server knows only if it has seen TLS itself, or believes a proxy that says so; else a proxy
  may have ended TLS, and both are taken for its own.
- `null` is the origin of what has none, such as a sandboxed page. It is nobody's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv6Address
from typing import Final, NamedTuple

__all__ = ["MAX_ORIGIN", "Origin", "OriginList", "parse_origin"]

MAX_ORIGIN: Final = 512
"""How many characters an origin may have."""

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
# Stricter than a Host header, in which a wildcard would be a name like any other.
_AUTHORITY: Final = re.compile(r"([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAX_PORT: Final = 65535


class Origin(NamedTuple):
    """An origin in the one form that can be compared.

    Attributes:
        scheme: In lower case.
        authority: The host in lower case, and the port unless it is the scheme's own.
    """

    scheme: str
    authority: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def parse_origin(text: str) -> Origin | None:
    """Take an Origin header apart; None if it is not an origin, or `null`."""
    if len(text) > MAX_ORIGIN:
        return None
    scheme, _, rest = text.partition("://")
    if _SCHEME.fullmatch(scheme) is None:
        return None
    scheme = scheme.lower()
    authority = _normal_authority(rest, scheme)
    return None if authority is None else Origin(scheme, authority)


def _normal_authority(text: str, scheme: str) -> str | None:
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        return None
    host, digits = match.groups()
    if host.startswith("["):
        try:
            host = f"[{IPv6Address(host[1:-1]).compressed}]"
        except ValueError:
            return None
    host = host.lower()
    port = None if digits is None else int(digits)
    if port is None or port == _DEFAULT_PORTS.get(scheme):
        return host
    return f"{host}:{port}" if port <= _MAX_PORT else None


class OriginList:
    """Origins that are trusted besides a server's own.

    Args:
        origins: Such as `https://app.example.com`.

    Raises:
        ValueError: One of them is no origin; a path or a wildcard is none, nor is `null`.
    """

    __slots__ = ("_trusted",)

    def __init__(self, origins: Iterable[str] = ()) -> None:
        # SECURITY: the letters of a text would be its items.
        if isinstance(origins, str):
            raise ValueError(f"A list of origins is wanted, not the text {origins!r}.")
        self._trusted: set[Origin] = set()
        for text in origins:
            origin = parse_origin(text)
            # The origin of a WebSocket is that of the page that opens it.
            if origin is None or origin.scheme in ("ws", "wss"):
                raise ValueError(
                    f"{text!r} is no origin: it is the scheme of a page, a host and perhaps a"
                    " port, as in 'https://app.example.com'."
                )
            self._trusted.add(origin)

    def allows(self, text: str, hosts: list[str], *, is_secure: bool) -> bool:
        """Say whether what comes from an origin comes from the server's own, or is trusted.

        Args:
            text: The Origin header.
            hosts: The Host headers. If there is not exactly one, nothing is the server's own.
            is_secure: Whether the server knows that it has been asked over TLS.
        """
        origin = parse_origin(text)
        if origin is None:
            return False
        if origin in self._trusted:
            return True
        # SECURITY: whoever sits in the network between can make pages of `http://` and this host.
        if len(hosts) != 1 or origin.scheme not in (("https",) if is_secure else _DEFAULT_PORTS):
            return False
        return origin.authority == _normal_authority(hosts[0], origin.scheme)
