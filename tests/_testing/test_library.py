"""Which HTTP library is taken, and what is said when none is there."""

from __future__ import annotations

import sys
import types
import warnings

import httpx2
import pytest

from bolide._testing.library import MissingHTTPLibrary, import_http_library
from bolide.exceptions import MissingExtra, StarletteDeprecationWarning


def test_httpx2_is_preferred() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert import_http_library() is httpx2
    assert caught == []


def test_httpx_is_taken_instead_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    httpx = types.ModuleType("httpx")
    monkeypatch.setitem(sys.modules, "httpx2", None)
    monkeypatch.setitem(sys.modules, "httpx", httpx)
    with pytest.warns(StarletteDeprecationWarning) as caught:
        assert import_http_library() is httpx
    assert str(caught[0].message) == (
        "Using `httpx` with `bolide.testclient` is deprecated; install `httpx2` instead."
    )


def test_neither_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx2", None)
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(RuntimeError) as raised:
        import_http_library()
    assert type(raised.value) is MissingHTTPLibrary
    assert isinstance(raised.value, MissingExtra)
    assert raised.value.extra == "test"
    assert str(raised.value) == (
        "The bolide.testclient module requires the httpx2 package to be installed.\n"
        "You can install this with:\n"
        "    $ pip install httpx2\n"
    )
