"""Multidicts against a naive list of pairs."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._data.multidict import ImmutableMultiDict, MultiDict, QueryParams

PAIRS = [("a", "123"), ("a", "456"), ("b", "789")]


@pytest.mark.parametrize(
    "source",
    [
        PAIRS,
        tuple(PAIRS),
        iter(PAIRS),
        [list(pair) for pair in PAIRS],
        MultiDict(PAIRS),
        ImmutableMultiDict(PAIRS),
    ],
)
def test_pairs_come_from_many_sources(source: Any) -> None:
    params: ImmutableMultiDict[str, str] = ImmutableMultiDict(source)
    assert params.multi_items() == PAIRS
    assert params["a"] == "456"
    assert params.get("a") == "456"
    assert params.get("nope") is None
    assert params.get("nope", "default") == "default"
    assert params.getlist("a") == ["123", "456"]
    assert params.getlist("nope") == []
    assert list(params.keys()) == ["a", "b"]
    assert list(params.values()) == ["456", "789"]
    assert list(params.items()) == [("a", "456"), ("b", "789")]
    assert list(params) == ["a", "b"]
    assert len(params) == 2
    assert dict(params) == {"a": "456", "b": "789"}
    assert "a" in params
    assert "nope" not in params
    with pytest.raises(KeyError):
        params["nope"]


def test_a_mapping_keywords_and_nothing_are_sources_too() -> None:
    assert ImmutableMultiDict({"a": 1}, b=2).multi_items() == [("a", 1), ("b", 2)]
    assert ImmutableMultiDict(a=1).multi_items() == [("a", 1)]
    assert ImmutableMultiDict().multi_items() == []
    assert ImmutableMultiDict([]).multi_items() == []


def test_a_multidict_of_another_library_gives_all_its_values() -> None:
    class Foreign:
        def items(self) -> list[tuple[str, str]]:
            return PAIRS[1:]

        def multi_items(self) -> list[tuple[str, str]]:
            return PAIRS

    foreign: Any = Foreign()
    assert QueryParams(foreign).multi_items() == PAIRS
    params = MultiDict(a="0")
    params.update(foreign)
    assert params.multi_items() == PAIRS


def test_there_is_one_positional_source_at_the_most() -> None:
    for cls in (ImmutableMultiDict, QueryParams):
        with pytest.raises(AssertionError, match="^Too many arguments.$"):
            cls({}, {})


def test_what_is_given_out_is_a_copy() -> None:
    params: ImmutableMultiDict[str, int] = ImmutableMultiDict(a=1)
    params.multi_items().clear()
    assert params.multi_items() == [("a", 1)]


def test_a_copy_does_not_share_changes() -> None:
    first = MultiDict(a=1)
    second = MultiDict(first)
    second["a"] = 2
    assert (first["a"], second["a"]) == (1, 2)


def test_equality_minds_the_order_of_values_but_not_of_keys() -> None:
    assert MultiDict([("a", 1), ("b", 2), ("a", 3)]) == MultiDict([("b", 2), ("a", 1), ("a", 3)])
    assert MultiDict([("a", 1), ("a", 2)]) != MultiDict([("a", 2), ("a", 1)])
    assert QueryParams("a=1&a=2") != QueryParams("a=2&a=1")
    assert MultiDict(a=1) != {"a": 1}
    assert MultiDict(a=1) != ImmutableMultiDict(a=1)
    assert ImmutableMultiDict(a=1) != MultiDict(a=2)
    assert MultiDict.__hash__ is None


def test_values_need_not_be_orderable_or_hashable() -> None:
    value: Any = object()
    assert MultiDict([("a", value), ("a", [])]) == MultiDict([("a", value), ("a", [])])


def test_repr_shows_the_pairs() -> None:
    assert repr(MultiDict(PAIRS[:2])) == "MultiDict([('a', '123'), ('a', '456')])"


def test_setting_drops_all_and_appends_one() -> None:
    params = MultiDict([("a", 1), ("b", 2), ("a", 3)])
    params["a"] = 9
    assert params.multi_items() == [("b", 2), ("a", 9)]
    assert list(params) == ["a", "b"]


def test_deleting_needs_the_key() -> None:
    params = MultiDict(PAIRS)
    del params["a"]
    assert params.multi_items() == PAIRS[2:]
    with pytest.raises(KeyError):
        del params["a"]


def test_pop_never_raises_and_poplist_gives_all() -> None:
    params = MultiDict(PAIRS)
    assert params.pop("a") == "456"
    assert (params.pop("a"), params.pop("a", "default")) == (None, "default")
    assert params.multi_items() == PAIRS[2:]
    params = MultiDict(PAIRS)
    assert (params.poplist("a"), params.poplist("a")) == (["123", "456"], [])
    assert params.multi_items() == PAIRS[2:]


def test_popitem_takes_the_key_that_came_last() -> None:
    params = MultiDict([("a", 1), ("b", 2), ("a", 3)])
    assert params.popitem() == ("b", 2)
    assert params.popitem() == ("a", 3)
    assert params.multi_items() == []
    with pytest.raises(KeyError):
        params.popitem()


def test_clear_setdefault_setlist_and_append() -> None:
    params = MultiDict(PAIRS)
    params.clear()
    assert (params.multi_items(), len(params)) == ([], 0)
    assert (params.setdefault("a", 1), params.setdefault("a", 2), params.setdefault("n")) == (
        1,
        1,
        None,
    )
    params.setlist("a", [3, 4])
    params.append("a", 5)
    assert (params.getlist("a"), params["a"]) == ([3, 4, 5], 5)
    params.setlist("a", [])
    params.setlist("nope", [])
    assert "a" not in params


def test_update_replaces_every_key_that_is_given() -> None:
    params = MultiDict([("a", 1), ("b", 2), ("a", 3)])
    params.update([("a", 4), ("a", 5)], c=6)
    assert params.multi_items() == [("b", 2), ("a", 4), ("a", 5), ("c", 6)]
    params.update(params)
    assert params.multi_items() == [("b", 2), ("a", 4), ("a", 5), ("c", 6)]


@pytest.mark.parametrize(
    ("source", "pairs"),
    [
        ("a=1&b", [("a", "1"), ("b", "")]),
        ("", []),
        (b"a=%c3%a9&b=\xe9", [("a", "é"), ("b", "é")]),
        ({"a": None, "b": [1]}, [("a", "None"), ("b", "[1]")]),
        ([("a", 1)], [("a", "1")]),
        (MultiDict([("a", 1), ("a", 2)]), [("a", "1"), ("a", "2")]),
        (QueryParams("a=1&a=2"), [("a", "1"), ("a", "2")]),
    ],
)
def test_query_params_are_text(source: Any, pairs: list[tuple[str, str]]) -> None:
    assert QueryParams(source).multi_items() == pairs


def test_query_params_take_keywords_and_keep_case() -> None:
    params = QueryParams("A=1", a=2)
    assert params.multi_items() == [("A", "1"), ("a", "2")]


@pytest.mark.parametrize("query", ["", "&", "a", "a=1&b=2&a=3&&c", "=", "a==b", "a=%41&b=x+y&a=%z"])
@pytest.mark.parametrize("kind", [str, str.encode])
def test_the_params_of_a_query_are_those_of_the_constructor(query: str, kind: Any) -> None:
    params, expected = QueryParams.of_query(kind(query)), QueryParams(kind(query))
    assert list(params.items()) == list(expected.items())
    assert params == expected
    assert params.multi_items() == expected.multi_items()
    assert str(copy.deepcopy(params)) == str(expected)


def test_query_params_are_written_as_a_query_string() -> None:
    params = QueryParams("a=x y&b=é&c")
    assert str(params) == "a=x+y&b=%C3%A9&c="
    assert repr(params) == "QueryParams('a=x+y&b=%C3%A9&c=')"


texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=5)


@given(st.lists(st.tuples(texts, texts)))
def test_reading_query_params_is_the_inverse_of_writing_them(pairs: list[tuple[str, str]]) -> None:
    params = QueryParams(pairs)
    assert QueryParams(str(params)).multi_items() == pairs


keys = st.sampled_from("abc")
steps = st.one_of(
    st.tuples(st.just("append"), keys, st.integers()),
    st.tuples(st.just("set"), keys, st.integers()),
    st.tuples(st.just("pop"), keys, st.none()),
    st.tuples(st.just("setlist"), keys, st.lists(st.integers(), max_size=3)),
    st.tuples(st.just("update"), keys, st.lists(st.tuples(keys, st.integers()), max_size=3)),
)


@given(st.lists(steps, max_size=15))
def test_changes_are_those_of_a_naive_list(changes: list[tuple[str, str, Any]]) -> None:
    params, model = MultiDict(), []
    for kind, key, value in changes:
        if kind == "append":
            params.append(key, value)
            model.append((key, value))
            continue
        given_keys = {key}
        new: list[tuple[str, Any]] = []
        if kind == "set":
            params[key] = value
            new = [(key, value)]
        elif kind == "pop":
            params.pop(key)
        elif kind == "setlist":
            params.setlist(key, value)
            new = [(key, item) for item in value]
        else:
            params.update(value)
            given_keys, new = {item for item, _ in value}, value
        model = [pair for pair in model if pair[0] not in given_keys] + new
        assert dict(params) == dict(model)
    assert params.multi_items() == model
    assert dict(params) == dict(model)
    assert all(params.getlist(key) == [v for k, v in model if k == key] for key in "abc")


@pytest.mark.parametrize("kind", [ImmutableMultiDict, MultiDict, QueryParams])
def test_a_list_that_nobody_else_has_is_taken_as_it_is(kind: Any) -> None:
    pairs = [("a", "1"), ("b", "2"), ("a", "3")]

    assert kind.of_pairs(pairs) == kind(list(pairs))
    assert kind.of_pairs(pairs).items() == kind(list(pairs)).items()
