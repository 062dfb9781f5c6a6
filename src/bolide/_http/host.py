"""The Host header: a name or an address, and perhaps a port (RFC 9110, section 7.2).

RULES (RFC 3986, section 3.2.2)

- A name holds unreserved characters, sub-delimiters and percent signs. An underscore is allowed.
- An address of IPv6, or of a future version, stands in brackets.
- A port is digits. Nothing, not even space, may stand around any of these.

SECURITY: what a client says here ends up in absolute URLs, so anything else is no host at all.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NamedTuple

__all__ = ["HostHeader", "parse_host_header"]

_HOST: Final = re.compile(
    r"(?P<host>[A-Za-z0-9._~%!$&'()*+,;=-]+|\[(?P<literal>[^\[\]]*)\])(?::(?P<port>[0-9]+))?"
)
# Seldom needed, so that it is compiled then.
_FUTURE_ADDRESS: Final = r"v[0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+"


class HostHeader(NamedTuple):
    """A well-formed Host header.

    Attributes:
        host: The name, or the address in its brackets, as it was written.
        port: The digits of the port as they were written, or None.
    """

    host: str
    port: str | None

    @property
    def has_possible_port(self) -> bool:
        """Whether the port is absent, or a number that a port can have."""
        if self.port is None:
            return True
        digits = self.port.lstrip("0")
        return len(digits) <= 5 and int(digits or "0") <= 65535


def parse_host_header(value: str) -> HostHeader | None:
    """Take a Host header apart; None if it is not well-formed."""
    match = _HOST.fullmatch(value)
    if match is None:
        return None
    host, literal, port = match.groups()
    if literal is not None and not _is_address(literal):
        return None
    return HostHeader(host, port)


def _is_address(literal: str) -> bool:
    if literal.startswith("v"):
        return re.fullmatch(_FUTURE_ADDRESS, literal) is not None
    try:
        # A zone ("%eth0") means something on one machine only.
        return "%" not in literal and bool(ipaddress.IPv6Address(literal).packed)
    except ValueError:
        return False
