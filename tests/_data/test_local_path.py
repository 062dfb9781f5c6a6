"""Paths in links and redirects stay on the host, and lead where they should."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._data.local_path import encoded_path, path_below_root, path_with_query
from bolide._data.url import URLPath


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/"),
        ("", "/"),
        ("/users/ada", "/users/ada"),
        ("users/ada", "/users/ada"),
        ("/a:b@c!$&'()*+,;=-._~", "/a:b@c!$&'()*+,;=-._~"),
        ("/a?b#c%d e", "/a%3Fb%23c%25d%20e"),
        ("/é\r\n\t", "/%C3%A9%0D%0A%09"),
        ("//evil.example", "/%2Fevil.example"),
        ("///evil.example", "/%2F/evil.example"),
        ("/\\evil.example", "/%5Cevil.example"),
        ("\\\\evil.example", "/%5C%5Cevil.example"),
        ("/\t/evil.example", "/%09/evil.example"),
        ("https://evil.example", "/https://evil.example"),
        ("/a//b", "/a//b"),
        ("/\udcff", "/%3F"),
    ],
)
def test_a_path_is_encoded(path: str, expected: str) -> None:
    assert encoded_path(path) == expected


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_encoded_path_is_a_path_and_that_path(path: str) -> None:
    text = encoded_path(path)
    parts = urlsplit(text)
    assert (parts.scheme, parts.netloc, parts.path) == ("", "", text)
    assert not text.startswith("//")
    assert text.isascii()
    assert text.isprintable()
    assert unquote(text) == (path if path.startswith("/") else f"/{path}")


@pytest.mark.parametrize(
    ("scope", "path", "expected"),
    [
        ({}, "/a", "/a"),
        ({"root_path": ""}, "/a", "/a"),
        ({"root_path": "/root"}, "/a", "/root/a"),
        ({"root_path": "/root/"}, "/a", "/root/a"),
        ({"root_path": "/"}, "/a", "/a"),
        ({"root_path": "root"}, "/a", "/root/a"),
        ({"root_path": "//evil"}, "/a", "/%2Fevil/a"),
        ({"root_path": "/ré o"}, "/", "/r%C3%A9%20o/"),
        ({"root_path": "/out/in", "app_root_path": "/out"}, "/a", "/out/a"),
        ({"root_path": "/in", "app_root_path": ""}, "/a", "/a"),
        ({}, "/a?b%", "/a%3Fb%25"),
        ({}, "/a\\b", "/a%5Cb"),
        ({}, "//evil", "/%2Fevil"),
        ({"root_path": "/root"}, "//evil", "/root/%2Fevil"),
        ({}, "files", "/files"),
        ({"root_path": "/root"}, "files", "/root/files"),
    ],
)
def test_the_path_of_a_route_is_below_the_root(
    scope: dict[str, Any], path: str, expected: str
) -> None:
    assert path_below_root(scope, URLPath(path)) == expected


@pytest.mark.parametrize(
    ("scope", "path", "expected"),
    [
        ({}, "/a/", "/a/"),
        ({"query_string": b""}, "/a/", "/a/"),
        ({"query_string": b"a=b&c=%20+d"}, "/a/", "/a/?a=b&c=%20+d"),
        ({"query_string": b"a=/?:@[]\"'<>\\\r\n#\xff"}, "/", "/?a=/?:@[]%22'%3C%3E%5C%0D%0A%23%FF"),
        ({}, "//evil.example", "/%2Fevil.example"),
        ({"root_path": "/root"}, "/root/a", "/root/a"),
        ({"root_path": "/root"}, "/root", "/root"),
        ({"root_path": "/root/"}, "/root/a", "/root/a"),
        ({"root_path": "/root"}, "/a", "/root/a"),
        ({"root_path": "/root"}, "/roots", "/root/roots"),
        ({"root_path": "/root"}, "*", "/root/*"),
        ({"root_path": "/out/in", "app_root_path": "/out"}, "/out/in/a", "/out/in/a"),
        ({"root_path": "/out/in", "app_root_path": "/out"}, "/in/a", "/out/in/a"),
    ],
)
def test_a_redirect_keeps_root_and_query(scope: dict[str, Any], path: str, expected: str) -> None:
    assert path_with_query(scope, path) == expected
