"""Static files: nothing hidden is served, and nothing dangerous is looked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bolide import staticfiles
from bolide.applications import Bolide, Starlette
from bolide.routing import Mount
from bolide.staticfiles import StaticFiles
from bolide.testclient import TestClient

pytestmark = pytest.mark.anyio

ClientFor = Callable[..., TestClient]


class WindowsFiles(StaticFiles):
    """Static files as on Windows, as far as names go."""

    _on_windows = True


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    static = tmp_path / "static"
    for name in (".env", ".git/config", "a/.secret", ".well-known/security.txt", "a/b.txt"):
        (static / name).parent.mkdir(parents=True, exist_ok=True)
        (static / name).write_text(name)
    (static / "index.html").write_text("index")
    (static / "404.html").write_text("missing")
    (tmp_path / "static_private").mkdir()
    (tmp_path / "static_private" / "secret.txt").write_text("secret")
    (tmp_path / "secret.txt").write_text("secret")
    return static


def app_of(app_class: Any, files: StaticFiles, **options: Any) -> Any:
    return app_class(routes=[Mount("/s", files)], **options)


HIDDEN = ["/s/.env", "/s/.git/config", "/s/a/.secret", "/s/a/../.env"]


@pytest.mark.parametrize("html", [False, True])
def test_bolide_hides_dotfiles(client_for: ClientFor, directory: Path, html: bool) -> None:
    client = client_for(app_of(Bolide, StaticFiles(directory=directory, html=html)))
    for path in HIDDEN:
        assert client.get(path).status_code == 404
    assert client.get("/s/a/b.txt").text == "a/b.txt"
    assert client.get("/s/.well-known/security.txt").text == ".well-known/security.txt"


def test_a_hidden_file_is_like_a_missing_one(client_for: ClientFor, directory: Path) -> None:
    client = client_for(app_of(Bolide, StaticFiles(directory=directory, html=True)))
    hidden, missing = client.get("/s/.env"), client.get("/s/nothing")
    assert (hidden.status_code, hidden.text) == (missing.status_code, "missing")
    assert hidden.headers == missing.headers


def test_starlette_serves_them(client_for: ClientFor, directory: Path) -> None:
    for app_class, options in ((Starlette, {}), (Bolide, {"guard_static_files": False})):
        app = app_of(app_class, StaticFiles(directory=directory), **options)
        response = client_for(app).get("/s/.env")
        assert response.text == ".env"
        assert "x-content-type-options" not in response.headers


@pytest.mark.parametrize(
    ("path", "status"), [("/s/a/b.txt", 200), ("/s/", 200), ("/s/nothing", 404)]
)
def test_bolide_tells_browsers_to_believe_the_type(
    client_for: ClientFor, directory: Path, path: str, status: int
) -> None:
    client = client_for(app_of(Bolide, StaticFiles(directory=directory, html=True)))
    response = client.get(path)
    assert response.status_code == status
    assert response.headers["x-content-type-options"] == "nosniff"


ASKED_ABOUT = [
    "//host/share/a.txt",
    "\\\\host\\share\\a.txt",
    "\\\\?\\C:\\a.txt",
    "\\\\.\\pipe\\x",
    "C:/Windows/win.ini",
    "C:a.txt",
    "con",
    "aux.txt",
    "a/nul",
    "com1.log",
    "a/b.txt::$DATA",
    "a/b.txt.",
    "a/b.txt ",
    "..\\secret.txt",
    "a\\..\\..\\secret.txt",
    "a\x00b",
    "a\nb",
]


@pytest.mark.parametrize("path", ASKED_ABOUT)
def test_names_that_do_something_are_refused_before_any_system_call(
    client_for: ClientFor, directory: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    looked_up: list[str] = []

    def look_up(self: StaticFiles, path: str) -> tuple[str, os.stat_result | None]:
        looked_up.append(path)
        return "", None

    monkeypatch.setattr(staticfiles.StaticFiles, "lookup_path", look_up)
    client = client_for(app_of(Bolide, WindowsFiles(directory=directory)))
    # A slash would be taken for one before the path of the mount.
    assert client.get("/s/" + quote(path, safe=":\\")).status_code == 404
    assert looked_up in ([], ["host/share/a.txt"])


TRAVERSALS = [
    "../secret.txt",
    "..%2fsecret.txt",
    "%2e%2e/secret.txt",
    "%2e%2e%2fsecret.txt",
    "a/../../secret.txt",
    "../static_private/secret.txt",
    "..%5csecret.txt",
    "a/%2e%2e/%2e%2e/secret.txt",
    "....//secret.txt",
    "..;/secret.txt",
    "%252e%252e/secret.txt",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "..%00/secret.txt",
    "%c0%ae%c0%ae/secret.txt",
]


@pytest.mark.parametrize("app_class", [Bolide, Starlette])
@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize("path", TRAVERSALS)
def test_nothing_outside_is_served(
    client_for: ClientFor, directory: Path, path: str, html: bool, app_class: Any
) -> None:
    client = client_for(app_of(app_class, StaticFiles(directory=directory, html=html)))
    response = client.get("/s/" + path)
    assert response.status_code == 404
    assert "secret" not in response.text
    assert "root:" not in response.text
