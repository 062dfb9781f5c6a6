"""Query strings: the same pairs as the standard library gives."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._http.urlencoded import decode_pairs


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("a=1", [("a", "1")]),
        ("a", [("a", "")]),
        ("=", [("", "")]),
        ("a=1&a=2&b=", [("a", "1"), ("a", "2"), ("b", "")]),
        ("&&a=1&", [("a", "1")]),
        ("a=b=c", [("a", "b=c")]),
        ("a+b=c+d", [("a b", "c d")]),
        ("a%2Bb=%2B+%20", [("a+b", "+  ")]),
        ("a%26b%3D=1", [("a&b=", "1")]),
        ("é=♥%20\ud800", [("é", "♥ \ud800")]),
        ("%61=%C3%A9", [("a", "é")]),
        ("a=%zz%", [("a", "%zz%")]),
        ("a=%ff", [("a", "\ufffd")]),
        ("a=1;b=2", [("a", "1;b=2")]),
    ],
)
def test_pairs_are_taken_apart_and_decoded(text: str, pairs: list[tuple[str, str]]) -> None:
    assert decode_pairs(text) == pairs


any_text = st.text(alphabet=st.characters())


@given(any_text | st.text("ab=&+%0fé;\ud800", max_size=30))
def test_the_standard_library_gives_the_same_pairs(text: str) -> None:
    assert decode_pairs(text) == parse_qsl(text, keep_blank_values=True)


texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(texts, texts)))
def test_decoding_is_the_inverse_of_encoding(pairs: list[tuple[str, str]]) -> None:
    assert decode_pairs(urlencode(pairs)) == pairs
