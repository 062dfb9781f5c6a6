"""A warning or a message points at the user's line, however deep in bolide it was made."""

from __future__ import annotations

import _thread
import functools
import sys
import threading
import warnings
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import bolide
from bolide._callsite import warn_caller

PACKAGE = Path(bolide.__path__[0])


def caller_in(filename: Path) -> Callable[..., Any]:
    """Make a function of another file that calls what it is given, in its line 2."""
    namespace: dict[str, Any] = {}
    source = "def call(function, *args):\n    return function(*args)\n"
    exec(compile(source, str(filename), "exec"), namespace)
    call: Callable[..., Any] = namespace["call"]
    return call


call_from_bolide = caller_in(PACKAGE / "inner.py")
call_from_deep_in_bolide = caller_in(PACKAGE / "_routing" / "inner.py")
call_from_a_plugin = caller_in(PACKAGE.with_name("bolide_plugin") / "inner.py")


def nested(depth: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """Put so many frames of bolide between the caller and the function, and no others."""
    layers = [call_from_bolide, call_from_deep_in_bolide]
    for number in range(depth):
        function = functools.partial(layers[number % 2], function)
    return function


def this_line() -> int:
    return sys._getframe(1).f_lineno


@pytest.mark.parametrize("depth", [0, 1, 2, 5])
def test_a_warning_points_at_the_nearest_line_outside_bolide(depth: int) -> None:
    function = nested(depth, warn_caller)

    line = this_line() + 2
    with pytest.warns(UserWarning, match="^careful$") as caught:
        function("careful", UserWarning)

    assert [(each.filename, each.lineno) for each in caught] == [(__file__, line)]


def test_a_package_whose_name_begins_like_ours_is_not_ours() -> None:
    plugin = str(PACKAGE.with_name("bolide_plugin") / "inner.py")

    for function in (warn_caller, nested(2, warn_caller)):
        with pytest.warns(UserWarning, match="^careful$") as caught:
            call_from_a_plugin(function, "careful", UserWarning)
        assert [(each.filename, each.lineno) for each in caught] == [(plugin, 2)]


def test_where_all_is_bolide_the_outermost_line_has_to_do() -> None:
    done = threading.Event()

    def note(*args: Any) -> None:
        # Not passed over itself, so it has to be one of bolide's frames, too.
        warn_caller("careful", UserWarning)
        done.set()

    note.__code__ = note.__code__.replace(co_filename=str(PACKAGE / "noted.py"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # The plain threads have no frame of the standard library below them.
        _thread.start_new_thread(call_from_bolide, (note,))
        assert done.wait(timeout=10)

    assert [(each.filename, each.lineno) for each in caught] == [(str(PACKAGE / "inner.py"), 2)]


class OldModule(MetaPathFinder, Loader):
    """Finds a module of bolide that warns when it is imported."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname == "an_old_module" else None

    def exec_module(self, module: ModuleType) -> None:
        call_from_bolide(warn_caller, "old", UserWarning)


def test_a_module_that_warns_points_at_its_import(monkeypatch: pytest.MonkeyPatch) -> None:
    # Between the module and the import lie frames of the import system, which belong to neither.
    finder = OldModule()
    code = finder.exec_module.__code__.replace(co_filename=str(PACKAGE / "old.py"))
    monkeypatch.setattr(OldModule.exec_module, "__code__", code)
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        line = this_line() + 1
        import an_old_module  # type: ignore[import-not-found]  # noqa: F401

    monkeypatch.delitem(sys.modules, "an_old_module")
    assert [(each.filename, each.lineno) for each in caught] == [(__file__, line)]
