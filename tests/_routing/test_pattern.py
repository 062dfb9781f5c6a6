"""Patterns: what they match, what they are filled into, and how an index sees them."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._routing.pattern import TAIL, WILD, bind, fill, parse
from bolide.convertors import CONVERTOR_TYPES, Convertor, IntegerConvertor, register_url_convertor


def match(source: str, text: str) -> dict[str, Any] | None:
    pattern = parse(source)
    return bind(pattern.regex, pattern.convertors, text)


@pytest.mark.parametrize(
    ("source", "text", "params"),
    [
        ("/", "/", {}),
        ("/", "", None),
        ("/", "//", None),
        ("/users", "/users", {}),
        ("/users", "/users/", None),
        ("/users", "/USERS", None),
        ("/users", "/users\n", None),
        ("/users/{name}", "/users/tom", {"name": "tom"}),
        ("/users/{name}", "/users/", None),
        ("/users/{name}", "/users/a/b", None),
        ("/users/{name:str}", "/users/é x", {"name": "é x"}),
        ("/items/{n:int}", "/items/042", {"n": 42}),
        ("/items/{n:int}", "/items/-1", None),
        ("/items/{n:int}", "/items/" + "9" * 5000, None),
        ("/x/{f:float}", "/x/1.5", {"f": 1.5}),
        ("/x/{f:float}", "/x/1-5", None),
        ("/f/{p:path}", "/f/", {"p": ""}),
        ("/f/{p:path}", "/f/a/b.c", {"p": "a/b.c"}),
        ("/f/{p:path}/end", "/f/a/b/end", {"p": "a/b"}),
        ("/{a}.{b}", "/x.tar.gz", {"a": "x.tar", "b": "gz"}),
        ("/a(b)+[c]", "/a(b)+[c]", {}),
        ("/a(b)+[c]", "/abc", None),
        ("/{ name }", "/{ name }", {}),
        ("/{ name }", "/tom", None),
        ("/{a}{b:int}", "/x12", {"a": "x1", "b": 2}),
    ],
)
def test_a_path_pattern_matches_the_whole_path(
    source: str, text: str, params: dict[str, Any] | None
) -> None:
    assert match(source, text) == params


def test_a_uuid_may_be_written_with_or_without_dashes() -> None:
    value = uuid.UUID("ec38df32-ceda-4cfa-9b4a-1aeb94ad551a")
    for text in (str(value), value.hex, str(value).upper()):
        assert match("/{id:uuid}", f"/{text}") == {"id": value}


@pytest.mark.parametrize(
    ("source", "text", "params"),
    [
        ("example.org", "EXAMPLE.org", {}),
        ("example.org", "example.orgx", None),
        ("example.org", "exampleXorg", None),
        ("example.org:3600", "example.org", {}),
        ("{sub}.example.org:80", "a.example.org", {"sub": "a"}),
        ("{n:int}.example.org", "7.example.org", {"n": 7}),
        ("[::1]", "[::1]", {}),
        ("[::1]:8000", "[::1]", {}),
    ],
)
def test_a_host_pattern_ignores_case_and_port(
    source: str, text: str, params: dict[str, Any] | None
) -> None:
    assert match(source, text) == params


def test_the_port_of_a_host_stays_in_its_format() -> None:
    assert parse("{sub}.example.org:3600").format == "{sub}.example.org:3600"


def test_an_unknown_convertor_is_refused() -> None:
    with pytest.raises(AssertionError, match="Unknown path convertor 'integer'"):
        parse("/{n:integer}")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("/{a}/{a}", "Duplicated param name a at path /{a}/{a}"),
        ("/{b}/{a}/{a}/{b}", "Duplicated param names a, b at path /{b}/{a}/{a}/{b}"),
    ],
)
def test_a_repeated_name_is_refused(source: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse(source)


class Word(Convertor[str]):
    regex = "(?:[a-z]|/)+"

    def convert(self, value: str) -> str:
        if value == "boom":
            raise LookupError(value)
        return value.upper()

    def to_string(self, value: str) -> str:
        return value.lower()


@pytest.fixture
def word_convertor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONVERTOR_TYPES, "word", Word())


@pytest.mark.parametrize("source", ["/users", "/{a}/{b:int}/{c:float}/{d:uuid}/{e:path}"])
def test_an_expression_is_made_when_it_is_asked_for(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []
    compile_text: Any = re.compile

    def note(text: str, flags: int = 0) -> Any:
        compiled.append(text)
        return compile_text(text, flags)

    monkeypatch.setattr(re, "compile", note)
    pattern = parse(source)
    assert pattern.segments
    assert compiled == []

    regex = pattern.regex
    assert pattern.regex is regex
    assert compiled == [regex.pattern]


def test_an_expression_is_the_one_that_a_convertor_had_when_the_pattern_was_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = parse("/{n:int}/end")
    monkeypatch.setattr(IntegerConvertor, "regex", "[a-z/]+")
    changed = parse("/{n:int}/end")
    assert before.regex.fullmatch("/1/end")
    assert not before.regex.fullmatch("/a/b/end")
    monkeypatch.undo()

    assert changed.regex.fullmatch("/a/b/end")
    assert changed.segments == ((TAIL, ""),)


def test_an_expression_does_not_follow_the_table_of_convertors() -> None:
    pattern = parse("/{a}/{b}")
    del pattern.convertors["a"]
    assert pattern.regex.fullmatch("/x/y")


def test_a_wrong_expression_is_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(Convertor[str]):
        regex = "["

    monkeypatch.setitem(CONVERTOR_TYPES, "wrong", Wrong())
    with pytest.raises(re.error):
        parse("/{a:wrong}")


@pytest.mark.usefixtures("word_convertor")
def test_an_exception_of_a_convertor_goes_on_to_the_caller() -> None:
    assert match("/{w:word}", "/ok") == {"w": "OK"}
    with pytest.raises(LookupError):
        match("/{w:word}", "/boom")


def test_convertors_are_looked_up_when_the_pattern_is_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(CONVERTOR_TYPES, "word", Word())
    pattern = parse("/{w:word}")
    register_url_convertor("word", IntegerConvertor())
    assert bind(pattern.regex, pattern.convertors, "/abc") == {"w": "ABC"}


@pytest.mark.usefixtures("word_convertor")
@pytest.mark.parametrize(
    ("source", "segments"),
    [
        ("/", [("", "")]),
        ("/a/b", [("", "a"), ("", "b")]),
        ("/a/", [("", "a"), ("", "")]),
        ("/a/{x:int}/b", [("", "a"), (WILD, ""), ("", "b")]),
        ("/a/v{x}.json", [("", "a"), (WILD, "v.json")]),
        ("/a/{p:path}/b", [("", "a"), (TAIL, "")]),
        ("/a/x{p:path}", [("", "a"), (TAIL, "")]),
        ("/a/{w:word}/b", [("", "a"), (TAIL, "")]),
        ("example.org", []),
    ],
)
def test_segments_tell_an_index_what_it_can_rely_on(
    source: str, segments: list[tuple[str, str]]
) -> None:
    assert parse(source).segments == tuple(segments)


def test_a_changed_convertor_is_not_relied_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CONVERTOR_TYPES["str"], "regex", ".+", raising=False)
    assert parse("/a/{x}").segments == (("", "a"), (TAIL, ""))


def test_filling_leaves_places_without_a_value_and_gives_back_values_without_a_place() -> None:
    pattern = parse("/{a}/{b:int}")
    assert fill(pattern.format, pattern.convertors, {"a": "x", "c": 1}) == ("/x/{b}", {"c": 1})


def test_a_value_that_looks_like_a_place_is_kept() -> None:
    pattern = parse("/{category}/{id}")
    params = {"category": "{id}", "id": "42"}
    assert fill(pattern.format, pattern.convertors, params) == ("/{id}/42", {})


literals = st.text("abc./-", max_size=4)
kinds = st.sampled_from(["str", "int", "path", "uuid"])
values = {
    "str": st.text(min_size=1).filter(lambda text: "/" not in text),
    "int": st.integers(min_value=0),
    "path": st.text().filter(lambda text: "\n" not in text),
    "uuid": st.uuids(),
}


@given(data=st.data(), count=st.integers(0, 4))
def test_what_is_filled_in_matches_again_with_the_same_values(
    data: st.DataObject, count: int
) -> None:
    source, params = "/", {}
    for number in range(count):
        kind = data.draw(kinds)
        # A literal that no value holds between two parameters keeps them apart.
        source += f"{data.draw(literals)}|{{p{number}:{kind}}}|"
        value = data.draw(values[kind].filter(lambda value: "|" not in str(value)))
        params[f"p{number}"] = value
    pattern = parse(source)
    text, remaining = fill(pattern.format, pattern.convertors, params)
    assert remaining == {}
    assert bind(pattern.regex, pattern.convertors, text) == params
