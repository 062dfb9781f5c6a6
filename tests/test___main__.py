"""`python -m bolide` is the command `bolide`."""

from __future__ import annotations

import runpy
import sys

import pytest

import bolide


def test_the_package_runs_as_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bolide", "--version"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("bolide", run_name="__main__")
    assert end.value.code == 0
    assert capsys.readouterr().out == f"bolide {bolide.__version__}\n"


def test_importing_it_runs_nothing() -> None:
    assert "main" in runpy.run_module("bolide.__main__")
