"""Limits for a part of an application: a route, or a mount.

RULES

- A limit that is given nearer to the endpoint holds instead of one that is given further out, be it
  larger or smaller; what is not given stays as it is there.
- An application that is mounted has limits of its own, all of them.
- Blocking endpoints that have `max_endpoint_threads` of their own have threads of their own: they
  are waited for by nobody else, and wait for nobody.

THEORY OF OPERATION

Whoever reads a body asks `policy_of` the scope; the layer leaves a policy there, for as long as the
request is inside. A message of a WebSocket is measured further out, by what the layer finds in the
scope and changes.
"""

from __future__ import annotations

from typing import Final, TypedDict

from bolide._policy import OWN_POLICY_KEY, Policy, UnknownOption, policy_of
from bolide._settings import ACTIVE, Settings, current_settings
from bolide._threads import ThreadLimits
from bolide.middleware._websocket_guard import bounded
from bolide.types import ASGIApp, Receive, Scope, Send

__all__ = ["LimitOptions", "LimitsLayer"]


class LimitOptions(TypedDict, total=False):
    """The fields of `Policy` that a route or a mount may have for itself."""

    max_buffer_size: int | None
    max_form_size: int | None
    max_form_fields_size: int | None
    max_form_memory: int | None
    max_form_disk_files: int | None
    max_form_epilogue: int | None
    max_json_depth: int | None
    max_json_values: int | None
    max_endpoint_threads: int | None
    max_waiting_endpoints: int | None
    max_message_size: int | None


_NAMES: Final = sorted(LimitOptions.__annotations__)


class LimitsLayer:
    """Puts limits around an application that is part of another one.

    Args:
        app: The application to wrap.
        limits: The limits that are other than further out.

    Raises:
        UnknownOption: There is no such limit.
    """

    def __init__(self, app: ASGIApp, limits: LimitOptions) -> None:
        for name in limits:
            if name not in _NAMES:
                raise UnknownOption(name, _NAMES)
        self.app = app
        self.limits = limits
        # The policy inside, together with that outside that it was made from.
        self._policies: tuple[Policy | None, Policy] = (None, Policy())
        self._threads: ThreadLimits | None = None
        if "max_endpoint_threads" in limits or "max_waiting_endpoints" in limits:
            self._threads = ThreadLimits(Policy().changed(limits))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run as an ASGI application."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        outer = scope.get(OWN_POLICY_KEY)
        scope[OWN_POLICY_KEY] = scope.get("app"), self._over(policy_of(scope))
        settings = current_settings()
        if self._threads is not None:
            limits = self._threads.over(settings.limits)
            ACTIVE.set(Settings(settings.policy, settings.codec, limits))
        if scope["type"] == "websocket" and "max_message_size" in self.limits:
            receive = bounded(scope, receive, self.limits["max_message_size"])
        try:
            await self.app(scope, receive, send)
        finally:
            if self._threads is not None:
                ACTIVE.set(settings)
            # Middleware may call another application with this scope.
            if outer is None:
                scope.pop(OWN_POLICY_KEY, None)
            else:
                scope[OWN_POLICY_KEY] = outer

    def _over(self, outer: Policy) -> Policy:
        made_from, policy = self._policies
        if made_from is not outer:
            policy = outer.changed(self.limits)
            self._policies = outer, policy
        return policy
