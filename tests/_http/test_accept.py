"""What a client accepts: reading the header, and choosing among offers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._http.accept import MAX_RANGES, MediaRange, best_match, best_of, parse_accept

FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
AXIOS = "application/json, text/plain, */*"
JAVA = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"

# --- reading --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "ranges"),
    [
        ("", []),
        (" , ,", []),
        ("text/html", [MediaRange("text", "html", {})]),
        (" Text/HTML ", [MediaRange("text", "html", {})]),
        ("text/*;q=0.5", [MediaRange("text", "*", {}, 0.5)]),
        ("*/* ; Q=0.25", [MediaRange("*", "*", {}, 0.25)]),
        ("a/b;q=0, c/d", [MediaRange("a", "b", {}, 0.0), MediaRange("c", "d", {})]),
        ("a/b;Level=One;q=0.1;x=y", [MediaRange("a", "b", {"level": "one", "x": "y"}, 0.1)]),
        (
            'a/b;x="1,2;\\"q=0", c/d',
            [MediaRange("a", "b", {"x": '1,2;"q=0'}), MediaRange("c", "d", {})],
        ),
        ('a/b;x="open, c/d', [MediaRange("a", "b", {"x": "open, c/d"})]),
        ('a/b;x="\\', [MediaRange("a", "b", {"x": ""})]),
        ("*;q=.2", [MediaRange("*", "*", {}, 0.2)]),
    ],
)
def test_a_header_is_a_list_of_ranges(header: str, ranges: list[MediaRange]) -> None:
    assert parse_accept(header) == ranges


@pytest.mark.parametrize(
    "item",
    ["html", "text/", "/html", "a/b/c", "*/html", "te xt/html", "text/html\x00", "t€xt/html"],
)
def test_what_is_no_range_is_passed_over(item: str) -> None:
    assert parse_accept(f"{item}, a/b") == [MediaRange("a", "b", {})]


@pytest.mark.parametrize(
    ("quality", "expected"),
    [
        *(("0", 0.0), ("0.", 0.0), ("0.000", 0.0), (".5", 0.5), ("0.5", 0.5), ("1.", 1.0)),
        *(("1", 1.0), ("1.000", 1.0), ("0.8000000000000000444", 0.8)),
        *(("2", None), ("1.001", None), ("-0.5", None), (".", None), ("x", None), ("nan", None)),
        *(("1e0", None), ("٠", None), ("0." + "9" * 21, None), ('"0.5"', 0.5)),
    ],
)
def test_a_quality_is_from_0_to_1(quality: str, expected: float | None) -> None:
    qualities = [media_range.quality for media_range in parse_accept(f"a/b;q={quality}")]
    assert qualities == ([] if expected is None else [expected])


def test_a_header_of_too_many_ranges_is_ignored() -> None:
    allowed = ",".join(["a/b"] * MAX_RANGES)
    assert len(parse_accept(allowed)) == MAX_RANGES
    assert parse_accept(f"{allowed},a/b") == []
    assert best_match(f"{allowed},a/b", ["c/d"]) == "c/d"


# --- choosing -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "offers", "best"),
    [
        ("", ["a/b", "c/d"], "a/b"),
        ("a/b", [], None),
        ("*/*", ["a/b", "c/d"], "a/b"),
        ("c/d", ["a/b", "c/d"], "c/d"),
        ("c/*", ["a/b", "c/d"], "c/d"),
        ("C/D", ["a/b", "C/d"], "C/d"),
        ("x/y", ["a/b", "c/d"], None),
        ("*/*;q=0", ["a/b"], None),
        ("a/b;q=0, */*", ["a/b"], None),
        ("*/*, a/b;q=0", ["a/b", "c/d"], "c/d"),
        ("a/b;q=0.4, c/d;q=0.5", ["a/b", "c/d"], "c/d"),
        # The most specific range decides, though another one is more generous.
        ("a/*;q=0.9, a/b;q=0.1, c/d;q=0.5", ["a/b", "c/d"], "c/d"),
        ("a/b, a/b;x=1;q=0.1", ["a/b;x=1", "a/b"], "a/b"),
        ("a/b;q=0.1, a/b;q=0.9, c/d;q=0.5", ["c/d", "a/b"], "a/b"),
        # A range with parameters covers only what has them.
        ("a/b;x=1", ["a/b", "a/b;x=2", "a/b;x=1;y=2"], "a/b;x=1;y=2"),
        ("text/plain;charset=UTF-8", ["text/plain; charset=utf-8"], "text/plain; charset=utf-8"),
        # Of equally welcome ones: more specific, then first in the header, then first in the offer.
        ("*/*, c/d", ["a/b", "c/d"], "c/d"),
        ("c/d, a/b", ["a/b", "c/d"], "c/d"),
        ("c/*, a/b", ["c/d", "a/b"], "a/b"),
        (FIREFOX, ["text/plain", "application/json", "text/html"], "text/html"),
        (AXIOS, ["text/plain", "application/json", "text/html"], "application/json"),
        (JAVA, ["text/plain", "text/html"], "text/html"),
        (JAVA, ["text/plain", "application/json"], "text/plain"),
    ],
)
def test_the_best_offer(header: str, offers: list[str], best: str | None) -> None:
    assert best_match(header, offers) == best
    assert best_of(parse_accept(header), offers) == best


@pytest.mark.parametrize("offer", ["html", "text/*", "*/*", "", "a/b;q=2"])
def test_only_a_media_type_can_be_offered(offer: str) -> None:
    with pytest.raises(ValueError, match=r"Cannot offer .*: expected a media type"):
        best_match("", [offer])


# --- laws -----------------------------------------------------------------------------------

types = st.sampled_from(["a", "b"])
subtypes = st.sampled_from(["x", "y", "z"])
parameters = st.dictionaries(st.sampled_from(["l", "m"]), st.sampled_from(["1", "2"]), max_size=2)
wildcards = st.one_of(
    st.tuples(types, subtypes), st.tuples(types, st.just("*")), st.just(("*", "*"))
)
tenths = st.integers(0, 10)


def written(media_type: tuple[str, str], parameters: dict[str, str]) -> str:
    return "/".join(media_type) + "".join(f";{name}={value}" for name, value in parameters.items())


class Naive:
    """The rules, read aloud, one after the other."""

    def __init__(self, ranges: list[tuple[tuple[str, str], dict[str, str], int]]) -> None:
        self.ranges = ranges or [(("*", "*"), {}, 10)]

    def deciding(self, offer: tuple[tuple[str, str], dict[str, str]]) -> tuple[int, int, int]:
        """Give the quality in tenths for an offer, and how specific and how early its range is."""
        (kind, subtype), given = offer
        for exact, wanted in enumerate(((kind, subtype), (kind, "*"), ("*", "*"))):
            for count in (2, 1, 0):
                found = [
                    (quality, -position)
                    for position, (media_type, needed, quality) in enumerate(self.ranges)
                    if media_type == wanted
                    and len(needed) == count
                    and all(given.get(name) == value for name, value in needed.items())
                ]
                if found:
                    quality, place = max(found)
                    return quality, 10 * (2 - exact) + count, place
        return 0, 0, 0

    def best(self, offers: list[tuple[tuple[str, str], dict[str, str]]]) -> str | None:
        welcome = [offer for offer in offers if self.deciding(offer)[0] > 0]
        welcome.sort(key=self.deciding, reverse=True)  # stable: the first offer stays in front
        return written(*welcome[0]) if welcome else None


@given(
    st.lists(st.tuples(wildcards, parameters, tenths), max_size=6),
    st.lists(st.tuples(st.tuples(types, subtypes), parameters), max_size=4),
)
def test_the_choice_is_that_of_the_rules_read_aloud(
    ranges: list[tuple[tuple[str, str], dict[str, str], int]],
    offers: list[tuple[tuple[str, str], dict[str, str]]],
) -> None:
    header = ", ".join(f"{written(kind, given)};q={q / 10}" for kind, given, q in ranges)
    assert best_match(header, [written(*offer) for offer in offers]) == Naive(ranges).best(offers)


@given(st.text(st.sampled_from('ab/*;,q=.01" \\\tx+é\0')), st.permutations(["a/b", "c/d", "a/a"]))
def test_any_text_is_a_header(header: str, offers: list[str]) -> None:
    assert best_match(header, offers) in (*offers, None)
    assert len(parse_accept(header)) <= MAX_RANGES
