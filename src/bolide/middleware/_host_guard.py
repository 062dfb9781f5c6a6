"""Which hosts an application is for, and that a request says only one.

RULES

- A request with more than one Host header gets status 400 (RFC 9112, section 3.2): those who read
  it on its way may each believe another one.
- Hosts are compared inside every `ForwardedMiddleware`, which puts the header right, and outside
  all other middleware.
- An application that says nothing of its hosts is told so once, when it starts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from bolide._error_answers import error_answer
from bolide._policy import Policy
from bolide.exceptions import HTTPException
from bolide.middleware import Middleware
from bolide.types import Receive, Scope, Send

__all__ = ["advise", "check_hosts", "place_host_check", "refuse_hosts"]

_ADVICE: Final = (
    "No allowed hosts are set, so the URLs that are made of a request (request.url, url_for) have"
    " whatever host a client claims. Say Bolide(allowed_hosts=['www.example.org']), or ['*'] for"
    " any host."
)


async def refuse_hosts(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request with more than one Host header: an ASGI application."""
    refusal = error_answer(scope, HTTPException(400, "More than one Host header"))
    await refusal(scope, receive, send)


def check_hosts(hosts: Collection[str] | None) -> None:
    """Look at a list of allowed hosts.

    Raises:
        TypeError: It is a single text.
        AssertionError: A wildcard stands elsewhere than for all subdomains.
    """
    if isinstance(hosts, str):
        raise TypeError(f"allowed_hosts is a list of hosts, such as [{hosts!r}].")
    if hosts is not None:
        from bolide.middleware.trustedhost import TrustedHostMiddleware

        TrustedHostMiddleware(_nothing, list(hosts))


def place_host_check(
    middleware: Sequence[Middleware], hosts: Collection[str] | None
) -> tuple[list[Middleware], list[Middleware]]:
    """Give the middleware of an application with the check of hosts among it.

    Returns:
        What stands around the application's own boundary, and what stands within.
    """
    if hosts is None or "*" in hosts:
        return [], list(middleware)
    from bolide.middleware.forwarded import ForwardedMiddleware
    from bolide.middleware.trustedhost import TrustedHostMiddleware

    check = Middleware(TrustedHostMiddleware, list(hosts))
    after = max(
        (at + 1 for at, one in enumerate(middleware) if _is(one, ForwardedMiddleware)), default=0
    )
    if not after:
        return [check], list(middleware)
    return [], [*middleware[:after], check, *middleware[after:]]


def advise(policy: Policy, middleware: Sequence[Middleware]) -> None:
    """Say so in the log if an application that is about to start believes any host."""
    if not policy.advise_on_hosts or policy.allowed_hosts is not None:
        return
    from bolide.middleware.trustedhost import TrustedHostMiddleware

    if not any(_is(one, TrustedHostMiddleware) for one in middleware):
        import logging

        logging.getLogger("bolide.hosts").warning(_ADVICE)


def _is(middleware: Middleware, cls: type) -> bool:
    return isinstance(middleware.cls, type) and issubclass(middleware.cls, cls)


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotImplementedError
