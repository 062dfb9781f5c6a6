"""Which paths may be asked for, as far as text tells."""

from __future__ import annotations

import pytest

from bolide._http.public_path import is_public

PUBLIC = [".", "a", "a/b.css", "a.b/c", ".well-known", ".well-known/security.txt", "console.js"]
HIDDEN = [
    ".env",
    ".git/config",
    "a/.git/config",
    "a/.htaccess",
    "..",
    "../a",
    "...",
    "./.well-known/a",
    "a/.well-known/b",
    ".well-known/.secret",
    ".well-known2",
    "/etc/passwd",
    "\\\\host\\share\\a",
    "//host/share/a",
    "\\a",
    "a\x00",
    "a\nb",
]
SPECIAL_ON_WINDOWS = [
    "con",
    "CON",
    "nul.txt",
    "a/aux.js",
    "com1",
    "COM¹.txt",
    "lpt9 .x",
    "conin$",
    "PRN.tar.gz",
    "c:",
    "c:/a",
    "a.txt:stream",
    "a.txt::$DATA",
    "a.",
    "a ",
    "dir./a",
    "a\\con",
]


@pytest.mark.parametrize("windows", [True, False])
@pytest.mark.parametrize("path", PUBLIC)
def test_what_may_be_asked_for(path: str, windows: bool) -> None:
    assert is_public(path, windows=windows)


@pytest.mark.parametrize("windows", [True, False])
@pytest.mark.parametrize("path", HIDDEN)
def test_what_is_hidden_everywhere(path: str, windows: bool) -> None:
    assert not is_public(path, windows=windows)


@pytest.mark.parametrize("path", SPECIAL_ON_WINDOWS)
def test_what_means_something_else_on_windows(path: str) -> None:
    assert not is_public(path, windows=True)
    assert is_public(path, windows=False)


def test_a_backslash_separates_on_windows_only() -> None:
    assert not is_public("a\\.git\\config", windows=True)
    assert not is_public("a\\..\\..\\b", windows=True)
    assert is_public("a\\.git", windows=False)
