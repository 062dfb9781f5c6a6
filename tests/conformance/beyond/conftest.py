"""What users have asked for: tests that pass here, and fail on Starlette 1.10.

Each test is named after the subject of a public thread. It imports nothing of bolide by name, but
takes the package under test from the fixture `api`: with the environment variable BEYOND set to
`starlette` the same tests run on an installed Starlette, and each of them is expected to fail.
`tests/conformance/test_beyond_starlette.py` does that.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

import pytest

PACKAGE = os.environ.get("BEYOND", "bolide")


class Api:
    """The package under test: `api("routing").Route`, and the class of its applications."""

    def __call__(self, module: str) -> Any:
        return importlib.import_module(f"{PACKAGE}.{module}")

    @property
    def App(self) -> Any:  # noqa: N802 - it is a class
        """`Bolide`, or where there is none, `Starlette`."""
        applications = self("applications")
        return getattr(applications, "Bolide", applications.Starlette)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def client_for(api: Api, anyio_backend: str) -> Callable[..., Any]:
    """Make test clients of the package under test, on both backends."""

    def make(app: Any, **options: Any) -> Any:
        return api("testclient").TestClient(app, backend=anyio_backend, **options)

    return make


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if PACKAGE == "bolide":
        return
    for item in items:
        if item.path.parent.name == "beyond":
            item.add_marker(pytest.mark.xfail(strict=True, reason="asked for, and not there"))
