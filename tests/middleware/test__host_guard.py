"""Where the check of hosts stands among the middleware, and what is no host."""

from __future__ import annotations

from typing import Any

import pytest

from bolide.middleware import Middleware
from bolide.middleware._host_guard import check_hosts, place_host_check
from bolide.middleware.forwarded import ForwardedMiddleware
from bolide.middleware.gzip import GZipMiddleware
from bolide.middleware.trustedhost import TrustedHostMiddleware

PROXY, GZIP = Middleware(ForwardedMiddleware), Middleware(GZipMiddleware)


def classes(middleware: list[Middleware]) -> list[Any]:
    return [one.cls for one in middleware]


def test_without_proxies_the_check_stands_outside_everything() -> None:
    outside, inside = place_host_check([GZIP], ["example.org"])
    assert classes(outside) == [TrustedHostMiddleware]
    assert inside == [GZIP]


def test_with_proxies_it_stands_right_after_the_last_one() -> None:
    outside, inside = place_host_check([PROXY, GZIP, PROXY, GZIP], ["example.org"])
    assert outside == []
    assert classes(inside)[2:] == [ForwardedMiddleware, TrustedHostMiddleware, GZipMiddleware]


@pytest.mark.parametrize("hosts", [None, ["*"], ["example.org", "*"]])
def test_who_takes_any_host_needs_no_check(hosts: list[str] | None) -> None:
    assert place_host_check([GZIP], hosts) == ([], [GZIP])


def test_middleware_that_is_no_class_is_no_proxy() -> None:
    def factory(app: Any) -> Any:
        return ForwardedMiddleware(app)

    outside, _ = place_host_check([Middleware(factory)], ["example.org"])
    assert classes(outside) == [TrustedHostMiddleware]


def test_hosts_are_looked_at() -> None:
    check_hosts(None)
    check_hosts(("example.org", "*.example.org"))
    with pytest.raises(TypeError):
        check_hosts("example.org")
    with pytest.raises(AssertionError):
        check_hosts(["*example.org"])
