"""A pytest plugin: `pytest -p bolide.pytest_plugin`.

It does nothing by itself; each of its parts is asked for:

- `--as-starlette` runs the tests with `starlette` being an alias of bolide, so that tests of an
  application or of a library for Starlette run unchanged.

Classes that are named in pytest's setting `filterwarnings` are imported before any plugin. Where
one of them imports Starlette, say `python -m bolide.pytest_plugin --as-starlette` in the place of
`pytest -p bolide.pytest_plugin --as-starlette`: that makes the alias before pytest starts.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence

import pytest

__all__ = ["main", "pytest_addoption", "pytest_load_initial_conftests"]

_OPTION = "--as-starlette"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's options to those of pytest."""
    group = parser.getgroup("bolide")
    group.addoption(
        _OPTION,
        action="store_true",
        default=False,
        help="let `import starlette` give the modules of bolide",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Install the alias before any of the user's code is imported, if that was asked for.

    If Starlette was imported before, pytest ends and says so.
    """
    if early_config.known_args_namespace.as_starlette:
        from bolide.compat import StarletteAlreadyImported, install_as_starlette

        try:
            install_as_starlette()
        except StarletteAlreadyImported as error:
            by = f" by {error.importer!r}" if error.importer else ""
            raise pytest.UsageError(
                f"{_OPTION}: starlette is already imported{by}. If a plugin or the setting"
                " `filterwarnings` brought it in, run"
                f" `python -m bolide.pytest_plugin {_OPTION}` in the place of pytest."
            ) from None
    return (yield)


def main(arguments: Sequence[str]) -> int:
    """Run pytest with the plugin, which is there before pytest reads its settings.

    Args:
        arguments: Those of pytest's command line.
    """
    if _OPTION in arguments:
        from bolide.compat import install_as_starlette

        install_as_starlette()
    return int(pytest.main(["-p", "bolide.pytest_plugin", *arguments]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
