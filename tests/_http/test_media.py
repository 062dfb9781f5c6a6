"""Media types, guessed from names and read from headers."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._http import media
from bolide._http.media import guess_media_type, guess_type, parse_media_type

tokens = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1)
quotable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF))


@pytest.fixture
def process_registry() -> Iterator[None]:
    """Put the process-wide registry back as it was afterwards."""
    before = dict(mimetypes.types_map)
    yield
    mimetypes.types_map.clear()
    mimetypes.types_map.update(before)


# Guessing


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("page.html", "text/html"),
        ("style.css", "text/css"),
        ("notes.txt", "text/plain"),
        ("NOTES.TXT", "text/plain"),
        ("app.js", "text/javascript"),
        ("app.mjs", "text/javascript"),
        ("app.js.map", "application/json"),
        ("app.wasm", "application/wasm"),
        ("app.webmanifest", "application/manifest+json"),
        ("readme.md", "text/markdown"),
        ("font.woff2", "font/woff2"),
        ("photo.jpg", "image/jpeg"),
        ("photo.webp", "image/webp"),
        ("photo.avif", "image/avif"),
        ("drawing.svg", "image/svg+xml"),
        ("archive.tar.gz", "application/x-tar"),
        ("archive.gz", None),
        ("a/b.c/name", None),
        (".htaccess", None),
        ("name.unheard-of", None),
        (Path("a") / "page.html", "text/html"),
    ],
)
def test_a_name_suggests_a_media_type(path: str | Path, media_type: str | None) -> None:
    assert guess_media_type(path) == media_type


@pytest.mark.parametrize(
    ("path", "guess"),
    [
        ("page.html", ("text/html", None)),
        ("archive.tar.gz", ("application/x-tar", "gzip")),
        ("drawing.svgz", ("image/svg+xml", "gzip")),
        ("archive.br", (None, "br")),
        ("name", (None, None)),
    ],
)
def test_the_encoding_is_told_apart(path: str, guess: tuple[str | None, str | None]) -> None:
    assert guess_type(path) == guess


def test_what_the_machine_says_does_not_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    known = tmp_path / "mime.types"
    known.write_text("application/x-odd css odd\n")
    monkeypatch.setattr(mimetypes, "knownfiles", [str(tmp_path / "nothing"), str(known)])
    machine = mimetypes.MimeTypes([str(known)])
    monkeypatch.setattr(mimetypes, "guess_type", machine.guess_type)
    for cached in (media._machine_registry, media._known_types):
        cached.cache_clear()
        request.addfinalizer(cached.cache_clear)

    assert guess_media_type("style.css") == "text/css"
    assert guess_media_type("name.odd") is None


@pytest.mark.usefixtures("process_registry")
def test_what_the_application_has_registered_comes_first() -> None:
    mimetypes.add_type("application/x-mine", ".mine")
    mimetypes.add_type("application/x-script", ".js")

    assert guess_media_type("a.mine") == "application/x-mine"
    assert guess_media_type("a.js") == "application/x-script"
    assert guess_media_type("a.css") == "text/css"


def test_added_types_are_well_formed() -> None:
    for extension, media_type in media._ADDED_TYPES.items():
        assert re.fullmatch(r"\.[a-z0-9]+", extension)
        assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", media_type)


# Parsing


@pytest.mark.parametrize(
    ("header", "essence", "parameters"),
    [
        ("text/html", "text/html", {}),
        (" Text/HTML ", "text/html", {}),
        ("text/html;charset=utf-8", "text/html", {"charset": "utf-8"}),
        ("text/html; Charset=UTF-8", "text/html", {"charset": "UTF-8"}),
        ('text/html; charset="utf-8"', "text/html", {"charset": "utf-8"}),
        ("a/b; x=1; y=2", "a/b", {"x": "1", "y": "2"}),
        ("a/b ; x = 1 ; y = 2 ", "a/b", {"x": "1", "y": "2"}),
        ("a/b;x=1=2", "a/b", {"x": "1=2"}),
        ('a/b; x="1;2"; y=3', "a/b", {"x": "1;2", "y": "3"}),
        (r'a/b; x="say \"hi\" \\o/"', "a/b", {"x": r'say "hi" \o/'}),
        ('a/b; x= "1"', "a/b", {"x": "1"}),
        ('a/b; x=""', "a/b", {"x": ""}),
        ('a/b; x=" 1 "', "a/b", {"x": " 1 "}),
        ("a/b; x=1; X=2", "a/b", {"x": "1"}),
        # What the grammar does not have:
        ("", "", {}),
        (";", "", {}),
        ("; x=1", "", {"x": "1"}),
        ("nonsense", "nonsense", {}),
        ("a/b;;;x=1;", "a/b", {"x": "1"}),
        ("a/b; x", "a/b", {}),
        ("a/b; x=; y=1", "a/b", {"y": "1"}),
        ("a/b; =1", "a/b", {}),
        ('a/b; x="open; y=1', "a/b", {"x": "open; y=1"}),
        ('a/b; x="1"rest; y=2', "a/b", {"x": "1", "y": "2"}),
        ('a/b; x=1"2; y=3', "a/b", {"x": '1"2', "y": "3"}),
        ('a/b; x="1\\', "a/b", {"x": "1"}),
    ],
)
def test_a_content_type_is_taken_apart(
    header: str, essence: str, parameters: dict[str, str]
) -> None:
    assert parse_media_type(header) == (essence, parameters)


@given(tokens, tokens, st.dictionaries(tokens.map(str.lower), quotable))
def test_what_is_quoted_is_read_again(kind: str, subtype: str, parameters: dict[str, str]) -> None:
    header = f"{kind}/{subtype}"
    for name, value in parameters.items():
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        header += f'; {name}="{escaped}"'

    assert parse_media_type(header) == (f"{kind}/{subtype}".lower(), parameters)


@given(st.text() | st.text('ab/;="\\ '))
def test_no_text_is_an_error(header: str) -> None:
    essence, parameters = parse_media_type(header)

    size = len(essence) + sum(len(name) + len(value) for name, value in parameters.items())
    assert size <= len(header.lower())
