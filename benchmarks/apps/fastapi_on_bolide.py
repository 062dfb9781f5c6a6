"""FastAPI with bolide in the place of Starlette, its own code unchanged."""

from __future__ import annotations

from bolide.compat import install_as_starlette

install_as_starlette()

from benchmarks.apps.fastapi import CURVES, SCENARIOS  # noqa: E402 - after the alias, so it holds

__all__ = ["CURVES", "SCENARIOS"]
