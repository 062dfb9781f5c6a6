"""Refusing requests for hosts that this is not."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Final

from bolide._async import asgi_call
from bolide._data.headers import find_header
from bolide._data.url import URL
from bolide._error_answers import error_answer
from bolide._http.host import parse_host_header
from bolide._http.memo import Memo
from bolide.exceptions import HTTPException
from bolide.middleware._filter import InnerApp
from bolide.responses import RedirectResponse, Response
from bolide.types import ASGIApp, Receive, Scope, Send

__all__ = ["TrustedHostMiddleware"]

ENFORCE_DOMAIN_WILDCARD: Final = "Domain wildcard patterns must be like '*.example.com'."


class TrustedHostMiddleware:
    """Answers 400 unless the Host header is one of the hosts allowed.

    The port is not looked at. A request for a host that would be allowed with `www.` in front is
    sent there.

    Args:
        app: The application to wrap.
        allowed_hosts: Hosts, and `*.example.com` for all subdomains of one; `*` for any host, the
            default.
        www_redirect: Whether to send clients to `www.`.

    Raises:
        AssertionError: A wildcard stands elsewhere than for all subdomains.
    """

    def __init__(
        self,
        app: ASGIApp,
        allowed_hosts: Sequence[str] | None = None,
        www_redirect: bool = True,
    ) -> None:
        if allowed_hosts is None:
            allowed_hosts = ["*"]
        for pattern in allowed_hosts:
            if "*" in pattern[1:] or (
                pattern.startswith("*") and pattern != "*" and not pattern.startswith("*.")
            ):
                raise AssertionError(ENFORCE_DOMAIN_WILDCARD)
        self.app: InnerApp = app
        self.allowed_hosts: list[str] = [pattern.lower() for pattern in allowed_hosts]
        self.allow_any: bool = "*" in self.allowed_hosts
        self.www_redirect = www_redirect

    @asgi_call
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Run as an ASGI application."""
        if self.allow_any or scope["type"] not in ("http", "websocket"):
            return self.app(scope, receive, send)
        host = _HOSTS[find_header(scope, b"host") or b""]
        # PERF: S11, most often it is in the list as it is.
        if host and (host in self.allowed_hosts or self._allows(host)):
            return self.app.__call__(scope, receive, send)
        response: Response
        if host and self.www_redirect and f"www.{host}" in self.allowed_hosts:
            url = URL(scope=scope)
            response = RedirectResponse(url.replace(netloc=f"www.{url.netloc}"))
        else:
            response = error_answer(scope, HTTPException(400, "Invalid host header"))
        return response(scope, receive, send)

    def _allows(self, host: str) -> bool:
        return any(
            pattern.startswith("*.") and host.endswith(pattern[1:])
            for pattern in self.allowed_hosts
        )


def _host(value: bytes) -> str:
    """Give the host of a Host header in lower case; nothing if it is not well-formed."""
    parsed = parse_host_header(value.decode("latin-1"))
    return "" if parsed is None else parsed.host.lower()


_HOSTS: Final = Memo(_host)
