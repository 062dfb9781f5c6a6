"""Patterns of the seeds: settings from the environment and from a `.env` file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bolide.config
import bolide.datastructures
from bolide.applications import Starlette
from bolide.config import Config, Secret
from bolide.datastructures import CommaSeparatedStrings
from bolide.responses import JSONResponse
from bolide.routing import Route
from bolide.testclient import TestClient

ClientFor = Callable[..., TestClient]


def test_an_application_reads_its_settings_from_a_file(site: Path, client_for: ClientFor) -> None:
    config = Config(".env")
    DEBUG = config("DEBUG", cast=bool, default=False)  # noqa: N806
    SECRET_KEY = config("SECRET_KEY", cast=Secret)  # noqa: N806

    async def homepage(request):
        return JSONResponse({"hello": "world"})

    routes = [Route("/", endpoint=homepage)]
    app = Starlette(debug=DEBUG, routes=routes)

    assert app.debug is True
    assert str(SECRET_KEY) == "my-secret-key"
    assert client_for(app).get("/").json() == {"hello": "world"}


def test_secret_is_found_in_the_configuration_module_too() -> None:
    assert bolide.config.Secret is bolide.datastructures.Secret


def test_settings_are_cast(site: Path) -> None:
    config = Config(".env")

    assert config("DATABASE_URL") == "postgresql://user:pass@localhost/db"
    allowed_hosts = config("ALLOWED_HOSTS", cast=CommaSeparatedStrings)
    assert isinstance(allowed_hosts, CommaSeparatedStrings)
    assert list(allowed_hosts) == ["127.0.0.1", "localhost"]


def test_a_boolean_in_a_file_is_read_as_one(site: Path) -> None:
    config = Config(".env")

    assert config("DEBUG") == "True"
    assert config("DEBUG", cast=bool, default=False) is True


def test_settings_may_have_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_DEBUG", "from the prefixed one")

    config = Config(env_prefix="APP_")
    DEBUG = config("DEBUG")  # reads APP_DEBUG  # noqa: N806

    assert DEBUG == "from the prefixed one"


def test_a_file_may_have_another_encoding(site: Path) -> None:
    (site / ".env").write_bytes("CITY=Zürich\n".encode("latin-1"))

    config = Config(".env", encoding="latin-1")

    assert config("CITY") == "Zürich"


def test_a_secret_is_shown_only_when_asked_for(site: Path) -> None:
    SECRET_KEY = Config(".env")("SECRET_KEY", cast=Secret)  # noqa: N806

    assert repr(SECRET_KEY) == "Secret('**********')"
    assert str(SECRET_KEY) == "my-secret-key"


SETTINGS = """\
from bolide.config import Config
config = Config(".env")
DEBUG = config("DEBUG", cast=bool, default=False)
DATABASE_URL = config("DATABASE_URL")
"""

BEFORE_IT_IS_READ = """\
from bolide.config import environ
environ["DEBUG"] = "TRUE"
environ["DATABASE_URL"] = "sqlite:///test.db"
import settings
print(settings.DEBUG, settings.DATABASE_URL)
try:
    environ["DEBUG"] = "FALSE"
except Exception as error:
    print(type(error).__name__)
"""


def test_tests_set_the_environment_before_it_is_read(site: Path) -> None:
    (site / "settings.py").write_text(SETTINGS)
    (site / "program.py").write_text(BEFORE_IT_IS_READ)

    # A process of its own, as what was read once can't be set again.
    output = subprocess.run(
        [sys.executable, "program.py"], capture_output=True, check=True, text=True
    ).stdout

    assert output.splitlines() == ["True sqlite:///test.db", "EnvironError"]
