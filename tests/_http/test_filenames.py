"""What is left of a file name that a client gave."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._http.filenames import last_component


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("photo.jpg", "photo.jpg"),
        ("Zäune & Türen.jpg", "Zäune & Türen.jpg"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\me\\photo.jpg", "photo.jpg"),
        ("..\\../a", "a"),
        ("a/", ""),
        ("..", ""),
        (".", ""),
        ("a/..", ""),
        (" .. ", ""),
        ("", ""),
        (".htaccess", ".htaccess"),
    ],
)
def test_only_the_last_component_counts(given_name: str, name: str) -> None:
    assert last_component(given_name) == name


@pytest.mark.parametrize(
    "character", ["\x00", "\n", "\r", "\x1f", "\x7f", "\x85", "\u2028", "\u202e", "\u2066"]
)
def test_control_characters_are_refused(character: str) -> None:
    for name in (f"a{character}b", f"{character}/a"):
        with pytest.raises(ValueError, match="control characters"):
            last_component(name)


@given(filename=st.text())
def test_the_result_stays_where_it_is_put(filename: str) -> None:
    try:
        name = last_component(filename)
    except ValueError:
        return
    assert "/" not in name
    assert "\\" not in name
    assert name not in (".", "..")
    assert name.isprintable() or any(character > "\x7f" for character in name)
