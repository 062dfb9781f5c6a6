"""Lets bolide answer to the name `starlette`, for code that shall not be changed.

RULES

- On request only: importing bolide, or this module, changes nothing.
- `starlette.X` is the module `bolide.X`, the same object, for every X, public or private. So
  `isinstance` holds between code that imports one name and code that imports the other.
- What bolide lacks does not exist: it is never taken from an installed Starlette.

THEORY OF OPERATION

A finder at the head of `sys.meta_path` answers for `starlette` and all below it. The root is a
module of its own, because `__version__` differs; its other attributes are those of bolide. The same
finder tells `importlib.metadata` of a distribution named `starlette`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable, MutableSequence, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, DistributionFinder
from types import FunctionType, ModuleType
from typing import Any, Final

import bolide
from bolide.exceptions import BolideError

__all__ = ["API_VERSION", "StarletteAlreadyImported", "install_as_starlette"]

API_VERSION: Final = "1.10.0"
"""The version of Starlette whose public API bolide has."""

_ALIAS: Final = "starlette"
_OURS: Final = "bolide"
_EVERYWHERE: Final = DistributionFinder.Context()


class StarletteAlreadyImported(BolideError, RuntimeError):
    """The alias came too late: another Starlette is in use already.

    Attributes:
        importer: The name of a module that uses it, or `None` where none was found.
    """

    def __init__(self, importer: str | None) -> None:
        who = f" by {importer!r}" if importer else ""
        super().__init__(
            f"starlette is already imported{who}. Call install_as_starlette() before anything"
            " imports starlette, best in the first lines of the program, or use"
            " `bolide run --as-starlette`."
        )
        self.importer = importer


def install_as_starlette() -> None:
    """Let `import starlette`, and all below it, give the modules of bolide from now on.

    It holds for the running process. Calling it again makes sure that the alias is asked before
    finders that were added in the meantime.

    Raises:
        StarletteAlreadyImported: Another Starlette was imported before; also a `RuntimeError`.
    """
    root = sys.modules.get(_ALIAS)
    if not isinstance(root, _Root):
        if any(_is_alias(name) for name in sys.modules):
            raise StarletteAlreadyImported(_find_importer())
        root = sys.modules[_ALIAS] = _Root()
    sys.meta_path[:] = [_Finder(root), *(f for f in sys.meta_path if not isinstance(f, _Finder))]


def _is_alias(name: str) -> bool:
    return name == _ALIAS or name.startswith(f"{_ALIAS}.")


class _Root(ModuleType):
    """The module `starlette`: it has a version of its own, and else what bolide has."""

    def __init__(self) -> None:
        super().__init__(_ALIAS, bolide.__doc__)
        self.__version__ = API_VERSION
        self.__file__ = bolide.__file__
        self.__package__ = _ALIAS
        # Where tools look for its files. An import does not, because the finder is asked before.
        self.__path__: MutableSequence[str] = list(bolide.__path__)
        self.__spec__ = ModuleSpec(
            _ALIAS, _AliasLoader(self), origin=bolide.__file__, is_package=True
        )
        self.__loader__ = self.__spec__.loader

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(bolide, name)
        except AttributeError:
            raise AttributeError(f"module {_ALIAS!r} has no attribute {name!r}") from None

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(bolide)})


class _AliasLoader(Loader):
    """Loads a module that exists already under its own name."""

    def __init__(self, module: ModuleType | str) -> None:
        self._module = module
        self._own_spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = self._module
        if isinstance(module, str):
            module = importlib.import_module(module)
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has written the spec of the alias into it. With its own one, the
        # module can be reloaded, and its package knows it.
        if self._own_spec is not None:
            module.__spec__ = self._own_spec


class _Finder(DistributionFinder):
    """Finds the modules and the distribution that go by the alias."""

    def __init__(self, root: _Root) -> None:
        self._root = root

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == _ALIAS:
            return self._root.__spec__
        if not _is_alias(fullname):
            return None
        own_name = _OURS + fullname.removeprefix(_ALIAS)
        own = importlib.util.find_spec(own_name)
        if own is None:
            # Not `None`: the next finder could find an installed Starlette.
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: starlette is an alias of bolide here, which has"
                f" no {own_name!r}",
                name=fullname,
            )
        is_package = own.submodule_search_locations is not None
        return ModuleSpec(
            fullname, _AliasLoader(own_name), origin=own.origin, is_package=is_package
        )

    def find_distributions(
        self, context: DistributionFinder.Context = _EVERYWHERE
    ) -> Iterable[Distribution]:
        # Not where somebody asks what is installed in other directories.
        if context.path is sys.path and (context.name or _ALIAS).lower() == _ALIAS:
            yield _Distribution()


class _Distribution(Distribution):
    """What `importlib.metadata` says of `starlette`."""

    def read_text(self, filename: str) -> str | None:
        if filename != "METADATA":
            return None
        return (
            "Metadata-Version: 2.1\n"
            f"Name: {_ALIAS}\n"
            f"Version: {API_VERSION}\n"
            f"Summary: bolide {bolide.__version__}, under the name of the API that it has\n"
        )

    def locate_file(self, path: Any) -> Any:
        raise FileNotFoundError(f"{_ALIAS} is an alias of bolide here, and has no {str(path)!r}")


def _find_importer() -> str | None:
    """Name the first module that holds something of Starlette's."""
    modules: list[tuple[str, object]] = list(sys.modules.items())
    for name, module in modules:
        # The dictionary: asking a lazy module for an attribute could import more.
        namespace = vars(module) if issubclass(type(module), ModuleType) else {}
        if not _is_alias(name) and any(map(_is_theirs, list(namespace.values()))):
            return name
    return None


def _is_theirs(value: object) -> bool:
    # By type(): isinstance() would wake up proxies.
    if issubclass(type(value), ModuleType):
        home = vars(value).get("__name__")
    elif issubclass(type(value), type | FunctionType):
        home = value.__module__
    else:
        return False
    return isinstance(home, str) and _is_alias(home)
