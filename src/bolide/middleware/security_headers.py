"""Headers that tell browsers what a page may not do.

RULES

- What the application has set itself stays.
- Strict-Transport-Security goes out over HTTPS only: browsers do not believe it elsewhere
  (RFC 6797, section 7.2).
- The policy may hold `{nonce}`; each request gets another one, which is `request.state.csp_nonce`.
- A 304 gets no new nonce: a browser would put it with the page that it has kept, which holds the
  old one (RFC 9111, section 3.2).
"""

from __future__ import annotations

import re
import secrets
from typing import Final

from bolide.middleware._filter import StartFilter
from bolide.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["DEFAULT_CONTENT_SECURITY_POLICY", "SecurityHeadersMiddleware"]

DEFAULT_CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}';"
    " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Everything from here, no plugins, in nobody's frame; inline scripts and styles by nonce."""

RawHeader = tuple[bytes, bytes]

_NONCE: Final = "{nonce}"
_YEAR: Final = 365 * 24 * 3600
# RFC 9110, section 5.5: what a field may hold, of ASCII.
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")


class SecurityHeadersMiddleware:
    """Adds security headers to responses; `None` leaves one out.

    Args:
        app: The application to wrap.
        content_security_policy: Content-Security-Policy (CSP Level 3), with `{nonce}` where the
            nonce of the request shall stand.
        report_only: Send the policy as Content-Security-Policy-Report-Only, to try it out.
        hsts_seconds: How long browsers shall use HTTPS only, in seconds. 0 makes them forget it.
        hsts_subdomains: Whether that goes for all subdomains, too.
        hsts_preload: Whether browsers may have it built in; read about it before. The lists take
            only who says a year at least, and subdomains.
        referrer_policy: Referrer-Policy.
        permissions_policy: Permissions-Policy.
        cross_origin_opener_policy: Cross-Origin-Opener-Policy.
        cross_origin_resource_policy: Cross-Origin-Resource-Policy.
        frame_options: X-Frame-Options, for browsers that do not know `frame-ancestors`.
        no_sniff: Send `X-Content-Type-Options: nosniff`.

    Raises:
        ValueError: A value holds a line break or another character that no header may have, or
            the values for HSTS do not go together.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        content_security_policy: str | None = DEFAULT_CONTENT_SECURITY_POLICY,
        report_only: bool = False,
        hsts_seconds: int | None = _YEAR,
        hsts_subdomains: bool = True,
        hsts_preload: bool = False,
        referrer_policy: str | None = "strict-origin-when-cross-origin",
        permissions_policy: str | None = "camera=(), geolocation=(), microphone=()",
        cross_origin_opener_policy: str | None = "same-origin",
        cross_origin_resource_policy: str | None = "same-origin",
        frame_options: str | None = "DENY",
        no_sniff: bool = True,
    ) -> None:
        self.app = app
        policy_header = "content-security-policy" + ("-report-only" if report_only else "")
        self._policy: tuple[bytes, str] | None = None
        self._headers: list[RawHeader] = _encoded(
            {
                policy_header: content_security_policy,
                "referrer-policy": referrer_policy,
                "permissions-policy": permissions_policy,
                "cross-origin-opener-policy": cross_origin_opener_policy,
                "cross-origin-resource-policy": cross_origin_resource_policy,
                "x-frame-options": frame_options,
                "x-content-type-options": "nosniff" if no_sniff else None,
            }
        )
        if content_security_policy is not None and _NONCE in content_security_policy:
            self._policy = policy_header.encode(), content_security_policy
            # The policy is the first one, and made for each request.
            del self._headers[0]
        hsts = _hsts(hsts_seconds, subdomains=hsts_subdomains, preload=hsts_preload)
        self._secure_headers: list[RawHeader] = [
            *_encoded({"strict-transport-security": hsts}),
            *self._headers,
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = self._secure_headers if scope.get("scheme") == "https" else self._headers
        policy: list[RawHeader] = []
        if self._policy is not None:
            name, text = self._policy
            nonce = secrets.token_urlsafe(16)
            scope.setdefault("state", {})["csp_nonce"] = nonce
            policy.append((name, text.replace(_NONCE, nonce).encode()))
        await self.app(scope, receive, _SecurityFilter(send, headers, policy))


class _SecurityFilter(StartFilter):
    def __init__(self, send: Send, headers: list[RawHeader], policy: list[RawHeader]) -> None:
        super().__init__(send)
        self._headers = headers
        self._policy = policy

    def on_start(self, start: Message) -> Message:
        own = list(start.get("headers", ()))
        names = {name.lower() for name, _ in own}
        headers = self._headers if start["status"] == 304 else self._policy + self._headers
        own += [header for header in headers if header[0] not in names]
        return {**start, "headers": own}


def _encoded(headers: dict[str, str | None]) -> list[RawHeader]:
    """Leave out what is None, and make the rest bytes."""
    encoded: list[RawHeader] = []
    for name, value in headers.items():
        if value is not None:
            if _VALUE.fullmatch(value) is None:
                raise ValueError(f"The header {name} cannot hold the value {value!r}.")
            encoded.append((name.encode(), value.encode()))
    return encoded


def _hsts(seconds: int | None, *, subdomains: bool, preload: bool) -> str | None:
    """Give the value of Strict-Transport-Security (RFC 6797, section 6.1)."""
    if seconds is None:
        return None
    if seconds < 0:
        raise ValueError(f"HSTS lasts for some seconds or none, not for {seconds!r}.")
    if preload and (seconds < _YEAR or not subdomains):
        raise ValueError("To be preloaded, HSTS has to last a year and go for subdomains, too.")
    return (
        f"max-age={seconds}"
        + ("; includeSubDomains" if subdomains else "")
        + ("; preload" if preload else "")
    )
