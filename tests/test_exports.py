"""What public modules offer: sorted, documented, and at home where it is found."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import warnings
from types import ModuleType

import pytest

import bolide


def public_modules() -> list[str]:
    names = [
        info.name
        for info in pkgutil.walk_packages(bolide.__path__, "bolide.")
        if "._" not in info.name
    ]
    return sorted(names)


@pytest.fixture(params=public_modules())
def module(request: pytest.FixtureRequest) -> ModuleType:
    with warnings.catch_warnings():
        # Some modules say when they are imported that they are going away.
        warnings.simplefilter("ignore")
        return importlib.import_module(request.param)


def test_a_public_module_lists_its_names_in_order(module: ModuleType) -> None:
    names = module.__all__
    assert len(names) == len(set(names))
    kinds = [(0 if re.fullmatch("[A-Z0-9_]+", n) else 1 if n[0].isupper() else 2, n) for n in names]
    assert sorted(kinds) == kinds or sorted(names) == names


def test_every_name_is_there_and_documented(module: ModuleType) -> None:
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name


def test_a_class_or_function_of_ours_says_that_it_lives_in_a_public_module(
    module: ModuleType,
) -> None:
    for name in module.__all__:
        value = getattr(module, name)
        home = getattr(value, "__module__", "")
        if (inspect.isclass(value) or inspect.isfunction(value)) and home.startswith("bolide"):
            if home.startswith("bolide._"):
                # Offered because others import it, but private to the API.
                assert name in PRIVATE_TO_THE_API, name
            else:
                assert getattr(importlib.import_module(home), name) is value


PRIVATE_TO_THE_API = {
    "get_route_path",
    "guess_type",
    "is_async_callable",
    "wrap_app_handling_exceptions",
}


def test_the_version_is_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+([a-z]+\d+)?", bolide.__version__)


def test_importing_the_package_imports_nothing_else() -> None:
    code = (
        "import sys; before = set(sys.modules); import bolide;"
        "print(*sorted(name for name in set(sys.modules) - before if name != 'bolide'))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert result.stdout.split() == []


def test_the_core_needs_no_extra() -> None:
    """Import every module that must not need one, with all extras out of reach."""
    code = """
import importlib, sys
extras = {"httpx", "httpx2", "itsdangerous", "jinja2", "multipart", "opentelemetry", "yaml"}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in extras:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
for name in sys.argv[1:]:
    importlib.import_module(name)
"""
    needing = {
        "bolide.testclient",
        "bolide.templating",
        "bolide.middleware.opentelemetry",
        "bolide.middleware.sessions",
    }
    names = [name for name in public_modules() if name not in needing]
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, *names], check=True)


@pytest.mark.parametrize("name", bolide.__all__)
def test_the_names_of_the_package_are_those_of_its_modules(name: str) -> None:
    value = getattr(bolide, name)
    assert getattr(importlib.import_module(value.__module__), name) is value
    assert name in dir(bolide)


def test_type_checkers_see_the_same_names() -> None:
    source = inspect.getsource(bolide)
    names = re.findall(r"import \w+ as (\w+)$", source, re.MULTILINE)
    assert sorted(names) == bolide.__all__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'bolide' has no attribute 'Boulder'"):
        bolide.Boulder  # noqa: B018
