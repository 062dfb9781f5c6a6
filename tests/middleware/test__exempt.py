"""Requests that are left alone: whole paths as routes see them, or what a function says."""

from __future__ import annotations

from typing import Any

import pytest

from bolide.middleware._exempt import exemption


def scope_of(path: str, root_path: str | None = None) -> dict[str, Any]:
    scope = {"type": "http", "path": path}
    return scope if root_path is None else {**scope, "root_path": root_path}


@pytest.mark.parametrize(
    ("path", "root_path"),
    [
        ("/hooks", None),
        ("/hooks", ""),
        ("/api/hooks", "/api"),
        # The server has left its root path out.
        ("/hooks", "/api"),
        ("/hooks", "/hook"),
    ],
)
def test_the_path_that_routes_see_is_exempt(path: str, root_path: str | None) -> None:
    assert exemption(["/hooks"])(scope_of(path, root_path))


@pytest.mark.parametrize(
    ("path", "root_path"),
    [
        ("/", None),
        ("", None),
        ("/hook", None),
        ("/hooks/", None),
        ("/hooks/more", None),
        ("/HOOKS", None),
        ("/api/hooks", None),
        ("/apihooks", "/api"),
        ("/hooks", "/hooks"),
    ],
)
def test_no_other_path_is(path: str, root_path: str | None) -> None:
    assert not exemption(["/hooks"])(scope_of(path, root_path))


def test_a_function_may_say_what_is_exempt() -> None:
    def says(scope: Any) -> bool:
        return bool(scope["path"] == "/hooks")

    assert exemption(says) is says


def test_the_paths_are_those_of_the_beginning() -> None:
    paths = ["/hooks"]
    is_exempt = exemption(paths)
    paths.append("/more")

    assert not is_exempt(scope_of("/more"))


@pytest.mark.parametrize("exempt", ["/hooks", ""])
def test_one_text_is_not_a_list_of_paths(exempt: str) -> None:
    with pytest.raises(ValueError, match="A list of paths"):
        exemption(exempt)


@pytest.mark.parametrize("path", ["", "hooks", "*"])
def test_a_path_begins_with_a_slash(path: str) -> None:
    with pytest.raises(ValueError, match="does not begin with a slash"):
        exemption([path])
