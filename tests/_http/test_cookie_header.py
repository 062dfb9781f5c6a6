"""Cookies, read from requests."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._http.cookie_header import parse_cookies

TOKEN_CHARACTERS = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"

names = st.text(TOKEN_CHARACTERS, min_size=1)


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", {}),
        ("chips=ahoy; vienna=finger", {"chips": "ahoy", "vienna": "finger"}),
        ("chips=ahoy;vienna=finger", {"chips": "ahoy", "vienna": "finger"}),
        ("a=", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("key:term=value:term", {"key:term": "value:term"}),
        ("a=b; c=[; d=r; f=h", {"a": "b", "c": "[", "d": "r", "f": "h"}),
        ("a=b; Domain=example.com", {"a": "b", "Domain": "example.com"}),
        ("a=1; b=2; a=3", {"a": "3", "b": "2"}),
        ("abc=def; unnamed; x=en", {"abc": "def", "": "unnamed", "x": "en"}),
        ("=b", {"": "b"}),
        ("a b c=d e = f; gh=i", {"a b c": "d e = f", "gh": "i"}),
        ("a   b,c<>@:/[]?{}=d  e,f g", {"a   b,c<>@:/[]?{}": "d  e,f g"}),
        ("  =  b  ;  ;  =  ;   c  =  ;  ", {"": "b", "c": ""}),
        (";;;", {}),
        ("a=caf\xe9", {"a": "caf\xe9"}),
        ('state={"nonce":"x","n":1}', {"state": '{"nonce":"x","n":1}'}),
    ],
)
def test_a_cookie_header_is_read(header: str, cookies: dict[str, str]) -> None:
    assert parse_cookies(header) == cookies


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        ('"quoted"', "quoted"),
        ('""', ""),
        (r'"say \"hi\""', 'say "hi"'),
        (r'"back\\slash"', r"back\slash"),
        (r'"semi\073colon"', "semi;colon"),
        (r'"\377"', "\xff"),
        (r'"\400"', "400"),
        (r'"\07"', "07"),
        (r'"\\073"', r"\073"),
        ('"', '"'),
        ('"open', '"open'),
        ('closed"', 'closed"'),
        (r"plain\073", r"plain\073"),
        (r'"only\"', "only\\"),
    ],
)
def test_quotes_and_escapes_are_undone_only_between_quotes(value: str, meaning: str) -> None:
    assert parse_cookies(f"a={value}") == {"a": meaning}


def test_a_semicolon_parts_cookies_even_between_quotes() -> None:
    header = r'keebler="E=mc2; L=\"Loves\"; fudge=\012;"'

    assert parse_cookies(header) == {
        "keebler": '"E=mc2',
        "L": r"\"Loves\"",
        "fudge": r"\012",
        "": '"',
    }


@given(st.text())
def test_any_text_is_read(header: str) -> None:
    cookies = parse_cookies(header)

    assert sum(len(name) + len(value) for name, value in cookies.items()) <= len(header)


@given(st.dictionaries(names, st.text(TOKEN_CHARACTERS)))
def test_plain_cookies_are_read_as_they_are(cookies: dict[str, str]) -> None:
    header = "; ".join(f"{name}={value}" for name, value in cookies.items())

    assert parse_cookies(header) == cookies
