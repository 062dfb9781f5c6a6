"""The alias: `starlette` is bolide, the same objects, and nothing else is."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pickle
import pkgutil
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import bolide
from bolide.compat import API_VERSION, StarletteAlreadyImported, install_as_starlette

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def no_starlette() -> Iterator[None]:
    """Begin without any Starlette, and put back afterwards what was there."""

    def take() -> dict[str, ModuleType]:
        names = [name for name in sys.modules if name.partition(".")[0] == "starlette"]
        return {name: sys.modules.pop(name) for name in names}

    before, finders = take(), list(sys.meta_path)
    yield
    sys.meta_path[:] = finders
    take()
    sys.modules.update(before)


@pytest.fixture
def starlette() -> Any:
    install_as_starlette()
    return importlib.import_module("starlette")


def module_names() -> list[str]:
    names = [info.name for info in pkgutil.walk_packages(bolide.__path__, "bolide.")]
    return [name.removeprefix("bolide.") for name in names if not name.endswith("__main__")]


@pytest.mark.parametrize("name", module_names())
def test_a_module_is_the_same_object_under_both_names(starlette: Any, name: str) -> None:
    with warnings.catch_warnings():
        # Some modules say when they are imported that they are going away.
        warnings.simplefilter("ignore")
        theirs = importlib.import_module(f"starlette.{name}")
    ours = importlib.import_module(f"bolide.{name}")
    assert theirs is ours
    assert sys.modules[f"starlette.{name}"] is ours
    found: Any = starlette
    for part in name.split("."):
        found = getattr(found, part)
    assert found is ours


def test_a_module_keeps_its_own_spec(starlette: Any) -> None:
    module = importlib.import_module("starlette.middleware.cors")
    assert module.__name__ == "bolide.middleware.cors"
    assert module.__spec__ is not None
    assert module.__spec__.name == "bolide.middleware.cors"
    assert module.__spec__.loader is module.__loader__


def test_the_ways_to_import_a_module_agree(starlette: Any) -> None:
    from bolide.middleware import body_limit as ours

    namespace: dict[str, Any] = {}
    exec(
        "from starlette import status\n"
        "import starlette.routing as r\n"
        "from starlette.middleware import body_limit\n"
        "import starlette.middleware.body_limit\n"
        "from starlette.middleware.body_limit import RequestBodyLimitMiddleware\n",
        namespace,
    )
    assert namespace["status"] is sys.modules["bolide.status"]
    assert namespace["r"] is sys.modules["bolide.routing"]
    assert namespace["body_limit"] is ours
    assert namespace["starlette"].middleware.body_limit is ours
    assert namespace["RequestBodyLimitMiddleware"] is ours.RequestBodyLimitMiddleware


def test_an_object_made_under_one_name_is_an_instance_under_the_other(starlette: Any) -> None:
    from bolide.responses import PlainTextResponse

    theirs = importlib.import_module("starlette.responses")
    assert isinstance(PlainTextResponse("x"), theirs.Response)


def test_the_root_has_the_version_of_the_api(starlette: Any) -> None:
    assert starlette.__version__ == API_VERSION == "1.10.0"
    assert bolide.__version__ != API_VERSION
    assert starlette.__name__ == "starlette"
    assert starlette.__file__ == bolide.__file__
    assert list(starlette.__path__) == list(bolide.__path__)
    assert repr(starlette) == f"<module 'starlette' ({bolide.__file__})>"
    assert importlib.reload(starlette) is starlette


def test_the_root_has_the_attributes_of_bolide(starlette: Any) -> None:
    importlib.import_module("bolide.routing")
    assert starlette.routing is sys.modules["bolide.routing"]
    assert "routing" in dir(starlette)
    with pytest.raises(AttributeError, match="module 'starlette' has no attribute 'nope'"):
        _ = starlette.nope


def test_what_bolide_lacks_is_not_found(starlette: Any) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'starlette\.nope'") as caught:
        importlib.import_module("starlette.nope")
    assert caught.value.name == "starlette.nope"
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("starlette.middleware.nope")
    with pytest.raises(ImportError):
        exec("from starlette import nope")


def test_no_other_finder_is_asked_for_what_bolide_lacks(starlette: Any) -> None:
    asked: list[str] = []
    other: Any = SimpleNamespace(find_spec=lambda name, path=None, target=None: asked.append(name))
    sys.meta_path.append(other)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("starlette.nope")
    assert "starlette.nope" not in asked


def test_other_modules_are_found_by_other_finders(starlette: Any) -> None:
    assert importlib.util.find_spec("starlettex") is None
    assert importlib.util.find_spec("colorsys") is not None


def test_looking_for_a_module_does_not_import_it(starlette: Any) -> None:
    code = (
        "import importlib.util, sys; from bolide.compat import install_as_starlette;"
        "install_as_starlette(); spec = importlib.util.find_spec('starlette.schemas');"
        "print(spec.name, 'bolide.schemas' in sys.modules)"
    )
    assert run(code).stdout.split() == ["starlette.schemas", "False"]


def test_a_module_forgotten_under_the_alias_comes_back_as_the_same(starlette: Any) -> None:
    import bolide.status

    importlib.import_module("starlette.status")
    del sys.modules["starlette.status"]
    assert importlib.import_module("starlette.status") is bolide.status
    del sys.modules["starlette"]
    assert importlib.import_module("starlette") is starlette


def test_the_root_and_a_module_can_be_reloaded() -> None:
    code = (
        "import importlib; from bolide.compat import install_as_starlette; install_as_starlette()\n"
        "import starlette.schemas, bolide.schemas; former = bolide.schemas.SchemaGenerator\n"
        "print(importlib.reload(starlette.schemas) is bolide.schemas)\n"
        "print(starlette.schemas.SchemaGenerator is not former)\n"
        "print(importlib.reload(starlette) is starlette, starlette.__version__)\n"
    )
    assert run(code).stdout.split() == ["True", "True", "True", API_VERSION]


def test_a_module_that_fails_to_import_fails_under_the_alias(
    starlette: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "bolide.templating", raising=False)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError):
        importlib.import_module("starlette.templating")
    assert "starlette.templating" not in sys.modules


def test_what_was_pickled_under_the_alias_is_read(starlette: Any) -> None:
    from bolide.datastructures import URL

    pickled = pickle.dumps(URL("http://example.org/"), protocol=0)
    assert b"bolide" in pickled
    assert pickle.loads(pickled.replace(b"cbolide.", b"cstarlette.")) == URL("http://example.org/")


def test_installing_again_puts_the_alias_back_to_the_front(starlette: Any) -> None:
    before = list(sys.meta_path)
    other: Any = SimpleNamespace(find_spec=lambda name, path=None, target=None: None)
    sys.meta_path.insert(0, other)
    install_as_starlette()
    assert [type(finder) for finder in sys.meta_path] == [
        type(before[0]),
        type(other),
        *(type(finder) for finder in before[1:]),
    ]
    assert importlib.import_module("starlette") is starlette


# What importlib.metadata says


@pytest.mark.parametrize("name", ["starlette", "Starlette"])
def test_the_installed_version_is_that_of_the_api(starlette: Any, name: str) -> None:
    assert importlib.metadata.version(name) == API_VERSION


def test_the_distribution_is_of_the_kind_that_others_expect(starlette: Any) -> None:
    found = importlib.metadata.distribution("starlette")
    assert found.metadata["Name"] == "starlette"
    assert bolide.__version__ in found.metadata["Summary"]
    assert list(found.entry_points) == []
    assert found.files is None
    with pytest.raises(FileNotFoundError, match="alias of bolide"):
        found.locate_file("x")
    assert API_VERSION in [
        d.version for d in importlib.metadata.distributions() if d.metadata["Name"] == "starlette"
    ]


def test_other_distributions_and_other_directories_are_as_before(
    starlette: Any, tmp_path: Any
) -> None:
    assert importlib.metadata.version("bolide") == bolide.__version__
    assert list(importlib.metadata.distributions(path=[str(tmp_path)])) == []
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("starlettex")


# Too late


Late = Callable[..., StarletteAlreadyImported]


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> Late:
    """Install the alias where these modules are imported already, and give the error."""

    def late(**modules: Any) -> StarletteAlreadyImported:
        interpreter = SimpleNamespace(modules=modules, meta_path=[])
        monkeypatch.setattr("bolide.compat.sys", interpreter)
        with pytest.raises(StarletteAlreadyImported) as caught:
            install_as_starlette()
        assert interpreter == SimpleNamespace(modules=modules, meta_path=[])
        return caught.value

    return late


def module_with(value: Any) -> ModuleType:
    module = ModuleType("holder")
    module.__dict__.update(number=1, other_module=pytest, value=value)
    return module


def function() -> None: ...


class Router: ...


function.__module__ = Router.__module__ = "starlette.routing"


@pytest.mark.parametrize("value", [ModuleType("starlette.status"), function, Router])
def test_it_does_not_replace_another_starlette_and_names_who_uses_it(
    late: Late, value: Any
) -> None:
    error = late(
        first=module_with(3),
        starlette=module_with(value),
        early_bird=module_with(value),
        later=module_with(value),
    )
    assert error.importer == "early_bird"
    assert "already imported by 'early_bird'. Call install_as_starlette() before" in str(error)
    assert isinstance(error, RuntimeError)


def test_a_part_of_another_starlette_is_enough(late: Late) -> None:
    assert late(**{"starlette.routing": module_with(3)}).importer is None


def test_nobody_is_named_where_nobody_holds_anything(late: Late) -> None:
    error = late(starlette=module_with(3), not_imported=None, no_module=42)
    assert error.importer is None
    assert "is already imported. Call " in str(error)


# The documentation


@pytest.mark.parametrize(
    ("page", "number", "needs"),
    [("migrate-from-starlette", 3, "httpx2"), ("fastapi-on-bolide", 2, "fastapi")],
)
def test_the_examples_of_the_documentation_run(page: str, number: int, needs: str) -> None:
    # In a process of their own: an alias is for a process.
    if importlib.util.find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed")
    text = (ROOT / "docs" / "howto" / f"{page}.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == number
    said = run("\n".join(blocks)).stdout
    assert said == ("bolide.applications\n" if needs == "fastapi" else "")


# On request only


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)


def test_importing_bolide_installs_nothing() -> None:
    code = (
        "import pkgutil, sys, importlib, warnings; warnings.simplefilter('ignore'); import bolide\n"
        "for info in pkgutil.walk_packages(bolide.__path__, 'bolide.'):\n"
        "    if not info.name.endswith(('_main__', '.compat')):\n"
        "        importlib.import_module(info.name)\n"
        "print('bolide.compat' in sys.modules, 'starlette' in sys.modules)\n"
        "import bolide.compat\n"
        "print(any(type(f).__module__ == 'bolide.compat' for f in sys.meta_path))"
    )
    assert run(code).stdout.split() == ["False", "False", "False"]
