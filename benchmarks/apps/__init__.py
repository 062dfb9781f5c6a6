"""Every framework's apps: a module each, with `SCENARIOS` and `CURVES`.

`SCENARIOS` maps a scenario's name to what makes its app; `CURVES` maps a curve's name to what makes
the app of a size. What a framework does not have is missing there, and in the results.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks import scenarios


@cache
def static_directory() -> str:
    """Give a directory with the two files of S10; it is made once and stays."""
    directory = Path(tempfile.gettempdir()) / "bolide-benchmarks"
    directory.mkdir(exist_ok=True)
    sizes = {"small.bin": scenarios.SMALL_FILE, "large.bin": scenarios.LARGE_FILE}
    for name, size in sizes.items():
        file = directory / name
        if not file.exists() or file.stat().st_size != size:
            file.write_bytes(os.urandom(size))
    return str(directory)


@cache
def template_directory() -> str:
    """Give a directory with the template of S15."""
    directory = Path(tempfile.gettempdir()) / "bolide-benchmarks-templates"
    directory.mkdir(exist_ok=True)
    (directory / "page.html").write_text(
        "<!doctype html><title>{{ title }}</title>\n<ul>\n"
        "{% for item in items %}<li><b>{{ item.name }}</b>: {{ item.price }}</li>\n{% endfor %}"
        "</ul>\n"
    )
    return str(directory)


PAGE = {"title": "Prices", "items": [{"name": f"item {n}", "price": n * 1.5} for n in range(10)]}
"""What S15 fills its page with."""


class NoOp:
    """An ASGI middleware that does nothing, written as people write them."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def wrapped(app: Any, times: int) -> Any:
    """Put no-op middlewares around an app, where a framework has no way of its own."""
    for _ in range(times):
        app = NoOp(app)
    return app
