"""Accept-Encoding: whether gzip is welcome."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bolide._http.accept_encoding import MAX_CODINGS, takes_gzip


@pytest.mark.parametrize(
    "header",
    [
        "gzip",
        "GZIP",
        "x-gzip",
        "*",
        "gzip;q=1",
        "gzip;q=1.",
        "gzip;q=1.000",
        "gzip;q=0.001",
        "gzip; Q=0.5",
        " gzip ;\tq=0.5 ",
        "br, gzip",
        "gzip, deflate, br, zstd",
        "identity;q=0.5, gzip",
        "identity, gzip",
        "identity;q=0, *;q=0.1",
        "*;q=0, gzip;q=0.5",
        "gzip, gzip;q=0",
        ",, gzip",
        "no sense, gzip",
    ],
)
def test_gzip_is_welcome(header: str) -> None:
    assert takes_gzip(header)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "br",
        "identity",
        "gzip;q=0",
        "gzip;q=0.000",
        "gzip; q=0, x-gzip",
        "*;q=0",
        "*, gzip;q=0",
        "gzip;q=0.5, identity",
        "gzip;q=0.5, identity;q=0.6",
        "gzip;q=2",
        "gzip;q=-1",
        "gzip;q=",
        "gzip;q=nan",
        "gzip;q=0.0001",
        "gzip;level=9",
        "gzipped",
        "not-gzip",
        '"gzip"',
        "gzip gzip",
    ],
)
def test_gzip_is_not_welcome(header: str) -> None:
    assert not takes_gzip(header)


def test_only_so_many_items_are_looked_at() -> None:
    others = [f"x-{number}" for number in range(MAX_CODINGS)]

    assert takes_gzip(",".join([*others[1:], "gzip"]))
    assert not takes_gzip(",".join([*others, "gzip"]))


@given(st.text(max_size=200))
def test_nothing_is_an_error(header: str) -> None:
    assert takes_gzip(header) in (True, False)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_gzip_is_welcome_if_it_is_liked_no_less_than_no_coding(gzip: int, identity: int) -> None:
    header = f"gzip;q={gzip / 1000:.3f}, identity;q={identity / 1000:.3f}"

    assert takes_gzip(header) == (gzip > 0 and gzip >= identity)
