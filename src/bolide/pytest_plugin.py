"""A pytest plugin: `pytest -p bolide.pytest_plugin`.

It does nothing by itself; each of its parts is asked for:

- `--as-starlette` runs the tests with `starlette` being an alias of bolide, so that tests of an
  application or of a library for Starlette run unchanged.
- The fixtures `client` and `async_client` make clients of an application that are closed when the
  test ends. They check each event that the application sends. Where these names belong to others,
  say `bolide_client` and `async_bolide_client`.

Classes that are named in pytest's setting `filterwarnings` are imported before any plugin. Where
one of them imports Starlette, say `python -m bolide.pytest_plugin --as-starlette` in the place of
`pytest -p bolide.pytest_plugin --as-starlette`: that makes the alias before pytest starts.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bolide.testclient import AsyncTestClient, TestClient
    from bolide.types import ASGIApp

__all__ = [
    "async_bolide_client",
    "async_client",
    "bolide_client",
    "client",
    "main",
    "pytest_addoption",
    "pytest_load_initial_conftests",
]

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


@pytest.fixture
def bolide_client() -> Generator[Callable[..., TestClient]]:
    """Make blocking clients for a test, which calls it with an application.

    The lifespan of the application runs until the test ends. Further arguments are those of
    `bolide.testclient.TestClient`; `validate_events` is on unless they say otherwise.
    """
    from bolide.testclient import TestClient

    with ExitStack() as stack:

        def make(app: ASGIApp, **options: Any) -> TestClient:
            options.setdefault("validate_events", True)
            return stack.enter_context(TestClient(app, **options))

        yield make


@pytest.fixture
async def async_bolide_client(
    anyio_backend: Any,
) -> AsyncGenerator[Callable[..., Awaitable[AsyncTestClient]]]:
    """Make async clients for a test, which calls it with an application and awaits the client.

    The lifespan of the application runs until the test ends. Further arguments are those of
    `bolide.testclient.AsyncTestClient`. This needs the pytest plugin of AnyIO, which runs a test
    and its fixtures in one task; elsewhere say `async with AsyncTestClient(app)` in the test.
    """
    from bolide.testclient import AsyncTestClient

    async with AsyncExitStack() as stack:

        async def make(app: ASGIApp, **options: Any) -> AsyncTestClient:
            return await stack.enter_async_context(AsyncTestClient(app, **options))

        yield make


@pytest.fixture
def client(bolide_client: Callable[..., TestClient]) -> Callable[..., TestClient]:
    """The same as `bolide_client`, by a short name, which a fixture of the user's own replaces."""
    return bolide_client


@pytest.fixture
def async_client(
    async_bolide_client: Callable[..., Awaitable[AsyncTestClient]],
) -> Callable[..., Awaitable[AsyncTestClient]]:
    """The same as `async_bolide_client`, likewise."""
    return async_bolide_client


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
