"""The quick environment, held against a plain one: the same pages, and the same errors."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from bolide._jinja import QuickEnvironment, escape_piece


class Numbered:
    """Has an attribute, an item, and both of one name."""

    attribute = "<attribute>"
    both = "an attribute"

    def __getitem__(self, name: str) -> str:
        return {"item": "<item>", "both": "an item"}[name]


class Lazy:
    """Makes up attributes, but not all."""

    def __getattr__(self, name: str) -> str:
        if name.startswith("no"):
            raise AttributeError(name)
        return f"<{name}>"


class Faulty:
    """Counts how often it is asked for what it does not have."""

    asked = 0

    @property
    def there(self) -> str:
        self.asked += 1
        raise AttributeError("a fault inside the property")

    @property
    def broken(self) -> str:
        raise ZeroDivisionError


class Html:
    def __html__(self) -> str:
        return "<i>html</i>"


class Text(str):
    """Text of a kind of its own."""

    __slots__ = ()


VALUES: dict[str, Any] = {
    "text": "a <b> & 'c' \"d\"",
    "plain": "nothing special",
    "markup": Markup("<b>bold</b>"),
    "html": Html(),
    "own": Text("<own>"),
    "numbers": [0, -1, 1.5, float("inf"), True, None, 2**70],
    "rows": [{"name": "<a>", "items": 1, "price": 1.5}, {"name": "b"}],
    "numbered": Numbered(),
    "lazy": Lazy(),
    "faulty": Faulty(),
    "key": "name",
}

PIECES = [
    "{{ text }}|{{ plain }}|{{ markup }}|{{ html }}|{{ own }}|{{ nothing }}",
    "{% for number in numbers %}{{ number }} {% endfor %}",
    "{% for row in rows %}{{ row.name }} {{ row[key] }} {{ row.price }}{% endfor %}",
    # The method of the dictionary comes before the item.
    "{{ rows[0].items is callable }} {{ rows[0]['items'] }}",
    "{{ numbered.attribute }} {{ numbered.item }} {{ numbered.both }} {{ numbered.none }}",
    "{{ lazy.some }} {{ lazy.none is defined }} {{ none.name }} {{ text.name }} {{ numbers.name }}",
    "{{ faulty.there is defined }}",
    "{{ rows | map(attribute='name') | join(', ') }} {{ rows | tojson }}",
    "{{ text | e }} {{ text | safe }} {{ text ~ markup }} {{ markup ~ text }} {{ text | upper }}",
    "{{ markup + text }} {{ '<%s>' | safe % text }} {{ [text, markup] | join('<') }}",
    "{% macro show(it) %}<p>{{ it }}{{ caller() if caller else '' }}</p>{% endmacro %}"
    "{{ show(text) }} {% set kept = show(text) %}{{ kept }} {{ kept | upper }}"
    "{% call show(plain) %}{{ text }}{% endcall %}",
    "{% set block %}{{ text }}{% endset %}{{ block }} {% filter upper %}{{ text }}{% endfilter %}",
    "{% autoescape false %}{{ text }}{% endautoescape %}",
    "{% autoescape true %}{{ text }}{% endautoescape %}",
    "{% autoescape plain == text %}{{ text }} {{ markup ~ text }}{% endautoescape %}",
    "{% include 'part.html' %} {% include 'part.txt' %}",
    "{% from 'part.html' import m %}{{ m(text) }}",
    "{% extends 'base.html' %}"
    "{% block body %}{{ super() }}{{ self.title() }}{{ text }}{% endblock %}",
]

FILES = {
    "part.html": "{% macro m(it) %}({{ it }}){% endmacro %}{{ text }}",
    "part.txt": "{{ text }} {{ rows[0].name }}",
    "base.html": "<title>{% block title %}{{ text }}{% endblock %}</title>"
    "{% block body %}{{ markup }}{{ text }}{% endblock %}",
}


@pytest.fixture(params=[True, False, jinja2.select_autoescape()], ids=["yes", "no", "by name"])
def envs(request: pytest.FixtureRequest) -> list[jinja2.Environment]:
    """A plain environment, and a quick one."""
    loader = jinja2.DictLoader(FILES)
    return [
        kind(loader=loader, autoescape=request.param)
        for kind in (jinja2.Environment, QuickEnvironment)
    ]


@pytest.mark.parametrize("source", PIECES)
def test_a_page_is_the_same(envs: list[jinja2.Environment], source: str) -> None:
    plain, quick = (env.from_string(source) for env in envs)
    assert quick.render(VALUES) == plain.render(VALUES)
    assert "".join(quick.generate(VALUES)) == "".join(plain.generate(VALUES))
    assert type(quick.render(VALUES)) is str


@pytest.mark.parametrize(
    "source", ["{{ a.b.c }}", "{{ faulty.broken }}", "{{ 1 // 0 }}", "{{ a() }}"]
)
def test_an_error_is_the_same(envs: list[jinja2.Environment], source: str) -> None:
    errors = []
    for env in envs:
        with pytest.raises(Exception) as caught:
            env.from_string("\n\n" + source).render(VALUES)
        lines = [(frame.name, frame.lineno) for frame in traceback.extract_tb(caught.tb)]
        assert ("top-level template code", 3) in lines
        errors.append((type(caught.value), str(caught.value)))
    assert errors[0] == errors[1]


def test_what_is_undefined_is_what_one_wants(envs: list[jinja2.Environment]) -> None:
    messages = []
    for env in envs:
        env.undefined = jinja2.StrictUndefined
        with pytest.raises(jinja2.UndefinedError) as caught:
            env.from_string("{{ rows[1].price }}").render(VALUES)
        messages.append(caught.value.message)
    assert messages[0] == messages[1]


def test_an_attribute_is_looked_for_once(envs: list[jinja2.Environment]) -> None:
    for env in envs:
        faulty = Faulty()
        assert env.from_string("{{ faulty.there }}").render(faulty=faulty) == ""
        assert faulty.asked == 1


def test_a_macro_gives_text_that_is_safe() -> None:
    env = QuickEnvironment(autoescape=True)
    module = env.from_string("{% macro m(it) %}<{{ it }}>{% endmacro %}{{ 1 }}").module
    assert module.m("plain") == Markup("<plain>")  # type: ignore[attr-defined]
    assert type(module.m("plain")) is Markup  # type: ignore[attr-defined]
    assert escape(module) == Markup("1")


def test_an_overlay_is_as_quick() -> None:
    overlay = QuickEnvironment().overlay(autoescape=True)
    assert type(overlay) is QuickEnvironment
    assert overlay.from_string("{{ text }}").root_render_func.__globals__["escape"] is escape_piece


@pytest.mark.anyio
async def test_a_page_may_be_made_by_a_coroutine() -> None:
    env = QuickEnvironment(autoescape=True, enable_async=True)
    page = await env.from_string("{{ rows[0].name }} {{ text }}").render_async(VALUES)
    assert page == f"&lt;a&gt; {escape(VALUES['text'])}"


def test_a_template_sees_what_it_would_see_in_a_plain_environment(tmp_path: Path) -> None:
    files = {
        "show.html": "{{ a }} {{ b }} {{ c }} {{ range(2) | list }} {{ self is defined }}",
        "included.html": "{% set a = 'set' %}{% include 'show.html' %}",
        "alone.html": "{% include 'show.html' without context %}",
        "macro.html": "{% macro m() %}{{ a }} {{ b }} {{ c }}{% endmacro %}",
        "imported.html": "{% from 'macro.html' import m %}{{ m() }}",
        "with.html": "{% from 'macro.html' import m with context %}{{ m() }}",
        "base.html": "{% block x %}{{ a }}{% endblock %} {{ b }}",
        "child.html": "{% extends 'base.html' %}{% block x %}{{ super() }} {{ c }}{% endblock %}",
    }
    for name, source in files.items():
        (tmp_path / name).write_text(source)
    loader = jinja2.FileSystemLoader(tmp_path)
    plain = jinja2.Environment(loader=loader, autoescape=True)
    quick = QuickEnvironment(loader=loader, autoescape=True)
    given: dict[str, Any]
    env_globals: dict[str, Any]
    for given in ({}, {"a": 1}, {"b": 2, "range": lambda size: [size]}):
        for env_globals in ({}, {"a": "env"}, {"b": "env", "c": "env"}):
            # What is in the environment may change after a template has been loaded.
            for env in (plain, quick):
                env.globals.update(env_globals)
            for name in files:
                pages = [
                    env.get_template(name, globals={"c": "template"}).render(given)
                    for env in (plain, quick)
                ]
                assert pages[0] == pages[1]
    assert quick.from_string("{{ a }}").render() == "env"


def test_the_names_of_a_template_may_be_a_dictionary() -> None:
    env = QuickEnvironment()
    template = type(env.from_string("")).from_code(env, env.compile("{{ a }}"), {"a": "<"})
    assert template.render() == "<"
    assert template.render(a="of the page") == "of the page"


@pytest.mark.parametrize("kind", [jinja2.Environment, QuickEnvironment])
def test_names_are_text(kind: Callable[..., jinja2.Environment]) -> None:
    with pytest.raises(TypeError, match="keywords must be strings"):
        kind().from_string("").render({1: 2})


# Escaping a piece of a page


def test_what_is_special_is_what_markupsafe_escapes() -> None:
    characters = map(chr, range(0x3000))
    assert all(escape_piece(character) == escape(character) for character in characters)


@given(
    st.one_of(
        st.text(),
        st.text("&<>\"' a"),
        st.integers(),
        st.floats(),
        st.booleans(),
        st.none(),
        st.text().map(Markup),
        st.text("<&").map(Text),
        st.lists(st.text("<&")),
    )
)
def test_a_piece_is_escaped_as_markupsafe_does(value: object) -> None:
    assert escape_piece(value) == escape(value)


def test_a_number_with_a_text_of_its_own_is_escaped() -> None:
    class Number(int):
        def __str__(self) -> str:
            return "<one>"

    assert escape_piece(Number(1)) == "&lt;one&gt;"
