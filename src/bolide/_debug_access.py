"""Who may see what debug mode shows: anyone, or only clients on the machine itself.

SECURITY: a debug mode that was left on shows source code to the world. With `debug_for="loopback"`
a client sees it only if

- the connection comes from a loopback address;
- the request was not handed on by a proxy that says so, behind which everybody comes from there;
- the host it asks for is this machine, too. A page of somebody else whose name has been made to
  point here (DNS rebinding) could read the answer otherwise.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from bolide._data.headers import Headers
from bolide._http.host import parse_host_header
from bolide._policy import policy_of
from bolide.types import Scope

__all__ = ["may_see_debug"]

# What the test client calls itself; a peer on a network has an address.
_IN_PROCESS: Final = "testclient"
_PROXY_HEADERS: Final = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


def may_see_debug(scope: Scope) -> bool:
    """Say whether the client of a request may see tracebacks, if the application is debugged."""
    if policy_of(scope).debug_for == "anyone":
        return True
    host, _ = scope.get("client") or ("", 0)
    if host == _IN_PROCESS:
        return True
    headers = Headers(raw=scope.get("headers", []))
    if not _is_loopback(host) or any(name in headers for name in _PROXY_HEADERS):
        return False
    asked_for = parse_host_header(headers.get("host", ""))
    return asked_for is not None and _is_this_machine(asked_for.host.lower())


def _is_this_machine(host: str) -> bool:
    # RFC 6761, section 6.3: names under localhost are loopback, too.
    return host == "localhost" or host.endswith(".localhost") or _is_loopback(host.strip("[]"))


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # A socket for both versions shows IPv4 peers in IPv6 (RFC 4291, section 2.5.5.2).
    mapped = getattr(address, "ipv4_mapped", None)
    return address.is_loopback or (mapped is not None and mapped.is_loopback)
