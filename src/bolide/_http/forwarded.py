"""What proxies say of a request that they passed on: `Forwarded` (RFC 7239) and `X-Forwarded-*`.

RULES

- Each proxy appends, at the right, what it saw: the last element is that of our peer, the one
  before it that of the peer's peer, and so on. The client may have sent elements of its own, which
  are those furthest to the left.
- So elements are read from the right, as long as those who wrote them are trusted. The first
  address that is not trusted is that of the client; without one, it is the last address read.
- Scheme and host are those of the element that names the client: what the outermost trusted proxy
  was asked. Those of `X-Forwarded-*` stand in headers of their own, and are counted likewise.

SECURITY: what stands left of the client was written by whoever it pleased. It is not even looked
at, so that no garbage there can make the rest seem malformed, and the proxy the client.

THEORY OF OPERATION

To find an element of `Forwarded` without what stands left of it, the shortest text is taken that
begins after a comma and that the grammar knows. That is the element, and not a part of it: a part
would begin in a quoted string, the end of which would open one that never ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from bolide._http.host import parse_host_header
from bolide._http.peers import IPAddress, TrustedPeers, parse_address

__all__ = ["SCHEMES", "Claim", "Node", "read_forwarded", "read_x_forwarded"]

SCHEMES: Final = frozenset({"http", "https", "ws", "wss"})
_MAX_COMMAS: Final = 8

# In these expressions there is one way to go on at a time, so that the work grows with the length
# of the header and no faster.
_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# Colons and brackets want quotes, but many proxies do not know.
_PLAIN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z:\[\]-]+"
_IN_QUOTES: Final = r"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"
_PAIR: Final = re.compile(rf'({_NAME})=(?:({_PLAIN})|"({_IN_QUOTES})")')
_ELEMENT: Final = re.compile(
    rf'[ \t;]*(?:{_NAME}=(?:{_PLAIN}|"{_IN_QUOTES}")(?:[ \t]*;[ \t;]*|[ \t]*\Z))*'
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)

_NODE: Final = re.compile(
    r"(?P<host>[0-9.]+|\[[^\[\]]*\]|unknown|(?P<obscure>_[A-Za-z0-9._-]+))"
    r"(?::(?:(?P<port>[0-9]{1,5})|_[A-Za-z0-9._-]+))?",
    re.IGNORECASE,
)
_PORT: Final = re.compile(r"[0-9]{1,5}")
# SECURITY: "//host" would be read as a host (RFC 3986, section 4.2), so no segment is empty; and
# none is "." or "..", or has slashes, dots or control characters in disguise.
_PREFIX: Final = re.compile(
    r"(?:/(?!\.{1,2}(?:/|\Z))"
    r"(?:[A-Za-z0-9._~!$&'()*+;=:@-]|%(?!2[EFef]|5[Cc]|[01]|7[Ff])[0-9A-Fa-f]{2})+)*/?"
)


class Node(NamedTuple):
    """A side of a connection.

    Attributes:
        host: Its address, or None if that is kept secret.
        port: Its port, or 0 if that is not told.
    """

    host: str | None
    port: int


class Claim(NamedTuple):
    """What is said of a request; None where nothing is.

    Attributes:
        client: Who sent it.
        scheme: One of `SCHEMES`.
        host: The Host header that it had.
        port: The port that it came to.
        prefix: What was taken away from its path, percent-encoded; begins with a slash, and does
            not end in one.
    """

    client: Node | None = None
    scheme: str | None = None
    host: str | None = None
    port: int | None = None
    prefix: str | None = None


def read_forwarded(value: str, trusted: TrustedPeers, max_hops: int) -> Claim | None:
    """Read a Forwarded header whose last element is that of a trusted peer.

    Args:
        value: The value; of several headers the values with a comma in between.
        trusted: Whose elements are believed.
        max_hops: How many elements are read at most.

    Returns:
        What it says; None if that is nothing, or an element that was read is malformed.
    """
    claim = Claim()
    for hop, params in enumerate(_elements(value), start=1):
        if params is None:
            return None
        address = None
        client = claim.client
        if "for" in params:
            parsed = _parse_node(params["for"])
            if parsed is None:
                return None
            client, address = parsed
        claim = Claim(client, scheme=params.get("proto"), host=params.get("host"))
        if hop == max_hops or address is None or not trusted.has_address(address):
            break
    scheme = None if claim.scheme is None else claim.scheme.lower()
    if scheme is not None and scheme not in SCHEMES:
        return None
    if claim.host is not None and not _is_host(claim.host):
        return None
    return claim._replace(scheme=scheme) if any(claim) else None


def read_x_forwarded(values: Mapping[str, str], trusted: TrustedPeers, max_hops: int) -> Claim:
    """Read X-Forwarded headers, of which a trusted peer has written the ends.

    If there is one value for each of several proxies in X-Forwarded-For, but fewer in another
    header, then the first of these is taken to be that of the outermost proxy.

    Args:
        values: Values by the last word of the name: `for`, `proto`, `host`, `port`, `prefix`.
        trusted: Whose elements are believed.
        max_hops: How many addresses are read at most.

    Returns:
        What they say. A header that is malformed, as far as it was read, says nothing.
    """
    client, hops = _client_and_hops(values.get("for", ""), trusted, max_hops)
    scheme = _at(values.get("proto", ""), hops).lower()
    host = _at(values.get("host", ""), hops)
    port = _at(values.get("port", ""), hops)
    number = int(port) if port and _PORT.fullmatch(port) else 0
    return Claim(
        client=client,
        scheme=scheme if scheme in SCHEMES else None,
        host=host if host and _is_host(host) else None,
        port=number if 0 < number < 65536 else None,
        prefix=_prefix(_items(values.get("prefix", ""))[-hops:]),
    )


def _client_and_hops(value: str, trusted: TrustedPeers, max_hops: int) -> tuple[Node | None, int]:
    """Give who X-Forwarded-For says it was, and how many proxies there are up to there."""
    client: Node | None = None
    hops = 0
    for text in reversed(_items(value)):
        parsed = _parse_node(text) or _parse_node(f"[{text}]")
        if parsed is None:
            return None, 1
        client, address = parsed
        hops += 1
        if hops == max_hops or address is None or not trusted.has_address(address):
            break
    return client, max(hops, 1)


def _items(value: str) -> list[str]:
    """Split a list (RFC 9110, section 5.6.1), which may have empty elements."""
    return [text for item in value.split(",") if (text := item.strip(" \t"))]


def _at(value: str, hops: int) -> str:
    """Give the element that the outermost of some proxies wrote; none, an empty text."""
    items = _items(value) if value else ()
    return items[-min(hops, len(items))] if items else ""


def _prefix(parts: list[str]) -> str | None:
    """Put together what each proxy took away, the outermost first."""
    if not all(_PREFIX.fullmatch(part) for part in parts):
        return None
    return "".join(part.removesuffix("/") for part in parts) or None


def _elements(value: str) -> Iterator[dict[str, str] | None]:
    """Give the parameters of each element of Forwarded, from the right; None if malformed."""
    pieces = value.split(",")
    while pieces:
        piece = pieces.pop()
        if not piece.strip(" \t"):
            continue
        commas = 0
        # Only a comma in quotes is part of an element.
        while '"' in piece and pieces and commas < _MAX_COMMAS and not _ELEMENT.fullmatch(piece):
            piece = f"{pieces.pop()},{piece}"
            commas += 1
        yield _params(piece)


def _params(element: str) -> dict[str, str] | None:
    if not _ELEMENT.fullmatch(element):
        return None
    params: dict[str, str] = {}
    for name, plain, quoted in _PAIR.findall(element):
        if name.lower() in params:
            return None
        params[name.lower()] = plain or _ESCAPED.sub(r"\1", quoted)
    return params


def _parse_node(text: str) -> tuple[Node, IPAddress | None] | None:
    """Read a node (RFC 7239, section 6), and its address if it has one; None if it is none."""
    match = _NODE.fullmatch(text)
    if match is None:
        return None
    port = int(match["port"] or 0)
    if port > 65535:
        return None
    host: str = match["host"]
    if match["obscure"] or host.lower() == "unknown":
        return Node(None, port), None
    address = parse_address(host[1:-1] if host[0] == "[" else host)
    if address is None or (host[0] == "[") != (address.version == 6):
        return None
    # One client has one address, whatever the version of the socket that the proxy listens on.
    return Node(str(getattr(address, "ipv4_mapped", None) or address), port), address


def _is_host(text: str) -> bool:
    host = parse_host_header(text)
    return host is not None and host.has_possible_port
