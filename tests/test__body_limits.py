"""Limits of the policy on bodies: which holds, and how it is counted."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from bolide._body_limits import MAX_BODY_SIZE_SCOPE_KEY, BodyTooLarge, limited, max_size_of
from bolide.applications import Bolide, Starlette

pytestmark = pytest.mark.anyio


async def chunks(*pieces: bytes) -> AsyncGenerator[bytes, None]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize(
    ("scope", "buffered", "form"),
    [
        ({}, math.inf, math.inf),
        ({"app": Starlette()}, math.inf, math.inf),
        ({"app": Bolide()}, 2 * 1024 * 1024, 32 * 1024 * 1024),
        ({"app": Bolide(max_buffer_size=3, max_form_size=None)}, 3, math.inf),
        ({"app": Bolide(), MAX_BODY_SIZE_SCOPE_KEY: 5}, math.inf, math.inf),
    ],
)
def test_the_limit_is_that_of_the_policy_if_none_was_set_for_the_place(
    scope: dict[str, Any], buffered: float, form: float
) -> None:
    assert max_size_of(scope, "max_buffer_size") == buffered
    assert max_size_of(scope, "max_form_size") == form


async def test_a_body_of_just_the_limit_passes() -> None:
    async with aclosing(limited(chunks(b"ab", b"", b"c"), 3, "max_form_size")) as pieces:
        assert [piece async for piece in pieces] == [b"ab", b"", b"c"]


async def test_one_byte_more_is_refused_when_it_comes() -> None:
    seen: list[bytes] = []

    async def read() -> None:
        source = chunks(b"ab", b"cd", b"ef")
        async with aclosing(source), aclosing(limited(source, 3, "max_form_size")) as pieces:
            async for piece in pieces:
                seen.append(piece)

    with pytest.raises(BodyTooLarge) as caught:
        await read()
    assert seen == [b"ab"]
    assert (caught.value.status_code, caught.value.max_size) == (413, 3)
    assert caught.value.detail == "The body is larger than 3 bytes (max_form_size)."
    assert caught.value.limit == "max_form_size"


def test_without_a_limit_nothing_is_counted() -> None:
    source = chunks()
    assert limited(source, math.inf, "max_form_size") is source
