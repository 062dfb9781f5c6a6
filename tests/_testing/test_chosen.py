"""The HTTP library of the private modules."""

from __future__ import annotations

import importlib
import sys

import httpx2
import pytest

from bolide._testing import chosen


def test_it_is_that_of_the_client() -> None:
    assert chosen.httpx is httpx2


def test_it_may_be_httpx_without_a_second_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = type(sys)("httpx")
    monkeypatch.setitem(sys.modules, "httpx2", None)
    monkeypatch.setitem(sys.modules, "httpx", stand_in)
    monkeypatch.delitem(sys.modules, "bolide._testing.chosen")
    fresh = importlib.import_module("bolide._testing.chosen")
    assert fresh.httpx is stand_in
    monkeypatch.undo()
    importlib.import_module("bolide._testing").chosen = chosen
