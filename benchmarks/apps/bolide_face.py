"""Bolide with its own defaults: the class `Bolide` in the place of `Starlette`."""

from __future__ import annotations

from benchmarks.apps._starlette_api import Apps

_apps = Apps("bolide", "Bolide")
SCENARIOS = _apps.SCENARIOS
CURVES = _apps.CURVES
