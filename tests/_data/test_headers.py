"""Headers: case-insensitive names, several values to a name, over the list of the wire."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._data.headers import (
    Headers,
    IllegalHeader,
    MutableHeaders,
    encode_header,
    find_header,
    header_values,
    refuse_illegal,
)

PAIRS = [(b"a", b"123"), (b"a", b"456"), (b"b", b"789")]


def test_the_first_value_of_a_name_counts() -> None:
    headers = Headers(raw=list(PAIRS))
    assert (headers["a"], headers["A"], headers.get("B"), headers.get("nope")) == (
        "123",
        "123",
        "789",
        None,
    )
    assert headers.get("nope", "default") == "default"
    assert headers.getlist("A") == ["123", "456"]
    assert headers.getlist("nope") == []
    assert "A" in headers
    assert "nope" not in headers
    with pytest.raises(KeyError, match="^'Nope'$"):
        headers["Nope"]


def test_everything_is_seen_as_often_as_it_occurs() -> None:
    headers = Headers(raw=list(PAIRS))
    assert headers.keys() == ["a", "a", "b"]
    assert headers.values() == ["123", "456", "789"]
    assert headers.items() == [("a", "123"), ("a", "456"), ("b", "789")]
    assert (list(headers), len(headers)) == (["a", "a", "b"], 3)
    assert dict(headers) == {"a": "123", "b": "789"}


def test_names_from_a_mapping_become_lower_case() -> None:
    headers = Headers({"Content-Type": "é"})
    assert headers.raw == [(b"content-type", b"\xe9")]


def test_the_list_of_headers_is_copied_when_it_is_asked_for() -> None:
    headers = Headers(raw=list(PAIRS))
    headers.raw.clear()
    assert headers.raw == PAIRS


@pytest.mark.parametrize("source", [tuple(PAIRS), iter(PAIRS), [list(pair) for pair in PAIRS]])
def test_a_scope_gets_a_list(source: Any) -> None:
    scope = {"headers": source}
    headers = Headers(scope=scope)
    assert headers.getlist("a") == ["123", "456"]
    assert type(scope["headers"]) is list


def test_a_list_in_a_scope_is_used_itself() -> None:
    source = list(PAIRS)
    scope = {"headers": source}
    MutableHeaders(scope=scope)["b"] = "new"
    assert scope["headers"] is source
    assert source[2] == (b"b", b"new")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"headers": {}, "raw": []}, 'Cannot set both "headers" and "raw".'),
        ({"headers": {}, "scope": {}}, 'Cannot set both "headers" and "scope".'),
        ({"raw": [], "scope": {}}, 'Cannot set both "raw" and "scope".'),
    ],
)
def test_there_is_one_source_at_the_most(kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        Headers(**kwargs)


def test_no_source_is_no_headers() -> None:
    assert Headers().raw == []


def test_headers_are_equal_in_any_order() -> None:
    assert Headers(raw=PAIRS) == MutableHeaders(raw=PAIRS[::-1])
    assert Headers({"a": "1"}) != Headers({"a": "2"})
    assert Headers({"a": "1"}) != {"a": "1"}
    assert Headers(scope={"headers": [[b"a", b"1"]]}) == Headers({"a": "1"})
    assert Headers.__hash__ is None


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        (Headers({"A": "1"}), "Headers({'a': '1'})"),
        (MutableHeaders(), "MutableHeaders({})"),
        (Headers(raw=PAIRS[:2]), "Headers(raw=[(b'a', b'123'), (b'a', b'456')])"),
    ],
)
def test_repr_shows_a_dict_unless_names_repeat(headers: Headers, text: str) -> None:
    assert repr(headers) == text


def test_setting_replaces_the_first_value_in_its_place_and_removes_the_others() -> None:
    headers = MutableHeaders(raw=[(b"a", b"1"), (b"b", b"2"), (b"a", b"3")])
    headers["A"] = "9"
    headers["C"] = "new"
    assert headers.raw == [(b"a", b"9"), (b"b", b"2"), (b"c", b"new")]


def test_deleting_removes_all_values_and_is_silent_about_none() -> None:
    headers = MutableHeaders(raw=list(PAIRS))
    del headers["A"]
    del headers["nope"]
    assert headers.raw == [(b"b", b"789")]


def test_setdefault_gives_the_value_that_is_there_then() -> None:
    headers = MutableHeaders({"a": "1"})
    assert (headers.setdefault("A", "2"), headers.setdefault("B", "2")) == ("1", "2")
    assert headers.raw == [(b"a", b"1"), (b"b", b"2")]


def test_update_sets_and_append_adds() -> None:
    headers = MutableHeaders(raw=list(PAIRS))
    headers.update({"a": "1"})
    headers.append("a", "2")
    assert headers.raw == [(b"a", b"1"), (b"b", b"789"), (b"a", b"2")]


def test_merging_makes_new_headers_or_changes_these() -> None:
    headers = MutableHeaders({"a": "1"})
    same = headers
    assert (headers | {"B": "2"}).raw == [(b"a", b"1"), (b"b", b"2")]
    assert headers.raw == [(b"a", b"1")]
    headers |= MutableHeaders({"a": "3"})
    assert headers is same
    assert headers.raw == [(b"a", b"3")]


def test_only_mappings_can_be_merged() -> None:
    headers = MutableHeaders()
    with pytest.raises(TypeError, match="^Expected a mapping but got list$"):
        headers | []  # type: ignore[operator]
    with pytest.raises(TypeError, match="^Expected a mapping but got str$"):
        headers |= "a"  # type: ignore[arg-type]


def test_vary_headers_are_joined_to_one() -> None:
    headers = MutableHeaders(raw=[(b"vary", b"Accept"), (b"a", b"1"), (b"vary", b"Cookie")])
    headers.add_vary_header("Origin")
    assert headers.raw == [(b"vary", b"Accept, Cookie, Origin"), (b"a", b"1")]


def test_a_mutable_copy_is_apart() -> None:
    headers = Headers({"a": "1"})
    copy = headers.mutablecopy()
    copy["a"] = "2"
    assert (headers["a"], copy["a"]) == ("1", "2")


def test_text_that_no_header_can_hold_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        Headers({"a": "♥"})
    with pytest.raises(UnicodeEncodeError):
        MutableHeaders()["♥"] = "a"


names = st.sampled_from(["a", "B", "c"])
operations = st.lists(
    st.one_of(
        st.tuples(st.just("set"), names, st.text("xyz", max_size=2)),
        st.tuples(st.just("append"), names, st.text("xyz", max_size=2)),
        st.tuples(st.just("delete"), names, st.none()),
    ),
    max_size=12,
)


@given(operations)
def test_changes_are_those_of_a_naive_list(steps: list[tuple[str, str, str]]) -> None:
    headers = MutableHeaders()
    model: list[tuple[str, str]] = []
    for step, name, value in steps:
        if step == "append":
            headers.append(name, value)
            model.append((name.lower(), value))
        else:
            kept = [pair for pair in model if pair[0] != name.lower()]
            if step == "set":
                headers[name] = value
                places = [i for i, pair in enumerate(model) if pair[0] == name.lower()]
                at = (
                    len([p for p in model[: places[0]] if p[0] != name.lower()])
                    if places
                    else len(kept)
                )
                kept.insert(at, (name.lower(), value))
            else:
                del headers[name]
            model = kept
    assert headers.items() == model


# What would end a header


CHANGES: list[Any] = [
    lambda headers, name, value: headers.__setitem__(name, value),
    lambda headers, name, value: headers.append(name, value),
    lambda headers, name, value: headers.setdefault(name, value),
    lambda headers, name, value: headers.update({name: value}),
    lambda headers, name, value: headers | {name: value},
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("bad", ["\r", "\n", "\0", "a\r\nb: c"])
def test_a_value_that_would_end_its_header_is_refused(change: Any, bad: str) -> None:
    headers = MutableHeaders(raw=list(PAIRS))
    with pytest.raises(IllegalHeader, match="The header 'x-a' has the value"):
        change(headers, "X-A", f"1{bad}")
    assert headers.raw == PAIRS


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["", "a b", "a:", "\t", "a\r\nb", "\0", "\x7f"])
def test_a_name_that_is_none_is_refused(change: Any, name: str) -> None:
    headers = MutableHeaders(raw=list(PAIRS))
    with pytest.raises(IllegalHeader, match="illegal name"):
        change(headers, name, "1")
    assert headers.raw == PAIRS


def test_headers_to_read_are_taken_as_they_are() -> None:
    assert Headers({"a": "1\n2"})["a"] == "1\n2"
    assert MutableHeaders(raw=[(b"a", b"1\n2")])["a"] == "1\n2"


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0")))
def test_every_other_value_is_taken(value: str) -> None:
    headers = MutableHeaders()
    headers["a"] = value
    assert headers["a"] == value


def test_pairs_of_bytes_are_checked_in_order() -> None:
    refuse_illegal([])
    refuse_illegal([(b"a", b"1"), (b"X-\xe9", b"\t\xff")])
    with pytest.raises(IllegalHeader, match="'b'"):
        refuse_illegal([(b"a", b"1"), (b"b", b"\n"), (b"c", b"\n")])


@pytest.mark.parametrize("kind", [list, tuple, iter])
@pytest.mark.parametrize("name", ["a", "b", "nope"])
def test_a_scope_can_be_searched_without_an_object_for_its_headers(kind: Any, name: str) -> None:
    wanted = name.encode()
    scope = {"headers": kind(PAIRS)}

    values = [value.decode() for value in header_values(scope, wanted)]

    assert values == Headers(raw=PAIRS).getlist(name)
    scope = {"headers": kind(PAIRS)}
    assert find_header(scope, wanted) == (values[0].encode() if values else None)
    # As it was an iterator, nobody else could read it.
    assert scope["headers"] == PAIRS


@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_headers_of_a_scope_are_its_list(kind: Any) -> None:
    scope = {"headers": kind(PAIRS)}
    headers = Headers.of_scope(scope)

    assert headers == Headers(raw=PAIRS)
    scope["headers"].append((b"c", b"1"))
    assert headers["C"] == "1"


def test_a_header_is_encoded_as_it_goes_out() -> None:
    assert encode_header("X-Name", "caf\u00e9") == (b"x-name", b"caf\xe9")
    with pytest.raises(IllegalHeader):
        encode_header("X-Name", "a\r\nSet-Cookie: b=1")
    with pytest.raises(IllegalHeader):
        encode_header("X Name", "a")
