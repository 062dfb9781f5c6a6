"""What an application costs until its first request: limits that no busy machine disturbs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.peers import ROOT, environ
from bolide.applications import Starlette
from bolide.routing import Route

# What AnyIO itself imports is not ours to save.
IMPORT = """\
import sys, anyio, anyio.lowlevel, anyio.to_thread
before = set(sys.modules)
import bolide.applications
print(*(set(sys.modules) - before))
"""

# Used by few applications, or in few requests.
IMPORTED_WHERE_USED = {
    "anyio._core._fileio",
    "anyio._core._synchronization",
    "asyncio",
    "bolide._data.saving",
    "bolide._data.spooled",
    "bolide._debug_page",
    "bolide._debug_values",
    "bolide._http.accept",
    "bolide._http.cookies",
    "bolide._http.origin",
    "bolide._limited_file",
    "bolide._prompt_limiter",
    "bolide._signals",
    "bolide.formparsers",
    "dataclasses",
    "difflib",
    "email",
    "hashlib",
    "html",
    "http.client",
    "http.cookies",
    "logging",
    "mimetypes",
    "pathlib",
    "secrets",
    "shutil",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "traceback",
    "uuid",
}
MOST_IMPORTED = 105

MOST_BYTES_OF_A_ROUTE = {"literal/10000": 1_200, "parametrised/10000": 2_000}

# Of the constructor, and of what the first request makes of a route.
MOST_CALLS_OF_A_ROUTE = {"/items": 20, "/items/{id:int}": 35}


def output_of(*arguments: str) -> str:
    """Run this Python in a process of its own, where nobody traces or has imported anything."""
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=environ(),
    )
    return done.stdout


def test_an_import_takes_only_what_most_applications_need() -> None:
    imported = set(output_of("-c", IMPORT).split())
    assert "bolide.applications" in imported
    assert imported & IMPORTED_WHERE_USED == set()
    assert len(imported) <= MOST_IMPORTED


def test_a_route_takes_little_memory() -> None:
    found = json.loads(output_of("-m", "benchmarks.probe", "memory", "bolide"))
    assert found.keys() == MOST_BYTES_OF_A_ROUTE.keys()
    for name, most in MOST_BYTES_OF_A_ROUTE.items():
        assert found[name] <= most, found


async def endpoint(request: Any) -> Any: ...


def calls_of_routes(path: str, number: int) -> int:
    """Count the calls of Python functions that it takes to make routes, and an index of them."""
    calls = 0

    def count(frame: Any, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    tracer = sys.getprofile()
    sys.setprofile(count)
    try:
        routes = [Route(f"/{index}{path}", endpoint) for index in range(number)]
        Starlette(routes=routes).router._table.match({"type": "http", "path": "/", "method": "GET"})
    finally:
        sys.setprofile(tracer)
    return calls


@pytest.mark.parametrize("path", MOST_CALLS_OF_A_ROUTE)
def test_a_route_is_made_with_few_calls(path: str) -> None:
    few = calls_of_routes(path, 10)
    calls = (calls_of_routes(path, 110) - few) / 100
    assert calls <= MOST_CALLS_OF_A_ROUTE[path]
