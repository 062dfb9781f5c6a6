"""Starlette, through the API that both have."""

from __future__ import annotations

from benchmarks.apps._starlette_api import Apps

_apps = Apps("starlette")
SCENARIOS = _apps.SCENARIOS
CURVES = _apps.CURVES
