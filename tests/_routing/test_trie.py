"""Which routes a path may match: never too few, in their order, and not many too many."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._routing.trie import Node, PatternEntry
from bolide.requests import Request
from bolide.responses import PlainTextResponse, Response
from bolide.routing import Mount, Route, Router

SOURCES = [
    "/", "/a", "/a/", "/a/b", "/{x}", "/{x}/", "/a/{x}", "/a/{x}/c", "/{x}/b", "/{x}/{y}",
    "/a/{p:path}", "/{p:path}", "/{p:path}/b", "/a{x}", "/a/b/{x:int}", "/v-{x}.{y}",
]  # fmt: skip

paths = st.lists(st.sampled_from(["", "a", "b", "c", "1", "ab", "v-1.2"]), max_size=5).map(
    lambda segments: "/" + "/".join(segments)
)


async def endpoint(request: Request) -> Response:
    return PlainTextResponse("")


def trie_of(routes: list[Any]) -> Node:
    root = Node()
    for position, route in enumerate(routes):
        root.add(route.pattern, PatternEntry(position, route, True))
    return root


def sources_at(root: Node, path: str) -> list[str]:
    return [entry.route.pattern.source for entry in root.find(path)]


@given(sources=st.lists(st.sampled_from(SOURCES), max_size=8), path=paths)
def test_all_that_match_are_found_in_their_order(sources: list[str], path: str) -> None:
    routes = [Route(source, endpoint) for source in sources]
    found = trie_of(routes).find(path)
    positions = [entry.position for entry in found]
    assert positions == sorted(set(positions))
    matching = [at for at, route in enumerate(routes) if route.path_regex.match(path)]
    assert set(matching) <= set(positions)


@given(sources=st.lists(st.sampled_from(SOURCES), max_size=8), path=paths)
def test_what_stands_before_the_last_slash_says_the_same(sources: list[str], path: str) -> None:
    root = trie_of([Route(source, endpoint) for source in sources])
    by_prefix = dict(root.prefixes())
    prefix = path[: path.rfind("/")]
    if prefix in by_prefix:
        assert by_prefix[prefix] == root.find(path)


@given(
    mounts=st.lists(st.sampled_from(["", "/a", "/b", "/a/b", "/{x}"]), max_size=5),
    sources=st.lists(st.sampled_from(SOURCES), max_size=3),
    path=paths,
)
def test_the_first_segment_says_the_same_of_mounts(
    mounts: list[str], sources: list[str], path: str
) -> None:
    routes: list[Any] = [Mount(source, Router()) for source in mounts]
    root = trie_of(routes + [Route(source, endpoint) for source in sources])
    by_first = dict(root.mounts())
    _, first, *rest = path.split("/")
    if rest and first in by_first:
        assert by_first[first] == root.find(path)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/1", ["/a/{x}"]),
        ("/b/1", ["/{x}/{y}"]),
        ("/a/1/c", ["/a/{x}/c"]),
        ("/a/1/2", []),
        ("/c", []),
        ("/a/1/c/d", []),
    ],
)
def test_others_are_left_out(path: str, expected: list[str]) -> None:
    sources = ["/a/{x}", "/a/{x}/c", "/{x}/{y}"]
    found = sources_at(trie_of([Route(source, endpoint) for source in sources]), path)
    assert found == [source for source in sources if source in found]
    assert set(expected) <= set(found)
    assert len(found) <= 2


def test_a_convertor_of_others_may_bring_groups_that_are_no_parameters() -> None:
    route = Route("/{x}", endpoint)
    assert PatternEntry(0, route, True).is_plain
    assert not PatternEntry(0, route, False).is_plain
