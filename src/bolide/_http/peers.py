"""Which peers are trusted: by network or address, by name, or for their Unix socket."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from bolide.exceptions import BolideError

__all__ = ["BadPeer", "IPAddress", "IPNetwork", "Peer", "TrustedPeers", "parse_address"]

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Peer = str | IPAddress | IPNetwork

UNIX: Final = "unix"
_NAME: Final = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9._-]+")
_MAX_REMEMBERED: Final = 256
_MAX_ADDRESS_LENGTH: Final = len("ffff:" * 6 + "255.255.255.255")


class BadPeer(BolideError, ValueError):
    """A peer is neither a network, nor an address, nor a name, nor `unix`."""

    def __init__(self, peer: object) -> None:
        super().__init__(peer)
        self.peer = peer

    def __str__(self) -> str:
        text = (
            f"Cannot trust {self.peer!r}: expected a network such as '10.0.0.0/8', an address such"
            " as '::1', the name of a peer, or 'unix'."
        )
        if self.peer == "*":
            text += " To believe whoever can connect, say ['0.0.0.0/0', '::/0', 'unix']."
        return text


class TrustedPeers:
    """A set of peers.

    Args:
        peers: Networks and addresses, as text or of the module `ipaddress`; names, for servers
            that give their peers such, which are not looked up; and `unix` for peers without an
            address, those of a Unix socket.

    Raises:
        BadPeer: A peer is none of these, or a network has bits set beyond its prefix.
    """

    __slots__ = ("_names", "_networks", "_remembered", "_unix")

    def __init__(self, peers: str | Iterable[Peer] = ()) -> None:
        self._unix = False
        self._networks: list[IPNetwork] = []
        self._names: set[str] = set()
        for peer in [peers] if isinstance(peers, str) else peers:
            if peer == UNIX:
                self._unix = True
            elif isinstance(peer, str) and _NAME.fullmatch(peer):
                self._names.add(peer.lower())
            else:
                try:
                    self._networks.append(ipaddress.ip_network(peer))
                except ValueError:
                    raise BadPeer(peer) from None
        # PERF: to read an address takes longer than all the rest; most peers come again and again.
        self._remembered = lru_cache(maxsize=_MAX_REMEMBERED)(self._looks_trusted)

    def has_address(self, address: IPAddress) -> bool:
        """Say whether an address is trusted."""
        # A socket for both versions shows IPv4 peers in IPv6 (RFC 4291, section 2.5.5.2).
        mapped = getattr(address, "ipv4_mapped", None)
        return any(
            address in network or (mapped is not None and mapped in network)
            for network in self._networks
        )

    def has_peer(self, host: str | None) -> bool:
        """Say whether the peer of a connection is trusted, by what the server calls its host."""
        return self._remembered(host) if host else self._unix

    def _looks_trusted(self, host: str) -> bool:
        try:
            return self.has_address(ipaddress.ip_address(host))
        except ValueError:
            return host.lower() in self._names


def parse_address(text: str) -> IPAddress | None:
    """Read an address as a header has it, without brackets; None if it is none."""
    # A zone ("%eth0") means something on one machine only.
    if len(text) > _MAX_ADDRESS_LENGTH or "%" in text:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
