"""What the method of a request has to do with the route: the rare cases, by the policy.

RULES

- If a path has no route for the method, all methods of all its routes are allowed ones.
- A route for HEAD alone comes before a route of the same pattern for GET, wherever it stands in the
  list: a route for GET takes HEAD only because it would be a pity to refuse it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from bolide._dispatch import ALLOWED_KEY
from bolide._policy import policy_of
from bolide._routing.base import BaseRoute, EndpointRoute, Match
from bolide._routing.slashes import other_form
from bolide._routing.table import Found, LinearTable, WrongMethod
from bolide.types import Scope

__all__ = ["ForHead", "look_at_method"]


class ForHead(NamedTuple):
    """A route takes the request, but its body will not be sent."""

    route: BaseRoute
    child_scope: Scope


def look_at_method(
    table: LinearTable, scope: Scope, outcome: Found | WrongMethod
) -> Found | ForHead | WrongMethod:
    """Think again about a HEAD request, or one whose method is wrong."""
    policy = policy_of(scope)
    if isinstance(outcome, Found):
        return _for_head(table, scope, outcome) if policy.cut_head_bodies else outcome
    if policy.answer_options:
        scope[ALLOWED_KEY] = set(_methods_of(outcome.route))
        for route, match in _siblings(table, scope, outcome.route):
            if match is Match.PARTIAL:
                scope[ALLOWED_KEY].update(_methods_of(route))
    return outcome


def _for_head(table: LinearTable, scope: Scope, outcome: Found) -> ForHead:
    found, child_scope = outcome
    if isinstance(found, EndpointRoute) and "GET" in _methods_of(found):
        for route, _ in _siblings(table, scope, found):
            if (
                isinstance(route, EndpointRoute)
                and route.pattern.source == found.pattern.source
                and "HEAD" in (methods := _methods_of(route))
                and "GET" not in methods
            ):
                return ForHead(route, {**child_scope, "endpoint": route.endpoint})
    return ForHead(found, child_scope)


def _siblings(
    table: LinearTable, scope: Scope, found: BaseRoute
) -> Iterator[tuple[BaseRoute, Match]]:
    """Give the routes that match the path that a route was found by."""
    candidates = table.candidates(scope)
    if not any(route is found for route in candidates):
        # It was found in spite of a slash too many or too few.
        scope = {**scope, "path": other_form(scope) or scope["path"]}
        candidates = table.candidates(scope)
    for route in candidates:
        yield route, route.matches(scope)[0]


def _methods_of(route: BaseRoute) -> Collection[str]:
    return getattr(route, "methods", None) or ()
