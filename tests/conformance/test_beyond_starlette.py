"""What goes beyond Starlette does so: the same tests fail there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MAX_SECONDS = 300


def test_every_test_of_what_goes_beyond_fails_on_starlette() -> None:
    try:
        if not version("starlette").startswith("1.10."):
            pytest.skip("needs Starlette 1.10: pip install starlette==1.10.0")
    except PackageNotFoundError:
        pytest.skip("needs Starlette: pip install starlette==1.10.0")
    result = subprocess.run(
        # Its own deprecations are not what is looked at.
        [sys.executable, "-m", "pytest", "-q", "-W", "ignore", str(HERE / "beyond")],
        env={**os.environ, "BEYOND": "starlette"},
        capture_output=True,
        text=True,
        timeout=MAX_SECONDS,
    )
    summary = result.stdout.splitlines()[-1]
    assert result.returncode == 0, result.stdout
    assert re.match(r"\d+ xfailed", summary), summary
